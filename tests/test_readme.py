"""The code of README, and of the notebook, runs and prints what it says."""

import contextlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
README, TOUR = ROOT / "README.md", ROOT / "examples" / "tour.ipynb"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
CONFIG = {"_class_name": "DDIMScheduler", "beta_schedule": "scaled_linear", "beta_end": 0.012}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_readme_block_runs(number, tmp_path, monkeypatch):
    for package in re.findall(r"^import (\w+)", BLOCKS[number], re.MULTILINE):
        pytest.importorskip(package, reason=f"{package} missing: pip install '.[doors]'")
    (tmp_path / "scheduler").mkdir()
    (tmp_path / "scheduler" / "scheduler_config.json").write_text(json.dumps(CONFIG))
    monkeypatch.chdir(tmp_path)
    exec(compile(BLOCKS[number], "README.md", "exec"), {"unet": lambda x, t: 0.1 * x})


def test_readme_has_a_block_for_each_door():
    text = "".join(BLOCKS)
    for needed in ("fastgen.vae.", "fastgen.torch", "fastgen.jax", "dask", "from_config"):
        assert needed in text


def test_the_tour_prints_what_it_shows():
    """Its cells run in order, in one namespace. It prints few digits, which hold anywhere."""
    namespace, compared = {}, 0
    for cell in json.loads(TOUR.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), np.errstate(all="ignore"):
            exec(compile("".join(cell["source"]), cell["id"], "exec"), namespace)
        shown = "".join("".join(output["text"]) for output in cell["outputs"])
        assert printed.getvalue() == shown, cell["id"]
        compared += bool(shown)
    assert compared >= 12
