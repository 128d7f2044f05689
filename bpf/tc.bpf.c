/* SPDX-License-Identifier: GPL-2.0-only */
/* TC ingress of every port. */
#include "lib/deliver_tc.h"
#include "lib/stage.h"

/* As much of a rare frame as is looked into, in one piece. */
static __always_inline void sv_tc_pull(struct __sk_buff *skb)
{
	__u32 want = skb->len < SV_ND_LEN_MAX ? skb->len : SV_ND_LEN_MAX;

	if ((void *)(long)skb->data + SV_ND_LEN_MAX > (void *)(long)skb->data_end)
		bpf_skb_pull_data(skb, want);
}

__noinline int sv_tc_learn(struct __sk_buff *skb, __u32 l3, __u32 proto, __u32 edge)
{
	sv_tc_pull(skb);
	return sv_proxy_learn((void *)(long)skb->data, (void *)(long)skb->data_end, l3, proto,
			      edge);
}

/* Does the proxy know what the frame asks for? */
__noinline int sv_tc_asks(struct __sk_buff *skb, __u32 l3, __u32 proto, __u32 edge)
{
	sv_tc_pull(skb);
	return !!sv_proxy_find((void *)(long)skb->data, (void *)(long)skb->data_end, l3, proto,
			       edge);
}

__noinline int sv_tc_answer(struct __sk_buff *skb, __u32 l3, __u32 proto, __u32 edge)
{
	const struct sv_neigh *to;
	void *data, *end;

	if (bpf_skb_pull_data(skb, skb->len < SV_ND_LEN_MAX ? skb->len : SV_ND_LEN_MAX))
		return 0;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	to = sv_proxy_find(data, end, l3, proto, edge);
	return to && !sv_neigh_answer(data, end, l3, proto, to->mac);
}

/* The question is copied to those who watch; then it becomes the answer and goes back where it came
 * from. */
static __always_inline int sv_tc_proxy(struct __sk_buff *skb, const struct sv_pass *p,
				       struct sv_tc_job *job)
{
	sv_tc_copy(skb, p, job);
	if (!sv_tc_answer(skb, p->f.l3, p->f.proto, p->a->edge))
		return sv_tc_drop(p, p->way.reason);
	sv_tc_drop(p, SV_REASON_PROXIED);
	return bpf_redirect(skb->ifindex, 0);
}

/* `matched`: the sessions that want the frame, by mask bit. */
static __always_inline int sv_tc_go_on(struct __sk_buff *skb, const struct sv_pass *p, int question,
				       __u32 matched)
{
	struct sv_tc_job job;

	sv_tc_pick(skb, p, matched, &job.o);
	return question ? sv_tc_proxy(skb, p, &job) : sv_deliver_tc(skb, p, &job);
}

/* By way of the attachment's filter to sv_tc_deliver; it comes back when there is no filter. */
static __always_inline void sv_tc_filter(struct __sk_buff *skb, const struct sv_pass *p,
					 int question)
{
	struct sv_view view = sv_tc_view(skb, p);

	sv_stage_leave(p, &view, question);
	bpf_tail_call(skb, &sv_filter_tc, p->a->filter);
	sv_pass_count(p, SV_REASON_NO_FILTER);
}

static __always_inline int sv_tc_stray(struct __sk_buff *skb, int role, const struct sv_weight *w)
{
	if (role == SV_ROLE_VNODE) {
		sv_classify_stray(w->packets, w->bytes);
		return TC_ACT_SHOT;
	}
	sv_count_dev(skb->ifindex, SV_DEV_HOST, w->packets);
	return TC_ACT_UNSPEC;
}

static __always_inline int sv_tc_ingress(struct __sk_buff *skb, int role)
{
	__u32 tagged = skb->vlan_present, packets = skb->gso_segs, matched;
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;
	struct sv_pass p = {};
	int truncated, question;

	truncated = sv_parse_beside(data, end, role == SV_ROLE_VNODE, tagged, skb->vlan_proto,
				    skb->vlan_tci, &p.f);
	p.w.packets = packets ? packets : 1;
	p.w.bytes = skb->len + (tagged ? SV_TAG_LEN : 0);
	p.a = sv_classify(skb->ifindex, p.f.vlan);
	if (!p.a)
		return sv_tc_stray(skb, role, &p.w);
	p.row = sv_count_row(p.a->id);
	if (!p.row)
		return TC_ACT_SHOT;
	sv_pass_count(&p, SV_REASON_RECEIVED);
	if (truncated)
		return sv_tc_drop(&p, SV_REASON_SHORT);

	if (p.a->flags & SV_ATTACH_LEARN && sv_neigh_may(p.f.proto) &&
	    sv_tc_learn(skb, p.f.l3, p.f.proto, p.a->edge))
		sv_pass_count(&p, SV_REASON_LEARNED);
	sv_pass_choose(&p, (void *)(long)skb->data, (void *)(long)skb->data_end);
	if (p.way.member == SV_SWITCH_HAIRPIN)
		return sv_tc_drop(&p, SV_REASON_HAIRPIN);
	question = p.way.reason && p.a->flags & SV_ATTACH_GATED && sv_neigh_may(p.f.proto) &&
		   sv_tc_asks(skb, p.f.l3, p.f.proto, p.a->edge);
	matched = sv_shed(p.a, &p.w) ? 0 : sv_select_all(p.a);
	if (matched && p.a->flags & SV_ATTACH_FILTER) {
		sv_tc_filter(skb, &p, question);
		matched = 0;
	}
	return sv_tc_go_on(skb, &p, question, matched);
}

SEC("tc")
int sv_tc_trunk(struct __sk_buff *skb)
{
	return sv_tc_ingress(skb, SV_ROLE_TRUNK);
}

SEC("tc")
int sv_tc_edge(struct __sk_buff *skb)
{
	return sv_tc_ingress(skb, SV_ROLE_EDGE);
}

SEC("tc")
int sv_tc_vnode(struct __sk_buff *skb)
{
	return sv_tc_ingress(skb, SV_ROLE_VNODE);
}

/* The delivery stage, slot 0 of sv_filter_tc: the filter has said which sessions want the frame. */
SEC("tc")
int sv_tc_deliver(struct __sk_buff *skb)
{
	struct sv_attach a;
	struct sv_pass p;
	__u32 matched;
	int question = sv_stage_take(&a, &p, &matched);

	if (question < 0)
		return TC_ACT_SHOT;
	return sv_tc_go_on(skb, &p, question, matched);
}

char _license[] SEC("license") = "GPL";
