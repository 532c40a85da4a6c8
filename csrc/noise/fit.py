"""Where the coefficients of normal.h come from; run it to print them again. Needs mpmath, NumPy.

Minimax polynomials, fitted as in ../elementary/fit.py.
"""

import pathlib
import sys

import mpmath as mp

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "elementary"))
from fit import TINY, fit, log_quotient

LOW = mp.mpf(2) ** -20
QUARTER = mp.pi / 4
LARGEST = (3 - 2 * mp.sqrt(2)) ** 2  # s^2 at 1 + f = sqrt(1/2) and sqrt(2)


def sine(z):
    """Sin(pi a / 4) / a, z = a^2."""
    a = mp.sqrt(z or TINY)
    return mp.sin(QUARTER * a) / a


def cosine(z):
    """(cos(pi a / 4) - 1) / z, z = a^2."""
    z = z or TINY
    return -2 * mp.sin(QUARTER * mp.sqrt(z) / 2) ** 2 / z


def main():
    """Print every table."""
    for bits, of_sine, of_cosine, of_log in ((24, 4, 4, 3), (53, 7, 7, 7)):
        tables = {
            "sine": fit(sine, lambda z: 1 / sine(z), LOW, 1, of_sine, bits),
            "cosine": fit(cosine, lambda z: z / (1 + z * cosine(z)), LOW, 1, of_cosine, bits),
            "log": fit(log_quotient, lambda z: z / 2, LOW, LARGEST, of_log, bits),
        }
        for name, (coefficients, error) in tables.items():
            print(f"{name}, {bits} bits: error 2^{float(mp.log(error, 2)):.2f}")
            print(*(f"    {float(c).hex()}" for c in coefficients), sep="\n")


if __name__ == "__main__":
    main()
