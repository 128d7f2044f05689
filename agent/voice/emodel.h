/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_VOICE_EMODEL_H
#define SV_AGENT_VOICE_EMODEL_H

/*
 * The E-model of ITU-T G.107 (06/2015): from a connection's parameters to the transmission rating
 * factor R, and from R to a mean opinion score. Pure. Names are those of G.107.
 */
struct sv_emodel {
	double slr, rlr; /* send and receive loudness rating, dB */
	double stmr, lstr; /* sidetone masking rating, listener sidetone rating, dB */
	double ds, dr; /* D-factors of the send and receive side telephone */
	double telr, wepl; /* talker echo loudness rating, weighted echo path loss, dB */
	double t, tr, ta; /* one-way delay of the echo path, round trip, absolute delay, ms */
	double qdu; /* quantization distortion units */
	double ie, bpl; /* equipment impairment, packet-loss robustness: G.113 */
	double ppl; /* random packet loss, percent */
	double burst_r; /* burst ratio, 1 = random */
	double nc, nfor; /* circuit noise dBm0p, noise floor at the receive side dBmp */
	double ps, pr; /* room noise, dB(A) */
	double a; /* advantage factor */
	double st, mt; /* delay sensitivity, minimum perceivable delay, ms */
};

/* G.107 clause 7.7: the defaults; R = 93.2. */
extern const struct sv_emodel sv_emodel_default;

/* One-way delay in ms as the absolute delay and, both ways, as the echo's (clause 7.1: T = Ta,
 * Tr = 2 Ta). */
void sv_emodel_delay(struct sv_emodel *m, double one_way_ms);

/* R by clause 7. Can be below 0 and above 100. */
double sv_emodel_r(const struct sv_emodel *m);
/*
 * MOS_CQE by annex B, equation B-4: 1 for R <= 0, 4.5 for R >= 100. Between 0 and 6.5 the
 * equation falls below 1, the lowest score there is: 1 then.
 */
double sv_emodel_mos(double r);

/* G.107 annex B, table B.1: user satisfaction by R. */
const char *sv_emodel_word(double r);

#endif
