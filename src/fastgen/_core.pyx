# cython: language_level=3, freethreading_compatible=True, binding=True
# cython: boundscheck=False, wraparound=False, cdivision=True
"""The caller: rows in C become Python callables. It names no operation.

A call takes one of three ways, and all end in the same C code:

- The fast path takes contiguous arrays of one shape that are all float32 or all float64.
- The general path takes every other array and scalar. It describes them to `fg_call`, which walks
  them with their strides, so no memory layout costs a copy.
- Arrays of other libraries that have `__array_ufunc__` go to `fastgen._lazy` (dask), or to the ufunc.
"""

cimport numpy as cnp
from cpython.object cimport PyObject
from cpython.pycapsule cimport PyCapsule_New
from cpython.pystate cimport PyThreadState
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport uint32_t, uint64_t
from libc.limits cimport INT_MAX, INT_MIN
from libc.stdlib cimport free, malloc, qsort

import operator
import os
import sys
import threading

import numpy as np

from fastgen import _messages
from fastgen._arrays import unreadable

cnp.import_array()
cnp.import_umath()

COMPILER = FASTGEN_COMPILER.decode()

cdef enum:
    # Below this many elements a call is over before another thread could use the GIL.
    RELEASE_GIL_ELEMENTS = 4096
    ALL_OUTPUTS = 0x7fffffff

# What a ufunc hands to its inner loop: the operation, and the dtype of all its operands.
ctypedef struct ufunc_loop:
    fg_op *op
    fg_dtype dtype

cdef object interrupts = []  # exceptions that signal handlers raise while C computes


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
        raise MemoryError("no memory for a call's scratch")
    if result == FG_TOO_LARGE:
        raise ValueError("the broadcast shape has more elements than can be counted")
    raise SystemError(f"C refused checked arguments with the code {<int>result}")


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

    cdef fg_op row
    cdef readonly str name
    cdef readonly str signature
    cdef readonly str isa
    cdef str row_name  # the key in fastgen._ops.OPS; `name` differs after `called`
    cdef readonly Op derivative
    cdef Op owner  # of the ufunc, which all operations of one row, options and name share
    cdef object ufunc_of_op
    cdef ufunc_loop *loop_data  # one for each dtype; bfloat16 is the last
    cdef bint bfloat16_registered

    @property
    def nin(self):
        """How many inputs."""
        return self.row.facts.nin

    @property
    def nout(self):
        """How many outputs."""
        return self.row.facts.nout

    @property
    def lanes(self):
        """Whether the last axes of each operand are those of its part of the signature."""
        return bool(self.row.facts.lanes)

    @property
    def pointwise(self):
        """Whether an element of a result needs that element of each input, and no other one."""
        cdef const fg_stage *stages = self.row.kernel[<int>FG_DOUBLE].stages
        if self.row.facts.elementwise:
            return True
        return (not self.row.facts.lanes and not self.row.facts.summed
                and stages[0].close == NULL and stages[1].map == NULL)

    def __reduce__(self):
        from fastgen import _ops

        options = tuple([self.row.options[i] for i in range(FG_MAX_OPTIONS)])
        return _ops.restored, (self.row_name, options, self.name)

    @property
    def ufunc(self):
        """The private ufunc. It is made at the first use, and takes bfloat16 once that exists."""
        with ufunc_lock:
            if self.owner is None:
                name = ufunc_name(self)
                self.owner = ufuncs.setdefault((self.isa, name), self)
                if self.owner is self:
                    self.ufunc_of_op = make_ufunc(self, name)
                    name_module(self.ufunc_of_op)
            register_bfloat16(self.owner)
        return self.owner.ufunc_of_op

    def with_options(self, *options):
        """Return the same operation with other options than those of its row."""
        cdef Op op = Op.__new__(Op)
        cdef int i
        if len(options) > FG_MAX_OPTIONS:
            raise ValueError(f"an operation has at most {FG_MAX_OPTIONS} options, got {len(options)}")
        op.name, op.signature, op.isa, op.row = self.name, self.signature, self.isa, self.row
        op.row_name = self.row_name
        for i, option in enumerate(options):
            op.row.options[i] = option
        if self.derivative is not None:
            op.derivative = self.derivative.with_options(*options)
        return op

    def called(self, str name):
        """Return the same operation under another name, which its error messages then use."""
        cdef Op op = self.with_options()
        op.name = name
        if op.derivative is not None:
            op.derivative = op.derivative.called(name + "_derivative")
        return op

    def shapes(self, tuple inputs, axis=-1, keepdims=False):
        """Return the shape of each output, without computing. An input may be its shape alone."""
        return output_shapes(self, inputs, axis, keepdims)

    def dtype(self, tuple inputs):
        """Return the dtype of the outputs, without computing. An input needs `dtype` and `ndim`."""
        return promoted_dtype(inputs, self.row.facts.per_row)

    def check_types(self, tuple inputs):
        """Raise if an input does not hold numbers of a supported type."""
        for k, x in enumerate(inputs):
            if not overrides_ufuncs(x):
                as_operand(self, k, x)

    def __repr__(self):
        return f"<fastgen operation {self.name} {self.signature} for {self.isa}>"

    def __call__(self, tuple inputs, axis=-1, keepdims=False, out=None, int wanted=ALL_OUTPUTS):
        """Apply to `inputs`. Bit j of `wanted` asks for output j; the others are None."""
        cdef int events = 0
        if keepdims is False and not self.row.facts.lanes:
            events = last_axes(axis, inputs)
        if events:
            result = call_fast(self, inputs, events, out, wanted)
            if result is not None:
                return result
        return call_general(self, inputs, axis, keepdims, out, wanted)


