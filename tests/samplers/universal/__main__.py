"""Run the suite: ``python tests/samplers/universal [--all] [-k WORD] [--show N]``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from universal.command import main

if __name__ == "__main__":
    sys.exit(main())
