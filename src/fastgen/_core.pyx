# cython: language_level=3, freethreading_compatible=True, binding=True
# cython: boundscheck=False, wraparound=False, cdivision=True
"""The caller: rows in C become callables. It names no operation.

A call takes one of three ways, all to the same `fg_run`:

- the fast path, where all inputs are contiguous arrays of one shape, all float32 or all float64;
- the general path, for every other array and scalar: shapes, axes and types become a problem of
  strides, and C does the walking, so no layout costs a copy;
- the ufunc, for arrays of other libraries that ask for one (`__array_ufunc__`: dask and others).
"""

cimport numpy as cnp
from cpython.pystate cimport PyThreadState
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport malloc

import re
import sys

import numpy as np

from fastgen import _messages

cnp.import_array()
cnp.import_umath()

COMPILER = FASTGEN_COMPILER.decode()

cdef enum:
    # Below this many elements a call is over before another thread could use the GIL.
    RELEASE_GIL_ELEMENTS = 4096
    ALL_OUTPUTS = 0x7fffffff

# What C needs to know of an operation. Operands are numbered inputs first, then outputs.
ctypedef struct op_facts:
    const fg_kernel *kernel[2]  # by precision
    const fg_loops *loops[2]
    int nin
    int nout
    bint elementwise  # no event dimension
    uint32_t per_row  # bit k: operand k has one value per row
    uint32_t summed   # bit j: output j has
    bint lanes         # a lane kernel; what follows is for it
    int deciding       # how many inputs decide the batch's shape: all but the cotangents
    int core_dims
    int core_ndim[FG_MAX_OPERANDS]
    int core[FG_MAX_OPERANDS][FG_MAX_OPERAND_CORE]
    double options[FG_MAX_OPTIONS]

# What the loop of a ufunc is told: the operation, and how the loop's elements are stored.
ctypedef struct ufunc_loop:
    op_facts *op
    fg_dtype dtype

cdef object interrupts = []  # exceptions raised by signal handlers during a kernel


cdef int poll_signals() noexcept with gil:
    try:
        PyErr_CheckSignals()
    except BaseException as error:
        interrupts.append(error)
        return 1
    return 0


cdef int finish(fg_result result) except -1:
    if result == FG_STOPPED:
        raise interrupts.pop()
    if result == FG_NO_MEMORY:
        raise MemoryError("no memory for the partial sums of long rows")
    if result == FG_TOO_LARGE:
        raise ValueError("the broadcast shape has more elements than can be counted")
    return 0


cdef int run(const fg_problem *problem, ptrdiff_t elements) except -1:
    cdef fg_result code
    if 0 <= elements < RELEASE_GIL_ELEMENTS:
        code = fg_run(problem, NULL)
    else:
        with nogil:
            code = fg_run(problem, poll_signals)
    if code != FG_DONE:
        finish(code)
    return 0


cdef class Op:
    """One operation, or derivative, in the code for one instruction set."""

    cdef op_facts facts
    cdef readonly str name
    cdef readonly str signature
    cdef readonly str isa
    cdef readonly Op derivative
    cdef object ufunc_of_op
    cdef ufunc_loop *loop_data  # the last is for bfloat16
    cdef bint bfloat16_registered

    @property
    def nin(self):
        """How many inputs."""
        return self.facts.nin

    @property
    def nout(self):
        """How many outputs."""
        return self.facts.nout

    @property
    def ufunc(self):
        """The private ufunc, made when first wanted; bfloat16 is registered when it exists."""
        if self.ufunc_of_op is None:
            self.ufunc_of_op = make_ufunc(self)
        register_bfloat16(self)
        return self.ufunc_of_op

    def with_options(self, *options):
        """The same operation, told something else than what its row says."""
        cdef Op op = Op.__new__(Op)
        cdef int i
        op.name, op.signature, op.isa, op.facts = self.name, self.signature, self.isa, self.facts
        for i, option in enumerate(options):
            op.facts.options[i] = option
        if self.derivative is not None:
            op.derivative = self.derivative.with_options(*options)
        return op

    def check_types(self, tuple inputs):
        """Raise where an input holds no numbers that a call would take."""
        for k, x in enumerate(inputs):
            if not overrides_ufuncs(x):
                as_operand(self, k, x)

    def __repr__(self):
        return f"<fastgen operation {self.name} {self.signature} for {self.isa}>"

    def __call__(self, tuple inputs, axis=-1, keepdims=False, out=None, int wanted=ALL_OUTPUTS):
        """Apply to `inputs`. Bit j of `wanted` asks for output j; the others are None."""
        if self.facts.lanes:
            return call_lanes(self, inputs, out, wanted)
        if type(axis) is int and axis == -1 and keepdims is False and out is None:
            result = call_fast(self, inputs, wanted)
            if result is not None:
                return result
        return call_general(self, inputs, axis, keepdims, out, wanted)


