// SPDX-License-Identifier: GPL-2.0-only
#include "filter_parse.h"

#include <ctype.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <string.h>

#include "cleanup.h"

/* What libpcap takes for "the whole packet"; a return value, never a bound. */
#define SNAPLEN 262144
#define TEXT_MAX 4096
/* libpcap's optimiser takes cubic time: up to here less than half a second. */
#define PLAIN_MAX 6000

/* From here on an offset is not one of the packet: the kernel's extensions for its own captures. */
#define OFFSET_META 0x80000000U

static void cleanup_pcap(pcap_t **pcap)
{
	if (*pcap)
		pcap_close(*pcap);
}

static bool is_blank(const char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	return !*text;
}

static int check_insn(const struct bpf_insn *insn, struct sv_err *err)
{
	bool load = BPF_CLASS(insn->code) == BPF_LD && BPF_MODE(insn->code) == BPF_ABS;

	if (load && insn->k >= OFFSET_META)
		return sv_err_set(err, -EINVAL,
				  "it asks for more than the frame's bytes: which interface or "
				  "direction is for the session to say");
	if (insn->code == (BPF_JMP | BPF_JA) && insn->k >= OFFSET_META)
		return sv_err_set(err, -EINVAL, "it needs a loop, which a data plane cannot have");
	return 0;
}

static int too_long(__u32 steps, __u32 most, struct sv_err *err)
{
	return sv_err_set(err, -EINVAL,
			  "it is too long: %u steps, at most %u; use nets and ranges, or several "
			  "sessions",
			  steps, most);
}

static int take(struct sv_cbpf_prog *prog, const struct bpf_program *from, struct sv_err *err)
{
	_Static_assert(sizeof(struct sv_cbpf) == sizeof(struct bpf_insn), "one layout");
	_cleanup_free_ struct sv_cbpf *insn = NULL;
	int rc;

	if (from->bf_len > SV_CBPF_MAX)
		return too_long(from->bf_len, SV_CBPF_MAX, err);
	for (__u32 i = 0; i < from->bf_len; i++) {
		rc = check_insn(&from->bf_insns[i], err);
		if (rc)
			return rc;
	}
	insn = calloc(from->bf_len, sizeof(*insn));
	if (!insn)
		return sv_err_set(err, -ENOMEM, "no memory for a filter");
	memcpy(insn, from->bf_insns, from->bf_len * sizeof(*insn));
	prog->n = from->bf_len;
	prog->insn = TAKE_PTR(insn);
	return 0;
}

static int compile(pcap_t *pcap, const char *expression, bool optimise, struct bpf_program *out,
		   struct sv_err *err)
{
	if (pcap_compile(pcap, out, expression, optimise, PCAP_NETMASK_UNKNOWN))
		return sv_err_set(err, -EINVAL, "%s", pcap_geterr(pcap));
	return 0;
}

int sv_filter_parse(struct sv_cbpf_prog *prog, const char *expression, struct sv_err *err)
{
	_cleanup_(cleanup_pcap) pcap_t *pcap = NULL;
	struct bpf_program compiled;
	int rc;

	if (!expression || is_blank(expression)) {
		*prog = (struct sv_cbpf_prog){};
		return 0;
	}
	if (strlen(expression) > TEXT_MAX)
		return sv_err_set(err, -EINVAL, "it is longer than %d characters", TEXT_MAX);
	rc = sv_filter_words(expression, err);
	if (rc)
		return rc;
	pcap = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	if (!pcap)
		return sv_err_set(err, -ENOMEM, "no memory for libpcap");
	rc = compile(pcap, expression, false, &compiled, err);
	if (rc)
		return rc;
	if (compiled.bf_len > PLAIN_MAX)
		rc = too_long(compiled.bf_len, PLAIN_MAX, err);
	pcap_freecode(&compiled);
	if (!rc)
		rc = compile(pcap, expression, true, &compiled, err);
	if (rc)
		return rc;
	rc = take(prog, &compiled, err);
	pcap_freecode(&compiled);
	return rc;
}
