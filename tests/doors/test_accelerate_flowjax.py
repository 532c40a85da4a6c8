"""flowjax through `fastgen.jax.accelerate`: its spline and flows, against the originals."""

import importlib.metadata

import pytest

jax = pytest.importorskip("jax", reason="jax missing: pip install jax")
flowjax = pytest.importorskip("flowjax", reason="flowjax missing: pip install flowjax")

import equinox as eqx  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402
import paramax  # noqa: E402
from flowjax.bijections import RationalQuadraticSpline, Vmap  # noqa: E402
from flowjax.distributions import Normal  # noqa: E402
from flowjax.flows import coupling_flow  # noqa: E402

from fastgen.jax import accelerate, accelerated  # noqa: E402

pytestmark = pytest.mark.usefixtures("wide", "quick")
METHODS = "transform_and_log_det", "inverse_and_log_det"


def spline(interval=4.0, knots=6, shape=(), dtype=float, **options):
    """Return a spline with random parameters, a batch of splines if there is a shape."""
    made = RationalQuadraticSpline(knots=knots, interval=interval, **options)
    keys = iter(jax.random.split(jax.random.key(0), 3))
    draw = lambda x: jax.random.normal(next(keys), (*shape, *x.shape), dtype)  # noqa: E731
    return jax.tree_util.tree_map(lambda x: draw(x) if eqx.is_inexact_array(x) else x, made)


def points(shape=(40,), dtype=float):
    """Return points inside and outside of the intervals."""
    return jnp.linspace(-5.3, 5.7, int(np.prod(shape)), dtype=dtype).reshape(shape)


def results(bijection, x):
    """Return the results of both methods for a batch of points, and gradients, in one program."""
    arrays, rest = eqx.partition(bijection, eqx.is_inexact_array)

    def loss(arrays, x):
        made = eqx.combine(arrays, rest)
        found = [jax.vmap(getattr(made, method))(x) for method in METHODS]
        weights = jnp.arange(1.0, 1.0 + len(x))
        return sum([jnp.sin(y).sum() + jnp.cos(log_det) @ weights for y, log_det in found]), found

    found = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))(arrays, x)
    return jax.tree_util.tree_leaves(found)


def by_fastgen(method, bijection, x):
    return "fastgen" in str(jax.make_jaxpr(lambda x: getattr(bijection, method)(x))(x))


