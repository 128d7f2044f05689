// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "filter_parse.h"

/*
 * libpcap would accept each of these words, and mean something else than the operator: it reads the
 * capturing host's packet metadata, or moves the offsets of all that follows.
 */
static const struct {
	const char *word, *why;
} refused[] = {
	{ "vlan", "a filter sees the frame behind the VNet's own tag, so `vlan` would look for a "
		  "second one and move all offsets; for a tag inside write `ether proto 0x8100`" },
	{ "protochain", "`protochain` needs a loop, which a data plane cannot have; name the "
			"protocol with `proto`, or the bytes, such as ip6[6]" },
	{ "inbound", "`inbound` is what the session's direction says" },
	{ "outbound", "`outbound` is what the session's direction says" },
	{ "ifindex", "`ifindex` is what the session's point says" },
	{ "gateway", "`gateway` asks name services; write `ether host MAC and not host ADDRESS`" },
};

/* The words of pcap-filter(7); every other one is a name. Sorted, with spaces around each. */
static const char keywords[] =
	" aarp action addr1 addr2 addr3 addr4 address1 address2 address3 address4 ah and arp atalk "
	"bcc "
	"broadcast byte carp clnp connectmsg csnp decnet dir direction dpc dst es-is esis esp "
	"ether "
	"fddi fisu geneve greater gre hdpc hfisu hlssu hmsu hopc host hsio hsls icmp icmp6 "
	"icmp6code "
	"icmp6type icmpcode icmptype ifname igmp igrp iih ilmic ip ip6 ipx is-is isis iso l1 l2 "
	"lane "
	"lat len length less link llc lsp lssu lsu mask metac metaconnect mopdl moprc mpls msu "
	"multicast net netbeui not oam oamf4 oamf4ec oamf4sc on opc or pim port portrange ppp "
	"pppoed "
	"pppoes proto psnp ra radio rarp reason rnr rset rulenum ruleset sc sca sctp sio slip sls "
	"snp "
	"src srnr stp subrulenum subtype ta tcp tcpflags tr type udp vci vpi vrrp vxlan wlan ";

/* After these a name is a protocol's, a service's or a type's, found in a file of the host. */
static const char naming[] = " port portrange proto llc type subtype dir direction ";
/* These leave open what the next name is. */
static const char joining[] = " and or not ";

static bool in_list(const char *list, const char *word, size_t len)
{
	for (const char *at = list; (at = strchr(at, ' ')) && at[1]; at++) {
		if (!strncmp(at + 1, word, len) && at[1 + len] == ' ')
			return true;
	}
	return false;
}

static bool starts(const char *word, size_t len, const char *with)
{
	return len > strlen(with) && !strncmp(word, with, strlen(with));
}

static bool is_keyword(const char *word, size_t len)
{
	return in_list(keywords, word, len) || starts(word, len, "tcp-") ||
	       starts(word, len, "icmp-") || starts(word, len, "icmp6-");
}

/* 00-11-22-33-44-55, 00.11.22.33.44.55, 0011.2233.4455, 001122334455. */
static bool is_mac(const char *word, size_t len)
{
	size_t groups = 1, digits = 0, most = 0, total = 0;
	char sep = 0;

	for (size_t i = 0; i < len; i++) {
		if (isxdigit((unsigned char)word[i])) {
			digits++;
			total++;
			most = digits > most ? digits : most;
			continue;
		}
		if (!digits || (sep && word[i] != sep))
			return false;
		sep = word[i];
		groups++;
		digits = 0;
	}
	return (groups == 6 && most <= 2) || (groups == 3 && most == 4 && total == 12) ||
	       (groups == 1 && total == 12);
}

/* Digits, dots and 0x…: numbers and IPv4 addresses. With a colon: addresses, or a part of [0:2]. */
static bool is_number(const char *word, size_t len)
{
	if (memchr(word, ':', len))
		return true;
	if (len > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X'))
		return true;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)word[i]) && word[i] != '.' && word[i] != '-')
			return false;
	}
	return true;
}

static int refuse(const char *word, size_t len, struct sv_err *err)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (strlen(refused[i].word) == len && !strncmp(refused[i].word, word, len))
			return sv_err_set(err, -EINVAL, "%s", refused[i].why);
	}
	return 0;
}

static int check_word(const char *word, size_t len, bool *named, struct sv_err *err)
{
	int rc = refuse(word, len, err);

	if (rc)
		return rc;
	if (is_keyword(word, len)) {
		if (!in_list(joining, word, len))
			*named = in_list(naming, word, len);
		return 0;
	}
	if (*named || is_number(word, len) || is_mac(word, len))
		return 0;
	return sv_err_set(err, -EINVAL,
			  "`%.*s` is a name: write the address, which means the same on every host "
			  "and at any time",
			  (int)len, word);
}

static size_t word_len(const char *at)
{
	size_t len = 0;

	if (!isalnum((unsigned char)*at) && *at != ':')
		return 0;
	while (isalnum((unsigned char)at[len]) || (at[len] && strchr("-_.:", at[len])))
		len++;
	while (len && (at[len - 1] == '-' || at[len - 1] == '_'))
		len--;
	return len;
}

int sv_filter_words(const char *expression, struct sv_err *err)
{
	bool named = false;
	int rc = 0;

	for (const char *at = expression; *at && !rc;) {
		size_t len = word_len(at);

		if (*at == '\\') { /* an escaped keyword is a name */
			len = strcspn(at, " !()\n\t");
			if (!named)
				rc = sv_err_set(err, -EINVAL, "`%.*s` is a name: write the address",
						(int)len, at);
		} else if (len) {
			rc = check_word(at, len, &named, err);
		} else {
			len = 1;
		}
		at += len;
	}
	return rc;
}
