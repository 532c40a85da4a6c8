"""normflows through `fastgen.torch.accelerate`: its own flows, against the originals."""

import math

import pytest

torch = pytest.importorskip("torch", reason="torch missing: pip install torch")
normflows = pytest.importorskip("normflows", reason="normflows missing: pip install normflows")

from accelerated import check, results  # noqa: E402
from normflows import flows, nets  # noqa: E402
from normflows.flows.neural_spline import coupling  # noqa: E402
from normflows.utils import splines  # noqa: E402

from fastgen.torch import accelerate, accelerated  # noqa: E402
from fastgen.torch._accelerate import _normflows_affine  # noqa: E402

FEATURES = 5
BOUND = 2.0
SPLINE, AFFINE = "flow.rational_quadratic_spline", "flow.affine_coupling"
# Several flows of normflows make tensors of the default type.
pytestmark = pytest.mark.usefixtures("double")


@pytest.fixture(autouse=True)
def few_elements(monkeypatch):
    """Let fastgen compute affine transforms of few elements too."""
    monkeypatch.setattr(_normflows_affine, "LEAST_COUPLED", 0)
    monkeypatch.setattr(_normflows_affine, "LEAST_MASKED", 0)


def network(inputs, outputs):
    return nets.ResidualNet(inputs, outputs, hidden_features=12, num_blocks=1)


def images(inputs, outputs):
    return nets.ConvResidualNet(inputs, outputs, hidden_channels=8, num_blocks=1)


def coupled(tails, bound=BOUND, **options):
    mask = torch.arange(FEATURES) % 2
    made = coupling.PiecewiseRationalQuadraticCoupling
    return made(mask, network, num_bins=6, tails=tails, tail_bound=bound, **options)


def perceptron(*sizes):
    return nets.MLP(list(sizes), init_zeros=False)


class Halves(torch.nn.Module):
    """An `AffineCoupling` of the halves of a tensor, as a flow that takes one."""

    def __init__(self, **options):
        super().__init__()
        self.flow = flows.AffineCoupling(perceptron(2, 8, 6), **options)

    def forward(self, x):
        (first, second), logabsdet = self.flow([x[:, :2], x[:, 2:]])
        return torch.cat([first, second], dim=1), logabsdet

    def inverse(self, x):
        (first, second), logabsdet = self.flow.inverse([x[:, :2], x[:, 2:]])
        return torch.cat([first, second], dim=1), logabsdet


def masked(**options):
    mask = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0])
    nets_of = {name: perceptron(FEATURES, 8, FEATURES) for name in ("t", "s")}
    return flows.MaskedAffineFlow(mask, **(nets_of | options))


BOUNDS = [1.0, 2.0, 3.0, 1.5, 2.5]
MIXED = ["circular", "linear", "linear", "circular", "linear"]
MODELS = {
    "coupling": (lambda: coupled("linear"), SPLINE),
    "coupling-interval": (lambda: coupled(None), SPLINE),
    "coupling-circular": (lambda: coupled("circular"), SPLINE),
    "coupling-mixed": (lambda: coupled(MIXED), SPLINE),
    "coupling-bounds": (lambda: coupled("linear", torch.tensor(BOUNDS)), SPLINE),
    "coupling-circular-bounds": (lambda: coupled("circular", torch.tensor(BOUNDS)), SPLINE),
    "coupling-mixed-bounds": (lambda: coupled(MIXED, torch.tensor(BOUNDS)), SPLINE),
    "coupling-least": (
        lambda: coupled("linear", min_bin_width=0.1, min_bin_height=0.05, min_derivative=0.2),
        SPLINE,
    ),
    "coupling-unconditional": (
        lambda: coupled("linear", apply_unconditional_transform=True),
        SPLINE,
    ),
    "wrapper": (lambda: flows.CoupledRationalQuadraticSpline(FEATURES, 1, 12), SPLINE),
    "autoregressive": (
        lambda: flows.AutoregressiveRationalQuadraticSpline(FEATURES, 1, 12, init_identity=False),
        SPLINE,
    ),
    "wrapper-circular": (
        lambda: flows.CircularCoupledRationalQuadraticSpline(
            FEATURES, 1, 12, [0, 3], tail_bound=torch.tensor(BOUNDS), init_identity=False
        ),
        SPLINE,
    ),
    "autoregressive-circular": (
        lambda: flows.CircularAutoregressiveRationalQuadraticSpline(
            FEATURES, 1, 12, [1], init_identity=False
        ),
        SPLINE,
    ),
    "affine": (Halves, AFFINE),
    "masked": (masked, AFFINE),
    "masked-scale": (lambda: masked(t=None), AFFINE),
    "masked-shift": (lambda: masked(s=None), AFFINE),
    "sigmoid": (lambda: Halves(scale_map="sigmoid"), None),
    "sigmoid-inv": (lambda: Halves(scale_map="sigmoid_inv"), None),
    "maf": (lambda: flows.MaskedAffineAutoregressive(FEATURES, 12), None),
}