def assert_same(ours, theirs, tolerance=1e-9):
    for a, b in zip(ours, theirs, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


MADE = {
    "two bins": (lambda: spline((-1, 2.3), 1, min_width=0.05, min_derivative=0.02), ()),
    "features": (lambda: Vmap(spline(shape=(3,)), in_axes=eqx.if_array(0)), (3,)),
}


@pytest.mark.parametrize("name", MADE)
def test_values_and_gradients(name):
    made, shape = MADE[name]
    bijection, x = made(), points((20, *shape))
    theirs = results(bijection, x)
    assert not by_fastgen(METHODS[0], bijection, x[0])
    with accelerate("flowjax"):
        assert all(by_fastgen(method, bijection, x[0]) for method in METHODS)
        ours = results(bijection, x)
    assert_same(ours, theirs)


@pytest.mark.parametrize("method", METHODS)
def test_single_precision(method):
    jax.config.update("jax_enable_x64", False)
    bijection, x = spline((-0.1, 3.3)), points()
    x = jnp.concatenate([x, jnp.array([-0.1, 3.3, jnp.inf, jnp.nan])])
    theirs = jax.jit(jax.vmap(getattr(bijection, method)))(x)
    with accelerate("flowjax"):
        assert by_fastgen(method, bijection, x[0])
        ours = jax.jit(jax.vmap(getattr(bijection, method)))(x)
    assert ours[0].dtype == "float32"
    assert_same(ours, theirs, 2e-5)


def test_other_derivatives():
    """Forward mode, second derivatives, and gradients of each point."""
    method = METHODS[1]
    arrays, rest = eqx.partition(spline(knots=2), eqx.is_inexact_array)
    x = points((5,)) + 0.01

    def single(x, arrays=arrays):
        y, log_det = getattr(eqx.combine(arrays, rest), method)(x)
        return jnp.sin(y) + log_det**2

    def every():
        by_arrays = lambda x: jax.grad(lambda a: single(x, a))(arrays)  # noqa: E731
        found = [
            jax.vmap(jax.jacfwd(single)),
            jax.vmap(jax.grad(jax.grad(single))),
            jax.vmap(jax.jacfwd(by_arrays)),
        ]
        return jax.tree_util.tree_leaves(jax.jit(lambda x: [f(x) for f in found])(x))

    theirs = every()
    with accelerate("flowjax"):
        ours = every()
    assert_same(ours, theirs, 1e-7)


def test_others_go_to_the_original():
    x = jnp.float64(0.5)
    with accelerate("flowjax"):
        assert not by_fastgen(METHODS[0], spline(knots=0), x)
        assert not by_fastgen(METHODS[0], spline(dtype=jnp.float32), x)
        assert not by_fastgen(METHODS[0], spline(), jnp.float16(0.5))
        with pytest.raises(ValueError, match=r"Expected input shape \(\); got \(2,\)"):
            spline().transform(jnp.zeros(2))
        with pytest.raises(TypeError, match="to be arraylike; got str"):
            spline().inverse("no")


def test_undo_and_the_report():
    before = [vars(RationalQuadraticSpline)[name] for name in METHODS]
    made = accelerate("flowjax")
    now = [vars(RationalQuadraticSpline)[name] for name in METHODS]
    assert all(a is not b for a, b in zip(now, before, strict=True))
    entry, other = accelerated()
    assert (entry.library, entry.version) == ("flowjax", importlib.metadata.version("flowjax"))
    assert entry.function.endswith("RationalQuadraticSpline.transform_and_log_det")
    assert other.by == "fastgen.jax.flow.rational_quadratic_spline"
    with accelerate("flowjax"):
        assert [vars(RationalQuadraticSpline)[name] for name in METHODS] == now
    made.undo()
    made.undo()
    assert [vars(RationalQuadraticSpline)[name] for name in METHODS] == before
    assert accelerated() == []


def test_what_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="name libraries, of 'flowjax', 'distrax'"):
        accelerate()
    with pytest.raises(ValueError, match="must be among 'flowjax', 'distrax', got 'nflows'"):
        accelerate("nflows")
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "99.1")
    with pytest.raises(ImportError, match=r"flowjax 99.1 is not known here.*Known: 19.1.2"):
        accelerate("flowjax")
    assert accelerated() == []


def test_training_gives_the_same_losses():
    x = jax.random.normal(jax.random.key(1), (64, 3)) ** 3

    def losses():
        flow = coupling_flow(
            jax.random.key(0),
            base_dist=Normal(jnp.zeros(3)),
            transformer=RationalQuadraticSpline(knots=5, interval=3),
            flow_layers=2,
            nn_width=8,
            nn_depth=1,
        )
        frozen = lambda leaf: isinstance(leaf, paramax.NonTrainable)  # noqa: E731
        params, rest = eqx.partition(flow, eqx.is_inexact_array, is_leaf=frozen)
        adam = optax.adam(1e-2)

        @jax.jit
        def step(params, state):
            loss = lambda p: -paramax.unwrap(eqx.combine(p, rest)).log_prob(x).mean()  # noqa: E731
            value, gradients = jax.value_and_grad(loss)(params)
            updates, state = adam.update(gradients, state)
            return value, optax.apply_updates(params, updates), state

        state, found = adam.init(params), []
        for _ in range(10):
            value, params, state = step(params, state)
            found.append(float(value))
        return found

    theirs = losses()
    with accelerate("flowjax"):
        ours = losses()
    assert ours[-1] < ours[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
