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


BATCHED = {
    "one pass": (kl, fastgen.torch.native(kl)),
    "several results": (
        lambda a, b: fastgen.torch.flow.affine_coupling(a, b, b)[0],
        lambda a, b: fastgen.torch.native(fastgen.torch.flow.affine_coupling)(a, b, b)[0],
    ),
    "an array": (
        lambda a, b: kl(a, b.detach().numpy()[0]) * b[:, 0],
        lambda a, b: plain_kl(a, b.detach()[0]) * b[:, 0],
    ),
}


@pytest.mark.parametrize("retain", [False, True])
@pytest.mark.parametrize("way", ["is_grads_batched", "vmap"])
@pytest.mark.parametrize("name", BATCHED)
def test_a_batch_of_backward_passes(name, way, retain):
    a, b = [x.requires_grad_() for x in pair(4, 8)]
    found = []
    for f in BATCHED[name]:
        y = f(a, b)
        rows = torch.linspace(-1, 1, 3 * y.numel(), dtype=y.dtype).reshape(3, *y.shape)

        def slopes(row, y=y, **options):
            return torch.autograd.grad(y, (a, b), row, retain_graph=retain, **options)

        if way == "vmap":
            found.append(torch.vmap(slopes)(rows))
        else:
            found.append(slopes(rows, is_grads_batched=True))
    torch.testing.assert_close(*found)


def test_a_jacobian_in_one_batch():
    a, b = pair(4, 8)
    found = torch.autograd.functional.jacobian(kl, (a, b), vectorize=True)
    torch.testing.assert_close(found, torch.autograd.functional.jacobian(plain_kl, (a, b)))


def dual(f, x):
    with torch.autograd.forward_ad.dual_level():
        return f(torch.autograd.forward_ad.make_dual(x, torch.ones_like(x)))


FORWARD = {
    "jvp": lambda f, x: torch.func.jvp(f, (x,), (x,)),
    "jacfwd": lambda f, x: torch.func.jacfwd(f)(x),
    "hessian": lambda f, x: torch.func.hessian(lambda x: f(x).sum())(x),
    "linearize": lambda f, x: torch.func.linearize(f, x)[1](x),
    "dual": dual,
    "dual with a gradient": lambda f, x: dual(f, x.clone().requires_grad_()),
}


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
)
@pytest.mark.parametrize("name", FORWARD)
def test_forward_mode_raises_and_says_what_to_do(name):
    x = pair(4, 8)[0]
    with pytest.raises(RuntimeError, match=r"no forward-mode.*fastgen.torch.native\(fastgen"):
        FORWARD[name](lambda x: kl(x, x), x)
    with torch.autograd.forward_ad.dual_level():
        assert torch.equal(kl(x, x), kl(x.clone(), x))


def test_a_tensor_in_place_of_a_number_under_vmap():
    x, generator = pair(3, 8)[0], torch.Generator().manual_seed(1)
    params = [torch.randn(3, 8, k, dtype=x.dtype, generator=generator) for k in (4, 4, 3)]
    spline = fastgen.torch.flow.rational_quadratic_spline
    bound = torch.tensor(2.0)
    found = torch.vmap(lambda x, *p: spline(x, *p, bound=bound))(x, *params)
    torch.testing.assert_close(found, spline(x, *params, bound=2.0))


def test_batches_without_samples():
    x = torch.zeros(0, 8)
    elbo = torch.vmap(lambda x: fastgen.torch.vae.bernoulli_elbo(x, x, x, x))
    assert vmap(lambda x: kl(x, x))(x).shape == elbo(x).shape == (0,)
