# The rows that were built, and the callables made from them.


def isas():
    """Return every instruction set built, best first: [(name, supported by this CPU), ...]."""
    return [(fg_isa_name(i).decode(), bool(fg_isa_supported(i))) for i in range(fg_isa_total())]


def bind(str isa):
    """Return every operation for one instruction set, by name: "vae.kl_standard_normal"."""
    cdef int number = [name for name, _ in isas()].index(isa)
    cdef int unit
    cdef char[200] message
    cdef const fg_row *single  # the rows of float32 and of float64 have the same order
    cdef const fg_row *in_double
    operations = {}
    for unit in range(fg_unit_total()):
        family = fg_unit_family(unit).decode()
        single = fg_unit_rows(number, FG_SINGLE, unit)
        in_double = fg_unit_rows(number, FG_DOUBLE, unit)
        while single.name != NULL:
            if not fg_check_row(single, in_double, message, sizeof(message)):
                raise ValueError(f"{family}.{message.decode()}")
            name, signature = f"{family}.{single.name.decode()}", single.signature.decode()
            op = make_op(name, signature, number, &single.value, &in_double.value, False)
            if fg_has_kernel(&in_double.derivative):
                op.derivative = make_op(
                    name, signature, number, &single.derivative, &in_double.derivative, True)
            operations[name] = op
            single += 1
            in_double += 1
    return operations


def bind_copy(str name, str isa):
    """Return the operation that copies its input, under the name of the function that calls it."""
    cdef int number = [name for name, _ in isas()].index(isa)
    return make_op(name, "()->()", number, &fg_loops_for(number, FG_SINGLE).copy,
                   &fg_loops_for(number, FG_DOUBLE).copy, False)


cdef Op make_op(str name, str signature, int isa, const fg_kernel *single,
                const fg_kernel *in_double, bint derivative):
    """An operation from a row's name and signature, or the derivative of that operation."""
    cdef Op op = Op.__new__(Op)
    cdef bytes encoded = signature.encode()
    cdef const char *wrong = fg_bind_op(&op.row, encoded, isa, single, in_double, derivative)
    if wrong != NULL:
        raise ValueError(f"{name} {signature} cannot be bound: {wrong.decode()}")
    op.name, op.signature, op.isa = name, signature, fg_isa_name(isa).decode()
    if derivative:
        inputs, outputs = signature.split("->")
        op.name = f"{name}_derivative"
        op.signature = f"{inputs},{outputs}->{outputs},{inputs}"
    op.row_name = op.name
    return op


def get_num_threads():
    """Return how many threads a large call may use, the calling thread included."""
    return fastgen_get_num_threads()


def set_num_threads(n, /):
    """Let a large call use up to `n` threads, the calling thread included.

    The number changes how long a call takes, and never the bits of a result.

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