# The fast path. It returns None for a call that it does not take, and the general path goes on.

cdef inline int last_axes(axis, tuple inputs):
    """How many axes `axis` names, if they are the last axes of the first input; else 0."""
    cdef int ndim, k, n
    if type(axis) is int and axis == -1:
        return 1
    if not inputs or type(inputs[0]) is not cnp.ndarray:
        return 0
    ndim = cnp.PyArray_NDIM(inputs[0])
    if axis is None:
        return ndim
    if type(axis) is int:
        return 1 if axis == ndim - 1 else 0
    if type(axis) is not tuple:
        return 0
    n = len(<tuple>axis)
    for k in range(n):
        a = (<tuple>axis)[k]
        if type(a) is not int or (a != ndim - n + k and a != k - n):
            return 0
    return n if n <= ndim else 0


# The shape and dtype that all arrays of a call on the fast path have.
ctypedef struct common_shape:
    int number  # of the dtype in NumPy
    int ndim
    cnp.npy_intp *lengths
    fg_dtype dtype
    ptrdiff_t size  # of an element, in bytes
    ptrdiff_t elements
    ptrdiff_t n  # elements of a row
    ptrdiff_t rows
    int events  # axes of a row


cdef inline void set_rows(fg_operand *operand, char *data, fg_dtype dtype, ptrdiff_t row,
                          ptrdiff_t element) noexcept nogil:
    operand.data, operand.dtype = data, dtype
    operand.stride[0], operand.stride[1] = row, element


cdef inline bint has_lengths(x, const cnp.npy_intp *lengths, int ndim) noexcept:
    """Whether an array of `ndim` dimensions has these lengths."""
    cdef const cnp.npy_intp *own = cnp.PyArray_DIMS(x)
    cdef int d
    for d in range(ndim):
        if own[d] != lengths[d]:
            return False
    return True


cdef inline bint is_contiguous_like(x, const common_shape *s, int less, int number):
    """Whether x is a contiguous array of this dtype and shape, without the last `less` axes."""
    return (type(x) is cnp.ndarray and cnp.PyArray_TYPE(x) == number
            and cnp.PyArray_NDIM(x) == s.ndim - less and cnp.PyArray_ISCARRAY_RO(x)
            and has_lengths(x, s.lengths, s.ndim - less))


