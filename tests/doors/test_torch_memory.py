"""`fastgen.torch`: what calls keep, change and share in memory."""

import gc
import weakref

import pytest

torch = pytest.importorskip("torch")

import fastgen.torch  # noqa: E402
from fastgen import _call_text  # noqa: E402
from fastgen.diffusion import Schedule  # noqa: E402

kl = fastgen.torch.vae.kl_standard_normal
tanh = fastgen.torch.flow.tanh


def leaf(*shape):
    return torch.randn(shape or (4, 8), requires_grad=True)


@pytest.mark.parametrize("backward", [False, True])
def test_inputs_are_free_where_the_backward_pass_does_not_need_them(backward):
    """One pass keeps gradients instead of inputs; others keep inputs until the backward pass."""
    f = (lambda x: tanh(x)[0]) if backward else lambda x: kl(x, x)
    inner = leaf() * 1
    alive = weakref.ref(inner)
    result = f(inner)
    del inner
    if backward:
        result.sum().backward()
    gc.collect()
    assert alive() is None


def test_tensors_that_a_hook_has_seen_do_not_change():
    a, packed = leaf(), []

    def pack(x):
        packed.append(x)
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        result = kl(a, a)
    before = [x.clone() for x in packed]
    (3 * result).sum().backward()
    assert packed
    assert all(map(torch.equal, packed, before))


@pytest.mark.parametrize("f", [kl, lambda a, b: tanh(a)[0] + b, lambda a, b: kl(a, b[0])])
def test_gradients_of_one_graph_do_not_share_memory(f):
    a, b = leaf(), leaf()
    loss = f(a, b).sum()
    (first,) = torch.autograd.grad(loss, a, retain_graph=True)
    wanted = first.clone()
    first.zero_()
    (3 * loss).backward(retain_graph=True)
    torch.testing.assert_close(a.grad, 3 * wanted)
    a.grad.zero_()
    loss.backward()
    torch.testing.assert_close(a.grad, wanted)


def test_results_may_change_in_place():
    a, b = leaf(), leaf()
    loss = kl(a, b)
    loss.add_(1).mul_(2)
    y, logabsdet = fastgen.torch.flow.affine_coupling(a, b, b)
    y.mul_(0)
    logabsdet.mul_(0)
    (loss.sum() + y.sum() + logabsdet.sum()).backward()
    torch.testing.assert_close(a.grad, 2 * a.detach())


def negative(*shape):
    """Return a tensor whose memory holds the negative of its values."""
    x = torch.randn(*shape, dtype=torch.complex64).conj().imag
    assert x.is_neg()
    return x


def test_negative_views():
    x, a = negative(4, 8), leaf()
    assert torch.equal(kl(x, x), kl(x.clone(), x.clone()))
    for f in (lambda a: kl(a, x), lambda a: kl(a, x[0]), lambda a: tanh(a)[0] * x):
        (found,) = torch.autograd.grad(f(a).sum(), a)
        (wanted,) = torch.autograd.grad(f(a.detach().requires_grad_()).sum(), a, allow_unused=True)
        assert wanted is None
        assert found.shape == a.shape
    (found,) = torch.autograd.grad(tanh(a)[0], a, x)
    assert torch.equal(found, torch.autograd.grad(tanh(a)[0], a, x.clone())[0])
    z = torch.randn(4, 8, dtype=torch.complex64, requires_grad=True)
    (found,) = torch.autograd.grad(kl(z.conj().imag, a.detach()).sum(), z)
    torch.testing.assert_close(found.imag, z.detach().imag)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_zeros_without_memory(dtype):
    zeros = torch._efficientzerotensor((4, 8), dtype=dtype)
    assert torch.equal(kl(zeros, zeros), torch.zeros(4, dtype=dtype))
    x = torch.zeros(4, 8, dtype=dtype, requires_grad=True)
    kl(x, zeros).sum().backward()
    assert torch.equal(x.grad, torch.zeros(4, 8, dtype=dtype))


BAD_OUT = {
    "share memory": lambda: torch.empty(1).expand(4),
    "negative view": lambda: negative(4),
}


@pytest.mark.parametrize("reason", BAD_OUT)
def test_an_out_that_can_not_be_written(reason):
    with pytest.raises(ValueError, match=f"kl_standard_normal: out must not .*{reason}"):
        kl(torch.zeros(4, 8), torch.zeros(4, 8), out=BAD_OUT[reason]())


def test_an_average_that_can_not_be_written():
    x = torch.randn(3, 8)
    with pytest.raises(ValueError, match=r"apg: average must not .*share memory"):
        fastgen.torch.guidance.apg(x, x, 2.0, average=torch.zeros(1, 8).expand(3, 8))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_nested_tensors_are_refused():
    nested = torch.nested.nested_tensor([torch.zeros(3), torch.zeros(2)])
    with pytest.raises(TypeError, match="kl_standard_normal: mu must not be a nested tensor"):
        kl(nested, nested)


def test_equal_schedules_are_kept_once():
    x, t = torch.randn(3, 8), torch.arange(3)
    before = len(_call_text._OBJECTS)
    for k in (10, 11) * 3:
        schedule = Schedule.linear(k)
        f = fastgen.torch.diffusion.add_noise
        found = torch.vmap(lambda x, t, s=schedule, f=f: f(x, t, s, noise=x))(x, t)
        torch.testing.assert_close(found, f(x, t, schedule, noise=x))
    assert len(_call_text._OBJECTS) <= before + 2


def test_arrays_of_transformed_calls_are_not_kept():
    x, before = torch.randn(3, 8), len(_call_text._OBJECTS)
    torch.vmap(lambda x: kl(x, torch.zeros(8).numpy()[::-1]))(x)
    assert len(_call_text._OBJECTS) == before
