# What was built, and the callables made from the rows.

def isas():
    """Every instruction set built, best first: [(name, supported by this CPU), ...]."""
    return [(fg_isa_name(i).decode(), bool(fg_isa_supported(i))) for i in range(fg_isa_total())]


def bind(str isa):
    """Every operation by name ("vae.kl_standard_normal"), in the code for one instruction set."""
    cdef int number = [name for name, _ in isas()].index(isa)
    cdef int unit
    cdef char[200] message
    cdef const fg_row *row
    cdef const fg_row *wide
    operations = {}
    for unit in range(fg_unit_total()):
        prefix = fg_unit_family(unit).decode()
        row = fg_unit_rows(number, FG_SINGLE, unit)
        wide = fg_unit_rows(number, FG_DOUBLE, unit)
        while row.name != NULL:
            if not fg_check_row(row, wide, message, sizeof(message)):
                raise ValueError(f"{prefix}.{message.decode()}")
            name, signature = f"{prefix}.{row.name.decode()}", row.signature.decode()
            op = make_op(name, signature, number, &row.value, &wide.value)
            if row.derivative.stages != NULL or wide.derivative.lanes != NULL:
                inputs, outputs = signature.split("->")
                op.derivative = make_op(
                    f"{name}_derivative", f"{inputs},{outputs}->{outputs},{inputs}", number,
                    &row.derivative, &wide.derivative)
                (<Op>op.derivative).facts.deciding = op.nin
            operations[name] = op
            row += 1
            wide += 1
    return operations


def bind_copy(str name, str isa):
    """The operation that copies its only input, under the name of the function that calls it."""
    cdef int number = [name for name, _ in isas()].index(isa)
    return make_op(name, "()->()", number, &fg_loops_for(number, FG_SINGLE).copy,
                   &fg_loops_for(number, FG_DOUBLE).copy)


cdef Op make_op(str name, str signature, int isa, const fg_kernel *single,
                const fg_kernel *double):
    cdef Op op = Op.__new__(Op)
    cdef int k
    inputs, outputs = [re.findall(r"\(.*?\)", side) for side in signature.split("->")]
    op.name, op.signature, op.isa = name, signature, fg_isa_name(isa).decode()
    op.facts.kernel[0], op.facts.kernel[1] = single, double
    op.facts.loops[0] = fg_loops_for(isa, FG_SINGLE)
    op.facts.loops[1] = fg_loops_for(isa, FG_DOUBLE)
    op.facts.nin, op.facts.nout = len(inputs), len(outputs)
    op.facts.deciding = op.facts.nin
    for k in range(FG_MAX_OPTIONS):
        op.facts.options[k] = double.options[k]
    op.facts.lanes = double.lanes != NULL
    op.facts.elementwise = "n" not in signature and not op.facts.lanes
    op.facts.per_row = 0
    for k, core in enumerate(inputs + outputs):
        if core == "()" and not op.facts.elementwise and not op.facts.lanes:
            op.facts.per_row |= 1u << k
    op.facts.summed = op.facts.per_row >> op.facts.nin
    names = []
    for k, core in enumerate(inputs + outputs if op.facts.lanes else []):
        read_core(op, k, core, names)
    op.facts.core_dims = len(names)
    return op


def get_num_threads():
    """How many threads a large call may use, the calling one included."""
    return fastgen_get_num_threads()


def set_num_threads(n, /):
    """Let a large call use up to `n` threads, the calling one included.

    The number changes the time that a result takes, never its bits.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    TypeError, ValueError
        If `n` is not a positive integer.

    Examples
    --------
    >>> import fastgen
    >>> before = fastgen.get_num_threads()
    >>> fastgen.set_num_threads(1)
    >>> fastgen.get_num_threads()
    1
    >>> fastgen.set_num_threads(before)
    """
    if isinstance(n, (bool, np.bool_)) or not hasattr(n, "__index__"):
        raise TypeError(f"n must be an integer, got {n!r}")
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    fastgen_set_num_threads(min(int(n), 2**31 - 1))