cdef inline bint shape_of(const fg_facts *facts, first, common_shape *s):
    """Take the common shape from the first input. False if the fast path does not take it."""
    cdef int d, outer  # axes that are none of a row
    if type(first) is not cnp.ndarray or facts.per_row & 1:
        return False
    s.number, s.ndim = cnp.PyArray_TYPE(first), cnp.PyArray_NDIM(first)
    s.lengths = cnp.PyArray_DIMS(first)
    if (s.number != cnp.NPY_FLOAT and s.number != cnp.NPY_DOUBLE) or s.ndim == 0:
        return False
    s.dtype, s.size = (FG_F64, 8) if s.number == cnp.NPY_DOUBLE else (FG_F32, 4)
    outer = s.ndim if facts.elementwise else s.ndim - s.events
    s.rows = s.n = 1
    for d in range(outer):
        s.rows *= s.lengths[d]
    for d in range(outer, s.ndim):
        s.n *= s.lengths[d]
    s.elements = s.rows * s.n
    return s.elements != 0


cdef inline bint set_input(fg_operand *operand, x, bint per_row, const common_shape *s,
                           double *scalar):
    """Set an operand. False if the fast path does not take x. A number is kept in `scalar`."""
    if not per_row and is_contiguous_like(x, s, 0, s.number):
        set_rows(operand, cnp.PyArray_BYTES(x), s.dtype, s.n * s.size, s.size)
    elif type(x) is float:  # a coefficient or cotangent for all
        scalar[0] = x
        set_rows(operand, <char *>scalar, FG_F64, 0, 0)
    elif type(x) is Stream and not per_row:
        set_rows(operand, NULL, s.dtype, s.n, 1)
        place_stream(operand, x, s.dtype)
    elif per_row and is_contiguous_like(x, s, s.events, s.number):
        set_rows(operand, cnp.PyArray_BYTES(x), s.dtype, s.size, 0)
    else:
        return False
    return True


cdef inline ptrdiff_t bytes_of(const fg_operand *operand, const common_shape *s) noexcept:
    """How many bytes of memory an operand takes."""
    cdef ptrdiff_t size = 8 if operand.dtype == FG_F64 else 4
    return s.elements * size if operand.stride[1] else s.rows * size


cdef bint writes_beside(const fg_problem *problem, int out, const common_shape *s) noexcept:
    """Whether operand `out`, an output, shares no memory with an operand before it, except that it
    may be exactly an input."""
    cdef int k
    cdef const fg_operand *other
    cdef const fg_operand *this = &problem.operand[out]
    for k in range(out):
        other = &problem.operand[k]
        if other.data == NULL or other.dtype == FG_STREAM:
            continue
        if not (other.stride[0] or other.stride[1]):  # a number
            continue
        if (k < problem.nin and other.data == this.data and other.dtype == this.dtype
                and this.stride[1] and other.stride[1]):
            continue
        if (other.data < this.data + bytes_of(this, s)
                and this.data < other.data + bytes_of(other, s)):
            return False
    return True


cdef object set_output(fg_problem *problem, int j, given, bint summed, const common_shape *s):
    """The array for output j: `given`, or a new one. None if the fast path does not take it."""
    cdef int less = s.events if summed else 0
    cdef int other
    cdef fg_dtype dtype = s.dtype
    cdef ptrdiff_t size = s.size
    array = given
    if given is None:
        array = empty_array(s.ndim - less, s.lengths, s.number, s.size)
    else:
        if not is_contiguous_like(given, s, less, s.number):
            if s.dtype == FG_F64:  # a result in double is rounded once, to float32
                other, dtype, size = cnp.NPY_FLOAT, FG_F32, 4
            elif summed:  # a sum has the digits of double
                other, dtype, size = cnp.NPY_DOUBLE, FG_F64, 8
            else:
                return None
            if not is_contiguous_like(given, s, less, other):
                return None
        if not cnp.PyArray_ISWRITEABLE(given):
            return None
    set_rows(&problem.operand[problem.nin + j], cnp.PyArray_BYTES(array), dtype,
             size if summed else s.n * size, 0 if summed else size)
    if given is not None and not writes_beside(problem, problem.nin + j, s):
        return None
    return array


