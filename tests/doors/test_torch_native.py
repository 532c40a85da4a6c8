"""`fastgen.torch.native`: the same functions in PyTorch's own operations, on every device."""

import copy
import functools
import inspect
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_calls import CALLS, each, leaves  # noqa: E402

import fastgen.torch  # noqa: E402
from fastgen.diffusion import Schedule  # noqa: E402

kl = fastgen.torch.vae.kl_standard_normal
WITH_NATIVE = [call for call in CALLS if not call.name.startswith(("apg", "guidance.apg"))]
NAMES = [call.name for call in WITH_NATIVE]


def native_of(call):
    """Return the call with the native function."""
    f = call.on_tensors
    if f.func.__name__ == "with_keywords":
        door, *rest = f.args
        return functools.partial(f.func, fastgen.torch.native(door), *rest)
    if f.args:  # a case that calls the function in its own form
        return functools.partial(f.func, fastgen.torch.native(f.args[0]))
    return functools.partial(fastgen.torch.native(f.func), **f.keywords)


@pytest.mark.parametrize("call", WITH_NATIVE, ids=NAMES)
def test_values_types_and_gradients(call):
    wanted = each(call.on_tensors(*call.tensors()))
    found = each(native_of(call)(*call.tensors()))
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("call", WITH_NATIVE, ids=NAMES)
def test_types(call, dtype):
    wanted = each(call.on_tensors(*call.tensors(dtype)))
    found = each(native_of(call)(*call.tensors(dtype)))
    for a, b in zip(found, wanted, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)


@pytest.mark.parametrize("call", WITH_NATIVE, ids=NAMES)
def test_another_device(call):
    wanted = each(call.on_tensors(*call.tensors()))
    found = each(call.with_tensors(lambda x: x.to("meta")))
    for a, b in zip(found, wanted, strict=True):
        assert (a.device.type, a.dtype, a.shape) == ("meta", b.dtype, b.shape)


def test_several_devices_are_refused():
    a = torch.zeros(3)
    with pytest.raises(TypeError, match=r"kl_standard_normal: mu on cpu.*logvar on meta"):
        kl(a, a.to("meta"))


def test_second_derivatives():
    a, b = (torch.randn(3, 4, dtype=torch.float64).requires_grad_() for _ in range(2))
    assert torch.autograd.gradgradcheck(fastgen.torch.native(kl), (a, b))
    native = fastgen.torch.native(fastgen.torch.flow.rational_quadratic_spline)
    x = (torch.rand(3, dtype=torch.float64) - 0.5).requires_grad_()
    raw = [torch.randn(3, n, dtype=torch.float64).requires_grad_() for n in (5, 5, 4)]
    assert torch.autograd.gradgradcheck(lambda *t: native(*t)[0], (x, *raw))


def test_the_gradient_penalty_of_a_critic():
    """WGAN-GP differentiates a gradient, and the penalty itself needs first derivatives only."""
    critic = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    x = torch.randn(6, 4, requires_grad=True)
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    found = torch.autograd.grad(
        fastgen.torch.gan.gradient_penalty(slope).mean(),
        critic.parameters(),
        retain_graph=True,
        allow_unused=True,
    )
    plain = ((slope.norm(dim=1) - 1) ** 2).mean()
    wanted = torch.autograd.grad(plain, critic.parameters(), allow_unused=True)
    for g, w in zip(found, wanted, strict=True):
        assert (g is None) == (w is None)
        if g is not None:
            torch.testing.assert_close(g, w)


@pytest.mark.parametrize("name", ["edm_weight", "cosmap_weight", "logit_normal_weight"])
def test_functions_without_rows_have_gradients(name):
    f = getattr(fastgen.torch.diffusion, name)
    t = torch.tensor([0.1, 0.4, 0.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(f, (t,))


def test_parameters_are_split_with_gradients():
    params = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    log_scale, shift = fastgen.torch.flow.split_parameters(params, layout="shift_scale_pairs")
    (log_scale.sum() + 2 * shift.sum()).backward()
    assert torch.equal(params.grad, torch.tensor([[2.0, 1.0] * 3] * 3, dtype=torch.float64))


@pytest.mark.parametrize("schedule", [Schedule.linear(50), Schedule.flow()], ids=["vp", "flow"])
def test_noise_is_the_same_on_every_path(schedule):
    x = torch.randn(3, 4)
    t = torch.tensor([1, 2, 3]) if schedule.form != "flow" else torch.tensor([0.1, 0.2, 0.3])
    f = fastgen.torch.diffusion.add_noise
    torch.testing.assert_close(
        f(x, t, schedule, key=5), fastgen.torch.native(f)(x, t, schedule, key=5)
    )
    values = []
    for g in (f, fastgen.torch.native(f)):
        torch.manual_seed(3)
        values.append(g(x, t, schedule))
    torch.testing.assert_close(*values)


def test_what_native_refuses():
    with pytest.raises(TypeError, match="f must be a function of fastgen"):
        fastgen.torch.native(np.exp)
    with pytest.raises(TypeError, match="out would change in place"):
        fastgen.torch.native(kl)(torch.zeros(3), torch.zeros(3), out=torch.zeros(()))
    assert leaves([torch.zeros(1)])


def test_native_pickles_and_copies():
    f = fastgen.torch.native(fastgen.torch.vae.kl_standard_normal)
    x = torch.ones(2, 3)
    for g in (pickle.loads(pickle.dumps(f)), copy.deepcopy(f)):
        assert torch.equal(g(x, x), f(x, x))
        assert repr(g) == "native(fastgen.torch.vae.kl_standard_normal)"
        assert inspect.signature(g) == inspect.signature(fastgen.torch.vae.kl_standard_normal)
