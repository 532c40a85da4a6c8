"""distrax through `fastgen.jax.accelerate`: its spline and divergences, against the originals."""

import itertools
import warnings

import pytest

jax = pytest.importorskip("jax", reason="jax missing: pip install jax")

with warnings.catch_warnings():  # of what it imports
    warnings.simplefilter("ignore")
    distrax = pytest.importorskip("distrax", reason="distrax missing: pip install distrax")

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from distrax import Independent, Laplace, Normal, RationalQuadraticSpline  # noqa: E402

from fastgen.jax import accelerate, accelerated  # noqa: E402

pytestmark = [
    pytest.mark.usefixtures("wide", "quick"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow_probability"),
]
SLOPES = "unconstrained", "identity", "lower_identity", "upper_identity", "circular"


def draw(*shape, seed=0):
    return jax.random.normal(jax.random.key(seed), shape, float)


def by_fastgen(f, *arrays):
    return "fastgen" in str(jax.make_jaxpr(f)(*arrays))


def assert_same(ours, theirs, tolerance=1e-9):
    ours, theirs = map(jax.tree_util.tree_leaves, (ours, theirs))
    for a, b in zip(ours, theirs, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def both(f, *arrays, tolerance=1e-9, derive=True):
    """Compare results and gradients with the originals', and check that fastgen computes them."""

    def loss(*arrays):
        found = f(*arrays)
        terms = [jnp.sin(y) * jnp.linspace(1, 2, y.size).reshape(y.shape) for y in found]
        return sum([term.sum() for term in terms]), found

    def all_of():
        g = jax.value_and_grad(loss, range(len(arrays)), has_aux=True) if derive else loss
        return jax.jit(lambda *arrays: g(*arrays))(*arrays)

    theirs = all_of()
    assert not by_fastgen(lambda *a: f(*a), *arrays)
    with accelerate("distrax"):
        assert by_fastgen(lambda *a: f(*a), *arrays)
        ours = all_of()
    assert_same(ours, theirs, tolerance)


def splines(low=-3.0, high=3.0, **options):
    def f(x, params):
        made = RationalQuadraticSpline(params, low, high, **options)
        return *made.forward_and_log_det(x), *made.inverse_and_log_det(y=x)

    return f


SHAPES = [((7,), ()), ((3,), (2, 3))]


@pytest.mark.parametrize("slopes", SLOPES)
def test_splines(slopes):
    x = jnp.linspace(-4.1, 4.3, 15).reshape(5, 3)
    both(splines(boundary_slopes=slopes), x, draw(3, 22))


@pytest.mark.parametrize(("shape", "own"), SHAPES)
def test_shapes_of_splines(shape, own):
    f = splines(-1.0, 2.5, min_bin_size=0.02, min_knot_slope=0.01)
    both(f, 2 * draw(*shape), draw(*own, 7, seed=1))


def test_splines_of_single_precision():
    jax.config.update("jax_enable_x64", False)
    both(splines(-0.1, 3.3), jnp.linspace(-2, 5, 40), draw(40, 25), tolerance=3e-4)


def test_other_derivatives_of_splines():
    """Forward mode, second derivatives, and `vmap` of gradients."""
    f, params = splines(), draw(10)
    single = lambda x, p: sum([jnp.sin(y) for y in f(x, p)[:2]])  # noqa: E731
    x = jnp.linspace(-3.5, 3.6, 6)

    def every():
        by_params = jax.grad(single, 1)
        made = [jax.jacfwd(single), jax.jacfwd(by_params)]
        return jax.jit(lambda: [jax.vmap(g, (0, None))(x, params) for g in made])()

    theirs = every()
    with accelerate("distrax"):
        ours = every()
    assert_same(ours, theirs, 1e-7)


def test_bijectors_as_trees():
    """A bijector that JAX takes apart keeps to the original, also in what is differentiated."""
    made = lambda: RationalQuadraticSpline(draw(22), -3.0, 3.0)  # noqa: E731
    x = draw(5)
    f = jax.jit(jax.grad(lambda b, x: b.forward(x).sum()))
    theirs = f(made(), x)
    with accelerate("distrax"):
        assert_same(jax.jit(jax.grad(lambda b, x: b.forward(x).sum()))(made(), x), theirs)
        same = jax.tree_util.tree_map(lambda leaf: leaf, made())
        assert not by_fastgen(same.forward, x)


def test_other_splines_go_to_the_original():
    class Own(RationalQuadraticSpline):
        pass

    x = draw(3)
    with accelerate("distrax"):
        for made in (
            Own(draw(22), -3.0, 3.0),
            RationalQuadraticSpline(draw(4), -3.0, 3.0),
            RationalQuadraticSpline(draw(22).astype(jnp.float32), -3.0, 3.0),
        ):
            assert not by_fastgen(made.forward, x)
        with pytest.raises(ValueError, match="`range_min` must be less"):
            RationalQuadraticSpline(draw(22), 1.0, 1.0)
        with pytest.raises(ValueError, match="Unknown option for boundary slopes"):
            RationalQuadraticSpline(draw(22), -1.0, 1.0, boundary_slopes="no")
        with pytest.raises(ValueError, match="broadcast"):
            RationalQuadraticSpline(draw(2, 22), -1.0, 1.0).forward(x)


DIVERGENCES = {
    f"{kind.__name__}, {dims}, {other}": (kind, dims, other)
    for kind, dims, other in itertools.product((Normal, Laplace), (0, 2), ((4,), (2, 3, 4)))
    if dims <= len(other)
}


@pytest.mark.parametrize("name", DIVERGENCES)
def test_divergences(name):
    kind, dims, other = DIVERGENCES[name]

    def f(*parameters):
        made = [kind(loc, jnp.exp(scale)) for loc, scale in (parameters[:2], parameters[2:])]
        p, q = [Independent(d, dims) if dims else d for d in made]
        return (p.kl_divergence(q),)

    own = (2, 3, 4) if dims else (3, 4)
    shapes = own, own, other, other
    if dims and own != other:  # events have one shape
        shapes = (other,) * 4
    both(f, *[draw(*shape, seed=k) for k, shape in enumerate(shapes)])


def test_other_derivatives_of_divergences():
    f = lambda loc, scale: Normal(loc, scale).kl_divergence(Normal(0.3, 1.5))  # noqa: E731
    every = lambda: jax.jit(jax.hessian(f, (0, 1)))(jnp.float64(0.5), jnp.float64(0.8))  # noqa: E731
    theirs = every()
    with accelerate("distrax"):
        assert_same(every(), theirs)


def test_other_divergences_go_to_the_original():
    class Own(Normal):
        pass

    x = draw(3)
    with accelerate("distrax"):
        assert not by_fastgen(Own(x, 1.0).kl_divergence, Normal(x, 1.0))
        assert not by_fastgen(lambda x: Normal(x, x).kl_divergence(Normal(0.0, 1.0)), x[:0])
        half = x.astype(jnp.float16)
        assert not by_fastgen(lambda x: Normal(x, x).kl_divergence(Normal(x, x)), half)
        with pytest.raises(ValueError, match="Event shapes"):
            Independent(Normal(x, 1.0), 1).kl_divergence(Independent(Normal(x[:2], 1.0), 1))
        with pytest.raises((TypeError, ValueError), match="shape"):
            Normal(x, 1.0).kl_divergence(Normal(x[:2], 1.0))


def test_undo_and_the_report():
    registry = distrax.Normal.kl_divergence.__globals__["tfd"].kullback_leibler._DIVERGENCES
    before = dict(vars(RationalQuadraticSpline)), dict(registry)
    with accelerate("distrax"):
        names = [entry.function.rpartition(".")[2] for entry in accelerated()]
        assert dict(registry) != before[1]
    assert names == [
        "__init__",
        "forward_and_log_det",
        "inverse_and_log_det",
        "kl_divergence(Normal, Normal)",
        "kl_divergence(Laplace, Laplace)",
        "kl_divergence(Independent, Independent)",
    ]
    assert (dict(vars(RationalQuadraticSpline)), dict(registry)) == before
    assert accelerated() == []
