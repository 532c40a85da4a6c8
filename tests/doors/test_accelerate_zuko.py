"""zuko through `fastgen.torch.accelerate`: its own transforms and flows, against the originals."""

import copy
import pickle

import pytest

torch = pytest.importorskip("torch", reason="torch missing: pip install torch")
zuko = pytest.importorskip("zuko", reason="zuko missing: pip install zuko")

from zuko.transforms import MonotonicAffineTransform, MonotonicRQSTransform  # noqa: E402

from fastgen.torch import accelerate, accelerated  # noqa: E402
from fastgen.torch._accelerate import _zuko  # noqa: E402


@pytest.fixture(autouse=True)
def few_elements(monkeypatch):
    """Let fastgen compute affine transforms of few elements too."""
    monkeypatch.setattr(_zuko, "LEAST_AFFINE", 0)


SHAPES = [((), ()), ((6,), (6,)), ((4, 6), (6,)), ((4, 6), (4, 6)), ((3, 4, 6), (4, 6))]


def draw(shape):
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


def spline(shape, bins=7):
    torch.manual_seed(0)
    return [draw((*shape, n)) for n in (bins, bins, bins - 1)]


def affine(shape):
    torch.manual_seed(0)
    return [draw(shape), draw(shape)]


CASES = {
    "spline": (MonotonicRQSTransform, spline, {}),
    "spline-2": (MonotonicRQSTransform, lambda s: spline(s, 2), {"bound": 1.0, "slope": 0.1}),
    "affine": (MonotonicAffineTransform, affine, {}),
    "affine-slope": (MonotonicAffineTransform, affine, {"slope": 0.05}),
}


def results(made, given, x, second=False):
    """Return everything that a transform computes, and its gradients."""
    transform = made(*given)
    y, ladj = transform.call_and_ladj(x)
    back = transform.inv(x)
    found = [y, ladj, transform(x), transform.log_abs_det_jacobian(x, y), back]
    loss = sum([(r * torch.linspace(0.5, 1.5, r.numel()).reshape(r.shape)).sum() for r in found])
    gradients = torch.autograd.grad(loss, [x, *given], create_graph=second)
    if second:
        loss = sum([g.square().sum() for g in gradients])
        gradients = torch.autograd.grad(loss, [x, *given])
    return [*found, *gradients]


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize(("shape", "own"), SHAPES)
@pytest.mark.parametrize("name", CASES)
def test_transforms(name, shape, own, second):
    owner, draws, options = CASES[name]
    given, x = draws(own), draw(shape)
    made = lambda *raw: owner(*raw, **options)  # noqa: E731
    theirs = results(made, given, x, second)
    with accelerate("zuko"):
        assert type(made(*given)) is not owner
        ours = results(made, given, x, second)
    assert type(made(*given)) is owner
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_a_transform_is_one_of_zuko(name):
    owner, draws, options = CASES[name]
    given = draws((6,))
    original = owner(*given, **options)
    with accelerate("zuko"):
        made = owner(*given, **options)
    assert isinstance(made, owner)
    assert type(made).__name__ == owner.__name__
    for attribute in vars(original):
        if isinstance(getattr(original, attribute), torch.Tensor):
            assert torch.equal(getattr(made, attribute), getattr(original, attribute))
    assert repr(made) == repr(original)
    with pytest.raises(AttributeError, match="has no attribute 'knots'"):
        _ = made.knots
    x = torch.linspace(-2, 2, 6, dtype=torch.float64)
    detached = owner(*[p.detach() for p in given], **options)
    with accelerate("zuko"):
        detached = owner(*[p.detach() for p in given], **options)
    for same in (copy.deepcopy(detached), pickle.loads(pickle.dumps(detached))):
        torch.testing.assert_close(same(x), original(x))


def test_other_elements_go_to_the_original():
    given = [p.detach() for p in spline((6,))]
    x = torch.randn(6)
    theirs = MonotonicRQSTransform(*given)(x)
    with accelerate("zuko"):
        ours = MonotonicRQSTransform(*given)(x)
    assert torch.equal(ours, theirs)


def test_other_parameters_and_subclasses_go_to_the_original():
    class Own(MonotonicRQSTransform):
        pass

    given = spline((6,))
    with accelerate("zuko"):
        assert type(Own(*given)) is Own
        assert type(MonotonicRQSTransform(*given, slope=2.0)) is MonotonicRQSTransform
        half = [p.detach().bfloat16() for p in given]
        assert type(MonotonicRQSTransform(*half)) is MonotonicRQSTransform
        with pytest.raises(TypeError):
            MonotonicRQSTransform(*given[:2])
        with pytest.raises(TypeError):
            MonotonicRQSTransform(*given, knots=3)


def test_few_affine_elements_stay_with_the_original(monkeypatch):
    monkeypatch.setattr(_zuko, "LEAST_AFFINE", 20)
    with accelerate("zuko"):
        assert type(MonotonicAffineTransform(*affine((19,)))) is MonotonicAffineTransform
        assert type(MonotonicAffineTransform(*affine((4, 5)))) is _zuko.MonotonicAffineTransform


def test_undo():
    before = MonotonicRQSTransform.__init__, MonotonicAffineTransform.__init__
    with accelerate("zuko"):
        assert [entry.library for entry in accelerated()] == ["zuko", "zuko"]
    assert before == (MonotonicRQSTransform.__init__, MonotonicAffineTransform.__init__)


@pytest.mark.parametrize("flow", ["NSF", "MAF", "NCSF"])
def test_training_gives_the_same_losses(flow):
    def losses():
        torch.manual_seed(0)
        model = getattr(zuko.flows, flow)(3, 2, transforms=2, hidden_features=(16,))
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        x, c = torch.randn(64, 3).clamp(-3, 3), torch.randn(64, 2)
        found = []
        for _ in range(15):
            loss = -model(c).log_prob(x).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        y, log_prob = model(c).rsample_and_log_prob()
        assert y.shape == (64, 3)
        return torch.tensor([*found, log_prob.mean().item()])

    theirs = losses()
    with accelerate("zuko"):
        ours = losses()
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert ours[-2] < ours[0]
