"""Draws the picture of README from a file of `python -m fastgen bench --quick --peers --json FILE`.

    python docs/pictures/_speed.py FILE

The pages do not run this: it needs PyTorch and JAX, and a machine that does nothing else.
"""

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

SHOWN = [
    "vae.kl_standard_normal",
    "vae.bernoulli_nll",
    "gan.discriminator_loss.non_saturating",
    "gan.js_divergence_from_logits",
    "flow.rational_quadratic_spline",
    "flow.affine_coupling",
    "diffusion.noised",
    "diffusion.denoising_score_matching",
    "guidance.cfg_rescale",
    "elementary.logsumexp",
    "elementary.tanh",
]
PEERS = {"NumPy": "s", "torch.compile": "o", "jax.jit": "^"}
COLOURS = {"NumPy": "#4c72b0", "torch.compile": "#dd8452", "jax.jit": "#55a868"}


def rows_of(found):
    """Return the rows of values that are shown: of each operation the smallest and largest size."""
    rows = [r for r in found["rows"] if r["kind"] == "value"]
    return {n: [r for r in rows if r["operation"] == n] for n in SHOWN}


if __name__ == "__main__":
    found = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(sorted({r["operation"] for r in found["rows"]}))
    print(found["rows"][0])
