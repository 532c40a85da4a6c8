"""A call is described by shapes and types alone: its results, its batch axes, its gradients."""

import copy
import functools
import pickle

import ml_dtypes
import numpy as np
import pytest
from composed_calls import CALLS, IDS, SCHEDULE, T, described, logits

import fastgen
from fastgen import cases, diffusion, flow, gan, guidance, vae
from fastgen._abstract import Abstract
from fastgen._describe import describe
from fastgen._ops import OPS
from fastgen._registry import positional
from fastgen.cases import each
from fastgen.diffusion._of_time import OfTime

ARRAYS = ("real", "noise", "weight")  # options that hold arrays


def abstract(x):
    if isinstance(x, list | tuple):
        return type(x)([abstract(y) for y in x])
    return Abstract(x.shape, x.dtype) if isinstance(x, np.ndarray) else x


def abstract_options(options):
    return {name: abstract(x) if name in ARRAYS else x for name, x in options.items()}


def part(x, labels, b, where):
    """Return the part `where` of an array along batch axis b."""
    if isinstance(x, list | tuple):
        return type(x)([part(y, own, b, where) for y, own in zip(x, labels, strict=True)])
    if not isinstance(x, np.ndarray):
        return x
    pairs = zip(labels, x.shape, strict=True)
    return x[tuple([where if own == b and n > 1 else slice(None) for own, n in pairs])]


def check_parts(f, inputs, options, description):
    """A call on part of a batch axis gives that part of the results, to the bit."""
    names = list(description.inputs)
    whole = each(f(*inputs, **options))
    batch = {b for labels in description.axes for b in labels if b is not None}
    for b in batch:
        for where in (slice(0, 1), slice(1, None)):
            own = list(description.inputs.values())
            some = [part(x, own[k], b, where) for k, x in enumerate(inputs[: len(own)])]
            for k in range(len(inputs)):
                if k >= len(some):
                    some.append(inputs[k])
            keywords = {
                name: part(x, description.inputs[name], b, where) if name in names else x
                for name, x in options.items()
            }
            for got, wanted, labels in zip(
                each(f(*some, **keywords)), whole, description.axes, strict=True
            ):
                wanted = part(np.asarray(wanted), labels, b, where)
                np.testing.assert_array_equal(np.asarray(got), wanted)
    return len(batch)


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_composed_functions_are_described_without_values(call):
    f, inputs, options = call
    description = describe(f, *map(abstract, inputs), **abstract_options(options))
    assert [tuple(r) for r in description.results] == described(f(*inputs, **options))
    for labels, result in zip(description.axes, description.results, strict=True):
        assert len(labels) == len(result.shape)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(OPS))
def test_rows_are_described_without_values(name, dtype):
    function, inputs = cases.function(name), cases.inputs(name, (3, 5), dtype)
    description = describe(function, *map(abstract, inputs))
    assert [tuple(r) for r in description.results] == described(function(*inputs))
    assert bool(description.gradients) == (OPS[name].derivative is not None)


@pytest.mark.parametrize("name", sorted(OPS))
def test_the_batch_axes_of_rows_may_be_divided(name):
    function, inputs = cases.function(name), cases.inputs(name, (4, 5), np.float32)
    description = describe(function, *inputs)
    assert check_parts(function, inputs, {}, description) > 0


DRAWN = (vae.reparameterize, diffusion.add_noise, diffusion.langevin_step, diffusion.epsilon_loss)
DRAWN += (diffusion.paths.sample, diffusion.paths.bridge)


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_the_batch_axes_of_composed_functions_may_be_divided(call):
    f, inputs, options = call
    if f in DRAWN and "key" in options:
        pytest.skip("drawn noise belongs to a position: tests/core/test_lazy.py divides it")
    described_call = describe(f, *inputs, **options)
    if any(isinstance(x, OfTime) for x in inputs):
        described_call = in_order(described_call, f, len(inputs))
    check_parts(f, inputs, options, described_call)


def in_order(description, f, count):
    """Order the inputs as the function takes them: a schedule or path has no label."""
    own = dict(description.inputs)
    found = {name: own.get(name, ()) for name in positional(f)[:count]}
    return description._replace(inputs=found | own)


def test_inputs_that_only_have_a_shape_and_a_type():
    class Tensor:  # such as a fake tensor
        def __init__(self, *shape):
            self.shape, self.dtype = shape, "torch.float32"

    x = Tensor(7, 8)
    for f, inputs, shape in (
        (vae.kl_standard_normal, (x, x), (7,)),
        (vae.gaussian_elbo, (x,) * 5, (7,)),
        (diffusion.add_noise, (x, Tensor(7), SCHEDULE), (7, 8)),
        (flow.linear_spline, (x, Tensor(7, 8, 5)), (7, 8)),
        (guidance.combine, (x, [x, x], [1.0, Tensor(7)]), (7, 8)),
    ):
        options = {"key": 1} if f is diffusion.add_noise else {}
        description = describe(f, *inputs, **options)
        assert description.results[0] == (shape, np.dtype(np.float32))


