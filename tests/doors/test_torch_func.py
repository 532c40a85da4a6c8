"""`fastgen.torch` under `torch.func`: grad, vjp, jacrev and vmap, and these inside each other."""

import pytest

torch = pytest.importorskip("torch")

from torch.func import grad, jacrev, vjp, vmap  # noqa: E402
from torch_calls import CALLS, IDS, each, leaves  # noqa: E402

import fastgen.torch  # noqa: E402

kl = fastgen.torch.vae.kl_standard_normal


def floats(call):
    """Return the places of plain tensors of floats in a call, which may get one more axis."""
    inputs = call.tensors()
    return inputs, [
        k for k, x in enumerate(inputs) if isinstance(x, torch.Tensor) and x.is_floating_point()
    ]


def of_some(call, inputs, places):
    """Return the call as a function of some of its inputs."""

    def f(*some):
        whole = list(inputs)
        for k, x in zip(places, some, strict=True):
            whole[k] = x
        return tuple(each(call.on_tensors(*whole)))

    return f


@pytest.mark.parametrize("which", ["all", "first", "last"])
@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_vmap_is_one_call_per_sample(call, which):
    inputs, places = floats(call)
    if not places:
        pytest.skip("no input of a batch")
    places = {"all": places, "first": places[:1], "last": places[-1:]}[which]
    f = of_some(call, inputs, places)
    batches = [torch.stack([inputs[k], inputs[k] * 0.9, inputs[k] * 0.8], dim=-1) for k in places]
    found = vmap(f, in_dims=-1, out_dims=0)(*batches)
    rows = [f(*[x[..., k] for x in batches]) for k in range(3)]
    for result, column in zip(found, zip(*rows, strict=True), strict=True):
        torch.testing.assert_close(result, torch.stack(column))


def results_if_differentiable(f, tensors):
    try:
        return f(*tensors)
    except TypeError as error:
        if "requires a gradient" in str(error):
            return None
        raise


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_gradients_are_those_of_autograd(call):
    inputs, places = floats(call)
    f = of_some(call, inputs, places)
    tensors = [inputs[k].clone().requires_grad_() for k in places]
    if (results := results_if_differentiable(f, tensors)) is None:
        pytest.skip("not every input has a gradient")
    wanted = torch.autograd.grad(sum(r.sum() for r in results), tensors, allow_unused=True)

    def loss(*tensors):
        return sum(r.sum() for r in f(*tensors))

    found = grad(loss, argnums=tuple(range(len(places))))(*[inputs[k] for k in places])
    for g, w in zip(found, wanted, strict=True):
        torch.testing.assert_close(g, torch.zeros_like(g) if w is None else w)
    batches = [torch.stack([inputs[k], inputs[k]]) for k in places]
    for g, w in zip(
        vmap(grad(loss, argnums=tuple(range(len(places)))))(*batches), found, strict=True
    ):
        torch.testing.assert_close(g[0], w)
        torch.testing.assert_close(g[1], w)


def pair(*shape):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, dtype=torch.float64, generator=generator) for _ in range(2)]


def plain_kl(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(-1)


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: grad(lambda a, b: f(a, b).sum(), argnums=(0, 1)),
        lambda f: vmap(grad(f, argnums=(0, 1))),
        lambda f: jacrev(f, argnums=(0, 1)),
        lambda f: vmap(vmap(lambda a, b: f(a[None], b[None]))),
        lambda f: vmap(f, in_dims=(1, 1)),
        lambda f: vmap(f, in_dims=(0, None)),
        lambda f: vmap(vmap(f, in_dims=(0, None)), in_dims=(None, 0)),
        lambda f: lambda a, b: vjp(f, a, b)[1](torch.ones(4, dtype=torch.float64)),
        lambda f: grad(lambda a, b: vmap(f)(a, b).sum()),
    ],
)
def test_transforms(transform):
    a, b = pair(4, 8)
    torch.testing.assert_close(transform(kl)(a, b), transform(plain_kl)(a, b))


def test_second_derivatives_raise_and_say_what_to_do():
    a, b = pair(4, 8)
    with pytest.raises(RuntimeError, match=r"fastgen.torch.native\(fastgen.torch.vae.kl"):
        grad(lambda a: grad(lambda a: kl(a, b).sum())(a).sum())(a)
    native = fastgen.torch.native(kl)
    found = grad(lambda a: grad(lambda a: native(a, b).sum())(a).sum())(a)
    torch.testing.assert_close(found, torch.ones_like(a))


def test_noise_under_vmap():
    a, b = pair(4, 8)
    f = fastgen.torch.vae.reparameterize
    with pytest.raises(RuntimeError, match="randomness"):
        vmap(f)(a, b)
    rows = vmap(lambda _: f(a[0], b[0]), randomness="different")(a)
    assert len(torch.unique(rows[:, 0])) == 4
    rows = vmap(lambda _: f(a[0], b[0]), randomness="same")(a)
    assert torch.equal(rows[0], rows[3])


def test_what_a_transformed_call_refuses():
    a, b = pair(4, 8)
    with pytest.raises(TypeError, match="out would change in place"):
        vmap(lambda a, b: kl(a, b, out=torch.empty(())))(a, b)
    with pytest.raises(TypeError, match="weight requires a gradient"):
        grad(lambda w: fastgen.torch.diffusion.denoising_loss(a, b, weight=w).sum())(a[:, 0])


def test_leaves_of_sequences():
    a, b = pair(3, 8)

    def f(a, b):
        return fastgen.torch.guidance.combine(a, [b, 2 * b], [2.0, 3.0]).sum()

    def plain(a, b):
        return (a + 2 * (b - a) + 3 * (2 * b - a)).sum()

    assert leaves([[a], b]) == [a, b]
    torch.testing.assert_close(grad(f, argnums=(0, 1))(a, b), grad(plain, argnums=(0, 1))(a, b))
