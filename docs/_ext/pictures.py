"""Draws the pictures of the pages: runs each script of ``docs/pictures``."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any


def _draw(app: Any, _: Any) -> None:
    for script in sorted((Path(app.srcdir) / "pictures").glob("*.py")):
        if script.name[0] != "_":
            runpy.run_path(str(script), run_name="__main__")


def setup(app: Any) -> dict[str, Any]:
    """Draw before Sphinx looks for pages."""
    app.connect("config-inited", _draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
