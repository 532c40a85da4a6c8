"""Writes the pages of the gallery: runs each program of ``examples`` as a user does.

A page has the docstring of the program, its pictures, what it printed, and its code. Where a
package is missing, the page says which, and has no pictures. A program that fails ends the build.

sphinx-gallery runs scripts inside the process of the build. These programs read a command line, end
by ``sys.exit``, and start processes of their own. So they run in a process each.
"""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

EXAMPLES = Path(__file__).parents[2] / "examples"


class Example(NamedTuple):
    """A program of ``examples``: its title, options for the page, and packages that it needs."""

    title: str
    options: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    has_pictures: bool = True


GALLERY = {
    "train_vae": Example("Variational autoencoder on digits", ("--epochs=150",)),
    "train_gan": Example("Adversarial network on digits", ("--epochs=150",)),
    "train_flow": Example("Normalizing flow on tables"),
    "train_diffusion": Example("Diffusion model on digits", ("--epochs=200",)),
    "score_mixture": Example("Score of a mixture, and Langevin dynamics"),
    "sample_mixture": Example("All samplers: errors over steps"),
    "schedules": Example("Noise schedules and times of training"),
    "guidance_scale": Example("Scale of guidance against diversity"),
    "inpaint_normal": Example("Inpainting by RePaint", has_pictures=False),
    "torch_vae": Example("Autoencoder in PyTorch", ("--epochs=150",), ("torch",)),
    "torch_flow": Example("Spline flow of nflows", ("--epochs=40",), ("torch", "nflows")),
    "torch_diffusion": Example(
        "Diffusion model in PyTorch", ("--epochs=100",), ("torch", "diffusers")
    ),
    "torch_distributed": Example("Data-parallel training", packages=("torch",), has_pictures=False),
    "jax_diffusion": Example("Diffusion model in JAX", ("--epochs=30",), ("jax",)),
    "onnx_sampling": Example(
        "Samples of an ONNX model",
        ("--epochs=100",),
        ("torch", "onnx", "onnxscript", "onnxruntime"),
    ),
    "dask_elbo": Example(
        "ELBO of a data set larger than memory",
        ("--images=200000",),
        ("distributed",),
        has_pictures=False,
    ),
}


def missing(example: Example) -> list[str]:
    """Return the packages that are not installed here."""
    return [name for name in example.packages if importlib.util.find_spec(name) is None]


def run(name: str, example: Example, out: Path) -> str:
    """Run a program, which writes its pictures to `out`. Return what it prints."""
    options = [*example.options, *([f"--out={out}"] if example.has_pictures else [])]
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"examples/{name}.py failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def page(name: str, example: Example, folder: Path) -> str:
    """Return the page of a program, in Markdown. Run it, where its packages are there."""
    source = EXAMPLES / f"{name}.py"
    doc = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    text = f"# {example.title}\n\n{doc}\n\n"
    if absent := missing(example):
        text += f"It was not run for this page, for want of: {', '.join(absent)}.\n\n"
    else:
        printed = run(name, example, folder / name)
        for picture in sorted((folder / name).glob("*.png")):
            text += f"![{picture.stem.replace('_', ' ')}]({name}/{picture.name})\n\n"
        command = " ".join(["python", f"examples/{name}.py", *example.options])
        text += f"`{command}` prints:\n\n```text\n{printed.strip()}\n```\n\n"
    return text + f"```{{literalinclude}} ../../examples/{name}.py\n:language: python\n```\n"


def index(folder: Path) -> str:
    """Return the first page of the gallery: a picture and a title for each program."""
    cards = ""
    for name, example in GALLERY.items():
        pictures = sorted((folder / name).glob("*.png"))
        shown = f"[![]({name}/{pictures[0].name})]({name}.md)\n" if pictures else ""
        cards += f":::{{container}} card\n{shown}[{example.title}]({name}.md)\n:::\n\n"
    tree = "\n".join(GALLERY)
    return (
        "# Gallery\n\nThe programs of `examples/`, with what they draw and print. Each begins with "
        "what it shows, its\ndata, and how to run it.\n\n"
        f"::::{{container}} gallery\n{cards}::::\n\n```{{toctree}}\n:hidden:\n\n{tree}\n```\n"
    )


def _write(app: Any, _: Any) -> None:
    listed, present = set(GALLERY), {p.stem for p in EXAMPLES.glob("[a-z]*.py")}
    if listed != present:
        raise RuntimeError(f"the gallery and examples/ differ in {sorted(listed ^ present)}")
    folder = Path(app.srcdir) / "gallery"
    folder.mkdir(exist_ok=True)
    for name, example in GALLERY.items():
        target, source = folder / f"{name}.md", EXAMPLES / f"{name}.py"
        if target.exists() and target.stat().st_mtime > source.stat().st_mtime:
            continue  # made by an earlier build
        target.write_text(page(name, example, folder), encoding="utf-8")
    (folder / "index.md").write_text(index(folder), encoding="utf-8")


def setup(app: Any) -> dict[str, Any]:
    """Write the pages before Sphinx looks for pages."""
    app.connect("config-inited", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
