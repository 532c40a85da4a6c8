"""Faults in the Python package: the caller, derivatives, samplers."""

from mutations.mutant import OPERATIONS, RUNTIME, mutants

SAMPLERS = (
    "tests/samplers/test_samplers.py",
    "tests/samplers/test_converge.py",
    "tests/samplers/test_per_sample.py",
)

mutants(
    "src/fastgen/_outputs.pxi",
    OPERATIONS,
    "-k",
    "overlapping and (kl_standard_normal or norm or lerp)",
    faults=[
        (
            "no copy of what is overwritten",
            "            arrays[k] = array.copy()\n",
            "            pass\n",
        ),
        (
            "every element in its place",
            "return (cnp.PyArray_DATA(a) == cnp.PyArray_DATA(b)\n            and",
            "return (True\n            and",
        ),
    ],
)
mutants(
    "src/fastgen/_streams.pxi",
    "tests/noise",
    faults=[
        (
            "a stream that does not move",
            "Stream(self.key, self.counter + count,",
            "Stream(self.key, self.counter,",
        ),
        (
            "words of the other precision",
            "2 if precision == FG_DOUBLE else 4",
            "4 if precision == FG_DOUBLE else 2",
        ),
    ],
)
mutants(
    "src/fastgen/_types.pxi",
    "tests/core/test_calls.py",
    OPERATIONS,
    "-k",
    "calls or (layout and kl_standard_normal)",
    faults=[
        (
            "lost digits",
            "FG_F64 if storage == FG_F64 or so_far.storage == FG_F64 else FG_F32",
            "FG_F32",
        ),
        (
            "swapped bytes",
            "    if not cnp.PyArray_ISNOTSWAPPED(array):\n"
            '        return array.astype(array.dtype.newbyteorder("="))\n',
            "",
        ),
        (
            "a number decides the type",
            "rank = 0 if type(x) is float or type(x) is int or type(x) is bool else 1",
            "rank = 2",
        ),
    ],
)
mutants(
    "src/fastgen/_core.pyx",
    RUNTIME,
    "-k",
    "leak",
    faults=[
        (
            "a reference is never given back",
            "            Py_INCREF(array)  #",
            "            Py_INCREF(array)\n            Py_INCREF(array)  #",
        )
    ],
)
mutants(
    "src/fastgen/diffusion/samplers/_coefficients.py",
    *SAMPLERS,
    faults=[
        (
            "alpha for sigma",
            "return sigma * along, eta * sigma *",
            "return sigma * along, eta * alpha *",
        ),
        ("series of phi", "term *= z / (k + j)", "term *= z / (k + j + 1)"),
    ],
)
mutants(
    "src/fastgen/diffusion/samplers/loop.py",
    *SAMPLERS,
    "tests/samplers/test_guided.py",
    faults=[
        ("wrong start noise", "INITIAL_NOISE = 2**127", "INITIAL_NOISE = 0"),
        (
            "stale state",
            'given: dict[str, Any] = {"state": state,',
            'given: dict[str, Any] = {"state": sampler.state(),',
        ),
        (
            "swapped predictions",
            "sampler.guided_step(x, uncond, cond, i,",
            "sampler.guided_step(x, cond, uncond, i,",
        ),
    ],
)
mutants(
    "src/fastgen/diffusion/samplers/_per_sample.py",
    *SAMPLERS,
    faults=[
        ("samples for elements", "before = number * math.prod(shape[1:])", "before = number"),
        (
            "one noise for all",
            "drawn(stream(step, start), flat[start:end])",
            "drawn(stream(step, 0), flat[start:end])",
        ),
    ],
)
mutants(
    "src/fastgen/diffusion/samplers/_method.py",
    *SAMPLERS,
    "tests/samplers/test_multistep.py",
    faults=[
        (
            "noise of the next step",
            "return (*terms, Stream(key, i * NOISE_PER_STEP +",
            "return (*terms, Stream(key, (i + 1) * NOISE_PER_STEP +",
        ),
        (
            "order of the memories",
            "return (new, *history[: self.memory - 1])",
            "return (*history[: self.memory - 1], new)",
        ),
        ("state of another step", "if state.next is not None and state.next != i:", "if False:"),
    ],
)
mutants(
    "src/fastgen/diffusion/samplers/ddim.py",
    *SAMPLERS,
    faults=[
        (
            "off by one node",
            "return list(zip(grid.signal[1:], grid.noise[1:],",
            "return list(zip(grid.signal[:-1], grid.noise[:-1],",
        )
    ],
)
mutants(
    "src/fastgen/diffusion/samplers/_renoise.py",
    "tests/samplers/test_renoise.py",
    faults=[("the other way", "kept = signal[i] / signal[j]", "kept = signal[j] / signal[i]")],
)
mutants(
    "src/fastgen/_sums.py",
    "tests/core/test_compose.py",
    "tests/gan",
    "tests/vae/test_bounds.py",
    faults=[
        (
            "a sum for a mean",
            "weights = tuple([w / n if n else math.nan for",
            "weights = tuple([w if n else math.nan for",
        )
    ],
)
