"""`fastgen.torch`: gradients by autograd, of every function, in every input that has one."""

import functools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils.checkpoint import checkpoint  # noqa: E402
from torch_calls import CALLS, IDS, each, leaves  # noqa: E402

import fastgen  # noqa: E402
import fastgen.torch  # noqa: E402

kl = fastgen.torch.vae.kl_standard_normal
STRAIGHT_THROUGH = ("straight_through", "quantization_loss", "finite_scalar", "lookup_free")


def cotangents_of(results):
    return [torch.linspace(0.5, 1.5, r.numel(), dtype=r.dtype).reshape(r.shape) for r in results]


def differentiable(call, dtype=torch.float64):
    """Return the results that have gradients, and the tensors that have them."""
    inputs = call.tensors(dtype)
    allowed = []
    for x in leaves(inputs):
        x.requires_grad_()
        try:
            call.on_tensors(*inputs)
            allowed.append(x)
        except TypeError as error:
            if "requires a gradient" not in str(error):
                raise
            x.requires_grad_(False)
    results = [r for r in each(call.on_tensors(*inputs)) if r.requires_grad]
    return inputs, allowed, results


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_gradients_are_those_of_fastgen(call):
    inputs, allowed, results = differentiable(call)
    if not allowed:
        pytest.skip("it has no derivative")
    if call.name.split("-")[0] in STRAIGHT_THROUGH:
        pytest.skip("its gradients are not its slopes: tests/vae compares them with the formula")
    cotangents = cotangents_of(results)
    found = torch.autograd.grad(results, allowed, cotangents, allow_unused=True)
    function = functools.partial(total, call, inputs, allowed, cotangents)
    slow = torch.autograd.gradcheck
    assert slow(function, tuple(allowed), check_batched_grad=False, fast_mode=True)
    for g, x in zip(found, allowed, strict=True):
        assert g is None or (g.shape == x.shape and g.dtype == x.dtype)


