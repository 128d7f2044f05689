# SPDX-License-Identifier: GPL-2.0-only
"""The E-model once more, written down by itself from ITU-T G.107 clause 7 and annex B: an oracle."""
from math import exp, log10, sqrt


def rating(delay_ms, loss_percent, burst_ratio, ie, bpl):
    """R of a connection with G.107's default telephones, lines and rooms."""
    slr, rlr, stmr, lstr, ds, dr = 8, 2, 15, 18, 3, 3
    telr, wepl, qdu, nc, nfor, ps, pr = 65, 110, 1, -70, -64, 35, 35
    del dr
    olr = slr + rlr
    nos = ps - slr - ds - 100 + 0.004 * (ps - olr - ds - 14) ** 2
    pre = pr + 10 * log10(1 + 10 ** ((10 - lstr) / 10))
    nor = rlr - 121 + pre + 0.008 * (pre - 35) ** 2
    no = 10 * log10(sum(10 ** (n / 10) for n in (nc, nos, nor, nfor + rlr)))
    ro = 15 - 1.5 * (slr + no)
    x = (olr + 0.2 * (64 + no - rlr)) / 8
    iolr = 20 * ((1 + x ** 8) ** (1 / 8) - x)
    stmro = -10 * log10(10 ** (-stmr / 10) + exp(-delay_ms / 4) * 10 ** (-telr / 10))
    ist = (12 * (1 + ((stmro - 13) / 6) ** 8) ** (1 / 8) - 28 * (1 + ((stmro + 1) / 19.4) ** 35) ** (1 / 35)
           - 13 * (1 + ((stmro - 3) / 33) ** 13) ** (1 / 13) + 29)
    q = 37 - 15 * log10(qdu)
    g = 1.07 + 0.258 * q + 0.0602 * q * q
    iq = 15 * log10(1 + 10 ** ((ro - 100) / 15 + 46 / 8.4 - g / 9) + 10 ** (46 / 30 - g / 40))
    terv = (telr - 40 * log10((1 + delay_ms / 10) / (1 + delay_ms / 150))
            + 6 * exp(-0.3 * delay_ms * delay_ms))
    half = (-1.5 * (no - rlr) - (80 + 2.5 * (terv - 14))) / 2
    idte = (half + sqrt(half * half + 100) - 1) * (1 - exp(-delay_ms))
    half = (ro - 10.5 * (wepl + 7) * (2 * delay_ms + 1) ** -0.25) / 2
    idle = half + sqrt(half * half + 169)
    idd = 0
    if delay_ms > 100:
        x = log10(delay_ms / 100) / log10(2)
        idd = 25 * ((1 + x ** 6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2)
    ie_eff = ie + (95 - ie) * loss_percent / (loss_percent / burst_ratio + bpl)
    return ro - iolr - ist - iq - idte - idle - idd - ie_eff


def opinion(r):
    if r <= 0:
        return 1
    return 4.5 if r >= 100 else max(1, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


WORDS = ((90, "very satisfied"), (80, "satisfied"), (70, "some users dissatisfied"),
         (60, "many users dissatisfied"), (50, "nearly all users dissatisfied"))


def word(r):
    return next((text for limit, text in WORDS if r >= limit), "not recommended")
