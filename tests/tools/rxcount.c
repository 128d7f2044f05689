// SPDX-License-Identifier: GPL-2.0-only
/*
 * rxcount: watches one device until SIGTERM, then prints what it saw as JSON: every marked stream
 * (probe.h) with its losses, repetitions and order, and everything else by number. Frames are
 * judged as on the wire: a VLAN tag that the kernel took off is put back. kernel_drops is the
 * sniffer's own loss, never to be taken for the network's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"

/* Blocks retire by time as well: all of them together are how long we may be kept from the CPU. */
#define BLOCK_LEN (1 << 18)
#define BLOCKS 160
#define BLOCK_MS 50
#define FRAME_MAX 70000
#define GAPS_MAX 64
#define LATE_MAX 16

/* A frame that came after one sent later. */
struct late {
	uint32_t seq, max_seq;
	uint64_t at_ns;
};

struct stream {
	bool used;
	uint16_t id;
	uint64_t received, unique, duplicated, reordered;
	uint32_t first_seq, last_seq, max_seq; /* last_seq: of the frame seen last */
	uint64_t first_ns, last_ns, max_gap_ns, max_delay_ns, bytes;
	uint8_t *seen; /* a bit a sequence number */
	size_t seen_bits;
	struct late late[LATE_MAX]; /* the first of the reordered */
};

