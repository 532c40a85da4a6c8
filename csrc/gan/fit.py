"""Where the coefficients of js_parts.h come from; run it to print them again. Needs mpmath.

They interpolate the series, less its first term, in Chebyshev's points of 0 <= z <= 1/4 and a bit;
each is then rounded. The Remez exchange would gain half a bit, which is not needed here.
"""

import mpmath as mp
import numpy as np

mp.mp.prec = 200
LARGEST = mp.mpf(0.2501)


def series(z):
    """(g(d) / d^2 - 1/2) / z, with z = d^2."""
    return mp.fsum(z ** (k - 2) / (2 * k * (2 * k - 1)) for k in range(2, 100))


def fit(n, dtype):
    """The n coefficients, lowest power first, and the largest relative error of 1/2 + z q(z)."""
    points = [LARGEST / 2 * (1 + mp.cos(mp.pi * (2 * i + 1) / (2 * n))) for i in range(n)]
    system = mp.matrix(n, n)
    for i, z in enumerate(points):
        for power in range(n):
            system[i, power] = z**power
    solution = mp.lu_solve(system, mp.matrix([series(z) for z in points]))
    rounded = [mp.mpf(float(dtype(float(c)))) for c in solution]

    def error(z):
        exact = series(z)
        return abs((mp.polyval(rounded[::-1], z) - exact) * z / (0.5 + z * exact))

    return rounded, max(error(LARGEST * i / 300) for i in range(1, 301))


if __name__ == "__main__":
    for n, dtype in ((6, np.float32), (13, np.float64)):
        coefficients, largest = fit(n, dtype)
        print(f"{dtype.__name__}: error 2^{float(mp.log(largest, 2)):.2f}")
        print(*(f"    {float(c).hex()}" for c in coefficients), sep="\n")
