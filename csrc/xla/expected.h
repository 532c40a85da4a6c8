/* The cotangent that a backward pass is expected to bring: that of the steps before.
 *
 * In a training loop the cotangent of a loss is the same number for all rows in every step, such as
 * 1/4096 of a mean. A call that computes the value of a row with its gradients for this cotangent,
 * in one pass over memory, leaves nothing to the backward pass but to confirm it. Where another
 * cotangent comes, the backward pass computes the gradients. So they are those of the cotangent
 * that came, to the last bit, whatever was expected.
 *
 * Calls of the same shapes share a place. Where it is wrong, or shared by calls of different
 * cotangents, nothing is expected for a while, and the two passes compute what they do without it.
 */
#ifndef FG_XLA_EXPECTED_H
#define FG_XLA_EXPECTED_H

#include <stdint.h>

#include "core/space.h"

/* The cotangent that is expected. NaN: none. Any number names a place; a few may share one. */
double fg_xla_expected(int64_t place);

/* Keeps the cotangent that came; NaN: the rows have different ones. `expected` was its guess. */
void fg_xla_came(int64_t place, double expected, double cotangent);

/* The number that all elements are, or NaN. The array is contiguous. */
double fg_xla_one_number(const fg_array *array);

/* Whether two numbers have the same bits. */
bool fg_xla_same(double x, double y);

#endif