def total(call, inputs, allowed, cotangents, *new):
    """Return the sum of the results with weights, as a function of the tensors with gradients."""
    of = {id(x): y for x, y in zip(allowed, new, strict=True)}

    def replaced(x):
        if isinstance(x, (list, tuple)):
            return type(x)([replaced(y) for y in x])
        return of.get(id(x), x)

    results = [r for r in each(call.on_tensors(*map(replaced, inputs))) if r.requires_grad]
    return sum((r * c).sum() for r, c in zip(results, cotangents, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_gradients_in_other_types(call, dtype):
    _, allowed, results = differentiable(call, dtype)
    if not allowed:
        pytest.skip("it has no derivative")
    found = torch.autograd.grad(results, allowed, cotangents_of(results), allow_unused=True)
    for g, x in zip(found, allowed, strict=True):
        assert g is None or (g.shape == x.shape and g.dtype == dtype)


def a_and_b(*shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    shape = shape or (4, 8)
    return [torch.randn(shape, dtype=dtype, generator=generator).requires_grad_() for _ in range(2)]


def plain_kl(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(-1)


def gradients(f, *tensors):
    loss = f(*tensors)
    return torch.autograd.grad(
        (loss * torch.linspace(1, 2, loss.numel()).view_as(loss)).sum(), tensors
    )


CHANGES = {
    "whole": lambda x: x,
    "transposed": lambda x: x.T,
    "part": lambda x: x[:, ::2],
    "reversed": lambda x: x.flip(0),
    "spread": lambda x: x[:1].expand(5, 8),
    "row": lambda x: x[0],
    "number": lambda x: x[0, 0],
    "empty": lambda x: x[:0],
}


@pytest.mark.parametrize("first", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("second", CHANGES.values(), ids=CHANGES.keys())
def test_layouts_and_broadcasting(first, second):
    a, b = a_and_b()
    try:
        torch.broadcast_shapes(first(a).shape, second(b).shape)
    except RuntimeError:
        with pytest.raises(ValueError, match="kl_standard_normal"):
            kl(first(a), second(b))
        return
    if first(a).dim() == second(b).dim() == 0:
        first = CHANGES["row"]
    found = gradients(lambda a, b: kl(first(a), second(b)), a, b)
    wanted = gradients(lambda a, b: plain_kl(first(a), second(b)), a, b)
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [-1, 0, (0, 1), None, ()])
def test_axes(axis, keepdims):
    a, b = a_and_b()
    native = fastgen.torch.native(kl)
    for f, g in ((kl, native),):
        found = gradients(lambda a, b, f=f: f(a, b, axis=axis, keepdims=keepdims), a, b)
        wanted = gradients(lambda a, b, g=g: g(a, b, axis=axis, keepdims=keepdims), a, b)
        torch.testing.assert_close(found, wanted)


def test_inputs_by_name_and_with_defaults():
    a, b = a_and_b()
    (by_name,) = torch.autograd.grad(kl(logvar=b, mu=a).sum(), b)
    (by_place,) = torch.autograd.grad(kl(a, b).sum(), b)
    assert torch.equal(by_name, by_place)
    limit = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    y, _ = fastgen.torch.flow.affine_coupling(a, b, b, limit=limit, scale_map="tanh")
    (found,) = torch.autograd.grad(y.sum(), limit)
    y, _ = fastgen.torch.flow.affine_coupling(a, b, b, None, limit, scale_map="tanh")
    assert torch.equal(found, torch.autograd.grad(y.sum(), limit)[0])


def test_only_wanted_gradients_are_computed():
    a, b = a_and_b()
    b = b.detach()
    torch.testing.assert_close(
        gradients(lambda a: kl(a, b), a), gradients(lambda a: plain_kl(a, b), a)
    )
    assert not kl(a.detach(), b).requires_grad
    with torch.no_grad():
        assert not kl(a, b).requires_grad
    with torch.inference_mode():
        assert not kl(a, b).requires_grad


@pytest.mark.parametrize("parts", [(True, False), (False, True), (True, True)])
def test_results_whose_gradient_is_not_wanted(parts):
    a, b = a_and_b()
    results = fastgen.torch.flow.affine_coupling(a, b, b)
    native = fastgen.torch.native(fastgen.torch.flow.affine_coupling)(a, b, b)
    some = [sum(r.sum() for r, p in zip(rs, parts, strict=True) if p) for rs in (results, native)]
    found, wanted = (
        torch.autograd.grad(s, (a, b)) if parts[0] else torch.autograd.grad(s, (b,)) for s in some
    )
    torch.testing.assert_close(found, wanted)


def test_a_second_backward_pass():
    for tensors in (a_and_b(), (a_and_b()[0], a_and_b()[1])):
        loss = kl(*tensors).sum()
        once = torch.autograd.grad(loss, tensors, retain_graph=True)
        again = torch.autograd.grad(loss, tensors, retain_graph=True)
        last = torch.autograd.grad(loss, tensors)
        for first, second, third in zip(once, again, last, strict=True):
            assert torch.equal(first, second)
            assert torch.equal(first, third)
        with pytest.raises(RuntimeError, match="a second time"):
            loss.backward()


def test_second_derivatives_raise_and_say_what_to_do():
    a, b = a_and_b()
    for loss in (kl(a, b).sum(), kl(a, b[0]).sum(), fastgen.torch.flow.tanh(a)[0].sum()):
        (slope,) = torch.autograd.grad(loss, a, create_graph=True)
        with pytest.raises(RuntimeError, match=r"fastgen.torch.native\(fastgen.torch"):
            slope.sum().backward()


@pytest.mark.parametrize("other", [slice(None), 0])
def test_an_input_that_changed_in_place_is_noticed(other):
    a, b = a_and_b()
    inner = a * 1
    loss = fastgen.torch.elementary.logsumexp(inner + 0 * b[other]) if other == 0 else None
    y, logdet = fastgen.torch.flow.affine_coupling(inner, b, b)
    inner.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        (y.sum() + logdet.sum()).backward()
    assert loss is None or loss.requires_grad


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpoints(reentrant):
    a, b = a_and_b()

    def block(a):
        return kl(a, b).sum() + fastgen.torch.flow.affine_coupling(a, b, b)[0].sum()

    wanted = torch.autograd.grad(block(a), (a, b))
    checkpoint(block, a, use_reentrant=reentrant).backward()
    torch.testing.assert_close((a.grad, b.grad), wanted)


def test_saved_tensors_may_be_moved():
    a, b = a_and_b()
    wanted = torch.autograd.grad(kl(a, b).sum(), (a, b))
    with torch.autograd.graph.save_on_cpu():
        loss = kl(a, b).sum()
    torch.testing.assert_close(torch.autograd.grad(loss, (a, b)), wanted)


REFUSED = {
    "beta": lambda x: fastgen.torch.vae.bernoulli_elbo(x, x, x, x, beta=x[0, 0].abs()),
    "weight": lambda x: fastgen.torch.diffusion.denoising_loss(x, x, weight=x[:, 0]),
    "real": lambda x: fastgen.torch.gan.generator_loss(x, kind="relativistic", real=x),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_gradient_that_does_not_exist_is_refused(name):
    x = a_and_b()[0]
    with pytest.raises(TypeError, match=rf": {name} requires a gradient.*detach.*native"):
        REFUSED[name](x)
    REFUSED[name](x.detach())
    with torch.no_grad():
        REFUSED[name](x)


def test_out_and_gradients_exclude_each_other():
    a, b = a_and_b()
    out = torch.empty(4, dtype=torch.float64)
    with pytest.raises(TypeError, match="kl_standard_normal: a derivative takes no out"):
        kl(a, b, out=out)
    version = out._version
    assert kl(a.detach(), b.detach(), out=out) is out
    assert out._version > version
    torch.testing.assert_close(out, plain_kl(a, b).detach())


def test_hooks_threads_and_accumulation():
    a, b = a_and_b()
    (kl(a, b).sum() + kl(a, b).sum()).backward()
    torch.testing.assert_close(a.grad, 2 * a.detach())


def test_sums_of_several_rows_in_one_pass():
    """The ELBO's gradients need one factor per row, and are computed with the value."""
    x, z = torch.rand(6, 10, dtype=torch.float64), a_and_b(6, 4)
    logits = a_and_b(6, 10)[0]
    tensors = (logits, *z)
    for options in ({}, {"beta": 2.0}, {"free_bits": 0.5}, {"keepdims": True}):
        f = functools.partial(fastgen.torch.vae.bernoulli_elbo, **options)
        g = fastgen.torch.native(fastgen.torch.vae.bernoulli_elbo)
        found = gradients(lambda *t, f=f: f(x, *t), *tensors)
        wanted = gradients(lambda *t, g=g, o=options: g(x, *t, **o), *tensors)
        torch.testing.assert_close(found, wanted)


def test_a_training_step_equals_that_of_plain_formulas():
    torch.manual_seed(0)
    x = torch.rand(32, 20)
    losses = []
    for loss_of in (
        fastgen.torch.vae.bernoulli_elbo,
        fastgen.torch.native(fastgen.torch.vae.bernoulli_elbo),
    ):
        torch.manual_seed(1)
        net = torch.nn.Linear(20, 20 + 8)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        for _ in range(5):
            out = net(x)
            loss = -loss_of(x, out[:, :20], out[:, 20:24], out[:, 24:]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert np.isclose(*losses, rtol=1e-5)
