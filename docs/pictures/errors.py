"""The pictures of the pages of families: the error of plain float32 NumPy and of fastgen.

The truth is computed by mpmath with 50 digits, from the float32 inputs.
"""

import math
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
import mpmath as mp
import numpy as np

import fastgen
from fastgen.diffusion import Schedule
from fastgen.diffusion import samplers as s

FOLDER = Path(__file__).parents[1] / "_pictures"
FOLDER.mkdir(exist_ok=True)
EPSILON = np.finfo(np.float32).eps / 2
mp.mp.dps = 50
plt.rcParams.update({"svg.hashsalt": "fastgen", "font.size": 10, "axes.spines.top": False})
plt.rcParams["axes.spines.right"] = False


def relative(values, truth):
    """Return relative errors, 1e-9 where there is none, and infinity where a value is no number."""
    found = []
    for value, true in zip(np.ravel(values).tolist(), truth, strict=True):
        error = abs(mp.mpf(value) - true) / abs(true) if math.isfinite(value) else mp.inf
        found.append(max(float(error), 1e-9))
    return np.array(found)


def draw(name, x, naive, ours, *, label, title, logx=True):
    """Draw two curves of errors, with a cross where the plain form gives no finite number."""
    figure, axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
    top = 30.0
    lost = ~np.isfinite(naive)
    axes.plot(
        x, np.where(lost, np.nan, np.minimum(naive, top)), ".-", c="#c44", label="plain NumPy"
    )
    if lost.any():
        axes.plot(x[lost], np.full(lost.sum(), top), "x", c="#c44", label="inf or NaN")
    axes.plot(x, ours, ".-", c="#077", label="fastgen")
    axes.axhline(EPSILON, ls=":", c="gray", lw=1)
    axes.text(x[0], EPSILON * 1.3, "rounding of float32", color="gray", fontsize=8)
    axes.set(yscale="log", ylim=(3e-10, 1e4), xlabel=label, ylabel="relative error", title=title)
    if logx:
        axes.set_xscale("log")
    axes.legend(loc="upper right", frameon=False, ncols=3)
    save(figure, name)


def save(figure, name):
    """Write the picture for the pages."""
    figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)


def vae():
    """KL near the standard normal."""
    x = np.logspace(-6, 1, 60).astype(np.float32)
    truth = [(mp.exp(v) - 1 - v) / 2 for v in map(mp.mpf, x.tolist())]
    naive = np.float32(0.5) * (np.exp(x) - 1 - x)
    ours = fastgen.vae.kl_standard_normal(np.zeros((60, 1), np.float32), x[:, None])
    title = "KL from N(0, exp(logvar)) to N(0, 1), float32"
    draw("vae", x, relative(naive, truth), relative(ours, truth), label="logvar", title=title)


def gan():
    """Jensen-Shannon divergence of two distributions that are close."""
    delta = np.logspace(-6, 1.3, 60).astype(np.float32)
    p = np.stack([delta, np.zeros_like(delta)], -1)
    q = np.zeros_like(p)

    def plain(a, b):
        a, b = (np.exp(v) / np.exp(v).sum(-1, keepdims=True) for v in (a, b))
        m = np.float32(0.5) * (a + b)
        return np.float32(0.5) * (a * np.log(a / m) + b * np.log(b / m)).sum(-1)

    def true(d):
        a, b = 1 / (1 + mp.exp(-d)), mp.mpf(1) / 2
        pairs = (a, b), (1 - a, 1 - b)
        return sum(u * mp.log(2 * u / (u + v)) + v * mp.log(2 * v / (u + v)) for u, v in pairs) / 2

    truth = [true(mp.mpf(d)) for d in delta.tolist()]
    ours = fastgen.gan.js_divergence_from_logits(p, q)
    title = "JS divergence of softmax(d, 0) and softmax(0, 0), float32"
    draw("gan", delta, relative(plain(p, q), truth), relative(ours, truth), label="d", title=title)


def flow():
    """Log-determinant of a sigmoid."""
    x = np.linspace(-120, 120, 81).astype(np.float32)
    with np.errstate(all="ignore"):
        y = 1 / (1 + np.exp(-x))
        naive = np.log(y * (1 - y))
    ours = fastgen.flow.sigmoid(x[:, None])[1]
    truth = [-v - 2 * mp.log(1 + mp.exp(-v)) for v in map(mp.mpf, x.tolist())]
    title = "log-derivative of a sigmoid, float32"
    draw(
        "flow", x, relative(naive, truth), relative(ours, truth), label="x", title=title, logx=False
    )


