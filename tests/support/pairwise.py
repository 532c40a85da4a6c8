"""Combinations of options such that every pair of values occurs."""

import itertools


def pairwise(axes):
    """Return dictionaries that hold one value of each axis, until all pairs of values occurred."""
    names = list(axes)
    indices = {name: range(len(axes[name])) for name in names}
    left = {
        frozenset([(a, i), (b, j)])
        for a, b in itertools.combinations(names, 2)
        for i, j in itertools.product(indices[a], indices[b])
    }
    found = []
    while left:
        chosen = dict(min(left, key=sorted))
        for name in sorted(names, key=lambda n: n in chosen, reverse=True):
            if name not in chosen:
                chosen[name] = max(indices[name], key=lambda i: _new(left, chosen, (name, i)))
        items = list(chosen.items())
        left -= {frozenset(pair) for pair in itertools.combinations(items, 2)}
        found.append({name: axes[name][chosen[name]] for name in names})
    return found or [
        dict(zip(names, values, strict=True)) for values in itertools.product(*axes.values())
    ]


def _new(left, chosen, item):
    """Return how many new pairs an item adds, and prefer early values."""
    return sum(frozenset([other, item]) in left for other in chosen.items()), -item[1]
