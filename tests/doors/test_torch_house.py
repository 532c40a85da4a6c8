"""`fastgen.torch`: its names, imports, threads and errors."""

import doctest
import importlib
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import fastgen  # noqa: E402
import fastgen.torch  # noqa: E402

FAMILIES = ["elementary", "ema", "vae", "gan", "flow", "diffusion", "guidance", "noise"]
kl = fastgen.torch.vae.kl_standard_normal


@pytest.mark.parametrize("family", FAMILIES)
def test_every_public_function_is_there(family):
    own, original = getattr(fastgen.torch, family), getattr(fastgen, family)
    for name in original.__all__:
        if inspect.ismodule(getattr(original, name)):
            continue
        f, g = getattr(own, name), getattr(original, name)
        assert name in dir(own)
        if inspect.isfunction(g):
            assert inspect.signature(f) == inspect.signature(g)
            assert f.__module__ == f"fastgen.torch.{family}"
            assert pickle.loads(pickle.dumps(f)) is f
    with pytest.raises(AttributeError, match=f"module 'fastgen.torch.{family}' has no attribute"):
        own.nothing  # noqa: B018


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_import_of_fastgen_does_not_import_torch():
    assert run("import fastgen, sys; print('torch' in sys.modules)") == "False"


def test_operators_are_registered_at_their_first_use():
    code = (
        "import torch, sys, time, fastgen; start = time.perf_counter(); import fastgen.torch; "
        "print(time.perf_counter() - start, "
        "[name for name in ('fastgen.torch._operator', 'torch._dynamo') if name in sys.modules])"
    )
    seconds, slow = run(code).split(maxsplit=1)
    assert slow == "[]"
    assert float(seconds) < 0.5  # about 0.01 on a quiet machine


class Rows(torch.utils.data.Dataset):
    """A dataset that calls fastgen in its workers."""

    def __len__(self):
        return 8

    def __getitem__(self, k):
        return kl(torch.full((4,), float(k)), torch.zeros(4))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_of_a_data_loader(context):
    if context == "spawn":
        code = (
            "import torch, fastgen.torch as f\n"
            "def work(x, out): out.put(f.vae.kl_standard_normal(x, x).tolist())\n"
            "if __name__ == '__main__': print('ok')"
        )
        assert run(code) == "ok"
        return
    kl(torch.randn(4096, 512), torch.randn(4096, 512))  # starts the threads of the parent
    loader = torch.utils.data.DataLoader(
        Rows(), batch_size=4, num_workers=2, multiprocessing_context=context
    )
    found = torch.cat(list(loader))
    torch.testing.assert_close(found, 2.0 * torch.arange(8.0) ** 2)


def test_threads_follow_those_of_torch(threads):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert fastgen.torch.share_threads() == 1
        torch.set_num_threads(2)
        kl(torch.zeros(3), torch.zeros(3))
        assert fastgen.get_num_threads() == 2
        fastgen.torch.share_threads(False)
        torch.set_num_threads(1)
        kl(torch.zeros(3), torch.zeros(3))
        assert fastgen.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
        fastgen.torch.share_threads(False)


def test_numbers_and_arrays_beside_tensors():
    x = torch.randn(3, 4)
    assert torch.equal(kl(x, 0.5), kl(x, torch.full((), 0.5)))
    array = np.zeros((3, 4), np.float32)
    assert torch.equal(kl(x, array), kl(x, torch.zeros(3, 4)))
    x.requires_grad_()
    (found,) = torch.autograd.grad(kl(x, array).sum(), x)
    torch.testing.assert_close(found, x.detach())


PROMOTIONS = [
    (torch.float32, (3, 4), torch.float64, (), torch.float32),
    (torch.float32, (3, 4), torch.float64, (4,), torch.float64),
    (torch.float16, (3, 4), torch.float32, (), torch.float16),
    (torch.float16, (3, 4), torch.float32, (4,), torch.float32),
    (torch.float16, (3, 4), torch.bfloat16, (4,), torch.float32),
    (torch.float32, (3, 4), torch.int64, (4,), torch.float32),
    (torch.float16, (3, 4), torch.int64, (4,), torch.float16),
]


@pytest.mark.parametrize(("kind_a", "shape_a", "kind_b", "shape_b", "wanted"), PROMOTIONS)
def test_types_are_promoted_as_in_torch(kind_a, shape_a, kind_b, shape_b, wanted):
    a, b = torch.ones(shape_a).to(kind_a), torch.ones(shape_b).to(kind_b)
    assert (a * b).dtype == wanted  # PyTorch's own rule
    assert kl(a, b).dtype == wanted
    a.requires_grad_()
    (found,) = torch.autograd.grad(kl(a, b).sum(), a)
    assert found.dtype == kind_a


