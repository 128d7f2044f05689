/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_REASON_H
#define SV_MAPS_REASON_H

#include <linux/types.h>

/*
 * The one list of what can happen to a frame: X(enumerator, kind, name, what an operator reads).
 *
 * Kinds close the sums of an attachment: every frame is counted once under IN, and once under OUT
 * or DROP. SIDE rows say more about a frame that is already in the sums.
 */
#define SV_REASONS(X)                                                                              \
	X(RECEIVED, IN, "received", "frames that the attachment received")                         \
	X(FORWARDED, OUT, "forwarded", "frames handed to their destination")                       \
	X(GATE_SHADOW, DROP, "gate-shadow", "the VNet is not live: silenced at the gate")          \
	X(GATE_HOLD, DROP, "gate-hold", "the gate holds: no member of the group is heard")         \
	X(PROXIED, DROP, "proxied", "a shadow's neighbour request, answered by the proxy")         \
	X(SHORT, DROP, "short", "too short for an Ethernet header and its tag")                    \
	X(UNATTACHED, DROP, "unattached", "from a VNode port without an attachment")               \
	X(NO_FANOUT, DROP, "no-fanout", "the attachment has no destination yet")                   \
	X(NO_DEST, DROP, "no-dest", "the destination's device is gone")                            \
	X(HAIRPIN, DROP, "hairpin", "its destination is where it came from")                       \
	X(TAG_FAIL, DROP, "tag-fail", "no memory or room to push or pop the tag")                  \
	X(TX_FAIL, DROP, "tx-fail", "the destination's device refused it")                         \
	X(SHADOW_COPY, SIDE, "shadow-copies", "copies handed to shadows")                          \
	X(SHADOW_SHED, SIDE, "shadow-shed", "copies that a shadow's device refused")               \
	X(MUTED, SIDE, "muted", "flooded on the host, but silenced at the gate towards the edge")  \
	X(LEARNED, SIDE, "learned", "neighbours or MAC addresses learned from frames")             \
	X(NO_FILTER, SIDE, "no-filter", "the filter's program was missing: no session matched")

#define SV_REASON_ENUM(id, kind, name, text) SV_REASON_##id,
enum sv_reason { SV_REASONS(SV_REASON_ENUM) SV_REASON__COUNT };

/*
 * The same for a session: matched = copied + every kind of shed. Frames that came by where the
 * session looks while their CPU was busy are UNOFFERED: no filter ran, so nobody knows whether they
 * would have matched.
 */
#define SV_SHEDS(X)                                                                                \
	X(MATCHED, IN, "matched", "frames that the session selected")                              \
	X(COPIED, OUT, "copied", "copies handed to the target's device")                           \
	X(SHED_DOWN, DROP, "shed-down", "the target's device is down or gone")                     \
	X(SHED_LONG, DROP, "shed-long", "longer than the target's device takes")                   \
	X(SHED_NO_FANOUT, DROP, "shed-no-fanout", "no fan-out for this set of sessions")           \
	X(SHED_TX, DROP, "shed-tx", "the target's device refused it")                              \
	X(SHED_SAMPLE, DROP, "shed-sample", "not in the sample")                                   \
	X(SHED_BUDGET, DROP, "shed-budget", "over the session's budget")                           \
	X(SHED_RING, DROP, "shed-ring", "the ring was full: its reader is slow or there is none")  \
	X(SHED_NO_RING, DROP, "shed-no-ring", "the ring is not there")                             \
	X(UNOFFERED, SIDE, "unoffered", "frames it was not asked about: the CPU was busy")

#define SV_SHED_ENUM(id, kind, name, text) SV_SCOUNT_##id,
enum sv_scount_reason { SV_SHEDS(SV_SHED_ENUM) SV_SCOUNT__COUNT };

/*
 * And for a device: what happens outside the sums of attachments and sessions.
 */
#define SV_DEV_REASONS(X)                                                                          \
	X(SENT, OUT, "xdp-sent", "frames the driver took from XDP redirects")                      \
	X(LOST, DROP, "xdp-lost", "frames the driver refused from XDP redirects")                  \
	X(REDIRECT_ERR, DROP, "redirect-err", "frames received here whose XDP redirect failed")    \
	X(GUARD, DROP, "guard", "frames the guard kept from leaving here")                         \
	X(HOST, SIDE, "host", "frames without an attachment, left to the host's own stack")        \
	X(EXCEPTION, DROP, "exception", "frames received here that an XDP program aborted")        \
	X(EXPORTED, OUT, "exported", "copies sent to their collector")                             \
	X(EXPORT_ROUTE, DROP, "export-route", "copies without a route to their collector")         \
	X(EXPORT_NEIGH, DROP, "export-neigh", "copies whose next hop's MAC address is not known")  \
	X(EXPORT_EDGE, DROP, "export-edge", "copies whose route leads through an edge of ours")    \
	X(EXPORT_LONG, DROP, "export-long", "copies too long for the way to their collector")      \
	X(EXPORT_FAIL, DROP, "export-fail", "copies that no outer header could be put on")

#define SV_DEV_ENUM(id, kind, name, text) SV_DEV_##id,
enum sv_dev_reason { SV_DEV_REASONS(SV_DEV_ENUM) SV_DEV__COUNT };

#endif
