"""Cases of `fastgen.gan`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen.cases.case import INF, NAN, Array, Case


def _probabilities(z: Array) -> tuple[Array, ...]:
    """Positive numbers of all sizes up to about 1/2, which is all that a term can see of them."""
    return tuple(np.abs(z) / 8 + 2**-10)


def _x_log(mp: Any, x: Any, y: Any) -> Any:
    return x * mp.log(y) if x else mp.mpf(0)


CASES = {
    "gan.js_divergence": Case(
        sample=_probabilities,
        exact=lambda mp, p, q: (
            (_x_log(mp, p, 2 * p / (p + q)) + _x_log(mp, q, 2 * q / (p + q))) / 2
        ),
        gradient=lambda mp, p, q: (mp.log(2 * p / (p + q)) / 2, mp.log(2 * q / (p + q)) / 2),
        ulp=3,
        gradient_ulp=3,
        known=(
            ((0.25, 0.75), "0.065406017970568479564600903"),
            ((0.5, 0.50048828125), "5.9575557513863048689138303e-8"),
            ((0.125, 0.0009765625), "0.040800810503558710612636526"),
            ((0.0, 0.5), "0.17328679513998632735430803"),
        ),
        edges=(
            ((0.0, 0.0), 0.0),
            ((0.25, 0.25), 0.0),
            ((-0.25, 0.5), NAN),
            ((-0.25, 0.25), NAN),
            ((NAN, 0.5), NAN),
            ((0.5, NAN), NAN),
            ((INF, 0.5), NAN),
        ),
        bits=("646901950c1770b4", "8f97f0b8367dc4ad"),
    ),
}
