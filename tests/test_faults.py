"""docs/faults.md: every test that it names exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")


def test_every_named_test_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)
    assert len(named) > 30
    for path, name in named:
        source = (ROOT / path).read_text(encoding="utf-8")
        assert not name or f"def {name}(" in source, (path, name)


def test_every_kind_has_a_line():
    assert re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE) == [str(k) for k in range(1, 29)]
    for command in re.findall(r"`(\.ci/[\w-]+|\.github/[\w./]+|csrc/[\w./]+)`", PAGE):
        assert (ROOT / command).is_file(), command
