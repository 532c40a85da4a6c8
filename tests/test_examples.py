"""The examples run as a user runs them."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
TRAINING = sorted(path.name for path in EXAMPLES.glob("train_*.py"))
DRAWN = ["guidance_scale.py", "sample_mixture.py", "schedules.py", "score_mixture.py"]
# What the examples in PyTorch import besides PyTorch, their pictures, and options of a short run.
TORCH = {
    "torch_vae.py": ([], ["torch_vae.png", "torch_vae_digits.png"], ["--epochs=6"]),
    "torch_flow.py": (["nflows"], ["torch_flow.png", "torch_flow_table.png"], ["--epochs=8"]),
    "torch_diffusion.py": (
        ["diffusers"],
        ["torch_diffusion.png", "torch_diffusion_digits.png"],
        ["--epochs=4", "--steps=6"],
    ),
}
NUMBER = r"(-?\d+\.?\d*(?:e[-+]\d+)?)"


def run(name, *options):
    command = [sys.executable, str(EXAMPLES / name), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def is_picture(path):
    """Return whether a file is a PNG that decodes, is large enough, and has several colours."""
    pixels = pytest.importorskip("matplotlib.image").imread(path)
    return min(pixels.shape[:2]) >= 300 and np.ptp(pixels[..., :3]) > 0.5


def test_train_vae(tmp_path):
    for module in ("sklearn", "matplotlib"):
        pytest.importorskip(module, reason=f"{module} missing: pip install '.[examples]'")
    done = run("train_vae.py", "--epochs", 5, "--out", tmp_path / "new")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr

    assert sorted(p.name for p in tmp_path.glob("new/*")) == ["vae_digits.png", "vae_loss.png"]
    assert is_picture(tmp_path / "new" / "vae_digits.png")
    assert is_picture(tmp_path / "new" / "vae_loss.png")

    losses = re.findall(rf"loss +{NUMBER} \(first step\) to {NUMBER} \(last epoch\)", done.stdout)
    elbos = re.findall(rf"ELBO +{NUMBER} to {NUMBER} ", done.stdout)
    assert len(losses) == len(elbos) == 2  # with fastgen, with NumPy
    for first, last in losses:
        assert float(last) < 0.8 * float(first)
    for before, after in elbos:
        assert float(after) > float(before) + 40
    difference = re.search(rf"difference of the two curves: {NUMBER}", done.stdout)
    assert float(difference[1]) <= 1e-5


def test_train_gan(tmp_path):
    for module in ("sklearn", "matplotlib"):
        pytest.importorskip(module, reason=f"{module} missing: pip install '.[examples]'")
    done = run("train_gan.py", "--epochs", 8, "--out", tmp_path / "new")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr

    names = ["gan_digits.png", "gan_divergence.png"]
    assert sorted(p.name for p in tmp_path.glob("new/*")) == names
    assert all(is_picture(tmp_path / "new" / name) for name in names)

    divergences = re.search(rf"Divergence +{NUMBER} nats .* to {NUMBER} nats", done.stdout)
    assert all(0 < float(d) < np.log(2) for d in divergences.groups())
    distances = re.search(
        rf"grey levels: {NUMBER} .* to {NUMBER}; from real to real {NUMBER}", done.stdout
    )
    before, after, best = map(float, distances.groups())
    assert best < after < before - 1.5  # it has learned, and does not copy images
    difference = re.search(rf"difference of the two: {NUMBER}", done.stdout)
    assert float(difference[1]) <= 1e-5


def test_train_flow(tmp_path):
    for module in ("sklearn", "matplotlib"):
        pytest.importorskip(module, reason=f"{module} missing: pip install '.[examples]'")
    done = run("train_flow.py", "--epochs", 8, "--out", tmp_path / "new")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr

    names = ["flow_digits.png", "flow_table.png"]
    assert sorted(p.name for p in tmp_path.glob("new/*")) == names
    assert all(is_picture(tmp_path / "new" / name) for name in names)

    tests = re.findall(rf"test  flow {NUMBER}, Gaussian {NUMBER} nats", done.stdout)
    assert len(tests) == 2  # tumours, digits
    for ours, gaussian in tests:
        assert float(ours) > float(gaussian) + 1
    bits = re.search(rf"which is {NUMBER} and {NUMBER} bits per pixel", done.stdout)
    assert 0 < float(bits[1]) < float(bits[2]) < np.log2(17)


@pytest.mark.parametrize(
    ("name", "option"),
    [
        *itertools.product(["train_vae.py", "train_gan.py"], ["--latent=0"]),
        *itertools.product(TRAINING, ["--epochs=0", "--seed=-1"]),
        *itertools.product(DRAWN, ["--samples=99", "--seed=-1"]),
        ("train_diffusion.py", "--steps=12"),
        *itertools.product(TORCH, ["--epochs=0", "--seed=-1"]),
        ("torch_vae.py", "--latent=0"),
        *itertools.product(["torch_distributed.py"], ["--steps=0", "--batch=2", "--seed=-1"]),
        *itertools.product(["dask_elbo.py"], ["--images=0", "--workers=0", "--memory=255"]),
        ("torch_diffusion.py", "--steps=0"),
        *itertools.product(
            ["onnx_sampling.py"], ["--epochs=0", "--steps=0", "--samples=13", "--seed=-1"]
        ),
    ],
)
def test_examples_refuse(tmp_path, name, option):
    """Before they import anything slow: none of it need be installed."""
    slow = ["matplotlib", "sklearn", "onnxruntime", "torch", "nflows", "diffusers", "dask"]
    out = ["--dir" if name == "dask_elbo.py" else "--out", str(tmp_path)]
    out = [] if name == "torch_distributed.py" else out
    code = (
        f"import runpy, sys; sys.modules |= dict.fromkeys({slow}); "
        f"sys.argv = {[name, option, *out]}; "
        f"runpy.run_path({str(EXAMPLES / name)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "must be at least" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "package"),
    [
        *itertools.product(TRAINING + DRAWN, ["matplotlib"]),
        *itertools.product(TRAINING, ["sklearn"]),
        *itertools.product(["onnx_sampling.py"], ["matplotlib", "sklearn", "onnxruntime"]),
    ],
)
def test_examples_name_what_to_install(name, package):
    """Mocks replace the packages that are not missing, because importing them is slow."""
    slow = ["matplotlib", "matplotlib.figure", "sklearn", "sklearn.datasets", "threadpoolctl"]
    slow += ["onnxruntime"]
    code = (
        "import runpy, sys; from unittest.mock import MagicMock\n"
        f"for name in {slow}:\n"
        f"    sys.modules[name] = None if name.startswith({package!r}) else MagicMock()\n"
        f"runpy.run_path({str(EXAMPLES / name)!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install '.[examples]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_train_diffusion(tmp_path):
    for module in ("sklearn", "matplotlib"):
        pytest.importorskip(module, reason=f"{module} missing: pip install '.[examples]'")
    done = run("train_diffusion.py", "--epochs", 8, "--steps", 50, "--out", tmp_path / "new")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr

    pictures = sorted(p.name for p in tmp_path.glob("new/*"))
    assert pictures == ["diffusion_digits.png", "diffusion_loss.png"]
    assert all(is_picture(tmp_path / "new" / name) for name in pictures)

    losses = re.findall(rf"loss +{NUMBER} \(first step\) to {NUMBER} \(last epoch\)", done.stdout)
    assert len(losses) == 2  # with fastgen, with NumPy
    for first, last in losses:
        assert float(last) < 0.5 * float(first)
    difference = re.search(rf"difference of the two curves: {NUMBER}", done.stdout)
    assert float(difference[1]) <= 1e-3


def test_dask_elbo(tmp_path):
    pytest.importorskip("distributed", reason="distributed missing: pip install '.[doors]'")
    done = run("dask_elbo.py", "--images", 20000, "--dir", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr
    assert len(set(re.findall(rf"ELBO {NUMBER} nats", done.stdout))) == 1
    assert done.stdout.endswith("the same bits\n")
    assert not list(tmp_path.iterdir())


def test_torch_distributed():
    pytest.importorskip("torch", reason="torch missing: pip install torch")
    done = run("torch_distributed.py", "--steps", 5)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("the same bits, sample by sample") == 10
    assert "DIFFERENT" not in done.stdout


def test_inpaint_normal():
    done = run("inpaint_normal.py", "--samples", 1000, "--steps", 50)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    rows = re.findall(rf"^ *(\d+) +{NUMBER} +{NUMBER}$", done.stdout, re.MULTILINE)
    assert [int(count) for count, _, _ in rows] == [1, 4, 16]
    assert float(rows[0][1]) > 5 * float(rows[2][1])
    assert max(map(float, rows[2][1:])) < 0.15


@pytest.mark.parametrize("option", ["--samples=99", "--steps=9", "--seed=-1"])
def test_inpaint_normal_refuses(option):
    done = run("inpaint_normal.py", option)
    assert done.returncode == 2, done.stderr
    assert "must be at least" in done.stderr


def test_score_mixture(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib missing: pip install '.[examples]'")
    done = run("score_mixture.py", "--samples", 1000, "--out", tmp_path / "new")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr
    assert is_picture(tmp_path / "new" / "score_mixture.png")


def test_guidance_scale(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib missing: pip install '.[examples]'")
    done = run("guidance_scale.py", "--samples", 1000, "--out", tmp_path / "new")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    pictures = sorted(p.name for p in tmp_path.glob("new/*"))
    assert pictures == ["guidance_samples.png", "guidance_scale.png"]
    assert all(is_picture(tmp_path / "new" / name) for name in pictures)
    rows = re.findall(rf"^scale +{NUMBER} +.*class {NUMBER} +spread {NUMBER}$", done.stdout, re.M)
    assert [float(scale) for scale, _, _ in rows] == [1, 1.5, 2, 3, 4, 6, 8]
    # Without guidance the samples have the spread of the data: 5 deviations of counting.
    assert abs(float(rows[0][2]) - 1) < 0.12
    assert float(rows[-1][1]) > 0.98 > 0.9 > float(rows[0][1])


def test_schedules(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib missing: pip install '.[examples]'")
    done = run("schedules.py", "--samples", 10000, "--out", tmp_path / "new")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    pictures = sorted(p.name for p in tmp_path.glob("new/*"))
    assert pictures == ["schedules.png", "training_times.png"]
    assert all(is_picture(tmp_path / "new" / name) for name in pictures)


def test_sample_mixture(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib missing: pip install '.[examples]'")
    done = run("sample_mixture.py", "--samples", 500, "--out", tmp_path / "new")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr
    pictures = sorted(p.name for p in tmp_path.glob("new/*"))
    assert pictures == ["sampler_errors.png", "sampler_samples.png"]
    assert all(is_picture(tmp_path / "new" / name) for name in pictures)

    lines = done.stdout.partition("evaluations\n")[2].splitlines()
    errors = {line[:17].strip(): [float(e) for e in line[17:].split()] for line in lines}
    assert {name.partition(" ")[0] for name in errors} > {"DDIM", "DDPM", "UniPC", "LCM"}
    assert errors["DDIM"][-1] < errors["DDIM"][0] / 4
    assert errors["UniPC"][-1] < errors["UniPC"][0] / 50
    assert errors["DDPM"][-1] < 0.1


def test_onnx_sampling(tmp_path):
    for module in ("sklearn", "matplotlib", "torch", "onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(module, reason=f"{module} missing: pip install {module}")
    done = run("onnx_sampling.py", "--epochs", 15, "--out", tmp_path / "new")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr
    assert is_picture(tmp_path / "new" / "onnx_digits.png")
    assert (tmp_path / "new" / "scheduler" / "scheduler_config.json").is_file()

    assert "<DPMSolverMultistep of 20 steps" in done.stdout
    times = re.search(rf"{NUMBER} us for the model, {NUMBER} us for the sampler", done.stdout)
    assert all(float(time) > 0 for time in times.groups())


@pytest.mark.parametrize("name", TORCH)
def test_torch_example(tmp_path, name):
    packages, pictures, options = TORCH[name]
    for module in ("sklearn", "matplotlib", "torch", *packages):
        pytest.importorskip(module, reason=f"{module} missing: pip install {module}")
    done = run(name, *options, "--out", tmp_path / "new")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr
    assert sorted(p.name for p in tmp_path.glob("new/*")) == pictures
    assert all(is_picture(tmp_path / "new" / picture) for picture in pictures)

    losses = re.findall(rf"loss: PyTorch {NUMBER}, fastgen {NUMBER}$", done.stdout, re.MULTILINE)
    for first, last in zip(losses[0], losses[-1], strict=True):
        assert float(last) < 0.98 * float(first)
    rows = re.findall(rf"  {NUMBER} us +{NUMBER} us +{NUMBER}$", done.stdout, re.MULTILINE)
    assert rows
    for theirs, ours, ratio in rows:
        assert float(ratio) == pytest.approx(float(theirs) / float(ours), rel=0.05)
    apart = re.search(rf"two curves: {NUMBER}(?: nats)? \(in .* {NUMBER}", done.stdout)
    assert max(map(float, apart.groups())) <= 1e-3


def test_jax_example(tmp_path):
    for module in ("sklearn", "matplotlib", "jax"):
        pytest.importorskip(module, reason=f"{module} missing: pip install {module}")
    done = run("jax_diffusion.py", "--epochs=3", "--out", tmp_path / "new")
    assert done.returncode == 0, done.stdout + done.stderr
    assert is_picture(tmp_path / "new" / "jax_diffusion.png")
    losses = re.findall(rf"loss: JAX {NUMBER}, fastgen {NUMBER}$", done.stdout, re.MULTILINE)
    for first, last in zip(losses[0], losses[-1], strict=True):
        assert float(last) < 0.98 * float(first)
    assert len(re.findall(rf" {NUMBER} us +{NUMBER} us$", done.stdout, re.MULTILINE)) == 3
    apart = re.search(rf"of the curves: {NUMBER} \(in .* {NUMBER}", done.stdout)
    assert max(map(float, apart.groups())) <= 1e-3


@pytest.mark.parametrize(
    ("name", "package"),
    [
        *itertools.product(TORCH, ["torch"]),
        ("torch_vae.py", "matplotlib"),
        ("torch_vae.py", "sklearn"),
        ("torch_flow.py", "nflows"),
        ("torch_diffusion.py", "diffusers"),
    ],
)
def test_torch_examples_name_what_to_install(name, package):
    if package != "torch":
        pytest.importorskip("torch")
    code = (
        f"import runpy, sys; sys.modules[{package!r}] = None\n"
        f"sys.path.insert(0, {str(EXAMPLES)!r}); runpy.run_path({str(EXAMPLES / name)!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    wanted = ["torch", *TORCH[name][0]]
    assert f"{package}" in done.stderr.partition("this example needs")[0]
    assert f"pip install '.[examples]' {' '.join(wanted)}\n" in done.stderr
    assert "Traceback" not in done.stderr
