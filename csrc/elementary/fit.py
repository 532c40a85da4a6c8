"""Where the coefficients of exp_parts.h, log_parts.h and normal_tail.h come from.

Minimax polynomials by the Remez exchange, in mpmath. Coefficients are rounded to the working
precision one after another, lowest power first, and the rest fitted again each time, so that the
later ones make up for the rounding of the earlier. Run it to print them again. Needs mpmath and
NumPy; takes some minutes.
"""

import mpmath as mp
import numpy as np

mp.mp.prec = 400
TINY = mp.mpf(2) ** -60  # stands for 0, where a quotient has a limit
GRID = 1201  # odd, so that 0 is not on it


def rounded(c, bits):
    """C as a float (24 bits) or double (53)."""
    return mp.mpf(float(np.float32(float(c)) if bits == 24 else np.float64(float(c))))


def extrema(errors, count):
    """Indices of the extrema of `count` runs of errors of alternating sign, or None."""
    found = []
    for i, e in enumerate(errors):
        if e != 0 and found and mp.sign(errors[found[-1]]) == mp.sign(e):
            if abs(e) > abs(errors[found[-1]]):
                found[-1] = i
        elif e != 0:
            found.append(i)
    while len(found) > count:  # drop an end, or two neighbours: what is left still alternates
        smallest = min(range(len(found)), key=lambda k: abs(errors[found[k]]))
        if smallest in (0, len(found) - 1):
            found.pop(smallest)
        elif len(found) == count + 1:
            found.pop(0 if abs(errors[found[0]]) < abs(errors[found[-1]]) else -1)
        else:
            pair = found[smallest - 1 : smallest + 2 : 2]
            found[smallest - 1 : smallest + 2] = [max(pair, key=lambda i: abs(errors[i]))]
    return found if len(found) == count else None


def remez(f, weight, low, high, n):
    """The n coefficients that minimise the largest |weight (f - polynomial)|."""
    x = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * i / GRID) for i in range(GRID + 1)]
    values, weights = [f(t) for t in x], [weight(t) for t in x]
    chosen, coefficients = [round(GRID * i / n) for i in range(n + 1)], None
    for _ in range(12):
        system, right = mp.matrix(n + 1, n + 1), mp.matrix(n + 1, 1)
        for i, j in enumerate(chosen):
            for power in range(n):
                system[i, power] = x[j] ** power
            system[i, n] = (-1) ** i / (weights[j] or TINY)
            right[i] = values[j]
        try:
            solution = mp.lu_solve(system, right)
        except ZeroDivisionError:  # two points fell together: the last solution stands
            break
        coefficients = [solution[power] for power in range(n)]
        errors = [
            w * (v - mp.polyval(coefficients[::-1], t))
            for t, v, w in zip(x, values, weights, strict=True)
        ]
        better = extrema(errors, n + 1)
        if better is None or better == chosen:
            break
        chosen = better
    return coefficients


def fit(f, weight, low, high, n, bits, fixed=()):
    """N rounded coefficients, the first of them `fixed`, and the largest weighted error."""
    c = [mp.mpf(value) for value in fixed]
    while len(c) < n:
        done = len(c)

        def rest(t, c=tuple(c), done=done):
            t = t or TINY
            return (f(t) - (mp.polyval(c[::-1], t) if c else 0)) / t**done

        def rest_weight(t, done=done):
            return weight(t) * abs(t) ** done

        c.append(rounded(remez(rest, rest_weight, low, high, n - done)[0], bits))
    points = [low + (high - low) * i / 3000 or TINY for i in range(3001)]
    return c, max(abs(weight(t) * (f(t) - mp.polyval(c[::-1], t))) for t in points)


def exp_quotient(r):
    """2 (e^r - 1 - r) / r^2."""
    r = r if abs(r) > TINY else TINY
    return 2 * (mp.exp(r) - 1 - r) / r**2


def log_quotient(z):
    """The series in z = s^2, s = f / (2 + f), of log(1 + f) = f - f^2/2 + s (f^2/2 + z Q(z))."""
    return mp.fsum(2 * z**i / (2 * i + 3) for i in range(70))


def tail_quotient(t):
    """r(x) (x + 1), where the upper tail of the normal distribution is e^(-x^2/2) r(x)."""
    if t >= 1:
        return 1 / mp.sqrt(2 * mp.pi)
    x = 4 * (1 + t) / (1 - t)
    return mp.exp(x**2 / 2) * mp.erfc(x / mp.sqrt(2)) / 2 * (x + 1)


def main():
    """Print every table."""
    half = mp.log(2) / 2 * (1 + mp.mpf(2) ** -12)
    largest = mp.mpf("0.2") ** 2
    for bits, of_exp, of_log, of_tail in ((24, 6, 3, 12), (53, 11, 8, 26)):
        tables = {
            "exp": fit(
                exp_quotient, lambda r: 1 / exp_quotient(r), -half, half, of_exp, bits, (1,)
            ),
            "log": fit(
                log_quotient, lambda z: mp.mpf(z) / 2, mp.mpf(2) ** -20, largest, of_log, bits
            ),
            "tail": fit(
                tail_quotient, lambda t: 1 / tail_quotient(t), mp.mpf(-1), mp.mpf(1), of_tail, bits
            ),
        }
        for name, (coefficients, error) in tables.items():
            print(f"{name}, {bits} bits: error 2^{float(mp.log(error, 2)):.2f}")
            print(*(f"    {float(c).hex()}" for c in coefficients), sep="\n")


if __name__ == "__main__":
    main()
