"""sbi with its flows of nflows and zuko through `fastgen.torch.accelerate`: the same training."""

import pytest

torch = pytest.importorskip("torch", reason="torch missing: pip install torch")

from fastgen.torch import accelerate  # noqa: E402

DIMS = 6


def training(kind, simulations, epochs):
    """Train a posterior of a linear simulator, and return the losses and some of its densities."""
    sbi = pytest.importorskip("sbi.inference", reason="sbi missing: pip install sbi")
    utils = pytest.importorskip("sbi.utils", reason="sbi missing: pip install sbi")
    torch.manual_seed(0)
    prior = utils.BoxUniform(-2 * torch.ones(DIMS), 2 * torch.ones(DIMS))
    theta = prior.sample((simulations,))
    x = theta + 0.3 * torch.randn_like(theta)
    inference = sbi.NPE(prior, density_estimator=kind, show_progress_bars=False)
    inference.append_simulations(theta, x)
    estimator = inference.train(training_batch_size=200, max_num_epochs=epochs - 1)
    with torch.no_grad():
        densities = estimator.log_prob(theta[None, :50], condition=x[:50])
    losses = inference.summary["training_loss"] + inference.summary["validation_loss"]
    return torch.tensor(losses), densities


@pytest.mark.filterwarnings("ignore")  # of sbi and what it imports
@pytest.mark.parametrize("kind", ["nsf", "zuko_nsf"])
def test_training_gives_the_same_losses(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # sbi writes logs
    theirs, their_densities = training(kind, 1000, 3)
    with accelerate("nflows", "zuko"):
        ours, our_densities = training(kind, 1000, 3)
    assert ours.shape == (6,)
    assert ours[2] < ours[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=0)
    torch.testing.assert_close(our_densities, their_densities, rtol=1e-3, atol=1e-3)
