"""Schedules of every constructor: long and short tables, and every limit."""

from __future__ import annotations

import numpy as np

from fastgen.diffusion import Schedule

VP, VE, FLOW = "variance preserving", "variance exploding", "flow"


def with_infinite_ends(steps):
    """Return a schedule that starts at clean data and ends at pure noise."""
    inner = np.linspace(9, -9, steps - 2)
    return Schedule.from_log_snr([np.inf, *inner, -np.inf])


SCHEDULES = {
    "linear 1000": Schedule.linear(),
    "linear 50": Schedule.linear(50, beta_start=2e-3, beta_end=0.35),
    "linear 8": Schedule.linear(8, beta_start=1e-2, beta_end=0.9),
    "linear 8, little noise": Schedule.linear(8),
    "scaled_linear 1000": Schedule.scaled_linear(),
    "scaled_linear 50": Schedule.scaled_linear(50, beta_start=0.017, beta_end=0.22),
    "cosine 1000": Schedule.cosine(),
    "cosine 50": Schedule.cosine(50),
    "cosine 8": Schedule.cosine(8),
    "cosine 1000, no cap": Schedule.cosine(max_beta=1),
    "cosine 8, no cap": Schedule.cosine(8, max_beta=1),
    "sigmoid 1000": Schedule.sigmoid(),
    "sigmoid 50": Schedule.sigmoid(50, beta_start=2e-3, beta_end=0.35),
    "from_betas 50": Schedule.from_betas(np.geomspace(1e-3, 0.4, 50)),
    "from_betas 8, ends at 1": Schedule.from_betas([0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0]),
    "from_alpha_bar 50, clean start": Schedule.from_alpha_bar(np.linspace(1, 0.01, 50)),
    "from_alpha_bar 1000, clean start": Schedule.from_alpha_bar(np.linspace(1, 0.001, 1000)),
    "from_alpha_bar 8, both limits": Schedule.from_alpha_bar(np.linspace(1, 0, 8)),
    "scaled_linear 1000, zero SNR": Schedule.scaled_linear().rescale_zero_terminal_snr(),
    "linear 50, zero SNR": Schedule.linear(
        50, beta_start=2e-3, beta_end=0.35
    ).rescale_zero_terminal_snr(),
    "from_log_snr 1000": Schedule.from_log_snr(np.linspace(10, -10, 1000)),
    "from_log_snr 50, both limits": with_infinite_ends(50),
    "vp 1000": Schedule.vp(),
    "vp 50": Schedule.vp(50),
    "trigflow 1000": Schedule.trigflow(),
    "trigflow 50": Schedule.trigflow(50),
    "trigflow 8": Schedule.trigflow(8),
    "flow 1000": Schedule.flow(),
    "flow 1000, shift 3": Schedule.flow(shift=3.0),
    "flow 1000, shift 5": Schedule.flow(shift=5.0),
    "flow 50": Schedule.flow(50),
    "flow 8, shift 3": Schedule.flow(8, shift=3.0),
    "karras 1000": Schedule.karras(1000),
    "karras 8": Schedule.karras(8),
    "exponential 1000": Schedule.exponential(1000),
    "exponential 50": Schedule.exponential(50),
    "polyexponential 50": Schedule.polyexponential(50, rho=1.5),
    "edm 1000": Schedule.edm(1000),
    "edm 50": Schedule.edm(50),
    "edm 8": Schedule.edm(8),
}
