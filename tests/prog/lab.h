/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_TESTS_PROG_LAB_H
#define SV_TESTS_PROG_LAB_H

/*
 * A private network namespace with veth pairs p0/q0 … p7/q7: the programs own the p ends, frames
 * are sent and caught at the q ends. It goes away with the process, and needs neither ip nor
 * ethtool.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define LAB_PORTS 8
#define LAB_FRAME 9200

struct lab_frame {
	uint32_t len;
	int port; /* caught at q<port>, or to be */
	uint8_t bytes[LAB_FRAME];
};

struct lab {
	uint32_t p[LAB_PORTS], q[LAB_PORTS];
	int tap; /* hears all devices, in order */
	int pass; /* an XDP program that passes: redirects reach a veth only with one at its other
		     end */
};

static inline void lab_must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "lab: %s: %s\n", what, strerror(errno));
		exit(1);
	}
}

struct lab_msg {
	struct nlmsghdr h;
	struct ifinfomsg i;
	uint8_t attrs[512];
};

static inline struct rtattr *lab_attr(struct lab_msg *m, uint16_t type, const void *data,
				      size_t len)
{
	struct rtattr *a = (void *)((uint8_t *)m + NLMSG_ALIGN(m->h.nlmsg_len));

	a->rta_type = type;
	a->rta_len = RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(a), data, len);
	m->h.nlmsg_len = NLMSG_ALIGN(m->h.nlmsg_len) + RTA_ALIGN(a->rta_len);
	return a;
}

static inline void lab_close(struct lab_msg *m, struct rtattr *a)
{
	a->rta_len = (uint8_t *)m + m->h.nlmsg_len - (uint8_t *)a;
}

static inline void lab_veth(const char *name, const char *peer)
{
	struct lab_msg m = { .h = { .nlmsg_len = NLMSG_LENGTH(sizeof(m.i)),
				    .nlmsg_type = RTM_NEWLINK,
				    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE |
						   NLM_F_EXCL } };
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		uint8_t rest[1024];
	} answer;
	struct ifinfomsg zero = {};
	struct rtattr *info, *data, *other;
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	lab_attr(&m, IFLA_IFNAME, name, strlen(name) + 1);
	info = lab_attr(&m, IFLA_LINKINFO, NULL, 0);
	lab_attr(&m, IFLA_INFO_KIND, "veth", 5);
	data = lab_attr(&m, IFLA_INFO_DATA, NULL, 0);
	other = lab_attr(&m, VETH_INFO_PEER, &zero, sizeof(zero));
	lab_attr(&m, IFLA_IFNAME, peer, strlen(peer) + 1);
	lab_close(&m, other);
	lab_close(&m, data);
	lab_close(&m, info);
	lab_must(s >= 0 && send(s, &m, m.h.nlmsg_len, 0) > 0 &&
			 recv(s, &answer, sizeof(answer), 0) > 0,
		 "netlink");
	errno = -answer.e.error;
	lab_must(!answer.e.error, "cannot make a veth pair");
	close(s);
}

static inline void lab_ioctl(const char *name, unsigned long request, int value)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = {};

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (request == SIOCSIFFLAGS)
		req.ifr_flags = value;
	else
		req.ifr_mtu = value;
	lab_must(s >= 0 && !ioctl(s, request, &req), name);
	close(s);
}

static inline void lab_up(const char *name, bool up)
{
	lab_ioctl(name, SIOCSIFFLAGS, up ? IFF_UP | IFF_NOARP : IFF_NOARP);
}

static inline void lab_name(char name[16], char side, int port)
{
	snprintf(name, 16, "%c%d", side, port);
}

static inline void lab_mtu(int port, int mtu)
{
	char name[16];

	lab_name(name, 'p', port);
	lab_ioctl(name, SIOCSIFMTU, mtu);
	lab_name(name, 'q', port);
	lab_ioctl(name, SIOCSIFMTU, mtu);
}

/* The stack must not speak on our wires. */
static inline void lab_hush(void)
{
	int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return; /* a kernel without IPv6 is as quiet */
	lab_must(write(fd, "1", 1) == 1, "disable_ipv6");
	close(fd);
}

static inline int lab_xdp_return(int verdict)
{
	struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = BPF_F_XDP_HAS_FRAGS);

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "lab_return", "GPL", code, 2, &opts);
}

static inline void lab_open(struct lab *lab)
{
	struct sockaddr_ll any = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	char p[16], q[16];
	int one = 1;

	lab_must(!unshare(CLONE_NEWNET), "a network namespace (root?)");
	lab_hush();
	lab_up("lo", true);
	lab->pass = lab_xdp_return(XDP_PASS);
	lab_must(lab->pass >= 0, "an XDP program");
	for (int i = 0; i < LAB_PORTS; i++) {
		lab_name(p, 'p', i);
		lab_name(q, 'q', i);
		lab_veth(p, q);
		lab_up(p, true);
		lab_up(q, true);
		lab->p[i] = if_nametoindex(p);
		lab->q[i] = if_nametoindex(q);
		lab_must(!bpf_xdp_attach(lab->q[i], lab->pass, XDP_FLAGS_DRV_MODE, NULL),
			 "XDP on a veth");
	}
	lab->tap = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
	lab_must(lab->tap >= 0 && !bind(lab->tap, (void *)&any, sizeof(any)) &&
			 !setsockopt(lab->tap, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)),
		 "a packet socket");
}

static inline void lab_send(const struct lab *lab, int port, const void *bytes, size_t len)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = lab->q[port] };

	lab_must(sendto(lab->tap, bytes, len, 0, (void *)&to, sizeof(to)) == (ssize_t)len, "send");
}

/* The tag that the kernel put beside the frame goes back into it. */
static inline void lab_retag(struct lab_frame *f, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct tpacket_auxdata *aux = (void *)CMSG_DATA(c);
		uint16_t tag[2];

		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA ||
		    !(aux->tp_status & TP_STATUS_VLAN_VALID))
			continue;
		tag[0] = htons(aux->tp_vlan_tpid);
		tag[1] = htons(aux->tp_vlan_tci);
		memmove(f->bytes + 16, f->bytes + 12, f->len - 12);
		memcpy(f->bytes + 12, tag, 4);
		f->len += 4;
	}
}

/* The next frame that reached a q end. false: none within `ms`. */
static inline bool lab_next(const struct lab *lab, struct lab_frame *f, int ms)
{
	struct pollfd pfd = { .fd = lab->tap, .events = POLLIN };
	struct sockaddr_ll from;
	char control[256];
	struct iovec iov = { .iov_base = f->bytes, .iov_len = sizeof(f->bytes) - 4 };

	for (;;) {
		struct msghdr msg = { .msg_name = &from,
				      .msg_namelen = sizeof(from),
				      .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(lab->tap, &msg, 0);

		if (n < 0 && poll(&pfd, 1, ms) <= 0)
			return false;
		if (n < 0 || from.sll_pkttype == PACKET_OUTGOING)
			continue;
		for (f->port = 0; f->port < LAB_PORTS; f->port++) {
			if (from.sll_ifindex == (int)lab->q[f->port])
				break;
		}
		if (f->port == LAB_PORTS)
			continue;
		f->len = n;
		lab_retag(f, &msg);
		return true;
	}
}

static inline void lab_drain(const struct lab *lab)
{
	struct lab_frame f;

	while (lab_next(lab, &f, 1))
		;
}

static inline uint64_t lab_boot_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * 1000000ULL + ts.tv_nsec / 1000;
}

#endif
