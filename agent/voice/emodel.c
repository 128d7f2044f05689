// SPDX-License-Identifier: GPL-2.0-only
#include <math.h>

#include "emodel.h"

const struct sv_emodel sv_emodel_default = {
	.slr = 8,
	.rlr = 2,
	.stmr = 15,
	.lstr = 18,
	.ds = 3,
	.dr = 3,
	.telr = 65,
	.wepl = 110,
	.t = 0,
	.tr = 0,
	.ta = 0,
	.qdu = 1,
	.ie = 0,
	.bpl = 4.3,
	.ppl = 0,
	.burst_r = 1,
	.nc = -70,
	.nfor = -64,
	.ps = 35,
	.pr = 35,
	.a = 0,
	.st = 1,
	.mt = 100,
};

static double power(double db)
{
	return pow(10, db / 10);
}

/* Clause 7.2, equations 7-3 … 7-7: all noise sources as one, in dBm0p. */
static double noise(const struct sv_emodel *m)
{
	double olr = m->slr + m->rlr;
	double nos = m->ps - m->slr - m->ds - 100 + 0.004 * pow(m->ps - olr - m->ds - 14, 2);
	double pre = m->pr + 10 * log10(1 + power(10 - m->lstr));
	double nor = m->rlr - 121 + pre + 0.008 * pow(pre - 35, 2);
	double nfo = m->nfor + m->rlr;

	return 10 * log10(power(m->nc) + power(nos) + power(nor) + power(nfo));
}

/* Equation 7-9: too loud a connection. */
static double loudness(const struct sv_emodel *m, double no)
{
	double x = m->slr + m->rlr + 0.2 * (64 + no - m->rlr);

	return 20 * (pow(1 + pow(x / 8, 8), 1.0 / 8) - x / 8);
}

/* Equations 7-11, 7-12: sidetone. */
static double sidetone(const struct sv_emodel *m)
{
	double stmro = -10 * log10(power(-m->stmr) + exp(-m->t / 4) * power(-m->telr));

	return 12 * pow(1 + pow((stmro - 13) / 6, 8), 1.0 / 8) -
	       28 * pow(1 + pow((stmro + 1) / 19.4, 35), 1.0 / 35) -
	       13 * pow(1 + pow((stmro - 3) / 33, 13), 1.0 / 13) + 29;
}

/* Equations 7-13 … 7-17: quantization. */
static double quantization(const struct sv_emodel *m, double ro)
{
	double q = 37 - 15 * log10(m->qdu);
	double g = 1.07 + 0.258 * q + 0.0602 * q * q;
	double y = (ro - 100) / 15 + 46 / 8.4 - g / 9;
	double z = 46.0 / 30 - g / 40;

	return 15 * log10(1 + pow(10, y) + pow(10, z));
}

/* Equations 7-19 … 7-24: the talker hears himself. */
static double talker_echo(const struct sv_emodel *m, double no, double ist)
{
	double terv = m->telr - 40 * log10((1 + m->t / 10) / (1 + m->t / 150)) +
		      6 * exp(-0.3 * m->t * m->t);
	double roe = -1.5 * (no - m->rlr), re, idte;

	if (m->stmr < 9)
		terv += ist / 2;
	re = 80 + 2.5 * (terv - 14);
	idte = ((roe - re) / 2 + sqrt(pow(roe - re, 2) / 4 + 100) - 1) * (1 - exp(-m->t));
	return m->stmr > 20 ? sqrt(idte * idte + ist * ist) : idte;
}

/* Equations 7-25, 7-26: the listener hears the talker twice. */
static double listener_echo(const struct sv_emodel *m, double ro)
{
	double rle = 10.5 * (m->wepl + 7) * pow(m->tr + 1, -0.25);

	return (ro - rle) / 2 + sqrt(pow(ro - rle, 2) / 4 + 169);
}

/* Equations 7-27, 7-28: too long a way, even without an echo. */
static double absolute_delay(const struct sv_emodel *m)
{
	double x, n = 6 * m->st;

	if (m->ta <= m->mt)
		return 0;
	x = log10(m->ta / m->mt) / log10(2);
	return 25 * (pow(1 + pow(x, n), 1 / n) - 3 * pow(1 + pow(x / 3, n), 1 / n) + 2);
}

/* Equation 7-29: codec and packet loss. */
static double equipment(const struct sv_emodel *m)
{
	if (m->ppl <= 0)
		return m->ie;
	return m->ie + (95 - m->ie) * m->ppl / (m->ppl / m->burst_r + m->bpl);
}

void sv_emodel_delay(struct sv_emodel *m, double one_way_ms)
{
	m->t = m->ta = one_way_ms;
	m->tr = 2 * one_way_ms;
}

double sv_emodel_r(const struct sv_emodel *m)
{
	double no = noise(m), ro = 15 - 1.5 * (m->slr + no);
	double ist = sidetone(m);
	double is = loudness(m, no) + ist + quantization(m, ro);
	double id = talker_echo(m, no, ist) + listener_echo(m, ro) + absolute_delay(m);

	return ro - is - id - equipment(m) + m->a;
}

double sv_emodel_mos(double r)
{
	double mos;

	if (r <= 0)
		return 1;
	if (r >= 100)
		return 4.5;
	mos = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
	return mos < 1 ? 1 : mos;
}

const char *sv_emodel_word(double r)
{
	return r >= 90	 ? "very satisfied"
	       : r >= 80 ? "satisfied"
	       : r >= 70 ? "some users dissatisfied"
	       : r >= 60 ? "many users dissatisfied"
	       : r >= 50 ? "nearly all users dissatisfied"
			 : "not recommended";
}
