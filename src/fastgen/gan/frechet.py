"""The Frechet distance of two normal distributions, from samples or from their moments."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen._arrays import array_of
from fastgen._typing import Array, ArrayLike

__all__ = ["frechet_distance", "frechet_distance_of_normals"]


def frechet_distance(x: ArrayLike, y: ArrayLike) -> float:
    r"""Squared Frechet distance of two sets of features: the FID of features of Inception.

    .. math:: d^2 = |\bar x - \bar y|^2
              + \mathrm{tr}\,\big(C_x + C_y - 2\,(C_x C_y)^{1/2}\big)

    The means and covariances are those of the samples, with the divisors n - 1 and m - 1.

    Parameters
    ----------
    x, y : array_like
        The features, of shapes (n, d) and (m, d), with n and m of at least 2.

    Returns
    -------
    float
        The square of the distance, not negative. NaN if a feature is NaN or infinite.

    Raises
    ------
    ValueError
        If shapes do not fit, or a set has fewer than 2 samples.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    No root of a matrix is taken, and no covariance is made. With the centred samples X and Y, the
    trace of the root is the sum of the singular values of :math:`X Y^T / \sqrt{(n - 1)(m - 1)}`,
    which are those of the product of the triangular factors of X and Y. So fewer samples than
    features are no special case, and nothing becomes complex. The error is about 1e-15 d of the
    traces, in float64, for inputs of any precision.

    The estimate is biased: it is larger for fewer samples. Compare values of equal n alone. Its
    last bits depend on NumPy's LAPACK. It has no derivative: it is plain NumPy.

    References
    ----------
    .. [1] Dowson and Landau, "The Frechet distance between multivariate normal distributions",
       Journal of Multivariate Analysis 12, 1982.
    .. [2] Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
       Equilibrium", NeurIPS 2017.

    Examples
    --------
    >>> import fastgen
    >>> x, y = [[0.0, 0.0], [2.0, 0.0]], [[1.0, 3.0], [1.0, 5.0]]
    >>> round(fastgen.gan.frechet_distance(x, y), 12)
    20.0
    """
    sets = [array_of(a, np.float64, f"frechet_distance: {k}") for k, a in (("x", x), ("y", y))]
    a, b = sets
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(
            "frechet_distance: x and y must have the shapes (n, d) and (m, d), "
            f"got {a.shape} and {b.shape}"
        )
    if len(a) < 2 or len(b) < 2:
        raise ValueError(
            f"frechet_distance: x and y must have 2 samples or more, got {len(a)} and {len(b)}"
        )
    if not all(np.isfinite(s).all() for s in sets):
        return float("nan")
    means = [s.mean(axis=0) for s in sets]
    factors: list[Any] = [
        np.linalg.qr((s - mean) / np.sqrt(len(s) - 1), mode="r")
        for s, mean in zip(sets, means, strict=True)
    ]
    return _distance(means, factors)


def frechet_distance_of_normals(
    mean_x: ArrayLike, covariance_x: ArrayLike, mean_y: ArrayLike, covariance_y: ArrayLike
) -> float:
    r"""Squared Frechet distance of two normals from their moments, such as the statistics of FID.

    .. math:: d^2 = |\mu_x - \mu_y|^2
              + \mathrm{tr}\,\big(C_x + C_y - 2\,(C_x C_y)^{1/2}\big)

    It is the square of the 2-Wasserstein distance of the normals.

    Parameters
    ----------
    mean_x : array_like
        The mean of the first normal, of shape (d,).
    covariance_x : array_like
        Its covariance matrix, of shape (d, d), symmetric.
    mean_y, covariance_y : array_like
        Those of the second.

    Returns
    -------
    float
        The square of the distance, not negative. NaN if an entry is NaN or infinite.

    Raises
    ------
    ValueError
        If shapes do not fit, or a covariance is not symmetric to 1e-6 of its largest entry, or has
        an eigenvalue below -1e-6 of its largest.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Each covariance is factored by its eigenvalues, and what rounding made negative is 0. The trace
    of the root is the sum of the singular values of the product of the factors: it is real, and
    exact for singular matrices. The error is about 1e-8 of the traces where a covariance is nearly
    singular, because its small eigenvalues lose their digits when it is made; `frechet_distance`
    of samples has no such loss.

    It has no derivative: it is plain NumPy in float64. Its last bits depend on NumPy's LAPACK.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> one, four = np.eye(3), 4 * np.eye(3)
    >>> round(fastgen.gan.frechet_distance_of_normals(np.zeros(3), one, np.ones(3), four), 12)
    6.0
    """
    f = "frechet_distance_of_normals"
    means = [
        array_of(a, np.float64, f"{f}: {k}") for k, a in (("mean_x", mean_x), ("mean_y", mean_y))
    ]
    names = ("covariance_x", "covariance_y")
    matrices = [
        array_of(a, np.float64, f"{f}: {k}")
        for k, a in zip(names, (covariance_x, covariance_y), strict=True)
    ]
    shapes = [a.shape for a in (means[0], matrices[0], means[1], matrices[1])]
    d = means[0].shape
    if len(d) != 1 or shapes != [d, d * 2, d, d * 2]:
        raise ValueError(
            f"{f}: the arguments must have the shapes (d,), (d, d), (d,) and (d, d), "
            f"got {', '.join(map(str, shapes))}"
        )
    if not all(np.isfinite(a).all() for a in (*means, *matrices)):
        return float("nan")
    return _distance(means, [_factor(f"{f}: {k}", c) for k, c in zip(names, matrices, strict=True)])


def _factor(name: str, covariance: Array) -> Array:
    """Return F with F^T F = covariance."""
    if covariance.size == 0:
        return covariance
    if np.abs(covariance - covariance.T).max() > 1e-6 * np.abs(covariance).max():
        raise ValueError(f"{name} must be symmetric")
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    if values[0] < -1e-6 * max(values[-1], 0.0):
        raise ValueError(f"{name} must have no negative eigenvalue, got {values[0]:.3g}")
    factor: Array = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    return factor


def _distance(means: list[Array], factors: list[Array]) -> float:
    """Return the distance of the normals with these means, and factors F of F^T F = C."""
    a, b = factors
    roots = np.linalg.svd(a @ b.T, compute_uv=False)
    squares: list[Any] = [(means[0] - means[1]) ** 2, a**2, b**2]
    return max(float(sum(s.sum() for s in squares) - 2 * roots.sum()), 0.0)
