"""The splines of nflows, and of libraries that have taken them over."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from fastgen.torch._accelerate.calls import Parts, Task, plain
from fastgen.torch._accelerate.replacements import Function

Options = dict[str, Any]


class Kind(NamedTuple):
    """A kind of spline: its function in fastgen, and its parameters in order."""

    by: str
    tensors: tuple[str, ...]
    sizes: Callable[[int], tuple[int, ...]]
    """The number of each parameter for so many bins, where the ends are free."""
    least: tuple[str, ...] = ()
    """The options that are the least sizes and slopes."""


_W, _H, _D = "unnormalized_widths", "unnormalized_heights", "unnormalized_derivatives"
_LEAST = "min_bin_width", "min_bin_height"
LINEAR = Kind("flow.linear_spline", ("unnormalized_pdf",), lambda k: (k,))
QUADRATIC = Kind("flow.quadratic_spline", (_W, _H), lambda k: (k, k + 1), _LEAST)
CUBIC = Kind(
    "flow.cubic_spline",
    (_W, _H, "unnorm_derivatives_left", "unnorm_derivatives_right"),
    lambda k: (k, k, 1, 1),
    _LEAST,
)
RATIONAL = Kind(
    "flow.rational_quadratic_spline",
    (_W, _H, _D),
    lambda k: (k, k, k + 1),
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
    parameters = inspect.signature(original).parameters
    names = tuple(parameters)
    defaults = {n: p.default for n, p in parameters.items() if p.default is not p.empty}
    count = 1 + len(kind.tensors)

    def function(*args: Any, **named: Any) -> Any:
        given = defaults | dict(zip(names, args, strict=False)) | named
        if len(args) > len(names) or len(given) != len(names):
            return original(*args, **named)  # which raises
        tensors = [given.pop(name) for name in names[:count]]
        found = choose(kind, tensors, given) if _fits(kind, tensors, given) else None
        if found is None:
            return original(*args, **named)
        centre, options = found
        return spline(kind, tensors, options, lambda *t: original(*t, **given), centre)

    return function


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


def _fits(kind: Kind, tensors: list[Any], given: Options) -> bool:
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
    return {"inverse": bool(given["inverse"]), "bound": bound, **least}


def _on_interval(kind: Kind, tensors: list[Any], given: Options) -> tuple[float, Options] | None:
    """Return the centre and the options, if the spline maps an interval to itself."""
    left, right, bottom, top = [given[name] for name in ("left", "right", "bottom", "top")]
    if any(isinstance(end, torch.Tensor) for end in (left, right, bottom, top)):
        return None
    x, *parameters = tensors
    sizes = tuple([p.shape[-1] for p in parameters])
    bound = (right - left) / 2
    if sizes != kind.sizes(sizes[0]) or (left, right) != (bottom, top) or not 0 < bound < math.inf:
        return None
    least, most = torch.aminmax(x.detach())
    if not (least >= left and most <= right):
        return None
    return (left + right) / 2, options_of(kind, given, bound)


def _with_tails(kind: Kind, tensors: list[Any], given: Options) -> tuple[float, Options] | None:
    """Return the options, if the tails are the identity."""
    bound = given["tail_bound"]
    if given["tails"] != "linear" or isinstance(bound, torch.Tensor) or not 0 < bound < math.inf:
        return None
    sizes = tuple([p.shape[-1] for p in tensors[1:]])
    expected = kind.sizes(sizes[0])
    if kind is RATIONAL:
        expected = (*expected[:-1], expected[-1] - 2)
    return (0.0, options_of(kind, given, float(bound))) if sizes == expected else None


def packed(
    kind: Kind, module: Any, tensors: tuple[Any, Any], divided: tuple[float, int], given: Options
) -> Any:
    """Return a spline whose parameters are one tensor; None if fastgen does not have it.

    Parameters
    ----------
    kind : Kind
    module : module
        That of the library's splines.
    tensors : tuple
        The elements, and their parameters.
    divided : tuple
        A number by which the first parameters are divided, and how many these are.
    given : dict
        The options: "bins", "tails", "tail_bound", "inverse", and the least sizes.
    """
    x, parameters = tensors
    bins, tails, bound = given["bins"], given["tails"], given["tail_bound"]
    if not plain(tensors) or parameters.shape[:-1] != x.shape or not least_fit(kind, bins, given):
        return None
    sizes = kind.sizes(bins)
    name, places = kind.by.partition(".")[2], {"tails": tails, "tail_bound": bound}
    centre = 0.0
    if tails is None:
        least, most = torch.aminmax(x.detach())
        if not (least >= 0 and most <= 1):
            return None
        bound = centre = 0.5
        places = {"left": -0.5, "right": 0.5, "bottom": -0.5, "top": 0.5}
    elif tails == "linear" and kind is not QUADRATIC and 0 < bound < math.inf:
        name = f"unconstrained_{name}"
        sizes = (*sizes[:-1], sizes[-1] - 2) if kind is RATIONAL else sizes
    else:
        return None
    if parameters.shape[-1] != sum(sizes):
        return None
    options = options_of(kind, given, float(bound))
    whole = {n: given[n] for n in ("inverse", *kind.least)} | places

    def again(x: Any, parameters: Any) -> Any:
        count = divided[1]
        first, rest = parameters.split([count, sum(sizes) - count], dim=-1)
        parameters = torch.cat([first / divided[0], rest], dim=-1)
        return getattr(module, name)(x, *parameters.split(sizes, dim=-1), **whole)

    own = (bins, bins, 2) if kind is CUBIC else sizes
    task = Task(kind.by, options, again, Parts(places_of(own), *divided))
    if centre == 0:
        return task(x, parameters)
    y, logabsdet = task(x - centre, parameters)
    return y + centre, logabsdet


def places_of(sizes: tuple[int, ...]) -> tuple[Any, ...]:
    """Return the indices of pieces of the last axis."""
    ends = itertools.accumulate(sizes)
    return tuple([(..., slice(end - n, end)) for n, end in zip(sizes, ends, strict=True)])