def diffusion():
    """The likelihood of a pixel far from the mean, which is the last term of the bound."""
    distance = np.linspace(0.02, 1.9, 60).astype(np.float32)
    log_sigma = np.float32(-3.0)
    x = np.float32(0.0)

    def phi(z):
        return np.float32(0.5) * (1 + np.array([math.erf(v / math.sqrt(2)) for v in z], np.float32))

    inverse, half = np.exp(-log_sigma), np.float32(1 / 255)
    with np.errstate(all="ignore"):
        upper = phi((x + half - distance) * inverse)
        naive = -np.log(upper - phi((x - half - distance) * inverse))
    ours = fastgen.vae.discretized_gaussian_nll(
        np.full((60, 1), x), distance[:, None], np.full((60, 1), log_sigma)
    )
    width, delta = mp.exp(-mp.mpf(float(log_sigma))), mp.mpf(1) / 255
    truth = []
    for d in map(mp.mpf, distance.tolist()):
        truth.append(-mp.log(mp.ncdf((delta - d) * width) - mp.ncdf((-delta - d) * width)))
    title = "-log-probability of a pixel at a distance from the mean, float32"
    label = "distance from the mean (deviation 0.05)"
    errors = relative(naive, truth), relative(ours, truth)
    draw("diffusion", distance, *errors, label=label, title=title, logx=False)


def guidance():
    """Two forms of guidance, of predictions that are close."""
    scale = np.logspace(0.2, 3, 50).astype(np.float32)
    rng = np.random.default_rng(0)
    u = rng.normal(size=(50, 1000)).astype(np.float32)
    c = u + np.float32(1e-3) * rng.normal(size=u.shape).astype(np.float32)
    by_row = scale[:, None]
    naive = (1 - by_row) * u + by_row * c
    ours = fastgen.guidance.cfg(u, c, scale)
    true = u.astype(float) + by_row.astype(float) * (c.astype(float) - u)

    def worst(x):
        return np.maximum(np.max(np.abs(x - true), -1) / np.max(np.abs(true), -1), 1e-9)

    title = "guidance of predictions that are 0.001 apart, float32"
    draw("guidance", scale, worst(naive), worst(ours), label="scale s", title=title)


def ema():
    """An average that should stand still."""
    steps, decay, w = 20000, 0.9999, np.linspace(1, 2, 200, dtype=np.float32)
    naive, ours, lost, kept = w.copy(), w.copy(), [], []
    d, one = np.float32(decay), np.float32(1 - decay)
    for step in range(steps):
        naive = d * naive + one * w
        fastgen.ema.update([ours], [w], decay)
        if step % 400 == 0:
            lost.append(max(np.max(np.abs(naive / w - 1)), 1e-9))
            kept.append(max(np.max(np.abs(ours / w - 1)), 1e-9))
    x = np.arange(0, steps, 400)
    title = "average of weights that stay as they are, float32, d = 0.9999"
    draw("ema", x, np.array(lost), np.array(kept), label="update", title=title, logx=False)


def elementary():
    """The left tail of the normal distribution."""
    x = np.linspace(-20, 8, 80).astype(np.float32)
    cdf = np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x.tolist()], np.float32)
    with np.errstate(all="ignore"):
        naive = np.log(cdf)
    truth = [mp.log(mp.ncdf(v)) for v in map(mp.mpf, x.tolist())]
    ours = fastgen.elementary.log_ndtr(x)
    title = "log of the normal distribution function, float32"
    errors = relative(naive, truth), relative(ours, truth)
    draw("elementary", x, *errors, label="x", title=title, logx=False)


def samplers():
    """Errors of samplers over evaluations, where the exact end of each path is known."""
    mean, deviation, schedule = 3.0, 0.5, Schedule.linear()
    z = fastgen.noise.normal((200, 1), key=1, dtype=np.float64)

    def model(x, t):
        alpha, sigma = schedule.coefficients(float(t))
        return sigma * (x - alpha * mean) / (alpha**2 * deviation**2 + sigma**2)

    figure, axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
    makers = {"DDIM": s.DDIM, "DPM-Solver++ 2M": s.DPMSolverMultistep, "UniPC": s.UniPC}
    counts = [6, 8, 12, 16, 24, 32, 48, 64]
    for label, make in makers.items():
        errors = []
        for count in counts:
            sampler = make(schedule, count)
            alpha, sigma = schedule.coefficients(float(sampler.timesteps[0]))
            x, state = sampler.init_noise_scale * z, sampler.state()
            exact = mean + deviation * (x - alpha * mean) / math.hypot(alpha * deviation, sigma)
            for i, t in enumerate(sampler.timesteps):
                x = sampler.step(x, model(sampler.scale_input(x, i), t), i, state=state)
            errors.append(float(np.sqrt(np.mean((x - exact) ** 2))))
        axes.plot(counts, errors, ".-", label=label)
    title = "error of samples, where the model is exact"
    axes.set(xscale="log", yscale="log", xlabel="evaluations of the model", title=title)
    axes.set(ylabel="root mean square error")
    axes.legend(frameon=False)
    save(figure, "samplers")


def main():
    """Draw all of them."""
    for one in (vae, gan, flow, diffusion, samplers, guidance, ema, elementary):
        one()


if __name__ == "__main__":
    main()
