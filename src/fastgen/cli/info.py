"""``fastgen info``: what was built, what is used here, and why."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import platform
from typing import Any

import numpy as np

import fastgen
from fastgen import _core, _extras, _ops
from fastgen.cli.machine import cpu_name

OPTIONAL = {
    "rich": "colours and progress bars",
    "matplotlib": "bench --plot",
    "ml_dtypes": "bfloat16",
    "torch": "fastgen on tensors",
    "jax": "fastgen on JAX arrays",
    "dask": "arrays larger than memory",
    "threadpoolctl": "the number of threads, with that of other libraries",
    "numexpr": "bench --peers",
}


def collect() -> dict[str, Any]:
    """Return everything that a bug report needs."""
    isas = _core.isas()
    families: dict[str, int] = {}
    for name in _ops.OPS:
        family = name.partition(".")[0]
        families[family] = families.get(family, 0) + 1
    return {
        "fastgen": fastgen.__version__,
        "compiler": _core.COMPILER,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "instruction_sets": {
            "built": [name for name, _ in isas],
            "detected": [name for name, here in isas if here],
            "chosen": _ops.ISA,
            "reason": _ops.ISA_REASON,
        },
        "threads": {
            "count": fastgen.get_num_threads(),
            "reason": fastgen.NUM_THREADS_REASON,
        },
        "buffers": {
            "limit": fastgen.get_buffer_limit(),
            "reason": fastgen.BUFFER_LIMIT_REASON,
        },
        "operations": families,
        "packages": {name: _version(name) for name in OPTIONAL},
    }


def run(args: argparse.Namespace) -> int:
    """Print what `collect` has found."""
    if args.functions:
        print(importlib.import_module("fastgen.cli.functions").table(), end="")
    elif args.json:
        print(json.dumps(collect(), indent=2))
    else:
        print(text(collect()))
    return 0


def text(found: dict[str, Any]) -> str:
    """Return what `collect` has found, for people."""
    isas, threads = found["instruction_sets"], found["threads"]
    buffers = found["buffers"]
    families = ", ".join(f"{family} {count}" for family, count in found["operations"].items())
    facts = {
        "fastgen": found["fastgen"],
        "compiler": found["compiler"],
        "Python": f"{found['python']}, NumPy {found['numpy']}",
        "system": found["platform"],
        "CPU": found["cpu"],
        "built for": ", ".join(isas["built"]),
        "CPU has": ", ".join(isas["detected"]),
        "used": f"{isas['chosen']} ({isas['reason']})",
        "threads": f"{threads['count']} ({threads['reason']})",
        "buffers": f"up to {buffers['limit'] / 2**20:g} MiB of freed results ({buffers['reason']})",
        "operations": f"{sum(found['operations'].values())} ({families})",
    }
    lines = [f"{title:<11} {fact}" for title, fact in facts.items()]
    lines += ["", "optional packages"]
    for name, version in found["packages"].items():
        how = "" if version else f"; {_extras.how_to_install(name)}"
        lines.append(f"  {name:<14} {version or 'not found':<12} {OPTIONAL[name]}{how}")
    return "\n".join(lines)


def _version(name: str) -> str | None:
    if not _extras.is_installed(name):
        return None
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
