"""Entries that many docstrings share. A docstring line with `{name}` alone stands for an entry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_TYPES = """
TypeError
    If an input is complex, longdouble, object or masked."""

_ENTRIES = {
    # Options.
    "axis": """
axis : int, tuple of int, or None, default -1
    The event axes, which are summed over. None stands for all axes. ``()`` stands for none, and
    leaves every term by itself.""",
    "axis_of_logabsdet": """
axis : int, tuple of int, or None, default -1
    The event axes. The log-determinant is summed over them. None stands for all axes. ``()``
    stands for none, and leaves every term by itself.""",
    "axis_of_coefficients": """
axis : int, tuple of int, or None, default -1
    The event axes: one coefficient holds for all of them.""",
    "axis_of_sample": """
axis : int, tuple of int, or None, optional
    The axes of one sample. The default is all axes but the first.""",
    "keepdims": """
keepdims : bool, default False
    Keep the axes of `axis`, with length 1.""",
    "keepdims_of_logabsdet": """
keepdims : bool, default False
    Keep the event axes of the log-determinant, with length 1.""",
    "keepdims_of_coefficients": """
keepdims : bool, default False
    The coefficients have the event axes too, with length 1.""",
    "out": """
out : ndarray, optional
    The array that receives the result.""",
    "out_or_input": """
out : ndarray, optional
    The array that receives the result. It may be one of the inputs.""",
    "out_or_prediction": """
out : ndarray, optional
    The array that receives the result. It may be one of the predictions.""",
    "out_or_x": """
out : ndarray, optional
    The array that receives the result. It may be `x`.""",
    "outs": """
out : tuple of (ndarray or None), optional
    The arrays that receive the two results.""",
    "outs_or_x": """
out : tuple of (ndarray or None), optional
    The arrays that receive the two results. The first may be `x`.""",
    "outs_or_y": """
out : tuple of (ndarray or None), optional
    The arrays that receive the two results. The first may be `y`.""",
    # Errors.
    "raises": f"""
ValueError
    If shapes do not broadcast, `axis` is out of range, or `out` does not fit.{_TYPES}""",
    "raises_of_one_input": f"""
ValueError
    If `axis` is out of range, or `out` does not fit.{_TYPES}""",
    "raises_elementwise": f"""
ValueError
    If shapes do not broadcast, or `out` does not fit.{_TYPES}""",
    "raises_elementwise_of_one_input": f"""
ValueError
    If `out` does not fit.{_TYPES}""",
    "type_error": _TYPES,
    "type_error_or_t": """
TypeError
    If an input is complex, longdouble, object or masked, or `t` is neither integer nor float.""",
    # Noise.
    "rng": """
rng : numpy.random.Generator, int or None, optional
    The source of the key where no key is given: anything that `numpy.random.default_rng` takes.
    None takes fresh entropy.""",
    "rng_or_noise": """
rng : numpy.random.Generator, int or None, optional
    The source of the key where neither noise nor key is given: anything that
    `numpy.random.default_rng` takes. None takes fresh entropy.""",
    "key": r"""
key : int, optional
    The key of the stream, :math:`0 \le key < 2^{64}`.""",
    "key_and_counter_of_noise": r"""
key : int, optional
    The key of the stream of noise, :math:`0 \le key < 2^{64}`, as in `fastgen.noise.normal`.
counter : int, optional
    The index in the stream of the first element.""",
    "counter_and_dtype": """
counter : int, optional
    The index of the first element, in elements of this type: element `j` of the result, in the
    order of ``ravel()``, is element ``counter + j`` of the stream.
dtype : data-type, optional
    float16, bfloat16, float32 or float64. The default is that of `out`, else float64.""",
    "chunks": """
chunks : int, tuple or "auto", optional
    Return a dask array with these chunks. Its elements are the same for any chunks.""",
    "raises_of_draws": """
TypeError
    If `dtype` is no such type, or `key` or `counter` is no integer.
