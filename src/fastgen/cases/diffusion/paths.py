"""Cases of `fastgen.diffusion`: points on paths."""

from __future__ import annotations

from typing import Any

from fastgen.cases.case import INF, NAN, Case


def _pairs(inputs: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    """Return the arrays, their coefficients, the derivatives of these, and the cotangents."""
    return inputs[:count], inputs[count : 2 * count], inputs[2 * count : 3 * count], inputs[-2:]


def _exact(count: int) -> Any:
    def exact(mp: Any, *inputs: Any) -> Any:
        arrays, at, slopes, _ = _pairs(inputs, count)
        return tuple(sum(c * x for c, x in zip(k, arrays, strict=True)) for k in (at, slopes))

    return exact


def _scale(count: int) -> Any:
    def scale(mp: Any, *inputs: Any) -> Any:
        arrays, at, slopes, _ = _pairs(inputs, count)
        return tuple(max(abs(c * x) for c, x in zip(k, arrays, strict=True)) for k in (at, slopes))

    return scale


def _gradient(count: int, of_terms: Any) -> Any:
    """Return the gradients, or their scales: `of_terms` joins the two terms of each."""

    def gradient(mp: Any, *inputs: Any) -> Any:
        arrays, at, slopes, (c, d) = _pairs(inputs, count)
        by_arrays = [of_terms(c * a, d * da) for a, da in zip(at, slopes, strict=True)]
        return (*by_arrays, *(c * x for x in arrays), *(d * x for x in arrays))

    return gradient


def _sum(p: Any, q: Any) -> Any:
    return p + q


def _larger(p: Any, q: Any) -> Any:
    return max(abs(p), abs(q))


CASES = {
    "diffusion.path_point": Case(
        sample=tuple,
        exact=_exact(2),
        gradient=_gradient(2, _sum),
        ulp=2,
        scale=_scale(2),
        gradient_scale=_gradient(2, _larger),
        known=(
            (
                (
                    0.1257302165031433,
                    0.10490011423826218,
                    1.3040000200271606,
                    -1.2654215097427368,
                    -2.32503080368042,
                    -0.7322673797607422,
                ),
                ("0.03120934390655083490173638", "-0.3691415581130712553203921"),
            ),
            (
                (
                    -0.13210485875606537,
                    -0.5356693863868713,
                    0.9470809698104858,
                    -0.6232744455337524,
                    -0.218791663646698,
                    -0.5442590117454529,
                ),
                ("0.2087550420423109898138136", "0.3204463326802633460488323"),
            ),
            (
                (
                    0.6404226422309875,
                    0.3615950644016266,
                    -0.7037352323532104,
                    0.04132597893476486,
                    -1.2459110021591187,
                    -0.3163001537322998,
                ),
                ("-0.4357447069203044254237511", "-0.9122821904464757380992523"),
            ),
        ),
        edges=(
            ((1.5, -2.0, 1.0, 0.0, 1.0, -1.0), (1.5, 3.5)),
            ((1.5, -2.0, 0.0, 1.0, 0.0, 0.0), (-2.0, 0.0)),
            ((INF, 1.0, 1.0, 1.0, 1.0, -1.0), (INF, INF)),
            ((INF, INF, 1.0, 1.0, 1.0, -1.0), (INF, NAN)),
            ((INF, 1.0, 0.0, 1.0, 1.0, 1.0), (NAN, INF)),
            ((NAN, 1.0, 1.0, 1.0, 1.0, 1.0), (NAN, NAN)),
            ((1.0, 1.0, NAN, 1.0, 1.0, 1.0), (NAN, 2.0)),
            ((1.0, 1.0, 1.0, 1.0, 1.0, NAN), (2.0, NAN)),
        ),
        bits=("203ac7c89340aa61", "05a4e26c7e2361e5"),
    ),
    "diffusion.bridge_point": Case(
        sample=tuple,
        exact=_exact(3),
        gradient=_gradient(3, _sum),
        ulp=3,
        scale=_scale(3),
        gradient_scale=_gradient(3, _larger),
        known=(
            (
                (
                    0.1257302165031433,
                    0.10490011423826218,
                    1.3040000200271606,
                    -1.2654215097427368,
                    -2.32503080368042,
                    -0.7322673797607422,
                    0.4116305410861969,
                    1.3664634227752686,
                    0.9034701585769653,
                ),
                ("-1.357874395174487602844238", "1.373221671079910777280020"),
            ),
            (
                (
                    -0.13210485875606537,
                    -0.5356693863868713,
                    0.9470809698104858,
                    -0.6232744455337524,
                    -0.218791663646698,
                    -0.5442590117454529,
                    1.042513370513916,
                    -0.6651946902275085,
                    0.0940122976899147,
                ),
                ("-0.3159197738662893328864811", "0.3076406080492004591064870"),
            ),
            (
                (
                    0.6404226422309875,
                    0.3615950644016266,
                    -0.7037352323532104,
                    0.04132597893476486,
                    -1.2459110021591187,
                    -0.3163001537322998,
                    -0.12853465974330902,
                    0.35151007771492004,
                    -0.7434992790222168,
                ),
                ("-0.2014576142620811971539752", "0.5680144406552205538218914"),
            ),
        ),
        edges=(
            ((1.5, -2.0, 3.0, 1.0, 0.0, 0.0, -1.0, 1.0, 0.0), (1.5, -3.5)),
            ((1.5, -2.0, 3.0, 0.5, 0.5, 0.5, -1.0, 1.0, 2.0), (1.25, 2.5)),
            ((1.0, 1.0, INF, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0), (INF, -INF)),
            ((1.0, 1.0, INF, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0), (NAN, INF)),
            ((NAN, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0), (NAN, NAN)),
            ((1.0, 1.0, 1.0, 1.0, 1.0, NAN, 1.0, 1.0, 1.0), (NAN, 3.0)),
            ((1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, NAN), (3.0, NAN)),
        ),
        bits=("bbfdf0be5da71146", "422f704b5dc7d08a"),
    ),
}
