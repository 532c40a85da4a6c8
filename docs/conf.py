"""Sphinx's settings. `pip install ".[docs]"`, then `python -m sphinx -W docs docs/_build/html`."""

import importlib.util
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

import fastgen  # noqa: E402

project = "fastgen"
author = "the fastgen developers"
copyright = author
version = release = fastgen.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "reference_pages",
    "pictures",
    "gallery",
]
exclude_patterns = ["_build", "_ext", "_templates"]
templates_path = ["_templates"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
default_role = "py:obj"  # docstrings name functions between single backticks

autosummary_generate = True
autodoc_typehints = "none"  # the Parameters of a docstring say them
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the page of a class has its methods already

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
# The copies of README, CHANGELOG and CONTRIBUTING link to files that are no pages.
suppress_warnings = ["myst.xref_missing"]

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = f"fastgen {release}"
html_static_path = ["_static"]
html_css_files = ["fastgen.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
}

# Formulas need no network: MathJax is one file of a package, copied beside the pages.
_mathjax = HERE / "_build" / "mathjax" / "tex-svg.js"
if not _mathjax.exists():
    spec = importlib.util.find_spec("mathjax")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError('MathJax is missing: pip install ".[docs]"')
    _mathjax.parent.mkdir(parents=True, exist_ok=True)
    package = Path(next(iter(spec.submodule_search_locations)))
    shutil.copy(package / "static" / "mathjax" / "es5" / "tex-svg.js", _mathjax)
html_static_path.append(str(_mathjax.parent))
mathjax_path = "tex-svg.js"
