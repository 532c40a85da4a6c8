/* The shapes of a call: how the inputs broadcast, what a row is, and in which order C walks. It
 * needs no data, so it also says which shape a result will have. */
#ifndef FG_SPACE_H
#define FG_SPACE_H

#include "core/signature.h"

/* An array as the caller describes it. A number is an array of 0 dimensions.
 *
 * Noise is an array of dtype FG_STREAM: `data` points to an fg_stream and `stride` is not read. The
 * elements are numbered as those of the broadcast shape, in C order. A stream of 0 dimensions takes
 * the shape of the other inputs. */
typedef struct {
    void *data; /* NULL: an output that is not wanted */
    enum fg_dtype dtype;
    int ndim;
    const ptrdiff_t *shape;
    const ptrdiff_t *stride; /* in bytes; NULL where only shapes are asked for */
} fg_array;

enum { FG_ALL_AXES = -1 };

/* Which axes of the broadcast shape are a row. A negative axis counts from the end. Operations
 * without rows ignore them: elementwise ones, and lane kernels. */
typedef struct {
    const int *axis;
    int count;     /* or FG_ALL_AXES */
    bool keepdims; /* a value per row keeps the axes of the row, with length 1 */
} fg_axes;

/* Which operand is wrong, and with which other one it does not agree. */
typedef struct {
    int operand, other;
} fg_fault;

/* Dimensions are those of the broadcast shape; for a lane kernel, those of the batch. */
typedef struct {
    int ndim, batch_ndim;
    bool keepdims;
    bool natural; /* memory is 0, 1, 2, ... */
    ptrdiff_t shape[FG_MAX_DIMS];
    int memory[FG_MAX_DIMS];     /* dimensions as they lie in memory, outermost first */
    int order[FG_MAX_DIMS];      /* as C walks them: batch as it lies, then the row */
    int row_axis[FG_MAX_DIMS];   /* of order[i], in an array of one value per row; -1: none */
    ptrdiff_t size[FG_MAX_CORE]; /* of a lane kernel's core dimensions */
} fg_space;

/* Finds the space of a call. `in` needs shapes, and strides where there are; `axes` NULL stands for
 * the last axis. `out` is NULL, or a first output of which the layout decides the order of memory;
 * without one the first input that is not broadcast does.
 *
 * Returns FG_DONE or what is wrong; `fault`, if not NULL, then says which operand, or for the axes
 * which of them. The results of a call lie best in memory as space->memory says. */
enum fg_result fg_space_of(const fg_facts *facts, const fg_array *in, const fg_array *out,
                           const fg_axes *axes, fg_space *space, fg_fault *fault);

/* The same of `problems` problems, one after the other, where nothing is broadcast: what NumPy's
 * ufuncs ask for. Every array has the shape (problems, its core dimensions), and `size` has the
 * length of each core dimension. */
void fg_space_of_problems(const fg_facts *facts, ptrdiff_t problems, const ptrdiff_t *size,
                          fg_space *space);

/* Writes the shape of output j, and returns its number of dimensions. */
int fg_shape_of_output(const fg_facts *facts, const fg_space *space, int j, ptrdiff_t *shape);

/* The same of an array of one value per row. */
int fg_shape_of_rows(const fg_space *space, ptrdiff_t *shape);

#endif
