"""For every operation: sample inputs, what is exactly true of it, and how far off it may be.

The one registry behind the tests, the benchmarks and `python -m fastgen check`. Each of them goes
through all operations, so a case is all that a new operation has to bring.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastgen._core import Op
from fastgen._ops import OPS

Array = np.ndarray[Any, np.dtype[Any]]
INF, NAN = float("inf"), float("nan")


@dataclass(frozen=True)
class Case:
    """What is known of one operation.

    Formulas take mpmath's context and then one number per input, and speak of a single element.
    """

    sample: Callable[[Array], tuple[Array, ...]]
    """Inputs made from draws around 0 of shape (number of inputs, ...), by exact arithmetic."""
    exact: Callable[..., Any]
    """The value."""
    gradient: Callable[..., tuple[Any, ...]]
    """The partial derivatives."""
    ulp: float
    """Max error of the value, in units of its last place (or of `scale`'s)."""
    known: tuple[tuple[tuple[float, ...], str], ...]
    """Inputs, exact in float32, and the value to 25 digits: checked where mpmath is not at hand."""
    edges: tuple[tuple[tuple[float, ...], float], ...]
    """Special inputs and the exact result."""
    bits: tuple[str, str]
    """Digests of float32 and float64 results, the same on every machine with fused multiply-add."""
    scale: Callable[..., Any] | None = None
    """The largest of the terms, where they may cancel; by default, the value itself."""
    gradient_ulp: float = 4
    """Max error of each partial derivative."""
    gradient_scale: Callable[..., tuple[Any, ...]] | None = None
    """The largest of its terms, where they may cancel."""


def _normal(z: Array) -> tuple[Array, ...]:
    return tuple(z)


# Samples are made by exact arithmetic only, so that they are the same on every machine.
def _positive(z: Array) -> tuple[Array, ...]:
    return tuple(np.abs(z) + 2**-10)


def _above_minus_one(z: Array) -> tuple[Array, ...]:
    return tuple(np.abs(z) - 0.875)


def _wide(z: Array) -> tuple[Array, ...]:
    return tuple(5 * z)


CASES: dict[str, Case] = {
    "elementary.exp": Case(
        sample=_wide,
        exact=lambda mp, x: mp.exp(x),
        gradient=lambda mp, x: (mp.exp(x),),
        ulp=1,
        known=(
            ((0.5,), "1.6487212707001281468486508"),
            ((-1.25,), "0.28650479686019010032488543"),
            ((0.000244140625,), "1.0002441704297478549370052"),
            ((-20.5,), "1.2501528663867426289375531e-9"),
            ((9.0,), "8103.0839275753840077099967"),
        ),
        edges=(((-INF,), 0.0), ((INF,), INF), ((0.0,), 1.0), ((NAN,), NAN), ((1e4,), INF)),
        bits=("900b11d0b7040e24", "352048db05dcba2d"),
    ),
    "elementary.expm1": Case(
        sample=_wide,
        exact=lambda mp, x: mp.expm1(x),
        gradient=lambda mp, x: (mp.exp(x),),
        ulp=1,
        known=(
            ((0.5,), "0.64872127070012814684865079"),
            ((-1.25,), "-0.71349520313980989967511457"),
            ((0.000244140625,), "0.00024417042974785493700523392"),
            ((-20.5,), "-0.99999999874984713361325737"),
            ((9.0,), "8102.0839275753840077099967"),
        ),
        edges=(((-INF,), -1.0), ((INF,), INF), ((-0.0,), -0.0), ((NAN,), NAN)),
        bits=("bb50636cf6082376", "d72752ae66532d5a"),
    ),
    "elementary.expm1_minus_x": Case(
        sample=_wide,
        exact=lambda mp, x: mp.expm1(x) - x,
        gradient=lambda mp, x: (mp.expm1(x),),
        ulp=2,
        known=(
            ((0.5,), "0.14872127070012814684865079"),
            ((-1.25,), "0.53650479686019010032488543"),
            ((0.000244140625,), "2.9804747854937005233924136e-8"),
            ((-20.5,), "19.500000001250152866386743"),
            ((9.0,), "8093.0839275753840077099967"),
        ),
        edges=(((-INF,), INF), ((INF,), INF), ((-0.0,), 0.0), ((NAN,), NAN)),
        bits=("ca348c899a0d1a1d", "5504f75bad94ca27"),
    ),
    "elementary.log": Case(
        sample=_positive,
        exact=lambda mp, x: mp.log(x),
        gradient=lambda mp, x: (1 / x,),
        ulp=1,
        known=(
            ((0.5,), "-0.69314718055994530941723212"),
            ((1.25,), "0.22314355131420975576629509"),
            ((0.000244140625,), "-8.3177661667193437130067855"),
            ((20.5,), "3.0204248861443624944495313"),
            ((9.0,), "2.1972245773362193827904905"),
        ),
        edges=(((0.0,), -INF), ((-0.0,), -INF), ((-1.0,), NAN), ((INF,), INF), ((1.0,), 0.0)),
        bits=("82cad53e75c0c896", "276b19c72b39bac3"),
    ),
    "elementary.log1p": Case(
        sample=_above_minus_one,
        exact=lambda mp, x: mp.log1p(x),
        gradient=lambda mp, x: (1 / (1 + x),),
        ulp=1,
        known=(
            ((0.5,), "0.40546510810816438197801312"),
            ((0.5,), "0.40546510810816438197801312"),
            ((0.000244140625,), "0.00024411082752736270916047909"),
            ((19.75,), "3.0325462466767073046410080"),
            ((9.0,), "2.3025850929940456840179915"),
        ),
        edges=(((-1.0,), -INF), ((-0.0,), -0.0), ((-2.0,), NAN), ((INF,), INF)),
        bits=("7110e11861835f7d", "fe7a7f9715c14597"),
    ),
    "elementary.sigmoid": Case(
        sample=_wide,
        exact=lambda mp, x: 1 / (1 + mp.exp(-x)),
        gradient=lambda mp, x: (1 / ((1 + mp.exp(-x)) * (1 + mp.exp(x))),),
        ulp=2,
        known=(
            ((0.5,), "0.62245933120185456463890057"),
            ((-1.25,), "0.22270013882530885300048045"),
            ((0.000244140625,), "0.50006103515594683510121603"),
            ((-20.5,), "1.2501528648238604415564060e-9"),
            ((9.0,), "0.99987660542401376827025309"),
        ),
        edges=(((-INF,), 0.0), ((INF,), 1.0), ((0.0,), 0.5), ((NAN,), NAN)),
        bits=("ea728a970a338e90", "5a7509dff04dde6e"),
        gradient_ulp=5,
    ),
    "elementary.softplus": Case(
        sample=_wide,
        exact=lambda mp, x: mp.log1p(mp.exp(x)),
        gradient=lambda mp, x: (1 / (1 + mp.exp(-x)),),
        ulp=2,
        known=(
            ((0.5,), "0.97407698418010668087299736"),
            ((-1.25,), "0.25192908134537288895341873"),
            ((0.000244140625,), "0.69326925832302588783734324"),
            ((-20.5,), "1.2501528656053015349213393e-9"),
            ((9.0,), "9.0001234021897232588163501"),
        ),
        edges=(((-INF,), 0.0), ((INF,), INF), ((NAN,), NAN), ((800.0,), 800.0)),
        bits=("1a8d989e2a9db185", "c53aae64ade09c0b"),
    ),
    "elementary.tanh": Case(
        sample=_normal,
        exact=lambda mp, x: mp.tanh(x),
        gradient=lambda mp, x: (mp.sech(x) ** 2,),
        ulp=2,
        known=(
            ((0.5,), "0.46211715726000975850231848"),
            ((-1.25,), "-0.84828363995751289761338765"),
            ((0.000244140625,), "0.00024414062014936170619261167"),
            ((-20.5,), "-0.99999999999999999687423562"),
            ((9.0,), "0.99999996954004097447930211"),
        ),
        edges=(((-INF,), -1.0), ((INF,), 1.0), ((-0.0,), -0.0), ((NAN,), NAN)),
        bits=("3b75596db51fcc88", "4e366ce85519f997"),
        gradient_ulp=5,
    ),
    "elementary.total": Case(
        sample=_normal,
        exact=lambda mp, x: x,
        gradient=lambda mp, x: (mp.mpf(1),),
        ulp=0.5,
        known=(
            ((0.5,), "0.50000000000000000000000000"),
            ((-1.25,), "-1.2500000000000000000000000"),
            ((0.000244140625,), "0.00024414062500000000000000000"),
            ((-20.5,), "-20.500000000000000000000000"),
            ((9.0,), "9.0000000000000000000000000"),
        ),
        edges=(((-0.0,), 0.0), ((INF,), INF), ((NAN,), NAN)),
        bits=("0bc14aa7c56b00e2", "f68d0d113bfa7f7b"),
    ),
    "vae.kl_standard_normal": Case(
        sample=_normal,
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
        sample=_normal,
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
        sample=_normal,
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


def function(name: str) -> Callable[..., Any]:
    """Return the public function of an operation."""
    family, _, op = name.partition(".")
    found: Callable[..., Any] = getattr(importlib.import_module(f"fastgen.{family}"), op)
    return found


def reference(name: str) -> Callable[..., Any]:
    """Return the NumPy reference of an operation."""
    family, _, op = name.partition(".")
    module = importlib.import_module(f"fastgen.reference.{family}")
    found: Callable[..., Any] = getattr(module, op)
    return found


def inputs(name: str, shape: tuple[int, ...], dtype: Any = np.float64, seed: int = 0) -> Any:
    """Return sample inputs of an operation."""
    z = np.random.default_rng(seed).standard_normal((OPS[name].nin, *shape))
    return tuple(np.ascontiguousarray(x).astype(dtype) for x in CASES[name].sample(z))


def digest(op: Op, dtype: Any) -> str:
    """Return a digest of the bits of the value and gradients at fixed inputs."""
    shape = (op.nin, 7, 1100)
    # 20 bits a number, by SplitMix64: exact in float32, and the same in every NumPy.
    k = np.arange(1, np.prod(shape) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    k = (k ^ (k >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    k = (k ^ (k >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = ((k >> np.uint64(44)).astype(np.float64) / 2**17 - 4).reshape(shape)
    arrays = tuple(x.astype(dtype) for x in CASES[op.name].sample(z))
    results = [op(arrays)]
    if op.derivative is not None:
        results += op.derivative((*arrays, 0.5))
    return hashlib.sha256(b"".join(np.asarray(r).tobytes() for r in results)).hexdigest()[:16]
