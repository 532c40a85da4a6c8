"""nflows through `fastgen.torch.accelerate`: its own modules, against the originals."""

import functools
import itertools

import pytest

torch = pytest.importorskip("torch", reason="torch missing: pip install torch")
pytest.importorskip("nflows", reason="nflows missing: pip install nflows")

from accelerated import check, results  # noqa: E402
from nflows import transforms  # noqa: E402
from nflows.distributions.normal import StandardNormal  # noqa: E402
from nflows.flows.base import Flow  # noqa: E402
from nflows.nn.nets import ConvResidualNet, ResidualNet  # noqa: E402
from nflows.transforms import splines  # noqa: E402
from nflows.transforms.base import InputOutsideDomain  # noqa: E402

from fastgen.torch import accelerate  # noqa: E402
from fastgen.torch._accelerate import conditioned  # noqa: E402

FEATURES = 5
KINDS = ["Linear", "Quadratic", "Cubic", "RationalQuadratic"]
# In nflows, the inverse of a cubic cancels, and the last bin of that of a line is 1e-6 too high.
LOOSE = {"Cubic": 1e-4, "Linear": 1e-4}
# The inverse of nflows' linear spline has knots of the default type.
pytestmark = pytest.mark.usefixtures("double")


@pytest.fixture(autouse=True)
def few_elements(monkeypatch):
    """Let fastgen compute affine transforms of few elements too."""
    monkeypatch.setattr(conditioned, "LEAST_AFFINE", 0)


def network(inputs, outputs, **options):
    return ResidualNet(inputs, outputs, hidden_features=12, num_blocks=1, **options)


def images(inputs, outputs):
    return ConvResidualNet(inputs, outputs, hidden_channels=8, num_blocks=1)


def coupling(kind, **options):
    made = getattr(transforms, f"Piecewise{kind}CouplingTransform")
    return functools.partial(made, torch.arange(FEATURES) % 2, network, **options)


def masked(kind, **options):
    made = getattr(transforms, f"MaskedPiecewise{kind}AutoregressiveTransform")
    return functools.partial(made, features=FEATURES, hidden_features=12, **options)


def cdf(kind, **options):
    made = getattr(transforms, f"Piecewise{kind}CDF")
    return functools.partial(made, [FEATURES], **options)


TAILS = [{"tails": None}, {"tails": "linear", "tail_bound": 2.0}]
MODELS = {
    f"{make.__name__}-{kind}-{bins}-{tails['tails']}": (
        make(kind, num_bins=bins, **tails),
        tails["tails"],
        kind,
    )
    for make, kind, bins, tails in itertools.product([coupling, cdf], KINDS, [2, 7], TAILS)
}
MODELS |= {
    f"masked-{kind}-{tails['tails']}": (masked(kind, num_bins=6, **tails), tails["tails"], kind)
    for kind, tails in itertools.product(["Quadratic", "RationalQuadratic"], TAILS)
}
MODELS |= {f"masked-{kind}": (masked(kind, num_bins=6), None, kind) for kind in ["Linear", "Cubic"]}
MODELS |= {
    "unconditional": (
        coupling("RationalQuadratic", num_bins=4, apply_unconditional_transform=True, **TAILS[1]),
        "linear",
        "RationalQuadratic",
    ),
    "least": (
        coupling(
            "RationalQuadratic",
            num_bins=4,
            min_bin_width=0.1,
            min_bin_height=0.05,
            min_derivative=0.2,
            **TAILS[1],
        ),
        "linear",
        "RationalQuadratic",
    ),
    "affine": (
        functools.partial(transforms.AffineCouplingTransform, torch.arange(FEATURES) % 2, network),
        "linear",
        "",
    ),
    "additive": (
        functools.partial(
            transforms.AdditiveCouplingTransform, torch.arange(FEATURES) % 2, network
        ),
        "linear",
        "",
    ),
    "maf": (
        functools.partial(
            transforms.MaskedAffineAutoregressiveTransform, FEATURES, hidden_features=12
        ),
        "linear",
        "",
    ),
}
# The quadratic spline of nflows with tails halves the ends twice. PyTorch is as fast in couplings
# that scale by a sigmoid, and in those that add.
ORIGINAL = {name for name in MODELS if "Quadratic" in name and "linear" in name} - {
    name for name in MODELS if "Rational" in name
} | {"affine", "additive"}


def model(name, dtype):
    torch.manual_seed(1)
    made, tails, kind = MODELS[name]
    transform = made()
    with torch.no_grad():
        for p in transform.parameters():
            p += 0.5 * torch.randn_like(p)
    x = torch.randn(33, FEATURES) * 1.5 if tails else torch.rand(33, FEATURES)
    if kind == "RationalQuadratic":  # the gradients of the others are lost at the ends
        x[:2] = torch.tensor([[2.0], [-2.0]] if tails else [[0.0], [1.0]])
    return transform.to(dtype), x.to(dtype), kind


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_modules(name, inverse, computed):
    transform, x, kind = model(name, torch.float64)
    theirs = results(transform, x, inverse)
    assert computed == []
    with accelerate("nflows"):
        ours = results(transform, x, inverse)
    assert (computed == []) == (name in ORIGINAL)
    check(ours, theirs, LOOSE.get(kind, 1e-9) if inverse else 1e-10)