def model(name, dtype=torch.float64):
    torch.manual_seed(1)
    transform = MODELS[name][0]()
    with torch.no_grad():
        for p in transform.parameters():
            p += 0.5 * torch.randn_like(p)
    x = torch.randn(33, FEATURES) * 1.5
    if "interval" in name:
        x = torch.rand(33, FEATURES)
        x[:2] = torch.tensor([[0.0], [1.0]])
    elif "circular" in name:
        x = (2 * torch.rand(33, FEATURES) - 1) * torch.tensor(BOUNDS)
        x[:2] = torch.tensor(BOUNDS) * torch.tensor([[1.0], [-1.0]])
    else:
        x[:2] = torch.tensor([[BOUND], [-BOUND]])
    return transform.to(dtype), x.to(dtype)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_flows(name, inverse, computed):
    transform, x = model(name)
    theirs = results(transform, x, inverse)
    assert computed == []
    with accelerate("normflows"):
        ours = results(transform, x, inverse)
    expected = MODELS[name][1]
    assert {n.removesuffix("_inverse") for n in computed} == ({expected} if expected else set())
    check(ours, theirs, 1e-9 if inverse else 1e-10)


@pytest.mark.parametrize("name", ["coupling", "coupling-mixed-bounds", "affine", "masked"])
def test_float32_is_nearer_to_the_truth(name):
    torch.set_default_dtype(torch.float32)
    transform, x = model(name, torch.float32)
    theirs = results(transform, x, False)
    with accelerate("normflows"):
        ours = results(transform, x, False)
    exact = results(transform.double(), x.double(), False)

    def error(found):
        pairs = zip(found, exact, strict=True)
        return max([float(((a - b).abs().max() / b.abs().max()).detach()) for a, b in pairs])

    assert all(a.dtype is torch.float32 for a in ours)
    assert error(ours) < 5e-5
    assert error(ours) < 2 * error(theirs)


@pytest.mark.parametrize(
    "name", ["coupling", "coupling-circular", "coupling-mixed-bounds", "affine", "masked"]
)
def test_second_derivatives(name, computed):
    transform, x = model(name)

    def penalty():
        found = results(transform, x, False, create_graph=True)[2]
        weights = list(transform.parameters())
        return torch.autograd.grad(found.square().sum(), weights, allow_unused=True)

    theirs = penalty()
    with accelerate("normflows"):
        ours = penalty()
    assert computed != []
    check(ours, theirs, 1e-8)


def test_images(computed):
    torch.manual_seed(0)
    mask = torch.tensor([1, 0, 1, 0])
    made = coupling.PiecewiseRationalQuadraticCoupling
    transform = made(mask, images, num_bins=4, tails="linear", tail_bound=BOUND)
    x = torch.randn(2, 4, 3, 3)
    theirs = results(transform, x, False)
    with accelerate("normflows"):
        check(results(transform, x, False), theirs, 1e-10)
    assert computed == [SPLINE]


