"""Two epochs of sbi's posterior estimation with spline flows, alone and accelerated.

    python -m pytest benchmarks/bench_sbi.py --benchmark-enable

4000 simulations of 6 dimensions, in batches of 200.
"""

import contextlib

import pytest

import fastgen
from fastgen._ops import ISA

torch = pytest.importorskip("torch", reason="torch missing: pip install torch")

from fastgen.torch import accelerate  # noqa: E402

DIMS, SIMULATIONS, BATCH = 6, 4000, 200


def estimation(kind):
    """Return an inference with simulations of a linear simulator."""
    sbi = pytest.importorskip("sbi.inference", reason="sbi missing: pip install sbi")
    utils = pytest.importorskip("sbi.utils", reason="sbi missing: pip install sbi")
    torch.manual_seed(0)
    prior = utils.BoxUniform(-2 * torch.ones(DIMS), 2 * torch.ones(DIMS))
    theta = prior.sample((SIMULATIONS,))
    x = theta + 0.3 * torch.randn_like(theta)
    inference = sbi.NPE(prior, density_estimator=kind, show_progress_bars=False)
    return inference.append_simulations(theta, x)


@pytest.mark.filterwarnings("ignore")  # of sbi and what it imports
@pytest.mark.parametrize("library", ["sbi", "fastgen"])
@pytest.mark.parametrize("kind", ["nsf", "zuko_nsf"])
def test_two_epochs(benchmark, kind, library, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # sbi writes logs
    benchmark.group = f"two epochs of {kind}"
    threads = fastgen.get_num_threads()
    benchmark.extra_info.update(isa=ISA, threads=threads)
    torch.set_num_threads(threads)
    losses = []

    def made():
        return (estimation(kind),), {}

    def train(inference):
        inference.train(training_batch_size=BATCH, max_num_epochs=1)
        losses.append(inference.summary["training_loss"])

    with accelerate("nflows", "zuko") if library == "fastgen" else contextlib.nullcontext():
        benchmark.pedantic(train, setup=made, rounds=5, warmup_rounds=1)
    first, second = losses[0]
    assert second < first
    assert all(each == pytest.approx(losses[0], rel=1e-5) for each in losses)  # of the same seed