def test_what_a_description_says():
    x = Abstract((6, 3, 4), np.float32)
    found = describe(vae.kl_standard_normal, x, Abstract((3, 4), np.float32))
    assert found.inputs == {"mu": (0, 1, None), "logvar": (1, None)}
    assert found.axes == ((0, 1),) and found.gradients == ("mu", "logvar")
    found = describe(diffusion.add_noise, x, Abstract((6,), np.int64), SCHEDULE, noise=x)
    assert found.inputs == {"x0": (0, None, None), "noise": (0, None, None), "t": (0,)}
    assert describe(gan.discriminator_loss, x, x, kind="hinge").axes == ((),)
    assert describe(flow.logdet_triangular, Abstract((6, 4, 4), float)).inputs == {
        "tril": (0, None, None)
    }


def test_an_abstract_has_no_values():
    x = Abstract((2, 3), np.float32)
    assert (x.ndim, x.size, x.astype(float).dtype) == (2, 6, np.float64)
    assert copy.copy(x) == x == pickle.loads(pickle.dumps(x)) and hash(x) == hash(x.astype("f4"))
    assert x != Abstract((2, 3), np.float64) and x != 1
    with pytest.raises(AttributeError, match="does not change"):
        x.shape = ()
    for call in (lambda: np.asarray(x), lambda: np.exp(x), lambda: vae.kl_standard_normal(x, x)):
        with pytest.raises(TypeError, match="a shape and a type, and no values"):
            call()


# What the objects of derivatives are.


def test_derivatives_of_one_function_are_equal():
    make, hinge = fastgen.value_and_grad, functools.partial(gan.discriminator_loss, kind="hinge")
    assert make(vae.gaussian_nll) == make(vae.gaussian_nll)
    assert make(hinge, argnums=0) == make(functools.partial(hinge), argnums=[0])
    assert len({make(vae.gaussian_nll, argnums=k) for k in (0, 0, 1)}) == 2
    assert make(vae.gaussian_nll) != make(vae.bernoulli_nll) and make(vae.gaussian_nll) != 1
    assert make(hinge) != make(functools.partial(gan.discriminator_loss, kind="minimax"))
    assert hash(make(hinge)) == hash(make(functools.partial(gan.discriminator_loss, kind="hinge")))


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_a_pullback_pickles(call):
    f, inputs, options = call
    if f is guidance.combine and len(inputs[1]) > 3:
        return
    _, pullback = fastgen.vjp(f, *inputs, **options)
    for a, b in zip(pickle.loads(pickle.dumps(pullback))(1.0), pullback(1.0), strict=True):
        for c, d in zip(each(a), each(b), strict=True):
            np.testing.assert_array_equal(c, d)


@pytest.mark.parametrize("name", sorted(OPS))
def test_operations_pickle(name):
    op = OPS[name]
    for made in (op, op.derivative, op.called("vae.gaussian_nll"), op.with_options(2.0)):
        if made is not None:
            again = pickle.loads(pickle.dumps(made))
            assert (again.name, again.signature) == (made.name, made.signature)
    inputs = tuple(cases.inputs(name, (3, 5), np.float32))
    for a, b in zip(each(pickle.loads(pickle.dumps(op))(inputs)), each(op(inputs)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_function_around_one_of_ours_is_not_differentiated():
    for f in (vae.kl_standard_normal, gan.js_estimate):

        @functools.wraps(f)
        def doubled(*inputs, f=f):
            return 2 * f(*inputs)

        for call in (fastgen.value_and_grad, lambda g: fastgen.vjp(g, logits(3), logits(3))):
            with pytest.raises(TypeError, match=f"functools.wraps.*{f.__name__}.*chain rule"):
                call(doubled)


def test_errors_name_the_public_function_and_its_argument():
    y, wrong = logits(3, 2, 4), np.empty(7)
    calls = [
        (lambda **o: diffusion.add_noise(y, 5, SCHEDULE, key=1, **o), "add_noise"),
        (lambda **o: diffusion.add_noise(y, T, SCHEDULE, noise=y, **o), "add_noise"),
        (lambda **o: diffusion.velocity(y, y, T, SCHEDULE, **o), "velocity"),
        (lambda **o: diffusion.posterior_mean_variance(y, y, T, SCHEDULE, **o), "posterior_mean_v"),
        (lambda **o: diffusion.edm_denoised(y, y, 2.0, **o), "edm_denoised"),
        (lambda **o: diffusion.langevin_step(y, y, 0.5, key=1, **o), "langevin_step"),
        (lambda **o: vae.reparameterize(y, y, key=1, **o), "reparameterize"),
        (lambda **o: gan.gradient_penalty(y, kind="r1", **o), "gradient_penalty"),
        (lambda **o: flow.actnorm(y, y, y, **o), "actnorm"),
    ]
    for call, name in calls:
        out = (wrong, None) if name == "actnorm" else wrong
        with pytest.raises(ValueError, match=f"^{name}.*: out must have the shape"):
            call(out=out)
    with pytest.raises(TypeError, match="reparameterize: noise must hold"):
        vae.reparameterize(y, y, noise=y * 1j)
