"""torch.distributions through `fastgen.torch.accelerate`: divergences against the originals."""

import math

import pytest

torch = pytest.importorskip("torch", reason="torch missing: pip install torch")

from torch.distributions import (  # noqa: E402
    Bernoulli,
    Independent,
    Laplace,
    MultivariateNormal,
    Normal,
    kl,
    kl_divergence,
)

from fastgen.torch import accelerate  # noqa: E402

SHAPES = [((), ()), ((5,), (5,)), ((4, 5), (5,)), ((4, 1), (3, 4, 5))]


def draws(*shapes):
    torch.manual_seed(0)
    return [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes]


def tril(x):
    return x.tril(-1) + torch.diag_embed(x.diagonal(dim1=-2, dim2=-1).exp())


PAIRS = {
    "normal": lambda a, b, c, d: (Normal(a, b.exp()), Normal(c, d.exp())),
    "laplace": lambda a, b, c, d: (Laplace(a, b.exp()), Laplace(c, d.exp())),
    "bernoulli": lambda a, b, c, d: (Bernoulli(logits=a + b), Bernoulli(logits=c + d)),
    "probs": lambda a, b, c, d: (Bernoulli((a + b).sigmoid()), Bernoulli((c + d).sigmoid())),
    "mixed": lambda a, b, c, d: (Normal(a, b.exp()), Laplace(c, d.exp())),
}


def results(pair, inputs, second):
    """Return the divergence and its gradients."""
    found = kl_divergence(*pair(*inputs))
    gradients = torch.autograd.grad(found.sin().sum(), inputs, create_graph=second)
    if second:
        loss = sum([g.square().sum() for g in gradients])
        gradients = torch.autograd.grad(loss, inputs)
    return [found, *gradients]


def check(pair, inputs, second):
    theirs = results(pair, inputs, second)
    with accelerate("torch.distributions"):
        ours = results(pair, inputs, second)
        assert second or "_Computed" in str(kl_divergence(*pair(*inputs)).grad_fn)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("dims", [0, 1, 2])
@pytest.mark.parametrize(("p", "q"), SHAPES)
@pytest.mark.parametrize("name", ["normal", "laplace", "bernoulli", "probs"])
def test_pairs(name, p, q, dims, second):
    if dims and (p != q or len(p) < dims):
        p = q = (3, 4, 5)
    if name in ("bernoulli", "probs"):  # the original does not broadcast
        p = q

    def pair(*inputs):
        return [Independent(d, dims) if dims else d for d in PAIRS[name](*inputs)]

    check(pair, draws(p, p, q, q), second)


def bernoullis(**given):
    """Return the divergence of two Bernoullis, and its gradients."""
    name, values = given.popitem()
    given = [x.clone().requires_grad_() for x in values]
    found = kl_divergence(*[Bernoulli(**{name: x}) for x in given])
    return [found, *torch.autograd.grad(found.sum(), given)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("q", [0.0, 1e-20, 0.5, 1.0])
@pytest.mark.parametrize("p", [0.0, 1e-20, 0.5, 1.0])
def test_certain_bernoullis_are_those_of_the_library(p, q, dtype):
    if p == q == 0.5:
        return
    probs = [torch.tensor([0.25, x], dtype=dtype) for x in (p, q)]
    theirs = bernoullis(probs=probs)
    with accelerate("torch.distributions"):
        ours = bernoullis(probs=probs)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("q", [-math.inf, -3.0, 0.0, math.inf])
@pytest.mark.parametrize("p", [-math.inf, -3.0, 0.0, math.inf])
def test_infinite_logits(p, q):
    logits = [torch.tensor([0.5, x]) for x in (p, q)]
    theirs = bernoullis(logits=logits)
    with accelerate("torch.distributions"):
        ours = bernoullis(logits=logits)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, equal_nan=True)


def test_probabilities_that_round_to_one():
    """The original has an infinity here. The divergence of the logits is finite."""
    logits = [torch.tensor([2.0]), torch.tensor([30.0])]
    exact = bernoullis(logits=[x.double() for x in logits])
    assert bernoullis(logits=logits)[0].isinf()
    with accelerate("torch.distributions"):
        ours = bernoullis(logits=logits)
    for a, b in zip(ours, exact, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", ["logits", "probs"])
def test_float32_is_nearer_to_the_truth(name):
    torch.manual_seed(0)
    given = [torch.rand(1000) * 0.9 + 0.05 for _ in range(2)]
    given[1] = given[0] + 0.01 * (given[1] - 0.5)
    exact = bernoullis(**{name: [x.double() for x in given]})
    theirs = bernoullis(**{name: given})
    with accelerate("torch.distributions"):
        ours = bernoullis(**{name: given})
    errors = [
        [
            float(((a - e).abs().max() / e.abs().max()).detach())
            for a, e in zip(found, exact, strict=True)
        ]
        for found in (ours, theirs)
    ]
    for own, other in zip(*errors, strict=True):
        assert own < 1e-5
        assert own < other


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize(("p", "q"), [((), ()), ((4,), ()), ((4,), (3, 4))])
def test_multivariate_normals(p, q, second):
    def pair(a, b, c, d):
        return [MultivariateNormal(m, scale_tril=tril(s)) for m, s in ((a, b), (c, d))]

    check(pair, draws((*p, 5), (*p, 5, 5), (*q, 5), (*q, 5, 5)), second)


def test_a_subclass_keeps_the_original():
    class Own(Normal):
        pass

    p, q = Own(0.0, 1.0), Normal(1.0, 2.0)
    theirs = kl_divergence(p, q)
    with accelerate("torch.distributions"):
        assert torch.equal(kl_divergence(p, q), theirs)


def test_errors_are_those_of_the_library():
    p, q = PAIRS["normal"](*draws((4, 5), (4, 5), (4, 5), (4, 5)))
    for pair in (
        (Independent(p, 1), Independent(q, 2)),
        (p, MultivariateNormal(q.loc, torch.eye(5))),
    ):
        with accelerate("torch.distributions"), pytest.raises(NotImplementedError):
            kl_divergence(*pair)


def test_undo():
    before = dict(kl._KL_REGISTRY)
    p, q = PAIRS["normal"](*draws((4,), (4,), (4,), (4,)))
    with accelerate("torch.distributions"):
        assert {k for k, f in kl._KL_REGISTRY.items() if f is not before[k]} == {
            (d, d) for d in (Normal, Laplace, Bernoulli, Independent, MultivariateNormal)
        }
        assert "_Computed" in str(kl_divergence(p, q).grad_fn)
    assert dict(kl._KL_REGISTRY) == before
    assert "_Computed" not in str(kl_divergence(p, q).grad_fn)
