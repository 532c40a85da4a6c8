"""How many processes run the tests: one for each CPU, but a single one where times are measured."""


def pytest_xdist_auto_num_workers(config):
    """Say what `--numprocesses=auto` means; None leaves it to pytest-xdist."""
    return 0 if config.getoption("benchmark_enable") else None
