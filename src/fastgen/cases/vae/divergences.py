"""Cases of `fastgen.vae`: divergences and likelihoods, element by element."""

from __future__ import annotations

from typing import Any

from fastgen.cases import case
from fastgen.cases.case import INF, NAN, Case


def _kl_bernoulli(mp: Any, a: Any, b: Any) -> Any:
    if a + b > 0:  # sigmoid(a) near 1 loses digits: mirror both
        a, b = -a, -b
    return mp.log1p(mp.exp(b)) - mp.log1p(mp.exp(a)) - (b - a) / (1 + mp.exp(-a))


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
    "vae.kl_diag_normal_sigma": Case(
        sample=case.scales,
        exact=lambda mp, mu_q, sigma_q, mu_p, sigma_p: (
            ((sigma_q / sigma_p) ** 2 - 1 + ((mu_q - mu_p) / sigma_p) ** 2) / 2
            - mp.log(sigma_q / sigma_p)
        ),
        gradient=lambda mp, mu_q, sigma_q, mu_p, sigma_p: (
            (mu_q - mu_p) / sigma_p**2,
            sigma_q / sigma_p**2 - 1 / sigma_q,
            (mu_p - mu_q) / sigma_p**2,
            (1 - (sigma_q / sigma_p) ** 2 - ((mu_q - mu_p) / sigma_p) ** 2) / sigma_p,
        ),
        gradient_scale=lambda mp, mu_q, sigma_q, mu_p, sigma_p: (
            (mu_q - mu_p) / sigma_p**2,
            sigma_q / sigma_p**2 - 1 / sigma_q,
            (mu_p - mu_q) / sigma_p**2,
            max(abs(1 - (sigma_q / sigma_p) ** 2), ((mu_q - mu_p) / sigma_p) ** 2) / sigma_p,
        ),
        ulp=4,
        gradient_ulp=6,
        known=(
            ((0.5, 0.75, 0.25, 1.5), "0.33203606944883419830612101"),
            ((1.0, 0.25, 1.0, 0.25048828125), "0.0000038023122937098909430059819"),
            ((3.0, 2.0, 2.998046875, 2.0), "0.00000047683715820312500000000000"),
            ((0.0, 4.0, 1.0, 0.125), "540.03426409720027345291384"),
        ),
        edges=(
            ((1.5, 0.25, 1.5, 0.25), 0.0),
            ((0.0, 0.0, 0.0, 1.0), INF),
            ((0.0, 1.0, 0.0, 0.0), INF),
            ((0.0, INF, 0.0, 1.0), INF),
            ((0.0, 1.0, 0.0, INF), INF),
            ((0.0, -1.0, 0.0, 1.0), NAN),
            ((0.0, 1.0, 0.0, -1.0), NAN),
            ((0.0, -1.0, 0.0, -1.0), NAN),
            ((INF, 1.0, 0.0, 1.0), INF),
            ((NAN, 1.0, 0.0, 1.0), NAN),
            ((0.0, NAN, 0.0, 1.0), NAN),
            ((0.0, 1.0, 0.0, NAN), NAN),
        ),
        bits=("4baab65be61b96d7", "cb5aa2626f94e0a0"),
    ),
    "vae.kl_laplace": Case(
        sample=case.scales,
        exact=lambda mp, loc_q, scale_q, loc_p, scale_p: (
            scale_q / scale_p * mp.exp(-abs(loc_q - loc_p) / scale_q)
            + abs(loc_q - loc_p) / scale_p
            - mp.log(scale_q / scale_p)
            - 1
        ),
        gradient=lambda mp, loc_q, scale_q, loc_p, scale_p: (
            -mp.sign(loc_q - loc_p) * mp.expm1(-abs(loc_q - loc_p) / scale_q) / scale_p,
            mp.exp(-abs(loc_q - loc_p) / scale_q) * (1 + abs(loc_q - loc_p) / scale_q) / scale_p
            - 1 / scale_q,
            mp.sign(loc_q - loc_p) * mp.expm1(-abs(loc_q - loc_p) / scale_q) / scale_p,
            (
                1
                - abs(loc_q - loc_p) / scale_p
                - scale_q / scale_p * mp.exp(-abs(loc_q - loc_p) / scale_q)
            )
            / scale_p,
        ),
        gradient_scale=lambda mp, loc_q, scale_q, loc_p, scale_p: (
            mp.expm1(-abs(loc_q - loc_p) / scale_q) / scale_p,
            max(
                abs(1 / scale_p - 1 / scale_q),
                (1 - mp.exp(-abs(loc_q - loc_p) / scale_q) * (1 + abs(loc_q - loc_p) / scale_q))
                / scale_p,
            ),
            mp.expm1(-abs(loc_q - loc_p) / scale_q) / scale_p,
            max(
                abs(scale_q / scale_p - 1),
                abs(loc_q - loc_p) / scale_p
                + scale_q / scale_p * mp.expm1(-abs(loc_q - loc_p) / scale_q),
            )
            / scale_p,
        ),
        ulp=5,  # 4 with fused multiply-add
        gradient_ulp=6,
        known=(
            ((0.5, 0.75, 0.25, 1.5), "0.21807950251350660129670084"),
            ((1.0, 0.25, 1.0, 0.25048828125), "0.0000019023924703264377247317931"),
            ((3.0, 2.0, 2.998046875, 2.0), "0.00000047668197566223471178961033"),
            ((0.0, 4.0, 1.0, 0.125), "28.455889155485229236759288"),
        ),
        edges=(
            ((1.5, 0.25, 1.5, 0.25), 0.0),
            ((0.0, 0.0, 0.0, 1.0), INF),
            ((0.0, 1.0, 0.0, 0.0), INF),
            ((0.0, INF, 0.0, 1.0), INF),
            ((0.0, 1.0, 0.0, INF), INF),
            ((0.0, -1.0, 0.0, 1.0), NAN),
            ((0.0, 1.0, 0.0, -1.0), NAN),
            ((0.0, -1.0, 0.0, -1.0), NAN),
            ((-INF, 1.0, 0.0, 1.0), INF),
            ((NAN, 1.0, 0.0, 1.0), NAN),
            ((0.0, NAN, 0.0, 1.0), NAN),
            ((0.0, 1.0, 0.0, NAN), NAN),
        ),
        bits=("0648ad9f0b605d2c", "1e725cae334221f4"),
    ),
    "vae.kl_bernoulli": Case(
        sample=case.spread,
        exact=_kl_bernoulli,
        gradient=lambda mp, a, b: (
            (a - b) / ((1 + mp.exp(-a)) * (1 + mp.exp(a))),
            mp.expm1(b - a) / ((1 + mp.exp(-a)) * (1 + mp.exp(b))),
        ),
        ulp=6,  # 4 with fused multiply-add
        gradient_ulp=6,
        known=(
            ((0.5, -1.25), "0.36715592676851169619849736"),
            ((3.0, 3.0009765625), "2.1535564083236862221411366e-8"),
            ((-20.0, 4.0), "4.0181498763889692834757167"),
            ((-2.0, 2.0), "1.5231883119115297762389166"),
            ((1.0, 2.0), "0.082607744894744783143572070"),
        ),
        edges=(
            ((1.5, 1.5), 0.0),
            ((INF, INF), 0.0),
            ((-INF, -INF), 0.0),
            ((-INF, INF), INF),
            ((0.0, INF), INF),
            ((0.0, -INF), INF),
            ((-10000.0, 10000.0), 10000.0),
            ((NAN, 0.0), NAN),
            ((0.0, NAN), NAN),
            ((INF, NAN), NAN),
        ),
        bits=("3c939fa4f5e040b4", "d9debce1ad443a11"),
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
    "vae.bernoulli_nll": Case(
        sample=case.probability_and_logits,
        exact=lambda mp, x, logits: (
            (1 - x) * mp.log1p(mp.exp(logits)) + x * mp.log1p(mp.exp(-logits))
        ),
        gradient=lambda mp, x, logits: (
            -logits,
            (1 - x) / (1 + mp.exp(-logits)) - x / (1 + mp.exp(logits)),
        ),
        gradient_scale=lambda mp, x, logits: (
            logits,
            max(1 / (1 + mp.exp(abs(logits))), 1 - x if logits > 0 else x),
        ),
        ulp=3,
        known=(
            ((1.0, 3.5), "0.029750418272620565194811174"),
            ((0.0, -20.0), "2.0611536203143807032389828e-9"),
            ((0.25, -1.5), "0.57641327798275240949948281"),
            ((1.0, -9.0), "9.0001234021897232588163501"),
        ),
        edges=(
            ((1.0, INF), 0.0),
            ((0.0, -INF), 0.0),
            ((1.0, -INF), INF),
            ((0.0, INF), INF),
            ((0.5, INF), INF),
            ((1.0, -10000.0), 10000.0),
            ((0.0, -10000.0), 0.0),
            ((1.0078125, 0.5), NAN),
            ((-0.0009765625, 0.5), NAN),
            ((255.0, 2.0), NAN),
            ((INF, 2.0), NAN),
            ((NAN, 0.0), NAN),
            ((0.0, NAN), NAN),
            ((1.0, NAN), NAN),
        ),
        bits=("b59470288ea8a0fe", "f3dc42e7d224bbb3"),
    ),
    "vae.standard_normal_log_prob": Case(
        sample=case.normal,
        exact=lambda mp, z: -(z**2 + mp.log(2 * mp.pi)) / 2,
        gradient=lambda mp, z: (-z,),
        ulp=1.5,
        known=(
            ((0.0,), "-0.91893853320467274178032974"),
            ((1.5,), "-2.0439385332046727417803297"),
            ((-9.0,), "-41.418938533204672741780330"),
        ),
        edges=(((INF,), -INF), ((-INF,), -INF), ((NAN,), NAN)),
        bits=("779559b6151b636e", "577a0dbbf30430b5"),
    ),
}