cdef object call_fast(Op op, tuple inputs, int events, out, int wanted):
    """A problem with room for few operands is a local variable. Scratch needs `try` and `finally`,
    which take 20 ns."""
    cdef small_problem problem
    if op.row.facts.nin + op.row.facts.nout <= FEW_OPERANDS:
        return run_fast(op, inputs, events, out, wanted, <fg_problem *>&problem)
    return call_fast_of_many(op, inputs, events, out, wanted)


cdef object call_fast_of_many(Op op, tuple inputs, int events, out, int wanted):
    """A problem takes 17 KB, and a thread may have a small stack. So the problem lies in scratch."""
    cdef fg_problem *problem = <fg_problem *>fg_scratch_take(sizeof(fg_problem))
    if problem == NULL:
        raise MemoryError("no memory for a call's scratch")
    try:
        return run_fast(op, inputs, events, out, wanted, problem)
    finally:
        fg_scratch_give(problem)


cdef object run_fast(Op op, tuple inputs, int events, out, int wanted, fg_problem *problem):
    """The results, or None. `problem` is room for the problem."""
    cdef fg_facts *facts = &op.row.facts
    cdef fg_op *row = &op.row
    cdef int j, k, nin = facts.nin
    cdef common_shape s
    cdef double[FG_MAX_OPERANDS] scalar
    cdef tuple several = None
    s.events = events
    if len(inputs) != nin or not shape_of(facts, inputs[0], &s):
        return None
    for k in range(nin):
        if not set_input(&problem.operand[k], inputs[k], facts.per_row >> k & 1, &s, &scalar[k]):
            return None
    if out is not None and type(out) is not tuple:
        out = (out,)
    if out is not None and len(out) != facts.nout:
        return None
    problem.nin, problem.nout, problem.summed = nin, facts.nout, facts.summed
    if facts.nout > 1:
        several = PyTuple_New(facts.nout)
    for j in range(facts.nout):
        array = None
        if wanted >> j & 1:
            array = set_output(
                problem, j, None if out is None else out[j], facts.summed >> j & 1, &s)
            if array is None:
                return None  # the empty places of `several` are NULL, and its end allows that
        else:
            set_rows(&problem.operand[nin + j], NULL, s.dtype, 0, 0)
        if facts.nout > 1:
            Py_INCREF(array)  # PyTuple_SET_ITEM takes a reference
            PyTuple_SET_ITEM(several, j, array)
    problem.loops, problem.kernel = row.loops[s.dtype == FG_F64], row.kernel[s.dtype == FG_F64]
    problem.wide, problem.wide_kernel = row.loops[<int>FG_DOUBLE], row.kernel[<int>FG_DOUBLE]
    problem.ndim, problem.batch_ndim = 1 if facts.elementwise else 2, 1
    problem.shape[0], problem.shape[1] = s.rows, s.n
    run(problem, s.elements)
    results = several if facts.nout > 1 else array
    if s.ndim == s.events and facts.summed and out is None:
        results = unwrap_0d(results)
    return results


cdef object unwrap_0d(results):
    """Return NumPy scalars in place of 0-d arrays, as ufuncs do."""
    if type(results) is tuple:
        return tuple([unwrap_0d(result) for result in results])
    return results[()] if results is not None and results.ndim == 0 else results


include "_buffers.pxi"
include "_streams.pxi"
include "_types.pxi"
include "_outputs.pxi"
include "_general.pxi"
include "_pairs.pxi"
include "_remembered.pxi"
include "_ufunc.pxi"
include "_tables.pxi"
include "_xla.pxi"