# The fast path: nothing here but speed, whatever it declines goes the general way.

cdef inline void set_rows(fg_operand *operand, char *data, fg_dtype dtype, ptrdiff_t row,
                          ptrdiff_t element) noexcept:
    operand.data, operand.dtype = data, dtype
    operand.stride[0], operand.stride[1] = row, element


cdef inline bint plain(x, int number, int ndim, cnp.npy_intp *shape):
    """Whether x is a contiguous array of this type and shape."""
    return (type(x) is cnp.ndarray and cnp.PyArray_TYPE(x) == number
            and cnp.PyArray_NDIM(x) == ndim and cnp.PyArray_ISCARRAY_RO(x)
            and cnp.PyArray_CompareLists((<cnp.ndarray>x).shape, shape, ndim))


cdef object call_fast(Op op, tuple inputs, int wanted):
    cdef op_facts *facts = &op.facts
    cdef int j, k, ndim, number, nin = facts.nin
    cdef fg_dtype dtype
    cdef cnp.npy_intp *shape
    cdef ptrdiff_t elements = 1, n = 1, size
    cdef double[FG_MAX_OPERANDS] scalar
    cdef fg_problem problem
    if len(inputs) != nin or type(inputs[0]) is not cnp.ndarray or facts.per_row & 1:
        return None
    first = inputs[0]
    number, ndim, shape = cnp.PyArray_TYPE(first), cnp.PyArray_NDIM(first), cnp.PyArray_DIMS(first)
    if (number != cnp.NPY_FLOAT and number != cnp.NPY_DOUBLE) or ndim == 0:
        return None
    dtype, size = (FG_F64, 8) if number == cnp.NPY_DOUBLE else (FG_F32, 4)
    for k in range(ndim):
        elements *= shape[k]
    if elements == 0:
        return None
    if not facts.elementwise:
        n = shape[ndim - 1]
    for k in range(nin):
        x = inputs[k]
        if not facts.per_row >> k & 1 and plain(x, number, ndim, shape):
            set_rows(&problem.operand[k], cnp.PyArray_BYTES(x), dtype, n * size, size)
        elif type(x) is float and k > 0:  # a coefficient or cotangent for all
            scalar[k] = x
            set_rows(&problem.operand[k], <char *>&scalar[k], FG_F64, 0, 0)
        elif type(x) is Stream and not facts.per_row >> k & 1:
            set_rows(&problem.operand[k], NULL, dtype, n, 1)
            place_stream(&problem.operand[k], x, dtype)
        elif facts.per_row >> k & 1 and plain(x, number, ndim - 1, shape):
            set_rows(&problem.operand[k], cnp.PyArray_BYTES(x), dtype, size, 0)
        else:
            return None
    cdef tuple results = ()
    for j in range(facts.nout):
        summed = facts.summed >> j & 1
        array = cnp.PyArray_EMPTY(ndim - summed, shape, number, 0) if wanted >> j & 1 else None
        set_rows(&problem.operand[nin + j], NULL if array is None else cnp.PyArray_BYTES(array),
                 dtype, size if summed else n * size, 0 if summed else size)
        results += (array,)
    problem.loops, problem.kernel = facts.loops[dtype == FG_F64], facts.kernel[dtype == FG_F64]
    problem.wide, problem.wide_kernel = facts.loops[1], facts.kernel[1]
    problem.nin, problem.nout, problem.summed = nin, facts.nout, facts.summed
    problem.ndim, problem.batch_ndim = 2, 1
    problem.shape[0], problem.shape[1] = elements // n, n
    run(&problem, elements)
    if ndim == 1 and facts.summed:
        results = unwrap_0d(results)
    return results[0] if facts.nout == 1 else results


cdef object unwrap_0d(results):
    """NumPy scalars in place of 0-d arrays, as ufuncs return them."""
    if type(results) is tuple:
        return tuple([unwrap_0d(result) for result in results])
    return results[()] if results is not None and results.ndim == 0 else results


include "_streams.pxi"
include "_general.pxi"
include "_lanes.pxi"
include "_ufunc.pxi"
include "_tables.pxi"
