"""`fastgen.torch` under `torch.compile`: numbers, arrays, sizes and schedules that change."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch._dynamo.testing import CompileCounterWithBackend  # noqa: E402

import fastgen.torch  # noqa: E402
from fastgen.diffusion import Schedule  # noqa: E402
from fastgen.torch import _calls, _operator, _text  # noqa: E402

kl = fastgen.torch.vae.kl_standard_normal
elbo = fastgen.torch.vae.bernoulli_elbo
add_noise = fastgen.torch.diffusion.add_noise


@pytest.fixture(autouse=True)
def fresh():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def compiled(f, **options):
    return torch.compile(f, backend="aot_eager", fullgraph=True, **options)


def test_a_number_that_changes_from_step_to_step_compiles_twice():
    count = CompileCounterWithBackend("aot_eager")
    f = torch.compile(lambda x, beta: elbo(x, x, x, x, beta=beta), backend=count, fullgraph=True)
    x = torch.rand(4, 8)
    for beta in np.linspace(0.1, 1.3, 12).tolist():
        torch.testing.assert_close(f(x, beta), elbo(x, x, x, x, beta=beta))
    assert count.frame_count == 2


def test_an_array_that_changes():
    x = torch.rand(4, 8)
    f = compiled(kl)
    for k in range(3):
        for other in (np.full((4, 8), k, np.float32), np.float32(k)):
            torch.testing.assert_close(f(x, other), kl(x, other))


def test_a_schedule_that_changes():
    f = compiled(lambda x, t, schedule: add_noise(x, t, schedule, noise=x))
    x, t = torch.rand(4, 8), torch.arange(4)
    for schedule in (Schedule.linear(10), Schedule.cosine(10), Schedule.linear(10)):
        torch.testing.assert_close(f(x, t, schedule), add_noise(x, t, schedule, noise=x))


def test_an_exported_program_finds_the_schedule_of_its_own():
    """The text of a call names the content of a schedule, not its position in a list."""
    text, tensors, floats, ints = _text.write("f", (Schedule.linear(12),), {})
    assert text == _text.write("f", (Schedule.linear(12),), {}).text
    assert text != _text.write("f", (Schedule.linear(13),), {}).text
    assert (tensors, floats, ints) == ([], [], [])
    with pytest.raises(RuntimeError, match="made by another process"):
        _text.filled("vae.f(o0123)", [], [], [])


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_a_constant_that_equals_a_size(backend):
    """A batch of eight embeddings of length eight: one of the sizes is a symbol."""

    def f(t):
        y = fastgen.torch.diffusion.timestep_embedding(t, 8)
        return y * y.shape[1], fastgen.torch.noise.normal((t.shape[0], 8), key=1) * 2

    g = torch.compile(f, fullgraph=True, dynamic=True, backend=backend)
    for n in (8, 5, 3):
        t = torch.arange(float(n))
        torch.testing.assert_close(g(t), f(t))


@pytest.mark.parametrize("gradients", [False, True])
def test_sizes_that_depend_on_values(gradients):
    def f(x):
        part = x[x[:, 0] > 0]
        y, logabsdet = fastgen.torch.flow.affine_coupling(part, part, part)
        return kl(part, part).sum() + (y + logabsdet[:, None]).sum()

    with torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True):
        g = compiled(f)
        for n in (9, 9, 12):
            x = torch.randn(n, 4, requires_grad=gradients)
            found, wanted = g(x), f(x)
            torch.testing.assert_close(found, wanted)
            if gradients:
                torch.testing.assert_close(*[torch.autograd.grad(y, x) for y in (found, wanted)])


TRANSFORMS = {
    "grad": lambda f: torch.func.grad(lambda x: f(x).sum()),
    "vmap": torch.vmap,
    "vmap of grad": lambda f: torch.vmap(torch.func.grad(f)),
    "jacrev": torch.func.jacrev,
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_inside_of_a_compiled_function(name):
    f = TRANSFORMS[name](lambda x: kl(x, x))
    x = torch.randn(5, 4)
    torch.testing.assert_close(compiled(f)(x), f(x))


def test_the_largest_key():
    f = fastgen.torch.noise.normal
    wanted = f((2,), key=2**64 - 1)
    x = torch.zeros(2)
    assert torch.equal(compiled(lambda x: f((2,), key=2**64 - 1) + x)(x), wanted)
    assert torch.equal(torch.vmap(lambda x: f((2,), key=2**64 - 1) + x)(x)[0], wanted)


def test_text_in_an_option_is_quoted():
    x = torch.zeros(4)
    with pytest.raises(ValueError, match="kind must be one of"):
        torch.vmap(lambda x: fastgen.torch.gan.generator_loss(x, kind="a'b"))(x[None])


@pytest.mark.parametrize("needs", [(True, True), (True, False), (False, True)])
def test_the_operator_on_other_devices(needs, monkeypatch):
    """There it takes PyTorch's own operations, which are compared on the CPU."""
    text = "flow.affine_coupling(t0,t1,t2)"
    inputs = [*torch.randn(2, 4, 8), torch.randn(4, 8)]
    needs = [*needs, True]
    some = [torch.randn(4, 8), None]
    wanted = _operator._gradients(inputs, some, needs, [], [], text)
    values = _operator._call(inputs, [], [], text)
    empty = [x.to("meta") for x in inputs]
    shapes = [x.shape for x in _operator._call(empty, [], [], text)]
    assert shapes == [x.shape for x in values]
    monkeypatch.setattr(_calls, "on_cpu", lambda made: False)
    torch.testing.assert_close(_operator._call(inputs, [], [], text), values)
    torch.testing.assert_close(
        _operator._gradients(inputs, some, needs, [], [], text), wanted, rtol=1e-4, atol=1e-5
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_trace_of_torchscript_holds_the_call():
    f = fastgen.torch.flow.tanh
    traced = torch.jit.trace(lambda x: (kl(x, x), f(x)[0]), torch.randn(4, 8))
    x = torch.randn(5, 8)
    torch.testing.assert_close(traced(x), (kl(x, x), f(x)[0]))


def test_noise_under_another_default_device():
    with torch.device("meta"):
        x = torch.zeros(4, 8)
        found = fastgen.torch.vae.reparameterize(x, x)
    assert (found.device.type, found.shape) == ("meta", (4, 8))
