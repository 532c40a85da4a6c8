# What XLA calls, as capsules: handlers in C (csrc/xla), and the function that one of them calls back.

from cpython.pycapsule cimport PyCapsule_New
from libc.string cimport strncpy
from libc.stdlib cimport calloc

cdef object xla_function = None  # takes a text, arrays to read, and arrays to write
cdef dict xla_types = {}  # NumPy's types by XLA's numbers
cdef list xla_names = []  # keeps rows and their names alive


cdef object array_of_buffer(const fg_xla_buffer *buffer, bint writeable):
    """An array on the memory of a buffer."""
    cdef cnp.npy_intp[FG_MAX_DIMS] shape
    cdef int d, number
    cdef object dtype = xla_types.get(buffer.dtype)
    if dtype is None or buffer.rank > FG_MAX_DIMS:
        raise TypeError(f"a buffer has a type or shape that fastgen does not take: {buffer.dtype}")
    for d in range(<int>buffer.rank):
        shape[d] = buffer.dims[d]
    number = dtype.num
    array = cnp.PyArray_SimpleNewFromData(<int>buffer.rank, shape, number, buffer.data)
    if not writeable:
        array.flags.writeable = False
    return array


cdef int call_python(fg_xla_text call, const fg_xla_buffers *given, const fg_xla_buffers *out,
                     char *message, size_t size) noexcept with gil:
    """Run the function. Returns 1 with a message where it raises."""
    cdef Py_ssize_t k
    try:
        text = (<bytes>call.data[:call.size]).decode()
        read = [array_of_buffer(given.buffers[k], False) for k in range(given.size)]
        written = [array_of_buffer(out.buffers[k], True) for k in range(out.size)]
        xla_function(text, read, written)
    except BaseException as error:
        said = f"fastgen: {error}".encode()[:size - 1]
        strncpy(message, said, size)
        return 1
    return 0


def use_xla(function, dict types):
    """Let XLA's programs call `function`; None ends that. Returns how many calls still run."""
    global xla_function
    xla_types.update(types)
    if function is not None:
        xla_function = function
    return fg_xla_use_callback(NULL if function is None else <fg_xla_callback *>call_python)


def xla_handlers(dict operations):
    """Return the handlers as capsules, by name. `operations` are the rows, by name, for ever."""
    cdef fg_xla_row *rows = <fg_xla_row *>calloc(len(operations), sizeof(fg_xla_row))
    cdef Op op
    cdef bytes encoded
    if rows == NULL:
        raise MemoryError
    for k, name in enumerate(sorted(operations, key=str.encode)):
        op, encoded = operations[name], name.encode()
        xla_names.append((encoded, op))
        rows[k].name = <bytes>encoded
        rows[k].value = &op.row
        rows[k].derivative = NULL if op.derivative is None else &(<Op>op.derivative).row
    fg_xla_use_rows(rows, len(operations))
    return {
        "fastgen_row": PyCapsule_New(<void *>fg_xla_run_row, NULL, NULL),
        "fastgen_call": PyCapsule_New(<void *>fg_xla_call_back, NULL, NULL),
    }
