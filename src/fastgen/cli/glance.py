"""``fastgen`` without a command: one number, measured at once."""

from __future__ import annotations

import numpy as np

import fastgen
from fastgen import cases
from fastgen.cli import compare, texts, timing

NAME, SHAPE = "vae.kl_standard_normal", (4096, 128)
SECONDS = 0.25


def run() -> int:
    """Print how fast one operation is here; 1 where its result is wrong."""
    inputs = cases.inputs(NAME, SHAPE, np.float32)
    ours, reference = cases.function(NAME), cases.reference(NAME)
    calls = {"numpy": lambda: reference(*inputs), "fastgen": lambda: ours(*inputs)}
    timed = timing.take_turns(calls, SECONDS)
    error = compare.max_error(
        NAME, timed["fastgen"].result, reference(*(x.astype(np.float64) for x in inputs))
    )
    numpy, seconds = timed["numpy"].seconds, timed["fastgen"].seconds
    print(
        f"here: {NAME} of {texts.size(SHAPE)} float32 numbers takes"
        f" {texts.duration(seconds)}, NumPy {texts.duration(numpy)}:"
        f" {texts.times(numpy / seconds)} as fast,\n"
        f"      {fastgen.get_num_threads()} threads; largest relative error {error:.1e}"
    )
    return 0 if error <= compare.tolerance(NAME, np.float32) else 1