ValueError
    If one of them is out of range, both `key` and `rng` are given, or `out` has another shape.""",
    # Times.
    "shape_of_times": """
shape : int or tuple of int
    The shape of the result, such as the number of samples in a batch.""",
    "shift_of_times": """
shift : float, default 1.0
    The shift s: the odds of the times are s times as large. More than 1 favours noise.""",
    "strata_key_and_type": r"""
strata : int, optional
    The number of strata, usually the size of the whole batch: see `uniform`. The default is
    independent draws.
key : int, optional
    The key of the stream, :math:`0 \le key < 2^{64}`.
rng : numpy.random.Generator, int or None, optional
    The source of the key where no key is given: anything that `numpy.random.default_rng` takes.
    None takes fresh entropy.
counter : int, optional
    The index of the first element, :math:`0 \le counter < 2^{126}`: element `j` of the result,
    in the order of ``ravel()``, is element ``counter + j``.
dtype : data-type, optional
    float16, bfloat16, float32 or float64, the default. The draws are the same but for rounding.
chunks : int, tuple or "auto", optional
    Return a dask array with these chunks. Its elements are the same for any chunks.""",
    "strata_and_key": """
strata, key, rng, counter, chunks : optional
    As in `uniform`.""",
    "strata_and_key_only": """
strata, key, rng, counter : optional
    As in `uniform`.""",
    "raises_of_times": """
TypeError
    If `dtype` is no float type, or `shape`, `strata`, `key` or `counter` is no integer.
ValueError
    If one of them is out of range, or both `key` and `rng` are given.""",
    # Elementwise functions.
    "x_of_any_shape": """
x : array_like
    Numbers, of any shape.""",
    "returns_like_x": """
ndarray or scalar
    Of the shape and float type of `x`.""",
    # Flows.
    "y_and_logabsdet": r"""
y : ndarray or scalar
    The transformed elements, of the broadcast shape.
logabsdet : ndarray or scalar
    The log-determinant :math:`\log |\det \partial y / \partial x|` in the direction that is
    asked for, in nats, of the batch shape.""",
    "inverse_of_spline": r"""
inverse : bool, default False
    If True, compute x from y, and :math:`\log dx/dy`.""",
    "bound_of_spline": """
bound : float, default 1.0
    The bins cover ``[-bound, bound]``, in x and in y.""",
    "y_and_log_derivative": """
y : ndarray or scalar
    The transformed elements.
logabsdet : ndarray or scalar
    The log-derivative of each element, in the direction that is asked for, in nats.""",
    "raises_of_spline": f"""
ValueError
    If there are fewer than 2 bins, sizes of parameters do not fit, batch dimensions do not
    broadcast, a minimum leaves no room for the bins, `bound` is not positive, an element lies
    outside and `tails` is None, or an option is unknown.{_TYPES}""",
    # Guidance.
    "uncond_and_cond": """
uncond, cond : array_like
    The predictions without and with the condition, of shape (B, ...).""",
    "scale_of_guidance": """
scale : array_like
    The guidance scale: a number, or one per sample, of shape (B,).""",
    "returns_like_predictions": """
ndarray or scalar
    Of the shape that the predictions broadcast to, and of their float type.""",
    # Diffusion.
    "sigma_data": r"""
sigma_data : float, default 0.5
    The standard deviation :math:`\sigma_d` of the data.""",
}


def _rendered(doc: str) -> str:
    # Python 3.13 removes the indentation of docstrings. Older versions keep it.
    newline = "\n    " if "\n    {" in doc else "\n"
    text, *rest = doc.split(newline + "{")
    for part in rest:
        name, _, after = part.partition("}")
        text += _ENTRIES[name].replace("\n", newline) + after
    return text


def render(namespace: dict[str, Any], names: Iterable[str]) -> None:
    """Complete the docstrings of these functions of a module."""
    for name in names:
        doc = namespace[name].__doc__
        if doc and ("\n    {" in doc or "\n{" in doc):
            namespace[name].__doc__ = _rendered(doc)
