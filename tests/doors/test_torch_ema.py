"""`fastgen.torch.ema`: tensors and parameters change in place, beside the peers."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import fastgen  # noqa: E402
import fastgen.torch as ft  # noqa: E402


def model(seed):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(7, 30), torch.nn.ReLU(), torch.nn.Linear(30, 5))


@pytest.mark.parametrize("no_grad", [True, False])
def test_parameters_beside_the_peers(no_grad):
    net, average = model(0), model(1)
    theirs, foreach = copy.deepcopy(average), [p.detach().clone() for p in average.parameters()]
    averaged = torch.optim.swa_utils.AveragedModel(
        theirs, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    )
    averaged.update_parameters(theirs)
    addresses = [p.data_ptr() for p in average.parameters()]
    with torch.set_grad_enabled(not no_grad):
        ft.ema.update(average.parameters(), net.parameters(), 0.9)
    averaged.update_parameters(net)
    torch._foreach_lerp_(foreach, [p.detach() for p in net.parameters()], 1 - 0.9)
    assert addresses == [p.data_ptr() for p in average.parameters()]
    for ours, a, b in zip(average.parameters(), averaged.module.parameters(), foreach, strict=True):
        torch.testing.assert_close(ours.data, a.data, rtol=2e-7, atol=2e-8)
        torch.testing.assert_close(ours.data, b, rtol=2e-7, atol=2e-8)
    assert all(p.requires_grad and p.grad is None for p in average.parameters())


def test_ema_model_of_diffusers():
    training = pytest.importorskip("diffusers.training_utils")
    net = model(0)
    ours, theirs = copy.deepcopy(net), training.EMAModel(net.parameters())
    for step in range(20):
        with torch.no_grad():
            for p in net.parameters():
                p += torch.randn_like(p)
        theirs.step(net.parameters())
        ft.ema.update(ours.parameters(), net.parameters(), ft.ema.warmup_decay(step))
    for a, b in zip(ours.parameters(), theirs.shadow_params, strict=True):
        torch.testing.assert_close(a.data, b, rtol=1e-5, atol=1e-6)


def test_half_weights_state_dicts_and_bits():
    net = model(0)
    averages = {k: v.clone() for k, v in model(1).state_dict().items()}
    wanted = {
        k: fastgen.elementary.lerp(v.numpy(), net.bfloat16().state_dict()[k].float().numpy(), 0.25)
        for k, v in averages.items()
    }
    ft.ema.update(averages, net.bfloat16().state_dict(), 0.75)
    for k, v in averages.items():
        np.testing.assert_array_equal(v.numpy(), wanted[k])


def test_autograd_sees_the_change():
    x = torch.ones(3, requires_grad=True)
    y = x.exp()
    ft.ema.update([y], [torch.zeros(3)], 0.5)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_tensors_of_the_usual_kind_are_checked_in_c(monkeypatch):
    def refuse(*_):
        raise AssertionError("a tensor was checked in Python")

    monkeypatch.setattr(ft.ema, "check", refuse)
    averages = [torch.nn.Parameter(torch.zeros(3)), torch.zeros(2, 2, dtype=torch.float64)]
    weights = [torch.ones(3), torch.nn.Parameter(torch.ones(2, 2, dtype=torch.float64))]
    before = [a._version for a in averages]
    ft.ema.update(averages, weights, 0.75)
    assert all(bool((a == 0.25).all()) for a in averages)
    assert [a._version for a in averages] == [b + 1 for b in before]


@pytest.mark.parametrize("side", [0, 1])
def test_unusual_tensors(side):
    """Views that are not whole, negative ones, and zeros without memory have the same values."""
    unusual = [
        torch.arange(8.0).reshape(2, 4).T,
        torch.arange(8.0)[::2],
        torch.arange(3.0).bfloat16(),
        torch.tensor(2.0),
        torch.zeros(0, 3),
    ]
    if side == 1:
        unusual.append(torch.arange(4).to(torch.complex64).mul(1j).conj().imag)
        unusual.append(torch._efficientzerotensor((3,)))
        unusual.append(torch.ones(1).expand(3))
    for x in unusual:
        other = torch.full(x.shape, 4.0, dtype=x.dtype)
        a, w = (x.clone(memory_format=torch.preserve_format), other) if side == 0 else (other, x)
        wanted = torch.lerp(a, w.resolve_neg() if w.is_neg() else w + 0, 0.25)
        ft.ema.update([a], [w], 0.75)
        torch.testing.assert_close(a, wanted)


def test_refused():
    a, w = torch.zeros(3), torch.ones(3)
    for averages, weights, error, message in (
        ([a], [a], ValueError, r"averages\[0\] and weights\[0\] share memory"),
        ([a, a], [w, w], ValueError, r"averages\[0\] and averages\[1\] share memory"),
        ([a, torch.zeros(2)], [w, w], ValueError, r"averages\[1\] and weights\[1\].*one shape"),
        (
            [a, torch.zeros(1).expand(3)],
            [w, w],
            ValueError,
            r"averages\[1\] must not have elements",
        ),
        ([a, np.zeros(3)], [w, w], TypeError, r"averages\[1\] must be a tensor"),
        (
            [a, torch.zeros(3, dtype=torch.int64)],
            [w, w],
            TypeError,
            r"averages\[1\] must hold float",
        ),
        ([a, w.to_sparse()], [w, w], TypeError, r"averages\[1\] must be a dense tensor"),
    ):
        with pytest.raises(error, match=message):
            ft.ema.update(averages, weights, 0.5)
        assert not a.any()
    with pytest.raises(TypeError, match=r"fastgen\.torch"):
        fastgen.ema.update([np.zeros(3)], [torch.ones(3, requires_grad=True)], 0.5)
    with pytest.raises(TypeError, match="must be an array that can be written"):
        fastgen.ema.update([a], [w], 0.5)
    with pytest.raises(TypeError, match="call the function outside of it"):
        torch.func.vmap(lambda x: ft.ema.update([x], [x], 0.5))(torch.zeros(2, 3))


def test_other_devices():
    averages = [torch.zeros(3, device="meta"), torch.zeros((), device="meta")]
    for decay in (0.0, 0.5, 1.0):
        ft.ema.update(averages, [torch.zeros_like(a) for a in averages], decay)


def test_combine():
    snapshots = [[torch.ones(3, requires_grad=True)], [torch.full((3,), 2.0)]]
    (found,) = ft.ema.combine(snapshots, torch.tensor([-1.0, 3.0]))
    torch.testing.assert_close(found, torch.full((3,), 5.0))
