"""Models of other libraries through `fastgen.torch.accelerate`, and by the libraries alone."""

import torch


def results(transform, x, inverse, create_graph=False):
    """Return the results, and the gradients in the elements and all weights."""
    x = x.clone().requires_grad_()
    y, logabsdet = (transform.inverse if inverse else transform)(x)
    loss = (y**2).sum() + (logabsdet * torch.linspace(0.5, 1.5, len(logabsdet))).sum()
    weights = [p for p in transform.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss, (x, *weights), create_graph=create_graph, allow_unused=True)
    return [y, logabsdet, *found]


def check(ours, theirs, bound):
    """Check results and gradients; the bound is relative to the largest element of each."""
    for a, b in zip(ours, theirs, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert a.dtype is b.dtype
            assert a.shape == b.shape
            torch.testing.assert_close(a, b, rtol=bound, atol=bound * float(b.detach().abs().max()))
