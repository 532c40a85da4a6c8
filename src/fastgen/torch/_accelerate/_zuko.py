"""zuko: its rational-quadratic spline, and its affine transform.

A transform that is made becomes one of the classes here, which keep the raw parameters. It stays
one when the acceleration ends.
"""

from __future__ import annotations

import math
from abc import ABCMeta, abstractmethod
from typing import Any

from torch.distributions import Transform
from zuko import transforms

from fastgen._accelerate.replacements import Function, InClass, Library, Replacement
from fastgen.torch._accelerate.calls import Task, plain

LEAST_AFFINE = 2**16
"""With fewer parameters, an affine transform is as fast in PyTorch's operations."""


class _Accelerated(metaclass=ABCMeta):
    """A transform whose values, inverses and log-derivatives are those of a row of fastgen."""

    _of: Any
    """The original class, and its initializer."""
    _computed: tuple[str, ...]
    """The attributes that the original computes from its raw parameters."""
    _order = slice(None)
    """The order in which fastgen takes the raw parameters."""
    _raw: tuple[Any, ...]
    _fixed: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        if name not in type(self)._computed:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        value = getattr(self._original(*self._raw), name)
        setattr(self, name, value)
        return value

    def _original(self, *raw: Any) -> Any:
        """Return the original with these parameters."""
        owner, init = type(self)._of
        made = owner.__new__(owner)
        init(made, *raw, **self._fixed)
        return made

    @abstractmethod
    def _row(self, inverse: bool) -> tuple[str, dict[str, Any]]:
        """Return the function of fastgen, and its options."""

    def _results(self, x: Any, inverse: bool) -> Any:
        """Return the transformed elements, and their log-derivatives."""

        def again(x: Any, *raw: Any) -> Any:
            original = self._original(*raw[self._order])
            if not inverse:
                return original.call_and_ladj(x)
            y = original._inverse(x)
            return y, -original.log_abs_det_jacobian(y, x)

        inputs = (x, *self._raw[self._order])
        if not plain(inputs):
            return again(*inputs)
        name, options = self._row(inverse)
        return Task(name, options, again)(*inputs)

    def _call(self, x: Any) -> Any:
        return self._results(x, False)[0]

    def _inverse(self, y: Any) -> Any:
        return self._results(y, True)[0]

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """Return the log-derivatives at x."""
        return self._results(x, False)[1]

    def call_and_ladj(self, x: Any) -> Any:
        """Return the transformed elements, and the log-derivatives."""
        return self._results(x, False)


class MonotonicRQSTransform(_Accelerated, transforms.MonotonicRQSTransform):
    """The spline of zuko."""

    _of = transforms.MonotonicRQSTransform, transforms.MonotonicRQSTransform.__init__
    _computed = ("horizontal", "vertical", "derivatives")

    def _row(self, inverse: bool) -> tuple[str, dict[str, Any]]:
        return "flow.rational_quadratic_spline", {
            "inverse": inverse,
            "bound": self._fixed["bound"],
            "min_derivative": self._fixed["slope"],
            "convention": "zuko",
        }

    @staticmethod
    def fits(raw: tuple[Any, ...], bound: Any) -> bool:
        """Whether fastgen has the spline."""
        widths, heights, derivatives = raw
        bins = widths.shape[-1] if widths.dim() else 0
        return bool(
            bins > 1
            and widths.shape == heights.shape
            and derivatives.shape == (*widths.shape[:-1], bins - 1)
            and 0 < bound < math.inf
        )


class MonotonicAffineTransform(_Accelerated, transforms.MonotonicAffineTransform):
    """The affine transform of zuko."""

    _of = transforms.MonotonicAffineTransform, transforms.MonotonicAffineTransform.__init__
    _computed = ("log_scale", "scale")
    _order = slice(None, None, -1)

    @property
    def shift(self) -> Any:
        """The shift."""
        return self._raw[0]

    def _row(self, inverse: bool) -> tuple[str, dict[str, Any]]:
        limit = -math.log(self._fixed["slope"])
        options = {"scale_map": "soft_clip", "limit": limit, "axis": ()}
        return f"flow.affine_coupling{'_inverse' * inverse}", options

    @staticmethod
    def fits(raw: tuple[Any, ...], bound: Any) -> bool:
        """Whether fastgen has the transform, and is faster."""
        return max([x.numel() for x in raw]) >= LEAST_AFFINE


def _initializer(accelerated: Any, count: int, bound: float) -> Function:
    """Return the maker of an initializer; the first `count` arguments are the raw parameters."""
    names = {3: ("widths", "heights", "derivatives"), 2: ("shift", "scale")}[count]
    others = ("bound", "slope") if count == 3 else ("slope",)
    owner, _ = accelerated._of

    def make(original: Function) -> Function:
        def init(self: Any, *args: Any, **named: Any) -> None:
            given = dict(zip((*names, *others), args, strict=False)) | named
            raw = tuple([given.pop(n, None) for n in names])
            fixed = {"bound": bound, "slope": 1e-3} | {
                n: given.pop(n) for n in others if n in given
            }
            fits = (
                type(self) is owner
                and len(args) <= len(names) + len(others)
                and plain(raw)
                and isinstance(fixed["slope"], float)
                and 0 < fixed["slope"] < 1
                and accelerated.fits(raw, fixed["bound"])
            )
            if not fits:
                original(self, *args, **named)
                return
            Transform.__init__(self, **given)
            self.__class__ = accelerated
            self._raw, self._fixed = raw, {n: fixed[n] for n in others}

        return init

    return make


LIBRARY = Library(
    "zuko",
    "zuko",
    ("1.6.0",),
    (
        Replacement(
            InClass("zuko.transforms", "MonotonicRQSTransform", "__init__"),
            "flow.rational_quadratic_spline",
            _initializer(MonotonicRQSTransform, 3, 5.0),
        ),
        Replacement(
            InClass("zuko.transforms", "MonotonicAffineTransform", "__init__"),
            "flow.affine_coupling",
            _initializer(MonotonicAffineTransform, 2, 1.0),
        ),
    ),
)
