"""The examples in docstrings, in README and in pages, the table of functions, and the reference."""

import doctest
import importlib
import importlib.util
import operator
import re
from pathlib import Path

import numpy as np
import pytest

import fastgen
from fastgen import cases, diffusion
from fastgen._ops import OPS, public
from fastgen._registry import SPACES
from fastgen.cli import FAMILIES, functions

MODULES = {"fastgen", "fastgen._derivatives", *(public(name)[0].__module__ for name in OPS)}
MODULES |= {"fastgen.vae.entropies", "fastgen.vae.quantization", "fastgen.vae.quantization_loss"}
MODULES |= {f"fastgen.vae.{name}" for name in ("finite_scalar", "lookup_free", "straight_through")}
MODULES |= {f"fastgen.gan.{name}" for name in ("frechet", "mmd", "pulling_away")}
MODULES |= {"fastgen.noise.draws", "fastgen.noise.extremes"}
MODULES |= {"fastgen._show_config", "fastgen._test"}
for space in (diffusion.paths, diffusion.times):
    MODULES |= {getattr(space, name).__module__ for name in space.__all__}
MODULES |= {f"fastgen.ema.{name}" for name in ("arrays", "decays", "posthoc")}
MODULES |= {f"fastgen.diffusion.{name}" for name in ("_discrete", "_tables", "schedule")}
MODULES |= {getattr(diffusion, name).__module__ for name in diffusion.__all__}
MODULES |= {getattr(diffusion.samplers, name).__module__ for name in diffusion.samplers.__all__}
ROOT = Path(__file__).parent.parent
README, FUNCTIONS = ROOT / "README.md", ROOT / "docs" / "functions.md"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_docstring_examples(name):
    failed, tried = doctest.testmod(importlib.import_module(name), exclude_empty=True)
    assert failed == 0 and (tried > 0 or name == "fastgen")


@pytest.mark.parametrize("name", ["set_num_threads", "noise.Stream"])
def test_example_of_compiled_code(name):
    tests = doctest.DocTestFinder().find(operator.attrgetter(name)(fastgen), name)
    runner = doctest.DocTestRunner()
    assert [runner.run(test) for test in tests] and runner.failures == 0 and runner.tries > 0


def lines_of_functions():
    """Map each function, as "vae.kl_standard_normal", to its error in docs/functions.md."""
    section, found = "", {}
    for line in FUNCTIONS.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif line.startswith("| `"):
            name = re.match(r"\| `([\w.]+)\(", line)[1]
            assert f"{section}.{name}" not in found, line
            found[f"{section}.{name}"] = line.split(" | ")[-1].removesuffix(" |")
    return found


def test_the_table_of_functions_is_up_to_date():
    """To update it: python -m fastgen info --functions > docs/functions.md"""
    assert FUNCTIONS.read_text(encoding="utf-8") == functions.table()


def test_every_public_function_has_a_line():
    listed = {name.partition(".Schedule.")[0] for name in lines_of_functions()}
    for module in (
        *(getattr(fastgen, f) for f in FAMILIES),
        diffusion.paths,
        diffusion.samplers,
        diffusion.times,
        fastgen,
    ):
        name = module.__name__.removeprefix("fastgen.")
        items = {n: getattr(module, n) for n in module.__all__}
        callables = [n for n, item in items.items() if callable(item) and n != "Schedule"]
        assert {f"{name}.{n}" for n in callables} <= listed
    assert {n for n in lines_of_functions() if "Schedule" in n} >= {
        f"diffusion.Schedule.{n}" for n in ("linear", "cosine", "flow", "karras")
    }
    assert set(FAMILIES) >= {name.partition(".")[0] for name in OPS}


@pytest.mark.parametrize("name", sorted(OPS))
def test_stated_errors_are_the_bounds_of_the_cases(name):
    case, entry = cases.CASES[name], public(name)[0]
    stated = lines_of_functions()[f"{name.partition('.')[0]}.{entry.__name__}"]
    parts = re.fullmatch(r"(.*) ULP( of its terms)?", stated)[1].split(" and ")
    bounds = cases.bounds(case.ulp, OPS[name].nout)
    for bound, part in zip(bounds, parts if len(parts) > 1 else parts * len(bounds), strict=True):
        least, _, most = part.partition(" to ")
        assert float(least) <= bound <= float(most or least), stated
    assert stated.endswith("of its terms") or case.scale is None
    # The docstring states the largest bound of all kinds, and no larger number.
    kinds = [n for n in OPS if public(n)[0] is entry]
    numbers = [float(n) for n in re.findall(r"[\d.]+", stated)]
    assert max(numbers) == max(max(cases.bounds(cases.CASES[n].ulp, 1)) for n in kinds)


