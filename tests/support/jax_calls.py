"""Calls of every function of `fastgen.jax`: every row, and every composed function."""

import jax
import jax.numpy as jnp
from door_calls import DoorCall, composed, converted, rows

import fastgen.jax
from fastgen.cases import each


class JaxCall(DoorCall):
    """A call on NumPy arrays, and the same call on arrays of JAX."""

    def on_jax(self, dtype):
        """Return the inputs as arrays of JAX."""
        return [converted(x, lambda y: jnp.asarray(y, dtype)) for x in self.inputs]


CALLS = [JaxCall(*call) for call in [*rows(fastgen.jax), *composed(fastgen.jax, lambda x: x)]]


def every(count):
    """Return the calls of rows, and each `count`-th call of composed functions."""
    own = [call for call in CALLS if "-" not in call.name]
    return own + [call for call in CALLS if "-" in call.name][::count]


def places_of(inputs):
    """Return the positions of arrays of floats, and of sequences of them."""

    def is_float(x):
        if isinstance(x, (list, tuple)):
            return any(map(is_float, x))
        return hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jnp.floating)

    return [k for k, x in enumerate(inputs) if is_float(x)]


def of_some(function, inputs, places):
    """Return a call as a function of some of its inputs. It returns a plain tuple."""

    def f(*some):
        whole = list(inputs)
        for k, x in zip(places, some, strict=True):
            whole[k] = x
        return tuple(each(function(*whole)))

    return f


def differentiable(call, inputs):
    """Return the positions of the inputs that have gradients."""
    found = []
    for k in places_of(inputs):
        f = of_some(call.of_door, inputs, [k])
        try:
            jax.eval_shape(lambda x, f=f: jax.vjp(f, x)[0], inputs[k])
            found.append(k)
        except TypeError as error:
            if "is differentiated" not in str(error):
                raise
    return found
