"""Writes the pages of the reference from ``__all__``: no public name can be forgotten.

Modules of the doors import PyTorch or JAX, which a build of the pages need not have. So their few
names of their own are read from the source.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import fastgen
from fastgen._registry import SPACES

MODULES = (
    "fastgen",
    "fastgen.vae",
    "fastgen.gan",
    "fastgen.flow",
    "fastgen.noise",
    "fastgen.diffusion",
    "fastgen.diffusion.samplers",
    "fastgen.guidance",
    "fastgen.ema",
    "fastgen.elementary",
    *(f"fastgen.{space}" for space in SPACES),
)
DOORS = ("fastgen.torch", "fastgen.jax")


def names(module: ModuleType) -> list[str]:
    """Return the public names of a module but for its modules: functions, then classes."""
    found = [n for n in module.__all__ if n != "reference"]
    found = [n for n in found if not inspect.ismodule(getattr(module, n)) and n[0] != "_"]
    return sorted(found, key=lambda n: (n[0].isupper(), n))


def page(name: str) -> str:
    """Return the page of a module: its first line, and a table of its names."""
    module = importlib.import_module(name)
    rows = "".join(f"   {n}\n" for n in names(module))
    return (
        f"{_title(name)}\n.. currentmodule:: {name}\n\n{inspect.getdoc(module)}\n\n"
        f".. autosummary::\n   :toctree: generated/{name}\n\n{rows}"
    )


def door_page(name: str) -> str:
    """Return the page of a door: the names that it has beside the families."""
    text = (
        f"{_title(name)}\n.. py:module:: {name}\n\n{_module_docstring(name)}\n\n"
        "Its families have the functions of the pages above, with the same names and arguments.\n"
    )
    for public in door_names(name):
        node = definition(name, public)
        doc = ast.get_docstring(node) or ""
        kind = "class" if isinstance(node, ast.ClassDef) else "function"
        text += f"\n.. py:{kind}:: {public}{_signature(node)}\n\n{_indented(doc)}\n"
        for method in getattr(node, "body", []) if kind == "class" else []:
            shown = isinstance(method, ast.FunctionDef) and method.name[0] != "_"
            if shown and (doc := ast.get_docstring(method)):
                line = f"py:method:: {method.name}{_signature(method)}"
                text += f"\n   .. {line}\n\n{_indented(_indented(doc))}\n"
    return text


def door_names(name: str) -> list[str]:
    """Return the names of a door that are no families: those of its __all__."""
    for node in ast.walk(ast.parse(_source(name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            listed = [n for n in ast.literal_eval(node.value) if n != "__version__"]
            return sorted(n for n in listed if n not in fastgen.__all__)
    raise ValueError(f"{name} has no __all__")


def definition(module: str, name: str) -> Any:
    """Return the definition of a name of a door, in whichever file of it this is."""
    for path in sorted(_source(module).parent.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
                return node
    raise ValueError(f"{module}.{name} is not defined in a file of {module}")


def _source(name: str) -> Path:
    return Path(fastgen.__file__).parent / name.rpartition(".")[2] / "__init__.py"


def _module_docstring(name: str) -> str:
    return ast.get_docstring(ast.parse(_source(name).read_text(encoding="utf-8"))) or ""


def _signature(node: Any) -> str:
    if isinstance(node, ast.ClassDef):
        made = [n for n in node.body if getattr(n, "name", "") == "__init__"]
        return _signature(made[0]) if made else ""
    arguments = node.args
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        one.annotation = None
    for one in (arguments.vararg, arguments.kwarg):
        if one is not None:
            one.annotation = None
    if arguments.args and arguments.args[0].arg in {"self", "cls"}:
        arguments.args = arguments.args[1:]
    return f"({ast.unparse(arguments)})"


def _indented(doc: str) -> str:
    from numpydoc.docscrape_sphinx import SphinxDocString

    text = str(SphinxDocString(doc)) if "\n----" in doc else doc
    return "\n".join(f"   {line}".rstrip() for line in text.splitlines())


def _title(name: str) -> str:
    return f"{name}\n{'=' * len(name)}\n"


def _write(app: Any, _: Any) -> None:
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    pages = {name: page(name) for name in MODULES} | {name: door_page(name) for name in DOORS}
    for name, text in pages.items():
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, Any]:
    """Write the pages before Sphinx looks for pages."""
    app.connect("config-inited", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
