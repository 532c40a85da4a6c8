"""What the caller uses of csrc/core and of CPython."""

from cpython.object cimport PyObject
from cpython.pystate cimport PyThreadState
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from "core/op.h":
    enum:
        FG_MAX_DIMS
        FG_MAX_OPERANDS
        FG_MAX_OPTIONS
    cdef enum fg_dtype:
        FG_F16
        FG_BF16
        FG_F32
        FG_F64
        FG_STREAM
    cdef enum fg_noise:
        FG_NORMAL
        FG_UNIFORM
        FG_BITS
        FG_BROWNIAN
    ctypedef struct fg_cell:
        uint64_t owner
        double weight
    ctypedef struct fg_stream:
        fg_noise noise
        uint64_t key
        uint64_t block_low
        uint64_t block_high
        uint64_t word
        const fg_cell *cells
        Py_ssize_t cell_count
        double scale
    ctypedef struct fg_stage:
        void *map
        void *close
    ctypedef struct fg_kernel:
        const fg_stage *stages
    ctypedef struct fg_row:
        const char *name
        const char *signature
        fg_kernel value
        fg_kernel derivative

cdef extern from "core/check.h":
    bint fg_check_row(const fg_row *single, const fg_row *wide, char *message, size_t size)

cdef extern from "core/loops.h":
    ctypedef struct fg_loops:
        fg_kernel copy

cdef extern from "core/dispatch.h":
    cdef enum fg_precision:
        FG_SINGLE
        FG_DOUBLE
    int fg_isa_total()
    const char *fg_isa_name(int isa)
    int fg_isa_supported(int isa)
    int fg_unit_total()
    const char *fg_unit_family(int unit)
    const fg_row *fg_unit_rows(int isa, fg_precision precision, int unit)
    const fg_loops *fg_loops_for(int isa, fg_precision precision)

cdef extern from "core/pool.h":
    int fastgen_get_num_threads()
    void fastgen_set_num_threads(int n)

cdef extern from "core/scratch.h":
    void *fg_scratch_take(size_t size) nogil
    void fg_scratch_give(void *memory) nogil

cdef extern from "core/buffers.h":
    const size_t FG_BUFFER_BYTES
    void *fg_buffer_take(size_t bytes) nogil
    void fg_buffer_give(void *memory) nogil
    void fg_buffers_drop() nogil
    size_t fg_buffer_limit() nogil
    void fg_set_buffer_limit(size_t bytes) nogil
    size_t fg_buffers_kept() nogil

cdef extern from *:
    """
    /* fg_buffer_... as NumPy calls them. It says the size of what it frees, which is not needed. */
    #include <string.h>
    #include "core/buffers.h"
    #include "numpy/ndarraytypes.h"
    static void *fg_numpy_malloc(void *unused, size_t size)
    {
        (void)unused;
        return fg_buffer_take(size);
    }
    static void *fg_numpy_calloc(void *unused, size_t count, size_t size)
    {
        (void)unused;
        if (size != 0 && count > SIZE_MAX / size)
            return NULL;
        void *const memory = fg_buffer_take(count * size);
        return memory == NULL ? NULL : memset(memory, 0, count * size);
    }
    static void *fg_numpy_realloc(void *unused, void *memory, size_t size)
    {
        (void)unused;
        return fg_buffer_resize(memory, size);
    }
    static void fg_numpy_free(void *unused, void *memory, size_t size)
    {
        (void)unused, (void)size;
        fg_buffer_give(memory);
    }
    static PyDataMem_Handler fg_numpy_handler = {
        "fastgen", 1, {NULL, fg_numpy_malloc, fg_numpy_calloc, fg_numpy_realloc, fg_numpy_free}};
    """
    ctypedef struct PyDataMem_Handler:
        pass
    PyDataMem_Handler fg_numpy_handler

cdef extern from "core/run.h":
    ctypedef int fg_poll() noexcept
    cdef enum fg_result:
        FG_DONE
        FG_STOPPED
        FG_NO_MEMORY
        FG_TOO_LARGE
        FG_MANY_DIMS
        FG_SHAPES
        FG_ROW_SHAPE
        FG_AXIS
        FG_REPEATED_AXIS
        FG_CORE_NDIM
        FG_CORE_SIZE
        FG_BATCHES
    ctypedef struct fg_operand:
        char *data
        fg_dtype dtype
        ptrdiff_t stride[FG_MAX_DIMS]
    ctypedef struct fg_problem:
        const fg_kernel *kernel
        const fg_loops *loops
        const fg_kernel *wide_kernel
        const fg_loops *wide
        int nin
        int nout
        uint32_t summed
        int ndim
        int batch_ndim
        ptrdiff_t shape[FG_MAX_DIMS]
        fg_operand operand[FG_MAX_OPERANDS]
    fg_result fg_run(const fg_problem *problem, fg_poll *poll) nogil
    ctypedef void fg_task(void *context, ptrdiff_t item) noexcept nogil
    int fg_parallel(ptrdiff_t items, fg_task *task, void *context, fg_poll *poll) nogil