def test_nothing_is_copied():
    x = torch.randn(1000, 1000)
    out = torch.empty(1000)
    assert kl(x, x, out=out) is out
    exp = fastgen.torch.elementary.exp
    y = torch.randn(7)
    assert exp(y, out=y) is y
    part = torch.zeros(4, 6)
    exp(torch.zeros(4, 3), out=part[:, ::2])
    assert torch.equal(part[:, ::2], torch.ones(4, 3))
    assert torch.equal(part[:, 1::2], torch.zeros(4, 3))


def test_results_do_not_alias_inputs():
    x, noise = torch.zeros(3, 4), torch.ones(3, 4)
    schedule = fastgen.diffusion.Schedule.linear(10)
    _, drawn = fastgen.torch.diffusion.add_noise(
        x, torch.tensor([1, 2, 3]), schedule, noise=noise, return_noise=True
    )
    assert torch.equal(drawn, noise)
    assert drawn.data_ptr() != noise.data_ptr()


def test_noise_comes_from_torchs_generator():
    f = fastgen.torch.noise.normal
    torch.manual_seed(0)
    a, b = f((3,)), f((3,))
    assert not torch.equal(a, b)
    torch.manual_seed(0)
    assert torch.equal(f((3,)), a)
    one, other = (torch.Generator().manual_seed(5) for _ in range(2))
    assert torch.equal(f((3,), rng=one), f((3,), rng=other))
    assert torch.equal(
        f((3,), key=3, dtype=torch.float64), torch.from_numpy(fastgen.noise.normal((3,), key=3))
    )
    assert f((3,)).dtype == torch.get_default_dtype()
    assert f((3,), dtype=torch.bfloat16).dtype == torch.bfloat16


def test_an_average_is_kept_from_step_to_step():
    apg = fastgen.torch.guidance.apg
    uncond, cond = torch.randn(3, 8), torch.randn(3, 8)
    average, array = torch.zeros(3, 8), np.zeros((3, 8), np.float32)
    for _ in range(3):
        version = average._version
        found = apg(uncond, cond, 2.0, average=average, momentum=-0.5)
        wanted = fastgen.guidance.apg(
            uncond.numpy(), cond.numpy(), 2.0, average=array, momentum=-0.5
        )
        np.testing.assert_array_equal(found.numpy(), wanted)
        np.testing.assert_array_equal(average.numpy(), array)
        assert average._version > version
    with pytest.raises(TypeError, match="apg: average would change in place"):
        torch.vmap(lambda x: apg(x, cond, 2.0, average=average))(uncond[None])


BAD = {
    "complex": (
        lambda x: x.to(torch.complex64),
        "mu must be a tensor of real numbers, got torch.c",
    ),
    "sparse": (lambda x: x.to_sparse(), r"mu must be a dense tensor, got the layout torch.sparse"),
    "quantized": (lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8), "mu .*quant"),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", BAD)
def test_tensors_that_are_refused(name):
    change, message = BAD[name]
    with pytest.raises(TypeError, match=f"kl_standard_normal: {message}"):
        kl(change(torch.zeros(3)), torch.zeros(3))


@pytest.mark.parametrize("family", FAMILIES[:-1])
def test_functions_on_arrays_send_tensors_with_gradients_to_fastgen_torch(family):
    from torch_calls import CALLS

    tried = 0
    for call in CALLS:
        f = call.on_arrays
        if "apg" in call.name or family not in str(getattr(f, "__module__", "")) + call.name:
            continue
        with pytest.raises(TypeError, match=r"requires a gradient.*fastgen\.torch"):
            f(*call.tensors(gradients=True))
        tried += 1
    assert tried or family in ("elementary", "ema")


@pytest.mark.parametrize("name", ["_native", "_threads"])
def test_examples_in_docstrings(name):
    before = torch.get_num_threads()
    try:
        failed, tried = doctest.testmod(importlib.import_module(f"fastgen.torch.{name}"))
    finally:
        torch.set_num_threads(before)
    assert tried > 0
    assert failed == 0


def test_the_page_on_torch():
    page = (Path(__file__).parents[2] / "docs/torch.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]
    names: dict = {}
    exec(code, names)
    assert names["mu"].grad.shape == (128, 20)
