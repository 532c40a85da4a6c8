"""Steps whose cotangent is the number of the step before: no second pass, and the same bits."""

import pytest

torch = pytest.importorskip("torch", reason="torch missing: pip install torch")

import fastgen.torch as ft  # noqa: E402
from fastgen.torch import _eager, _expected  # noqa: E402

ROWS = 1 << 9


@pytest.fixture
def passes(monkeypatch):
    """Begin without a step before, and count the multiplications of a backward pass."""
    counted = []
    original = _eager.scaled
    monkeypatch.setattr(_expected, "_factors", {})
    monkeypatch.setattr(_eager, "scaled", lambda *a: (counted.append(1), original(*a))[1])
    return counted


def leaves(rows=ROWS):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(rows, 64, generator=generator).requires_grad_() for _ in range(2)]


def kl(mu, logvar):
    return ft.vae.kl_standard_normal(mu, logvar)


def gan(real, fake):
    return ft.gan.discriminator_loss(real, fake, kind="minimax")


def gradients(f, reduce, inputs=None):
    inputs = inputs or leaves()
    return torch.autograd.grad(reduce(f(*inputs)), inputs)


REDUCTIONS = {
    "mean": lambda x: x.mean(),
    "sum": lambda x: x.sum(),
    "minus": lambda x: -x.mean(),
    "of 3": lambda x: x.sum() / 3,
    "much": lambda x: x.sum() * 2.0**40,
    "little": lambda x: x.sum() * 2.0**-40,
    "each": lambda x: (x * torch.linspace(-1, 1, x.numel()).reshape(x.shape)).sum(),
}


@pytest.mark.parametrize("f", [kl, gan])
@pytest.mark.parametrize("before", REDUCTIONS)
@pytest.mark.parametrize("then", REDUCTIONS)
def test_bits_do_not_depend_on_the_step_before(passes, f, before, then):
    wanted = gradients(f, REDUCTIONS[then])
    for _ in range(2):
        gradients(f, REDUCTIONS[before])
    assert all(map(torch.equal, gradients(f, REDUCTIONS[then]), wanted))
    assert all(map(torch.equal, gradients(f, REDUCTIONS[then]), wanted))


@pytest.mark.parametrize(("name", "count"), [("mean", 0), ("sum", 0), ("minus", 0), ("of 3", 2)])
def test_a_second_step_multiplies_nothing(passes, name, count):
    gradients(kl, REDUCTIONS[name])
    passes.clear()
    gradients(kl, REDUCTIONS[name])
    assert len(passes) == count


def test_other_shapes_and_other_inputs_are_other_steps(passes):
    gradients(kl, REDUCTIONS["mean"])
    passes.clear()
    small = leaves(ROWS // 2)
    wanted = [g.clone() for g in gradients(kl, REDUCTIONS["mean"], small)]
    assert len(passes) == 2
    mu, logvar = small
    (alone,) = torch.autograd.grad(kl(mu, logvar.detach()).mean(), [mu])
    assert len(passes) == 3 and torch.equal(alone, wanted[0])


def test_a_graph_that_is_kept_gives_gradients_of_its_own(passes):
    gradients(kl, REDUCTIONS["mean"])
    inputs = leaves()
    loss = kl(*inputs).mean()
    first = torch.autograd.grad(loss, inputs, retain_graph=True)
    wanted = [g.clone() for g in first]
    for g in first:
        g.fill_(7)
    second = torch.autograd.grad(3 * loss, inputs, retain_graph=True)
    third = torch.autograd.grad(loss, inputs)
    assert all(map(torch.equal, third, wanted))
    for a, b in zip(second, wanted, strict=True):
        torch.testing.assert_close(a, 3 * b)


def test_batched_cotangents_after_a_mean(passes):
    inputs = leaves()
    gradients(kl, REDUCTIONS["mean"])
    found = torch.autograd.grad(kl(*inputs), inputs, torch.eye(ROWS)[:3], is_grads_batched=True)
    passed = torch.autograd.grad(kl(*inputs), inputs, torch.eye(ROWS)[1])
    assert all(torch.equal(a[1], b) for a, b in zip(found, passed, strict=True))