class Dropped(torch.nn.Module):
    """A coupling of images, whose network has dropout."""

    def __init__(self, scale_map):
        super().__init__()
        net = nets.ConvNet2d([2, 8, 8, 4], [3, 1, 3], init_zeros=False)
        net = torch.nn.Sequential(net, torch.nn.Dropout(0.5))
        self.flow = flows.AffineCouplingBlock(net, scale_map=scale_map)

    def forward(self, x):
        torch.manual_seed(3)
        return self.flow(x)

    def inverse(self, x):
        torch.manual_seed(3)
        return self.flow.inverse(x)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("scale_map", ["exp", "sigmoid"])
def test_affine_images(scale_map, inverse, computed):
    """The network, which draws noise, is computed once."""
    torch.manual_seed(0)
    transform, x = Dropped(scale_map), torch.randn(2, 4, 6, 6)
    theirs = results(transform, x, inverse)
    state = torch.get_rng_state()
    with accelerate("normflows"):
        check(results(transform, x, inverse), theirs, 1e-11)
    assert torch.equal(torch.get_rng_state(), state)
    assert len(computed) == (scale_map == "exp")


class Counted(torch.nn.Module):
    """A network that counts its calls."""

    def __init__(self, result):
        super().__init__()
        self.result, self.calls = result, 0

    def forward(self, x):
        self.calls += 1
        return self.result


NOT_MODERATE = [math.inf, -math.inf, math.nan, 800.0]


@pytest.mark.parametrize("value", NOT_MODERATE)
@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("which", ["s", "t"])
def test_masked_flows_make_nan_of_what_is_not_finite(which, at, value, computed):
    """In double, the exponential of 800 is not."""
    given = {"s": torch.zeros(3, 2), "t": torch.zeros(3, 2)}
    given[which][1, at] = value
    nets_of = {name: Counted(x) for name, x in given.items()}
    flow = flows.MaskedAffineFlow(torch.tensor([1.0, 0.0]), **nets_of)
    x = torch.randn(3, 2)
    theirs = flow(x)
    with accelerate("normflows"):
        ours = flow(x)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)
    assert [net.calls for net in nets_of.values()] == [2, 2]
    assert (computed == []) == ((which, value) != ("t", 800.0))


@pytest.mark.parametrize("mask", [[0.5, 0.0], [math.inf, 0.0], [2.0, 1.0]])
def test_masks_that_blend_stay_with_the_original(mask, computed):
    flow = flows.MaskedAffineFlow(torch.tensor(mask), perceptron(2, 4, 2), perceptron(2, 4, 2))
    x = torch.randn(3, 2)
    theirs = flow(x)
    with accelerate("normflows"):
        ours = flow(x)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)
    assert computed == []


def test_parameters_that_broadcast_stay_with_the_original(computed):
    net = Counted(torch.randn(3, 2, 1, 1))
    flow = flows.AffineCoupling(net)
    z = [torch.randn(3, 1, 4, 4), torch.randn(3, 1, 4, 4)]
    theirs = flow(z)
    with accelerate("normflows"):
        ours = flow(z)
    assert torch.equal(ours[0][1], theirs[0][1])
    assert torch.equal(ours[1], theirs[1])
    assert (net.calls, computed) == (2, [])


def test_few_affine_elements_stay_with_the_original(monkeypatch, computed):
    monkeypatch.setattr(_normflows_affine, "LEAST_COUPLED", 20 * 3)
    monkeypatch.setattr(_normflows_affine, "LEAST_MASKED", 20 * FEATURES)
    for name in ("affine", "masked"):
        transform = model(name)[0]
        with accelerate("normflows"):
            transform(torch.randn(19, FEATURES))
            assert computed == []
            transform(torch.randn(20, FEATURES))
        assert computed.pop() == AFFINE


def of_spline(tails, count, x=None, bins=6):
    """Return elements in [-3, 3], and parameters with so many slopes."""
    torch.manual_seed(2)
    x = 6 * torch.rand(7, FEATURES) - 3 if x is None else x
    sizes = bins, bins, bins + count
    drawn = [torch.randn(*x.shape, n, requires_grad=True) for n in sizes]
    return x.requires_grad_(), *drawn


