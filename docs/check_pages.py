"""Checks built pages: every public name is in the inventory, and no link or picture is dead.

python docs/check_pages.py docs/_build/html
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import importlib

import reference_pages
from sphinx.util.inventory import InventoryFile


class Links(HTMLParser):
    """The anchors of a page, and what it points to."""

    def __init__(self) -> None:
        """Start with none."""
        super().__init__()
        self.anchors: set[str] = {""}
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect `id`, `href` and `src`."""
        found = {key: value for key, value in attrs if value}
        self.anchors |= {found[key] for key in ("id", "name") if key in found}
        self.links |= {found[key] for key in ("href", "src") if key in found}


def missing_names(html: Path) -> list[str]:
    """Return the public names that the inventory of the pages does not have."""
    inventory = InventoryFile.loads((html / "objects.inv").read_bytes(), uri="")
    listed = {name for kind, entries in inventory.data.items() for name in entries if ":" in kind}
    wanted = [
        f"{module}.{name}"
        for module in reference_pages.MODULES
        for name in reference_pages.names(importlib.import_module(module))
    ]
    wanted += [f"{m}.{n}" for m in reference_pages.DOORS for n in reference_pages.door_names(m)]
    return sorted(set(wanted) - listed)


def dead_links(html: Path) -> list[str]:
    """Return the links of pages to files and anchors that are not there."""
    pages = {p.resolve(): Links() for p in html.rglob("*.html") if "_static" not in p.parts}
    for path, page in pages.items():
        page.feed(path.read_text(encoding="utf-8"))
    dead = []
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                dead.append(f"{path.relative_to(html.resolve())}: {link}")
            elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
                dead.append(f"{path.relative_to(html.resolve())}: {link} (no such anchor)")
    return dead


def main() -> int:
    """Print what is missing, and return 1 if anything is."""
    html = Path(sys.argv[1])
    wrong = [f"not in the reference: {name}" for name in missing_names(html)] + dead_links(html)
    print("\n".join(wrong) or f"{len(list(html.rglob('*.html')))} pages, no dead link, every name")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
