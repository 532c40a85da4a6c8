"""The command: run the cases on two processes, and print the counts. Ctrl-C prints those so far."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import time

from .count import Count, count_of
from .methods import METHODS
from .schedules import SCHEDULES


def work(pair):
    """Return the count of a method on a schedule."""
    return pair, count_of(*pair)


def leave_interrupts():
    """Leave Ctrl-C to the main process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def report(total, show):
    """Print the counts, and examples of each kind of fault."""
    print(f"combinations {total.combinations}, made {total.made}, wrong {total.wrong}")
    print(f"refused {sum(total.refused.values())}:")
    for reason, number in total.refused.most_common():
        print(f"  {number:7d}  {reason}")
    print("faults:")
    for kind, number in total.faults.most_common():
        print(f"  {number:7d}  {kind}")
        texts = total.examples[kind]
        for text in texts[:: max(1, len(texts) // show)][:show] if show else []:
            print(f"           {text}")


def main(arguments=None):
    """Run the suite. Return 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python tests/samplers/universal", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every method on every schedule")
    parser.add_argument("-k", "--method", default="", help="methods whose label has this word")
    parser.add_argument("-s", "--schedule", default="", help="schedules whose label has this word")
    parser.add_argument("--show", type=int, default=3, help="examples of each kind of fault")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args(arguments)
    pairs = [
        (label, name)
        for name in SCHEDULES
        for label in METHODS
        if given.method in label and given.schedule in name
    ]
    if not (given.all or given.method or given.schedule):
        pairs = pairs[::17]
    os.environ["FASTGEN_NUM_THREADS"] = "1"
    total, done, begun = Count(), 0, time.monotonic()
    context = multiprocessing.get_context("fork")
    with context.Pool(given.processes, leave_interrupts) as pool:
        try:
            for _, count in pool.imap_unordered(work, pairs, chunksize=1):
                total.merge(count)
                done += 1
        except KeyboardInterrupt:
            print("interrupted")
        report(total, given.show)
    seconds = time.monotonic() - begun
    print(f"{done} of {len(pairs)} pairs of a method and a schedule, {seconds:.0f} s")
    return int(total.wrong > 0 or done < len(pairs))
