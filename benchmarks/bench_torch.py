"""Losses in PyTorch's training loop: eager, compiled, and of fastgen.torch.

    python -m pytest benchmarks/bench_torch.py --benchmark-enable

One round is the loss and its gradients, unless the group says otherwise. Both libraries use the
same number of threads. Each result is checked before it is timed.
"""

import pytest

import fastgen
from fastgen._ops import ISA

torch = pytest.importorskip("torch", reason="torch missing: pip install torch")

import fastgen.torch as ft  # noqa: E402

softplus, bce = torch.nn.functional.softplus, torch.nn.functional.binary_cross_entropy_with_logits


def kl(mu, logvar):
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)


def gan_loss(real, fake):
    return softplus(-real).mean() + softplus(fake).mean()


def own_gan_loss(real, fake):
    return ft.gan.discriminator_loss(real, fake, kind="minimax")


def elbo(x, logits, mu, logvar):
    return -bce(logits, x, reduction="none").sum(-1) - kl(mu, logvar)


def leaves(*shapes):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]


def data(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


CASES = {
    "kl 4096x512": (kl, ft.vae.kl_standard_normal, lambda: leaves(*[(4096, 512)] * 2)),
    "gan loss 2^20": (gan_loss, own_gan_loss, lambda: leaves(*[(2**20,)] * 2)),
    "elbo 4096x784+64": (
        elbo,
        ft.vae.bernoulli_elbo,
        lambda: [data(4096, 784), *leaves((4096, 784), (4096, 64), (4096, 64))],
    ),
    "kl 4x8": (kl, ft.vae.kl_standard_normal, lambda: leaves(*[(4, 8)] * 2)),
}
WAYS = ["eager", "compiled", "fastgen"]
PARTS = ["value", "value with graph", "value and gradients"]
ROUNDS = [
    (name, part, way)
    for name in CASES
    for part in (PARTS if name == "kl 4x8" else PARTS[-1:])
    for way in WAYS
]


@pytest.fixture
def same_threads():
    before = torch.get_num_threads(), fastgen.get_num_threads()
    torch.set_num_threads(before[1])
    yield before[1]
    torch.set_num_threads(before[0])


def loss_of(name, way):
    """Return the function, and its inputs."""
    plain, own, inputs = CASES[name]
    if way == "compiled":
        torch._dynamo.reset()
        return torch.compile(plain), inputs()
    return (own if way == "fastgen" else plain), inputs()


def once(f, inputs, part):
    """Return a function of one round."""
    wanted = [x for x in inputs if x.requires_grad]

    def value():
        with torch.no_grad():
            return f(*inputs)

    def value_and_gradients():
        loss = f(*inputs)
        return loss, torch.autograd.grad(loss.sum(), wanted)

    return dict(zip(PARTS, (value, lambda: f(*inputs), value_and_gradients), strict=True))[part]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize(("name", "part", "way"), ROUNDS)
def test_loss(benchmark, same_threads, name, part, way):
    f, inputs = loss_of(name, way)
    found = once(f, inputs, part)()
    wanted = once(CASES[name][0], inputs, part)()
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    benchmark.group = f"{name}, {part}, {same_threads} threads"
    benchmark.extra_info.update(isa=ISA, threads=same_threads, torch=torch.__version__)
    benchmark(once(f, inputs, part))