def test_readme_has_every_family_and_no_dead_link():
    text = README.read_text(encoding="utf-8")
    heads = re.findall(r"^## (.*)$", FUNCTIONS.read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {head.replace(".", "") for head in heads}
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert {f"docs/functions.md#{family}" for family in FAMILIES} <= set(links)
    for link in links:
        file, _, anchor = link.partition("#")
        assert (ROOT / file).exists(), link
        assert not anchor or anchor in anchors, link
    for path in re.findall(r"`((?:examples|benchmarks|src)/[\w/.]+)`", text):
        assert (ROOT / path).exists(), path


PAGES = [path for path in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in path.parts]
PAGES = [path for path in PAGES if "gallery" not in path.parts]


def reference_pages():
    path = ROOT / "docs" / "_ext" / "reference_pages.py"
    spec = importlib.util.spec_from_file_location("reference_pages", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_has_every_public_name():
    pages = reference_pages()
    inner = ("diffusion.samplers", *SPACES)
    modules = {"fastgen", *(f"fastgen.{name}" for name in (*FAMILIES, *inner))}
    assert set(pages.MODULES) == modules
    for name in modules:
        module = importlib.import_module(name)
        listed = set(re.findall(r"^   (\w+)$", pages.page(name), re.MULTILINE))
        assert listed == {n for n in module.__all__ if n[0] != "_"} - {
            n
            for n in module.__all__
            if n == "reference" or n in FAMILIES or f"diffusion.{n}" in inner
        }
    for name in pages.DOORS:
        for public_name in pages.door_names(name):
            assert pages.definition(name, public_name).name == public_name
    assert {"Scheduler", "accelerate", "native"} <= set(pages.door_names("fastgen.torch"))
    shown = (ROOT / "docs" / "reference.md").read_text("utf-8").splitlines()
    assert {f"reference/{name}" for name in modules} <= set(shown)


def test_every_page_is_reached():
    named = set()
    for page in PAGES:
        for block in re.findall(r"```{toctree}\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            lines = [line for line in block.splitlines() if line and line[0] != ":"]
            named |= {(page.parent / f"{line}.md").resolve() for line in lines}
    assert {page.resolve() for page in PAGES} - named == {(ROOT / "docs" / "index.md").resolve()}


INSTEAD = (ROOT / "docs" / "instead.md").read_text("utf-8")
CALLS = sorted(set(re.findall(r"\| `([^`]*)` \|$", INSTEAD, re.MULTILINE)))


def names_of_calls():
    """Return arrays under the names that the calls of docs/instead.md use."""
    rng = np.random.default_rng(0)
    names = {n: getattr(fastgen, n) for n in (*FAMILIES, "exact_mean")}
    names |= {"samplers": diffusion.samplers, "schedule": diffusion.Schedule.linear()}
    names |= {"paths": diffusion.paths, "times": np.array([0.1, 0.3, 0.5, 0.9])}
    for name in ("mu", "logvar", "mu_p", "z", "log_scale", "shift", "a", "q", "p", "log_ratio"):
        names[name] = rng.normal(size=(4, 5))
    names |= {n: np.exp(rng.normal(size=(4, 5))) for n in ("sigma", "sigma_p")}
    images = ("uncond", "cond", "x0", "x1", "x_t", "eps", "pred")
    names |= {n: rng.normal(size=(4, 3, 2, 2)) for n in images}
    names |= {n: rng.normal(size=7) for n in ("real", "fake", "losses")}
    names |= {"x": rng.integers(0, 2, (4, 9)), "logits": rng.normal(size=(4, 9)), "w": 7.5}
    names |= {"l": np.linalg.cholesky(np.eye(5) + 0.1), "log_w": rng.normal(size=(4, 8))}
    names |= {"t": np.array([1, 10, 100, 999]), "d": 0.9, "logabsdet": rng.normal(size=4)}
    names |= {"averages": [np.zeros(3)], "weights": [np.ones(3)], "grad": rng.normal(size=(4, 9))}
    names |= {"v": rng.normal(size=(4, 5)), "bin_w": rng.normal(size=(4, 5, 8))}
    names |= {"bin_h": rng.normal(size=(4, 5, 8)), "bin_d": rng.normal(size=(4, 5, 7))}
    names["config"] = {"_class_name": "DPMSolverMultistepScheduler", "beta_schedule": "linear"}
    return names


def test_there_are_calls():
    assert len(CALLS) >= 40


@pytest.mark.parametrize("call", CALLS)
def test_calls_of_the_page_instead_run(call):
    if "optimal_coupling" in call:
        pytest.importorskip("scipy")
    result = eval(call, names_of_calls())
    assert "update" in call or result is not None
    for array in result if isinstance(result, tuple) else [result]:
        assert not isinstance(array, np.ndarray) or np.isfinite(array).all()


@pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT / "docs")) for p in PAGES])
def test_examples_of_pages(page):
    """Run the blocks of a page that have prompts, one after another."""
    blocks = re.findall(r"```pycon\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    test = doctest.DocTestParser().get_doctest("".join(blocks), {}, page.name, str(page), 0)
    assert doctest.DocTestRunner().run(test).failed == 0


def test_families_have_pages_with_examples():
    for family in (*FAMILIES, "samplers"):
        assert ">>> " in (ROOT / "docs" / "families" / f"{family}.md").read_text("utf-8")