cdef extern from *:
    """
    /* The first FEW_OPERANDS operands of an fg_problem. */
    #define FEW_OPERANDS 8
    typedef union {
        char room[offsetof(fg_problem, operand) + FEW_OPERANDS * sizeof(fg_operand)];
        ptrdiff_t alignment;
    } small_problem;
    """
    enum:
        FEW_OPERANDS
    ctypedef struct small_problem:
        pass

cdef extern from "core/run_lanes.h":
    enum:
        FG_MAX_OPERAND_CORE

cdef extern from "core/signature.h":
    ctypedef struct fg_facts:
        int nin
        int nout
        int deciding
        bint lanes
        bint elementwise
        uint64_t per_row
        uint32_t summed
        int core_dims
        int core_ndim[FG_MAX_OPERANDS]
        int core[FG_MAX_OPERANDS][FG_MAX_OPERAND_CORE]

cdef extern from "core/space.h":
    enum:
        FG_ALL_AXES
    ctypedef struct fg_array:
        void *data
        fg_dtype dtype
        int ndim
        const ptrdiff_t *shape
        const ptrdiff_t *stride
    ctypedef struct fg_axes:
        const int *axis
        int count
        bint keepdims
    ctypedef struct fg_fault:
        int operand
        int other
    ctypedef struct fg_space:
        int ndim
        bint natural
        ptrdiff_t shape[FG_MAX_DIMS]
        int memory[FG_MAX_DIMS]
    fg_result fg_space_of(const fg_facts *facts, const fg_array *inputs, const fg_array *outputs,
                          const fg_axes *axes, fg_space *space, fg_fault *fault) nogil
    void fg_space_of_problems(const fg_facts *facts, ptrdiff_t problems, const ptrdiff_t *size,
                              fg_space *space) nogil
    int fg_shape_of_output(const fg_facts *facts, const fg_space *space, int j,
                           ptrdiff_t *shape) nogil
    int fg_shape_of_rows(const fg_space *space, ptrdiff_t *shape) nogil

cdef extern from "core/call.h":
    ctypedef struct fg_op:
        fg_facts facts
        const fg_kernel *kernel[2]
        const fg_loops *loops[2]
        double options[FG_MAX_OPTIONS]
    const char *fg_bind_op(fg_op *op, const char *signature, int isa, const fg_kernel *single,
                           const fg_kernel *double_precision, bint derivative)
    bint fg_has_kernel(const fg_kernel *double_precision)
    fg_result fg_call(const fg_op *op, const fg_array *inputs, const fg_array *outputs,
                      const fg_axes *axes, fg_precision precision, fg_poll *poll,
                      fg_fault *fault) nogil
    fg_result fg_call_in(const fg_op *op, const fg_array *inputs, const fg_array *outputs,
                         const fg_space *space, fg_precision precision, fg_poll *poll,
                         fg_fault *fault) nogil

cdef extern from "xla/handlers.h":
    ctypedef struct fg_xla_error:
        pass
    ctypedef struct fg_xla_frame:
        pass
    ctypedef struct fg_xla_buffer:
        int dtype
        void *data
        int64_t rank
        int64_t *dims
    ctypedef struct fg_xla_text:
        const char *data
        size_t size
    ctypedef struct fg_xla_buffers:
        int64_t size
        fg_xla_buffer **buffers
    ctypedef struct fg_xla_row:
        const char *name
        const fg_op *value
        const fg_op *derivative
    ctypedef int fg_xla_callback(fg_xla_text call, const fg_xla_buffers *given,
                                 const fg_xla_buffers *out, char *message, size_t size) noexcept
    void fg_xla_use_rows(const fg_xla_row *rows, size_t count)
    long fg_xla_use_callback(fg_xla_callback *function)
    fg_xla_error *fg_xla_run_row(fg_xla_frame *frame)
    fg_xla_error *fg_xla_call_back(fg_xla_frame *frame)

cdef extern from "Python.h":
    ctypedef int PyGILState_STATE
    PyGILState_STATE PyGILState_Ensure() nogil
    void PyGILState_Release(PyGILState_STATE) nogil
    PyThreadState *PyEval_SaveThread() nogil
    void PyEval_RestoreThread(PyThreadState *) nogil
    int PyErr_CheckSignals() except -1
    void PyErr_SetObject(object kind, object value)

cdef extern from *:
    """
    #ifndef FASTGEN_COMPILER
    #define FASTGEN_COMPILER "unknown"
    #endif
    """
    const char *FASTGEN_COMPILER

cdef extern from "numpy/ndarraytypes.h":  # not in NumPy's own declarations for Cython
    enum:
        NPY_HALF
        NPY_USERDEF

cdef extern from "numpy/ndarrayobject.h":
    object PyDataMem_SetHandler(object handler)
    PyObject *PyDataMem_DefaultHandler
