/* Calls any operation of the library on arrays of any shape, type and layout. It needs no Python,
 * so it is the way in for C programs and for other frameworks.
 *
 *     fg_op op;
 *     for (int isa = 0; isa < fg_isa_total(); isa++)          best first
 *         if (fg_isa_supported(isa) && fg_find_op(&op, "vae.kl_standard_normal", isa, false))
 *             break;
 *     const ptrdiff_t shape[] = {64, 32}, stride[] = {32 * 4, 4};
 *     const fg_array in[] = {{mu, FG_F32, 2, shape, stride}, {logvar, FG_F32, 2, shape, stride}};
 *     const fg_array out[] = {{kl, FG_F32, 1, shape, &stride[1]}};
 *     enum fg_result result = fg_call(&op, in, out, NULL, FG_SINGLE, NULL, NULL);
 *
 * Every input may have any dtype of fg_dtype. Where the shapes of the results are not known, as
 * when they must first be allocated, the same call has two steps: fg_space_of and
 * fg_shape_of_output (core/space.h) give the shapes, then fg_call_in computes.
 */
#ifndef FG_CALL_H
#define FG_CALL_H

#include "core/dispatch.h"
#include "core/space.h"

/* One operation, or the derivative of one, in the code for one instruction set. */
typedef struct {
    fg_facts facts;
    const fg_kernel *kernel[FG_PRECISIONS];
    const fg_loops *loops[FG_PRECISIONS];
    double options[FG_MAX_OPTIONS]; /* of a lane kernel; the caller may change them */
} fg_op;

/* Binds kernels to a signature; `derivative`: the kernels are those of the signature's derivative.
 * Returns NULL, or in plain English what is wrong with the row. */
const char *fg_bind_op(fg_op *op, const char *signature, int isa, const fg_kernel *single,
                       const fg_kernel *double_precision, bool derivative);

/* Whether there is a kernel: the derivative of a row may be empty. */
bool fg_has_kernel(const fg_kernel *double_precision);

/* Finds an operation by the name of its family and its row. False if there is none. */
bool fg_find_op(fg_op *op, const char *name, int isa, bool derivative);

/* Computes the outputs. There are facts.nin inputs and facts.nout outputs. `axes` is NULL for the
 * last axis. Arithmetic is done in `precision`, whatever the arrays hold: FG_SINGLE is meant for
 * float32 and half results, FG_DOUBLE for float64. `poll`, if not NULL, is asked now and then
 * whether to stop. `fault`, if not NULL, says which operand was wrong.
 *
 * An output may be exactly an input: the same data, dtype, shape and strides, and not summed over
 * rows. Otherwise outputs overlap no other operand. Inputs are not written. Nothing is written if
 * an argument is wrong. */
enum fg_result fg_call(const fg_op *op, const fg_array *in, const fg_array *out,
                       const fg_axes *axes, enum fg_precision precision, fg_poll *poll,
                       fg_fault *fault);

/* The same in a space that fg_space_of found for arrays of these shapes. */
enum fg_result fg_call_in(const fg_op *op, const fg_array *in, const fg_array *out,
                          const fg_space *space, enum fg_precision precision, fg_poll *poll,
                          fg_fault *fault);

#endif
