"""Options of every test run."""

import importlib

import pytest


def pytest_addoption(parser):
    """Add an option for environments in which every package is installed."""
    help = "a test fails where a package is missing, instead of being skipped"
    parser.addoption("--no-missing-packages", action="store_true", help=help)


def pytest_configure(config):
    """Let `importorskip` fail where the option says so."""
    if config.getoption("no_missing_packages"):
        pytest.importorskip = lambda name, *_, **__: importlib.import_module(name)


def pytest_xdist_auto_num_workers(config):
    """Say what `--numprocesses=auto` means; None leaves it to pytest-xdist.

    Times are measured in a single process.
    """
    return 0 if config.getoption("benchmark_enable") else None