struct rxcount {
	const char *dev;
	int dir; /* 0: both, 1: in, 2: out */
	bool marked_only; /* of the file: only marked frames */
	FILE *pcap;
	uint8_t *ring;
	int fd;
	struct stream *stream;
	int n_stream;
	uint64_t packets, bytes, other, tagged;
	uint64_t csum_ok, csum_bad, csum_partial;
	int64_t boot_minus_real;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "rxcount: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- streams ---- */

static struct stream *stream_get(struct rxcount *rx, uint16_t id)
{
	for (int i = 0; i < rx->n_stream; i++)
		if (rx->stream[i].id == id)
			return &rx->stream[i];
	rx->stream = realloc(rx->stream, (size_t)(rx->n_stream + 1) * sizeof(*rx->stream));
	if (!rx->stream)
		die("memory");
	rx->stream[rx->n_stream] = (struct stream){ .id = id };
	return &rx->stream[rx->n_stream++];
}

/* True when the number is new. */
static bool stream_mark(struct stream *s, uint32_t seq)
{
	uint8_t bit = (uint8_t)(1 << (seq & 7));
	bool fresh;

	if (seq >= s->seen_bits) {
		size_t bits = ((size_t)seq + 1) * 2 + 65536;

		s->seen = realloc(s->seen, bits / 8);
		if (!s->seen)
			die("memory");
		memset(s->seen + s->seen_bits / 8, 0, bits / 8 - s->seen_bits / 8);
		s->seen_bits = bits / 8 * 8;
	}
	fresh = !(s->seen[seq >> 3] & bit);
	s->seen[seq >> 3] |= bit;
	return fresh;
}

static void stream_add(struct rxcount *rx, const uint8_t *mark, size_t len, uint64_t at_ns)
{
	struct stream *s = stream_get(rx, (uint16_t)probe_get(mark + 4, 2));
	uint32_t seq = (uint32_t)probe_get(mark + 6, 4);
	uint64_t sent_ns = probe_get(mark + 10, 8);

	if (!s->used) {
		s->used = true;
		s->first_seq = s->max_seq = seq;
		s->first_ns = s->last_ns = at_ns;
	} else if (seq < s->max_seq) {
		if (s->reordered < LATE_MAX)
			s->late[s->reordered] = (struct late){ seq, s->max_seq, at_ns };
		s->reordered++;
	}
	if (at_ns > s->last_ns && at_ns - s->last_ns > s->max_gap_ns)
		s->max_gap_ns = at_ns - s->last_ns;
	if (at_ns > sent_ns && at_ns - sent_ns > s->max_delay_ns)
		s->max_delay_ns = at_ns - sent_ns;
	s->received++;
	s->bytes += len;
	s->last_ns = at_ns;
	s->last_seq = seq;
	if (seq > s->max_seq)
		s->max_seq = seq;
	if (seq < s->first_seq)
		s->first_seq = seq;
	if (stream_mark(s, seq))
		s->unique++;
	else
		s->duplicated++;
}

static void stream_print_gaps(const struct stream *s)
{
	int n = 0;

	printf("\"gaps\":[");
	for (uint32_t q = s->first_seq; q <= s->max_seq && n < GAPS_MAX; q++) {
		uint32_t from = q;

		while (q <= s->max_seq && !(s->seen[q >> 3] & 1 << (q & 7)))
			q++;
		if (q > from)
			printf("%s[%u,%u]", n++ ? "," : "", from, q - 1);
	}
	printf("]");
}

static void stream_print_late(const struct stream *s)
{
	printf(",\"late\":[");
	for (uint64_t i = 0; i < s->reordered && i < LATE_MAX; i++)
		printf("%s[%u,%u,%llu]", i ? "," : "", s->late[i].seq, s->late[i].max_seq,
		       (unsigned long long)s->late[i].at_ns);
	printf("]");
}

static void stream_print(const struct stream *s)
{
	printf("\"%u\":{\"received\":%llu,\"unique\":%llu,\"lost\":%llu,\"duplicated\":%llu,"
	       "\"reordered\":%llu,\"bytes\":%llu,\"first_seq\":%u,\"last_seq\":%u,\"max_seq\":%u,"
	       "\"first_ns\":%llu,\"last_ns\":%llu,\"max_gap_ns\":%llu,\"max_delay_ns\":%llu,",
	       s->id, (unsigned long long)s->received, (unsigned long long)s->unique,
	       (unsigned long long)s->max_seq - s->first_seq + 1 - s->unique,
	       (unsigned long long)s->duplicated, (unsigned long long)s->reordered,
	       (unsigned long long)s->bytes, s->first_seq, s->last_seq, s->max_seq,
	       (unsigned long long)s->first_ns, (unsigned long long)s->last_ns,
	       (unsigned long long)s->max_gap_ns, (unsigned long long)s->max_delay_ns);
	stream_print_gaps(s);
	stream_print_late(s);
	printf("}");
}

/* ---- frames ---- */

static void pcap_head(FILE *f)
{
	const uint32_t head[] = { 0xa1b23c4d, 4 << 16 | 2, 0, 0, 262144, 1 };

	fwrite(head, sizeof(head), 1, f);
}

static void pcap_frame(FILE *f, const uint8_t *data, uint32_t len, uint64_t ns)
{
	const uint32_t head[] = { (uint32_t)(ns / 1000000000), (uint32_t)(ns % 1000000000), len,
				  len };

	fwrite(head, sizeof(head), 1, f);
	fwrite(data, 1, len, f);
}

static void check_csum(struct rxcount *rx, const uint8_t *frame, int len, uint32_t status)
{
	struct probe_l4 at;

	if (probe_l4(&at, frame, len) ||
	    (at.proto != IPPROTO_TCP && at.proto != IPPROTO_UDP && at.proto != IPPROTO_ICMPV6))
		return;
	if (status & TP_STATUS_CSUMNOTREADY)
		rx->csum_partial++;
	else if (probe_csum(frame, &at))
		rx->csum_bad++;
	else
		rx->csum_ok++;
}

static void frame_seen(struct rxcount *rx, const uint8_t *frame, uint32_t len, uint64_t at_ns,
		       uint32_t status)
{
	int mark = probe_find(frame, len < 256 ? len : 256);

	rx->packets++;
	rx->bytes += len;
	check_csum(rx, frame, (int)len, status);
	if (mark >= 0)
		stream_add(rx, frame + mark, len, at_ns);
	else
		rx->other++;
	if (rx->pcap && (mark >= 0 || !rx->marked_only))
		pcap_frame(rx->pcap, frame, len, at_ns);
}

/* The frame as on the wire: with the tag that the kernel keeps beside it. */
static uint32_t frame_whole(struct rxcount *rx, uint8_t *out, const struct tpacket3_hdr *h)
{
	const uint8_t *data = (const uint8_t *)h + h->tp_mac;
	uint32_t len = h->tp_snaplen < FRAME_MAX - 4 ? h->tp_snaplen : FRAME_MAX - 4;

	if (!(h->tp_status & TP_STATUS_VLAN_VALID) || len < 12) {
		memcpy(out, data, len);
		return len;
	}
	rx->tagged++;
	memcpy(out, data, 12);
	probe_put(out + 12, 2,
		  h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->hv1.tp_vlan_tpid : ETH_P_8021Q);
	probe_put(out + 14, 2, h->hv1.tp_vlan_tci);
	memcpy(out + 16, data + 12, len - 12);
	return len + 4;
}

static void packet(struct rxcount *rx, const struct tpacket3_hdr *h)
{
	static uint8_t whole[FRAME_MAX];
	const struct sockaddr_ll *from =
		(const void *)((const uint8_t *)h + TPACKET_ALIGN(sizeof(*h)));
	bool out = from->sll_pkttype == PACKET_OUTGOING;
	uint64_t at_ns = (uint64_t)h->tp_sec * 1000000000ULL + h->tp_nsec;

	if ((rx->dir == 1 && out) || (rx->dir == 2 && !out))
		return;
	frame_seen(rx, whole, frame_whole(rx, whole, h), at_ns + (uint64_t)rx->boot_minus_real,
		   h->tp_status);
}

/* Reads the blocks that are ready; true when there was one. */
static bool drain(struct rxcount *rx, unsigned int *next)
{
	bool any = false;

	for (;;) {
		struct tpacket_block_desc *b = (void *)(rx->ring + (size_t)*next * BLOCK_LEN);
		uint8_t *p;

		if (!(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			return any;
		any = true;
		p = (uint8_t *)b + b->hdr.bh1.offset_to_first_pkt;
		for (uint32_t i = 0; i < b->hdr.bh1.num_pkts; i++) {
			packet(rx, (void *)p);
			p += ((struct tpacket3_hdr *)p)->tp_next_offset;
		}
		__atomic_store_n(&b->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		*next = (*next + 1) % BLOCKS;
	}
}

static void open_ring(struct rxcount *rx)
{
	struct tpacket_req3 req = { .tp_block_size = BLOCK_LEN,
				    .tp_block_nr = BLOCKS,
				    .tp_frame_size = 2048,
				    .tp_frame_nr = BLOCKS * (BLOCK_LEN / 2048),
				    .tp_retire_blk_tov = BLOCK_MS };
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct packet_mreq promisc = { .mr_type = PACKET_MR_PROMISC };
	int version = TPACKET_V3;

	at.sll_ifindex = promisc.mr_ifindex = (int)if_nametoindex(rx->dev);
	if (!at.sll_ifindex)
		die(rx->dev);
	rx->fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (rx->fd < 0 ||
	    setsockopt(rx->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
	    setsockopt(rx->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)))
		die("packet ring");
	rx->ring = mmap(NULL, (size_t)BLOCK_LEN * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED,
			rx->fd, 0);
	if (rx->ring == MAP_FAILED)
		die("mmap");
	if (bind(rx->fd, (struct sockaddr *)&at, sizeof(at)) ||
	    setsockopt(rx->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof(promisc)))
		die("bind");
}

static void run(struct rxcount *rx)
{
	struct pollfd pfd = { .fd = rx->fd, .events = POLLIN | POLLERR };
	unsigned int next = 0;

	while (!stop) {
		/* A device that went down makes the socket readable for ever: no reason to spin. */
		if (!drain(rx, &next) && poll(&pfd, 1, 100) > 0 && pfd.revents & POLLERR)
			usleep(BLOCK_MS * 1000);
		rx->boot_minus_real =
			(int64_t)(probe_now(CLOCK_BOOTTIME) - probe_now(CLOCK_REALTIME));
	}
	/* The block being filled is retired within BLOCK_MS. */
	usleep(2 * BLOCK_MS * 1000);
	drain(rx, &next);
}

static void report(struct rxcount *rx)
{
	struct tpacket_stats_v3 st = { 0 };
	socklen_t len = sizeof(st);

	if (getsockopt(rx->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len))
		die("statistics");
	printf("{\"packets\":%llu,\"bytes\":%llu,\"other\":%llu,\"tagged\":%llu,\"kernel_drops\":%"
	       "u,"
	       "\"csum\":{\"ok\":%llu,\"bad\":%llu,\"partial\":%llu},\"streams\":{",
	       (unsigned long long)rx->packets, (unsigned long long)rx->bytes,
	       (unsigned long long)rx->other, (unsigned long long)rx->tagged, st.tp_drops,
	       (unsigned long long)rx->csum_ok, (unsigned long long)rx->csum_bad,
	       (unsigned long long)rx->csum_partial);
	for (int i = 0; i < rx->n_stream; i++) {
		if (i)
			printf(",");
		stream_print(&rx->stream[i]);
	}
	puts("}}");
}

static void usage(void)
{
	fputs("usage: rxcount --dev DEV [--dir in|out] [--write PCAP [--marked]]\n", stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dev", 1, 0, 'd' },
		{ "dir", 1, 0, 'D' },
		{ "write", 1, 0, 'w' },
		{ "marked", 0, 0, 'm' },
		{ 0 },
	};
	struct rxcount rx = { 0 };
	struct sigaction act = { .sa_handler = on_signal };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			rx.dev = optarg;
			break;
		case 'D':
			rx.dir = !strcmp(optarg, "in") ? 1 : 2;
			break;
		case 'm':
			rx.marked_only = true;
			break;
		case 'w':
			rx.pcap = fopen(optarg, "wb");
			if (!rx.pcap)
				die(optarg);
			pcap_head(rx.pcap);
			break;
		default:
			usage();
		}
	}
	if (!rx.dev)
		usage();
	sigaction(SIGTERM, &act, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlives the test that started it */
	sigaction(SIGINT, &act, NULL);
	rx.boot_minus_real = (int64_t)(probe_now(CLOCK_BOOTTIME) - probe_now(CLOCK_REALTIME));
	/* It sleeps most of the time, but when its ring fills it must not wait for anybody. */
	sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 20 });
	open_ring(&rx);
	fputs("ready\n", stderr);
	run(&rx);
	if (rx.pcap)
		fclose(rx.pcap);
	report(&rx);
	return 0;
}
