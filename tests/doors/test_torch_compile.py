"""`fastgen.torch` under `torch.compile`, `torch.export` and fake tensors."""

import pytest

torch = pytest.importorskip("torch")

from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402
from torch_calls import CALLS, IDS, each  # noqa: E402

import fastgen.torch  # noqa: E402
from fastgen.diffusion import Schedule  # noqa: E402
from fastgen.torch import _operator, _text  # noqa: E402
from fastgen.torch._doors import door  # noqa: E402

kl = fastgen.torch.vae.kl_standard_normal
SCHEDULE = Schedule.linear(100)
CALL = _operator.torch.ops.fastgen.call.default


# A call of each row, and one in three of each composed function: its options repeat.
SOME = [call for k, call in enumerate(CALLS) if "-" not in call.name or k % 3 == 0]


@pytest.fixture(autouse=True)
def fresh():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


class Recorded(torch.utils._python_dispatch.TorchDispatchMode):
    """Records the arguments of the operator."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is CALL:
            self.calls.append(args)
        return func(*args, **(kwargs or {}))


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize("call", SOME, ids=[call.name for call in SOME])
def test_the_operator_is_right(call):
    """The fake results have the shapes, types and gradients of the true ones."""
    with Recorded() as recorded:
        call.on_tensors(*call.tensors())
    tensors, floats, ints, text = recorded.calls[0]
    inputs = [x.detach().clone() for x in tensors]
    for x in has_gradients(call, text, inputs):
        x.requires_grad_()
    torch.library.opcheck(CALL, (inputs, floats, ints, text))


def has_gradients(call, text, inputs):
    """Return the tensors that have gradients."""
    try:
        call.on_tensors(*call.tensors(gradients=True))
        own = door(_text.name_of(text))
    except TypeError:
        return []
    owners = zip(inputs, _text.owners(text), strict=True)
    return [x for x, owner in owners if own.has_gradient(owner.place) and x.is_floating_point()]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_fake_tensors(call, dtype):
    wanted = each(call.on_tensors(*call.tensors(dtype)))
    with FakeTensorMode() as mode:
        found = each(call.with_tensors(mode.from_tensor, dtype))
    for a, b in zip(found, wanted, strict=True):
        assert (a.shape, a.dtype, a.stride()) == (b.shape, b.dtype, b.stride())


def losses(a, b, t):
    """Return one number from functions of many kinds."""
    f = fastgen.torch
    noisy = f.diffusion.add_noise(a, t, SCHEDULE)
    y, logabsdet = f.flow.affine_coupling(a, b, a)
    spline, _ = f.flow.rational_quadratic_spline(
        a[:, :1], a[:, None, :4], b[:, None, :4], b[:, None, :3]
    )
    terms = [
        kl(noisy, b, axis=-1),
        f.vae.bernoulli_elbo(b.sigmoid(), a, a, b, beta=2.0),
        f.gan.discriminator_loss(a, b, kind="hinge"),
        f.diffusion.convert(a, b, t, SCHEDULE, source="epsilon", target="v"),
        f.vae.total_correlation(a, b, b, dataset_size=100)[0],
        f.diffusion.min_snr_weight(t, SCHEDULE),
        f.guidance.cfg(a, b, 2.0),
        f.vae.reparameterize(a, b, key=7),
        y,
        logabsdet,
        spline,
    ]
    return sum(x.sum() for x in terms)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiled_as_one_graph(backend, dynamic):
    """Values, gradients and noise are those of the uncompiled functions, for several shapes."""
    compiled = torch.compile(losses, fullgraph=True, dynamic=dynamic, backend=backend)
    for n in (4, 7, 9):
        torch.manual_seed(n)
        a, b = (torch.randn(n, 8, dtype=torch.float64).requires_grad_() for _ in range(2))
        t = torch.randint(1, 100, (n,))
        found, wanted = [], []
        for f, into in ((compiled, found), (losses, wanted)):
            torch.manual_seed(1)
            loss = f(a, b, t)
            into += [loss, *torch.autograd.grad(loss, (a, b))]
        torch.testing.assert_close(found, wanted)


def test_one_graph_serves_all_sizes():
    count = torch._dynamo.testing.CompileCounter()
    compiled = torch.compile(kl, fullgraph=True, dynamic=True, backend=count)
    for n in (3, 5, 8, 13):
        a = torch.randn(n, n + 2)
        torch.testing.assert_close(compiled(a, a), kl(a, a))
    assert count.frame_count == 1


def test_options_that_are_symbols():
    def f(x):
        return fastgen.torch.flow.bits_per_dim(x.sum(-1), dims=x.shape[1])

    compiled = torch.compile(f, fullgraph=True, dynamic=True, backend="aot_eager")
    for n in (3, 5):
        x = torch.randn(4, n)
        torch.testing.assert_close(compiled(x), f(x))


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_autocast(half):
    x = torch.randn(4, 8)

    def f(x):
        with torch.autocast("cpu", dtype=half):
            low = torch.nn.functional.linear(x, torch.eye(8))
            return low, kl(low, low)

    low, loss = f(x)
    assert low.dtype == half
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, kl(low.float(), low.float()))
    compiled = torch.compile(f, fullgraph=True, backend="aot_eager")(x)[1]
    assert compiled.dtype == torch.float32
    torch.testing.assert_close(compiled, loss)


class Model(torch.nn.Module):
    """A model with a function of fastgen in it."""

    def forward(self, a, b):
        """Return a loss."""
        return kl(a, b) + fastgen.torch.elementary.logsumexp(a)


@pytest.mark.parametrize("strict", [False, True])
def test_export(strict):
    a, b = torch.randn(4, 8), torch.randn(4, 8)
    rows = {0: torch.export.Dim("rows")}
    program = torch.export.export(Model(), (a, b), dynamic_shapes=(rows, rows), strict=strict)
    for n in (1, 3, 6):
        x = torch.randn(n, 8)
        torch.testing.assert_close(program.module()(x, x), Model()(x, x))


def test_what_a_compiled_call_refuses():
    a = torch.randn(4, 8, requires_grad=True)
    out = torch.empty(4)
    for f, message in (
        (lambda a: kl(a, a, out=out), "out would change in place"),
        (
            lambda a: fastgen.torch.diffusion.denoising_loss(a, a, weight=a[:, 0]),
            "no.* for it|none for it",
        ),
    ):
        torch._dynamo.reset()
        with pytest.raises(Exception, match=message):
            torch.compile(f, fullgraph=True, backend="aot_eager")(a)
