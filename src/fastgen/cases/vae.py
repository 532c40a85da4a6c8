"""Cases of `fastgen.vae`."""

from __future__ import annotations

from fastgen.cases import case
from fastgen.cases.case import INF, NAN, Case

CASES = {
    "vae.kl_standard_normal": Case(
        sample=case.normal,
        exact=lambda mp, mu, logvar: (mu**2 + mp.expm1(logvar) - logvar) / 2,
        gradient=lambda mp, mu, logvar: (mu, mp.expm1(logvar) / 2),
        ulp=2,
        known=(
            ((1.5, -0.75), "1.2361832763705073535690233"),
            ((0.0, 0.000244140625), "1.4902373927468502616962068e-8"),
            ((-3.0, 4.0), "29.299075016572119539055131"),
            ((0.0009765625, -0.00390625), "0.0000042865722169481564323309726"),
        ),
        edges=(
            ((0.0, 0.0), 0.0),
            ((1.0, -INF), INF),
            ((0.0, INF), INF),
            ((INF, 0.0), INF),
            ((NAN, 0.0), NAN),
            ((0.0, NAN), NAN),
        ),
        bits=("897e94871a362986", "4cec373fbe212312"),
    ),
    "vae.kl_diag_normal": Case(
        sample=case.normal,
        exact=lambda mp, mu_q, logvar_q, mu_p, logvar_p: (
            (
                mp.expm1(logvar_q - logvar_p)
                - (logvar_q - logvar_p)
                + (mu_q - mu_p) ** 2 * mp.exp(-logvar_p)
            )
            / 2
        ),
        gradient=lambda mp, mu_q, logvar_q, mu_p, logvar_p: (
            (mu_q - mu_p) * mp.exp(-logvar_p),
            mp.expm1(logvar_q - logvar_p) / 2,
            (mu_p - mu_q) * mp.exp(-logvar_p),
            -(mp.expm1(logvar_q - logvar_p) + (mu_q - mu_p) ** 2 * mp.exp(-logvar_p)) / 2,
        ),
        gradient_scale=lambda mp, mu_q, logvar_q, mu_p, logvar_p: (
            (mu_q - mu_p) * mp.exp(-logvar_p),
            mp.expm1(logvar_q - logvar_p) / 2,
            (mu_p - mu_q) * mp.exp(-logvar_p),
            max(abs(mp.expm1(logvar_q - logvar_p)), (mu_q - mu_p) ** 2 * mp.exp(-logvar_p)) / 2,
        ),
        ulp=4,
        known=(
            ((0.5, -1.0, 0.25, 0.75), "0.47664842649837927293842258"),
            ((1.0, 0.25, 1.0, 0.25048828125), "5.9594944682693967878051501e-8"),
            ((3.0, -2.0, 2.998046875, -2.0), "0.000014093506048070240454159598"),
            ((0.0, 1.0, 0.0, -1.0), "2.1945280494653251136152137"),
        ),
        edges=(
            ((1.5, 0.25, 1.5, 0.25), 0.0),
            ((0.0, -INF, 0.0, 0.0), INF),
            ((0.0, 0.0, 0.0, -INF), INF),
            ((0.0, 0.0, 0.0, INF), INF),
            ((NAN, 0.0, 0.0, 0.0), NAN),
        ),
        bits=("d876e3ce4fad92b2", "30357e748218bdc7"),
    ),
    "vae.gaussian_nll": Case(
        sample=case.normal,
        exact=lambda mp, x, mu, logvar: (
            (mp.log(2 * mp.pi) + logvar + (x - mu) ** 2 * mp.exp(-logvar)) / 2
        ),
        gradient=lambda mp, x, mu, logvar: (
            (x - mu) * mp.exp(-logvar),
            (mu - x) * mp.exp(-logvar),
            (1 - (x - mu) ** 2 * mp.exp(-logvar)) / 2,
        ),
        gradient_scale=lambda mp, x, mu, logvar: (
            (x - mu) * mp.exp(-logvar),
            (mu - x) * mp.exp(-logvar),
            max(1, (x - mu) ** 2 * mp.exp(-logvar)) / 2,
        ),
        ulp=4,
        scale=lambda mp, x, mu, logvar: max(
            mp.log(2 * mp.pi) / 2, abs(logvar) / 2, (x - mu) ** 2 * mp.exp(-logvar) / 2
        ),
        known=(
            ((0.5, -1.0, 0.25), "1.9200894141600032185561463"),
            ((3.0, 2.5, -4.0), "5.7437072873477026265441124"),
            ((0.0, 0.0, -1.8378770351409912), "1.5634177136311579736405618e-8"),
            ((-2.0, 1.0, 6.0), "3.9300929179996713546840330"),
        ),
        edges=(
            ((1.0, 1.0, -INF), -INF),
            ((1.0, 0.0, -INF), INF),
            ((1.0, 0.0, INF), INF),
            ((INF, 0.0, 0.0), INF),
            ((0.0, NAN, 0.0), NAN),
        ),
        bits=("e3beba844e31aa07", "cd55850f640ab913"),
    ),
}
