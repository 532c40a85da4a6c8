"""The splines of nflows, and of libraries that have taken them over."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from fastgen._accelerate.replacements import Function
from fastgen.torch._accelerate.calls import Task, plain

Options = dict[str, Any]


class Kind(NamedTuple):
    """A kind of spline: its function in fastgen, and its parameters in order."""

    by: str
    tensors: tuple[str, ...]
    sizes: Callable[[int, str | None], tuple[int, ...]]
    """The number of each parameter for so many bins, and for the tails."""
    least: tuple[str, ...] = ()
    """The options that are the least sizes and slopes."""
    tails: tuple[str, ...] = ("linear",)
    """The tails that the library has, and fastgen too. In the library, they are the identity."""


_W, _H, _D = "unnormalized_widths", "unnormalized_heights", "unnormalized_derivatives"
_LEAST = "min_bin_width", "min_bin_height"
LINEAR = Kind("flow.linear_spline", ("unnormalized_pdf",), lambda k, _: (k,))
QUADRATIC = Kind("flow.quadratic_spline", (_W, _H), lambda k, _: (k, k + 1), _LEAST, ())
CUBIC = Kind(
    "flow.cubic_spline",
    (_W, _H, "unnorm_derivatives_left", "unnorm_derivatives_right"),
    lambda k, _: (k, k, 1, 1),
    _LEAST,
)
RATIONAL = Kind(
    "flow.rational_quadratic_spline",
    (_W, _H, _D),
    lambda k, tails: (k, k, k + {"linear": -1, "circular": 0}.get(tails or "", 1)),
    (*_LEAST, "min_derivative"),
)


def constrained(kind: Kind) -> Callable[[Function], Function]:
    """Return the maker of a spline on an interval, which refuses elements outside."""
    return lambda original: _spline(kind, original, _on_interval)


def unconstrained(kind: Kind) -> Callable[[Function], Function]:
    """Return the maker of a spline on [-bound, bound] with tails."""
    return lambda original: _spline(kind, original, _with_tails)


def _spline(kind: Kind, original: Function, choose: Callable[..., Any]) -> Function:
    """Return the replacement of a spline."""
    given_to = arguments(original)

    def function(*args: Any, **named: Any) -> Any:
        given = given_to(args, named)
        if given is None:
            return original(*args, **named)  # which raises
        tensors = [given.pop(name) for name in ("inputs", *kind.tensors)]
        found = choose(kind, tensors, given) if fits(kind, tensors, given) else None
        if found is None:
            return original(*args, **named)
        centre, options = found
        return spline(kind, tensors, options, lambda *t: original(*t, **given), centre)

    return function


def arguments(original: Function) -> Callable[[Any, Any], Options | None]:
    """Return a function from the arguments of a call to all of them by name; None if one is wrong.

    It is faster than `inspect.Signature.bind`.
    """
    parameters = inspect.signature(original).parameters
    names = tuple(parameters)
    defaults = {n: p.default for n, p in parameters.items() if p.default is not p.empty}

    def given_to(args: tuple[Any, ...], named: dict[str, Any]) -> Options | None:
        given = defaults | dict(zip(names, args, strict=False)) | named
        return None if len(args) > len(names) or len(given) != len(names) else given

    return given_to


def spline(
    kind: Kind, tensors: list[Any], options: Options, again: Function, centre: float = 0.0
) -> Any:
    """Return a spline of elements, which is symmetric about the centre."""
    if kind is CUBIC:  # one tensor has the slopes of both ends
        *tensors, left, right = tensors
        tensors.append(torch.cat([left, right], dim=-1))
        four = again
        again = lambda *t: four(*t[:-1], *t[-1].split(1, dim=-1))  # noqa: E731
    if centre == 0:
        return Task(kind.by, options, again)(*tensors)
    moved = about(again, centre)
    y, logabsdet = Task(kind.by, options, moved)(tensors[0] - centre, *tensors[1:])
    return y + centre, logabsdet


def about(again: Function, centre: float) -> Function:
    """Return a spline with its centre at 0."""

    def function(x: Any, *rest: Any) -> Any:
        y, logabsdet = again(x + centre, *rest)
        return y - centre, logabsdet

    return function


def fits(kind: Kind, tensors: list[Any], given: Options) -> bool:
    """Whether fastgen has the spline: its shapes, and its least sizes."""
    if not plain(tensors):
        return False
    x, *parameters = tensors
    if any(p.dim() == 0 or p.shape[:-1] != x.shape for p in parameters):
        return False
    return least_fit(kind, parameters[0].shape[-1], given)


def least_fit(kind: Kind, bins: int, given: Options) -> bool:
    """Whether the least sizes leave room for so many bins."""
    least = [float(given[name]) for name in kind.least]
    slopes = least[2:]
    return bins > 1 and all([0 <= m * bins < 1 for m in least[:2]] + [0 <= m < 1 for m in slopes])


def options_of(kind: Kind, given: Options, bound: float) -> Options:
    """Return the options of fastgen's function."""
    least = {name: float(given[name]) for name in kind.least}
    tails = given.get("tails") or "linear"
    return {"inverse": bool(given["inverse"]), "bound": bound, "tails": tails, **least}


def _on_interval(kind: Kind, tensors: list[Any], given: Options) -> tuple[float, Options] | None:
    """Return the centre and the options, if the spline maps an interval to itself."""
    left, right, bottom, top = [given[name] for name in ("left", "right", "bottom", "top")]
    if any(isinstance(end, torch.Tensor) for end in (left, right, bottom, top)):
        return None
    x, *parameters = tensors
    bound = (right - left) / 2
    if (left, right) != (bottom, top) or not 0 < bound < math.inf:
        return None
    if not _has_sizes(kind, parameters, None) or not within(x, left, right):
        return None
    return (left + right) / 2, options_of(kind, given, bound)


def _with_tails(kind: Kind, tensors: list[Any], given: Options) -> tuple[float, Options] | None:
    """Return the options, if the tails are those of fastgen."""
    x, *parameters = tensors
    tails, bound = given["tails"], given["tail_bound"]
    if not has_tails(kind, x, tails, bound) or not _has_sizes(kind, parameters, tails):
        return None
    return 0.0, options_of(kind, given, float(bound))


def _has_sizes(kind: Kind, parameters: list[Any], tails: str | None) -> bool:
    sizes = tuple([p.shape[-1] for p in parameters])
    return sizes == kind.sizes(sizes[0], tails)


def has_tails(kind: Kind, x: Any, tails: Any, bound: Any) -> bool:
    """Whether the tails are those of fastgen. Circular ones differ outside of the bins."""
    if tails not in kind.tails or not isinstance(bound, (int, float)):
        return False
    return bool(0 < bound < math.inf) and (tails == "linear" or within(x, -bound, bound))


def within(x: Any, low: Any, high: Any) -> bool:
    """Whether all elements are in an interval."""
    least, most = torch.aminmax(x.detach())
    return bool(least >= low and most <= high)
