/* SPDX-License-Identifier: GPL-2.0-only */
#include "rtnl.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netlink/handlers.h>
#include <string.h>

static void take_text(struct sv_rtnl *rtnl, struct nlmsgerr *e)
{
	struct nlmsghdr *h = (struct nlmsghdr *)((char *)e - NLMSG_HDRLEN);
	size_t at = sizeof(*e);
	struct nlattr *a;
	int left;

	rtnl->text[0] = 0;
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		at += e->msg.nlmsg_len - NLMSG_HDRLEN;
	at = NLMSG_ALIGN(at);
	left = (int)h->nlmsg_len - NLMSG_HDRLEN - (int)at;
	nla_for_each_attr(a, (struct nlattr *)((char *)e + at), left,
			  left) if (nla_type(a) == NLMSGERR_ATTR_MSG)
		snprintf(rtnl->text, sizeof(rtnl->text), "%.*s", nla_len(a), (char *)nla_data(a));
}

static int on_error(struct sockaddr_nl *who, struct nlmsgerr *e, void *arg)
{
	struct sv_rtnl *rtnl = arg;

	(void)who;
	rtnl->error = e->error;
	take_text(rtnl, e);
	return NL_STOP;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
	struct sv_rtnl *rtnl = arg;

	(void)msg;
	rtnl->error = 0;
	return NL_STOP;
}

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *h = nlmsg_hdr(msg), *copy, **more;
	struct sv_rtnl *rtnl = arg;
	struct sv_nldump *dump = rtnl->dump;

	if (!dump)
		return NL_OK;
	copy = malloc(h->nlmsg_len);
	more = realloc(dump->msg, (dump->n + 1) * sizeof(*more));
	if (more)
		dump->msg = more;
	if (!copy || !more) {
		free(copy);
		rtnl->error = -ENOMEM;
		return NL_STOP;
	}
	memcpy(copy, h, h->nlmsg_len);
	dump->msg[dump->n++] = copy;
	return NL_OK;
}

static int on_finish(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *h = nlmsg_hdr(msg);
	struct sv_rtnl *rtnl = arg;

	if (nlmsg_datalen(h) >= (int)sizeof(int) && !rtnl->error)
		rtnl->error = *(int *)nlmsg_data(h);
	return NL_STOP;
}

int sv_rtnl_open(struct sv_rtnl *rtnl, int netns, int protocol)
{
	_cleanup_ns_ struct sv_ns_guard guard = { -1 };
	int on = 1, rc = sv_ns_enter(&guard, netns);

	memset(rtnl, 0, sizeof(*rtnl));
	if (rc)
		return rc;
	rtnl->sk = nl_socket_alloc();
	if (!rtnl->sk)
		return -ENOMEM;
	if (nl_connect(rtnl->sk, protocol) < 0) {
		sv_rtnl_close(rtnl);
		return -ENOBUFS;
	}
	setsockopt(nl_socket_get_fd(rtnl->sk), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(nl_socket_get_fd(rtnl->sk), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	nl_socket_set_buffer_size(rtnl->sk, 1 << 20, 0);
	nl_socket_set_msg_buf_size(rtnl->sk, 1 << 16);
	nl_socket_modify_err_cb(rtnl->sk, NL_CB_CUSTOM, on_error, rtnl);
	nl_socket_modify_cb(rtnl->sk, NL_CB_ACK, NL_CB_CUSTOM, on_ack, rtnl);
	nl_socket_modify_cb(rtnl->sk, NL_CB_VALID, NL_CB_CUSTOM, on_valid, rtnl);
	nl_socket_modify_cb(rtnl->sk, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, rtnl);
	return 0;
}

void sv_rtnl_close(struct sv_rtnl *rtnl)
{
	if (rtnl->sk)
		nl_socket_free(rtnl->sk);
	rtnl->sk = NULL;
}

int sv_rtnl_call(struct sv_rtnl *rtnl, struct nl_msg *msg)
{
	int rc;

	rtnl->text[0] = 0;
	if (!msg)
		return -ENOMEM;
	rtnl->error = -EIO;
	rc = nl_send_auto(rtnl->sk, msg);
	nlmsg_free(msg);
	if (rc < 0)
		return -EIO;
	nl_recvmsgs_default(rtnl->sk);
	if (rtnl->error && !rtnl->text[0])
		snprintf(rtnl->text, sizeof(rtnl->text), "%s", strerror(-rtnl->error));
	return rtnl->error;
}

int sv_rtnl_ask(struct sv_rtnl *rtnl, struct nl_msg *msg, struct sv_nldump *answer)
{
	int rc;

	memset(answer, 0, sizeof(*answer));
	rtnl->dump = answer;
	rc = sv_rtnl_call(rtnl, msg);
	rtnl->dump = NULL;
	/* The answer is the acknowledgement. */
	return answer->n ? 0 : rc;
}

int sv_rtnl_dump(struct sv_rtnl *rtnl, int type, const void *header, size_t len,
		 struct sv_nldump *dump)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_DUMP);
	int rc;

	memset(dump, 0, sizeof(*dump));
	if (!msg)
		return -ENOMEM;
	rc = nlmsg_append(msg, (void *)header, len, NLMSG_ALIGNTO);
	if (!rc) {
		rtnl->dump = dump;
		rtnl->error = 0;
		rc = nl_send_auto(rtnl->sk, msg);
		if (rc >= 0)
			rc = nl_recvmsgs_default(rtnl->sk);
		rtnl->dump = NULL;
	}
	nlmsg_free(msg);
	if (rc >= 0)
		return rtnl->error;
	return rtnl->error ?: -EIO;
}

void sv_nldump_fini(struct sv_nldump *dump)
{
	size_t i;

	for (i = 0; i < dump->n; i++)
		free(dump->msg[i]);
	free(dump->msg);
	memset(dump, 0, sizeof(*dump));
}