def of_function(given, inverse, **options):
    found = splines.unconstrained_rational_quadratic_spline(*given, inverse, **options)
    loss = found[0].sin().sum() + found[1].cos().sum()
    return [*found, *torch.autograd.grad(loss, given)]


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("bound", [1.5, [1.5], BOUNDS])
@pytest.mark.parametrize(
    ("tails", "count"), [("linear", -1), ("circular", 0), (MIXED, 1), (tuple(MIXED), 1)]
)
def test_functions(tails, count, bound, inverse, computed):
    """Elements outside of the bins are among them."""
    given = of_spline(tails, count)
    bound = torch.tensor(bound) if isinstance(bound, list) else bound
    theirs = of_function(given, inverse, tails=tails, tail_bound=bound)
    with accelerate("normflows"):
        ours = of_function(given, inverse, tails=tails, tail_bound=bound)
    assert computed == [SPLINE]
    check(ours, theirs, 1e-9)


def test_bounds_have_gradients():
    given, bound = of_spline("linear", -1), torch.tensor(BOUNDS, requires_grad=True)
    (theirs, _) = splines.unconstrained_rational_quadratic_spline(*given, tail_bound=bound)
    (theirs,) = torch.autograd.grad(theirs.sin().sum(), bound)
    with accelerate("normflows"):
        ours, _ = splines.unconstrained_rational_quadratic_spline(*given, tail_bound=bound)
    (ours,) = torch.autograd.grad(ours.sin().sum(), bound)
    torch.testing.assert_close(ours, theirs)


def same_error(f, *args, **options):
    """Check that a call raises the same with and without acceleration."""
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        getattr(splines, f)(*args, **options)
    with accelerate("normflows"), pytest.raises(theirs.type) as ours:
        getattr(splines, f)(*args, **options)
    assert str(ours.value) == str(theirs.value)
    return theirs.type


def test_errors_are_those_of_the_library():
    tails = "unconstrained_rational_quadratic_spline"
    x, w, h, d = of_spline("linear", -1)
    assert same_error(tails, x, w, h, d, tails="parabolic") is RuntimeError
    assert same_error(tails, x, w, h, d, min_bin_width=0.3) is ValueError
    assert same_error(tails, x, w, h) is TypeError
    assert same_error(tails, x, w, h, d, tails=["linear"] * 4) is IndexError
    assert same_error(tails, x, w[..., :5], h, d) is RuntimeError
    x, w, h, d = of_spline(None, 1, torch.rand(7, FEATURES))
    assert same_error("rational_quadratic_spline", x, w, h, d, bins=3) is TypeError
    assert same_error("rational_quadratic_spline", x + 1, w, h, d) in (RuntimeError, IndexError)
    with pytest.raises(NotImplementedError), accelerate("normflows"):
        Halves(scale_map="tanh")(torch.randn(3, FEATURES))


def test_undo():
    before = splines.rational_quadratic_spline
    with accelerate("normflows"):
        report = {entry.function: entry for entry in accelerated()}
        entry = report["normflows.utils.splines.rational_quadratic_spline"]
        assert (entry.library, entry.version) == ("normflows", "1.7.3")
        assert splines.rational_quadratic_spline is not before
    assert splines.rational_quadratic_spline is before
    assert accelerated() == []


def test_training_gives_the_same_losses(computed):
    def losses():
        torch.manual_seed(0)
        steps = []
        for k in range(2):
            steps.append(flows.CoupledRationalQuadraticSpline(4, 1, 16, reverse_mask=k == 1))
            steps.append(flows.LULinearPermute(4))
        mask = torch.tensor([1.0, 0.0, 1.0, 0.0])
        steps.append(flows.MaskedAffineFlow(mask, nets.MLP([4, 8, 4]), nets.MLP([4, 8, 4])))
        flow = normflows.NormalizingFlow(normflows.distributions.DiagGaussian(4), steps)
        optimizer = torch.optim.Adam(flow.parameters(), 3e-3)
        x = torch.randn(64, 4).exp() - 1
        found = []
        for _ in range(15):
            loss = flow.forward_kld(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return torch.tensor(found)

    torch.set_default_dtype(torch.float32)
    theirs = losses()
    with accelerate("normflows"):
        ours = losses()
    assert len(computed) == 15 * 5
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=0)
    assert ours[-1] < ours[0]
