"""A user's script with a mistake in each marked line: type checkers must report all of them."""

from __future__ import annotations

import numpy as np

import fastgen
from fastgen import diffusion, elementary, flow, gan, guidance, noise, vae

x = np.zeros((2, 8), np.float32)
schedule = diffusion.Schedule.cosine(1000)

gan.discriminator_loss(x, x, kind="hing")  # bad: a kind
gan.generator_loss(x, kind="wgan")  # bad: a kind
gan.discriminator_loss(x, x, kind="hinge", reduction="average")  # bad: a reduction
gan.gradient_penalty(x, kind="r2")  # bad: a kind
gan.f_divergence(x, kind="js")  # bad: a kind
gan.f_divergence(x)  # bad: no kind
flow.rational_quadratic_spline(x, x, x, x, convention="nflow")  # bad: a convention
flow.rational_quadratic_spline(x, x, x, x, tails="none")  # bad: tails
flow.cubic_spline(x, x, x, x, tails="circular")  # bad: tails that this spline has not
flow.affine_coupling(x, x, x, scale_map="relu")  # bad: a scale map
flow.split_parameters(x, layout="scale_first")  # bad: a layout
flow.log_prob(x)  # bad: an input is missing
diffusion.convert(x, x, 1, schedule, source="noise", target="v")  # bad: a prediction
diffusion.convert(x, x, 1, schedule, source="epsilon", target="velocity")  # bad: a prediction
diffusion.min_snr_weight(1, schedule, prediction="score")  # bad: a prediction without a weight
diffusion.vlb_terms(x, x, x, x, 1, schedule, parameterization="eps")  # bad: a prediction
diffusion.timestep_embedding(1, 8, layout="cossin")  # bad: a layout
diffusion.add_noise(x, 1)  # bad: no schedule
diffusion.add_noise(x, 1, "cosine")  # bad: a word for a schedule
diffusion.solver_step(x, x, (1.0,) * 6).mean()  # bad: the result is a tuple
diffusion.solver_step(x, x, 1.0)  # bad: one number for all coefficients
diffusion.solver_step(x, x, (1.0,) * 6, out=x)  # bad: one output for two results
diffusion.guided_step(x, x, x, 7.5, (1.0,) * 7, ("noise",))  # bad: a string for an array
diffusion.guided_combination(x, x, x, 7.5, 1.0, 1.0)  # bad: a coefficient is missing
diffusion.guided_combination(x, x, x, 7.5, 1.0, 1.0, 0.0).push(1)  # bad: no such method
guidance.cfg(x, x)  # bad: no scale
guidance.cfg(x, x, 7.5, axes=1)  # bad: a misspelt option
guidance.combine(x, x, "1.0")  # bad: a string for scales
vae.kl_standard_normal(x)  # bad: an input is missing
vae.kl_standard_normal(x, x, x)  # bad: an input too many
vae.kl_standard_normal(mu=x, log_var=x)  # bad: a misspelt input
vae.kl_standard_normal(x, "x")  # bad: a string for an array
vae.kl_standard_normal(x, ["x"])  # bad: strings for an array
vae.kl_standard_normal(x, 1j)  # bad: a complex number
vae.kl_standard_normal(x, None)  # bad: None for an array
vae.kl_standard_normal(x, x, axis="last")  # bad: a string for an axis
vae.kl_standard_normal(x, x, out=[0.0, 0.0])  # bad: a list for an output
vae.bernoulli_nll(x, x, reduction="sum")  # bad: an option of other functions
z, log_prob, rest = vae.reparameterize(x, x, return_log_prob=True)  # bad: two results
elementary.exp(x).push(1)  # bad: an array has no such method
noise.normal(2, key="a")  # bad: a string for a key
noise.uniform((2, "3"))  # bad: a string in a shape
fastgen.value_and_grad(vae.kl_standard_normal)(x)  # bad: an input is missing
fastgen.value_and_grad(vae.kl_standard_normal)(x, x, axes=1)  # bad: a misspelt option
fastgen.value_and_grad(gan.generator_loss)(x, kind="hing")  # bad: a kind
fastgen.value_and_grad(3)  # bad: a number for a function
fastgen.vjp(vae.kl_standard_normal, x)  # bad: an input is missing
fastgen.vjp(vae.kl_standard_normal, x, x)[1]("1")  # bad: a string for a cotangent
flow.tanh(x).mean()  # bad: the result is a tuple