def test_few_affine_elements_stay_with_the_original(monkeypatch, computed):
    monkeypatch.setattr(conditioned, "LEAST_AFFINE", 20 * FEATURES)
    transform = model("maf", torch.float64)[0]
    with accelerate("nflows"):
        transform(torch.randn(19, FEATURES))
        assert computed == []
        transform(torch.randn(20, FEATURES))
    assert computed == ["flow.affine_coupling"]


@pytest.mark.parametrize("name", ["coupling-RationalQuadratic-7-linear", "maf"])
def test_float32_is_nearer_to_the_truth(name):
    transform, x, _ = model(name, torch.float32)
    theirs = results(transform, x, False)
    with accelerate("nflows"):
        ours = results(transform, x, False)
    exact = results(transform.double(), x.double(), False)

    def error(found):
        pairs = zip(found, exact, strict=True)
        return max([float(((a - b).abs().max() / b.abs().max()).detach()) for a, b in pairs])

    assert all(a.dtype is torch.float32 for a in ours)
    assert error(ours) < 5e-5
    assert error(ours) < 2 * error(theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_images(kind, computed):
    torch.manual_seed(0)
    made = getattr(transforms, f"Piecewise{kind}CouplingTransform")
    tails = {} if kind == "Quadratic" else {"tails": "linear"}
    transform = made([1, 0, 1, 0], images, num_bins=4, **tails).double()
    x = torch.rand(2, 4, 3, 3, dtype=torch.float64)
    theirs = results(transform, x, False)
    with accelerate("nflows"):
        ours = results(transform, x, False)
    assert len(computed) == 1
    check(ours, theirs, 1e-10)


FUNCTIONS = {"linear": 1, "quadratic": 2, "cubic": 4, "rational_quadratic": 3}


def parameters(kind, bins, shape, tails):
    """Return random elements and parameters."""
    torch.manual_seed(2)
    free = bins - 1 if tails else bins + 1
    sizes = {
        "linear": [bins],
        "quadratic": [bins, bins + 1],
        "cubic": [bins, bins, 1, 1],
        "rational_quadratic": [bins, bins, free],
    }[kind]
    drawn = [torch.randn(*shape, n, dtype=torch.float64, requires_grad=True) for n in sizes]
    return torch.rand(shape, dtype=torch.float64).requires_grad_(), *drawn


def of_function(f, given, **options):
    results = f(*given, **options)
    (results[0].sin().sum() + results[1].cos().sum()).backward()
    gradients = [x.grad for x in given]
    for x in given:
        x.grad = None
    return [*results, *gradients]


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("box", [None, (-1.0, 1.0), (0.0, 3.0), (-2.0, 5.0)])
@pytest.mark.parametrize("shape", [(), (7,), (2, 3, 4)])
@pytest.mark.parametrize("kind", FUNCTIONS)
def test_functions_on_intervals(kind, shape, box, inverse, computed):
    f = f"{kind}_spline"
    given = parameters(kind, 5, shape, tails=False)
    left, right = box or (0.0, 1.0)
    with torch.no_grad():
        given[0].mul_(right - left).add_(left)
    ends = {} if box is None else {"left": left, "right": right, "bottom": left, "top": right}
    theirs = of_function(getattr(splines, f), given, inverse=inverse, **ends)
    with accelerate("nflows"):
        ours = of_function(getattr(splines, f), given, inverse=inverse, **ends)
    assert len(computed) == 1
    check(ours, theirs, LOOSE.get(kind.capitalize(), 1e-9) if inverse else 1e-9)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("kind", ["linear", "cubic", "rational_quadratic"])
def test_functions_with_tails(kind, inverse, computed):
    f = f"unconstrained_{kind}_spline"
    given = parameters(kind, 5, (40,), tails=True)
    with torch.no_grad():
        given[0].mul_(6).sub_(3)
        if kind == "rational_quadratic":
            given[0][:2] = torch.tensor([1.5, -1.5])
    theirs = of_function(getattr(splines, f), given, inverse=inverse, tail_bound=1.5)
    with accelerate("nflows"):
        ours = of_function(getattr(splines, f), given, inverse=inverse, tail_bound=1.5)
    assert len(computed) == 1
    check(ours, theirs, LOOSE.get(kind.capitalize(), 1e-9) if inverse else 1e-9)


def test_rectangles_are_left_to_the_original(computed):
    given = parameters("rational_quadratic", 5, (7,), tails=False)
    theirs = of_function(splines.rational_quadratic_spline, given, top=2.0)
    with accelerate("nflows"):
        check(of_function(splines.rational_quadratic_spline, given, top=2.0), theirs, 0)
    assert computed == []


def same_error(f, *args, **options):
    """Check that a call raises the same with and without acceleration."""
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        f(*args, **options)
    with accelerate("nflows"), pytest.raises(theirs.type) as ours:
        getattr(splines, f.__name__)(*args, **options)
    assert type(ours.value) is theirs.type
    assert str(ours.value) == str(theirs.value)
    return theirs.type


def test_errors_are_those_of_the_library():
    x, w, h, d = parameters("rational_quadratic", 5, (7,), tails=False)
    f, tails = splines.rational_quadratic_spline, splines.unconstrained_rational_quadratic_spline
    assert same_error(f, x + 1, w, h, d) is InputOutsideDomain
    assert same_error(f, x, w, h, d, min_bin_width=0.3) is ValueError
    assert same_error(f, x, w, h) is TypeError
    assert same_error(f, x, w, h, d, bins=3) is TypeError
    assert same_error(tails, x, w, h, d, tails="circular") is RuntimeError
    same_error(f, x[:0], w[:0], h[:0], d[:0])
    transform = model("coupling-RationalQuadratic-7-None", torch.float64)[0]
    with accelerate("nflows"), pytest.raises(InputOutsideDomain):
        transform(torch.full((2, FEATURES), 1.5, dtype=torch.float64))


def test_other_tensors_go_to_the_original(computed):
    given = parameters("rational_quadratic", 5, (7,), tails=True)
    f = "unconstrained_rational_quadratic_spline"
    with accelerate("nflows"):
        mixed = [given[0].detach().float(), *[x.detach() for x in given[1:]]]
        with pytest.raises(RuntimeError):
            getattr(splines, f)(*mixed)
        meta = [x.detach().to("meta") for x in given]
        with pytest.raises(NotImplementedError):
            getattr(splines, f)(*meta)
        half = [x.detach().bfloat16() for x in given]
        assert getattr(splines, f)(*half)[0].dtype is torch.bfloat16
    assert computed == []


@pytest.mark.parametrize(
    "name",
    [
        "coupling-RationalQuadratic-7-linear",
        "coupling-RationalQuadratic-7-None",
        "coupling-Cubic-7-linear",
        "masked-RationalQuadratic-linear",
        "cdf-Linear-7-None",
        "maf",
    ],
)
def test_second_derivatives(name, computed):
    """The penalty on a gradient, as in the training of a critic."""
    transform, x, _ = model(name, torch.float64)

    def penalty():
        found = results(transform, x, False, create_graph=True)[2]
        weights = list(transform.parameters())
        return torch.autograd.grad(found.square().sum(), weights, allow_unused=True)

    theirs = penalty()
    with accelerate("nflows"):
        ours = penalty()
    assert computed != []
    check(ours, theirs, 1e-8)


def test_a_jacobian_by_batched_gradients():
    given = parameters("rational_quadratic", 5, (7,), tails=True)
    rest = [p.detach() for p in given[1:]]

    def f(x):
        return splines.unconstrained_rational_quadratic_spline(x, *rest)[0]

    theirs = torch.autograd.functional.jacobian(f, given[0].detach(), vectorize=True)
    with accelerate("nflows"):
        ours = torch.autograd.functional.jacobian(f, given[0].detach(), vectorize=True)
    torch.testing.assert_close(ours, theirs)


def test_inputs_that_change_are_noticed():
    given = parameters("rational_quadratic", 5, (7,), tails=True)
    x = given[0].detach().clone()
    with accelerate("nflows"):
        y, _ = splines.unconstrained_rational_quadratic_spline(x, *given[1:])
    x.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_training_gives_the_same_losses(dtype):
    def losses():
        torch.manual_seed(0)
        steps = [
            transforms.PiecewiseRationalQuadraticCouplingTransform(
                (torch.arange(4) + k) % 2, network, num_bins=8, tails="linear", tail_bound=3.0
            )
            for k in range(3)
        ]
        steps.append(transforms.MaskedAffineAutoregressiveTransform(4, 16))
        flow = Flow(transforms.CompositeTransform(steps), StandardNormal([4])).to(dtype)
        optimizer = torch.optim.Adam(flow.parameters(), 1e-3)
        found = []
        x = torch.randn(64, 4, dtype=dtype)
        for _ in range(20):
            loss = -flow.log_prob(x).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return torch.tensor(found, dtype=torch.float64)

    theirs = losses()
    with accelerate("nflows"):
        ours = losses()
    torch.testing.assert_close(ours, theirs, rtol=1e-4 if dtype is torch.float32 else 1e-9, atol=0)
    assert ours[-1] < ours[0]
