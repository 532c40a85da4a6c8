/* A row: all that the rest of fastgen knows of an operation. Its family's ops.c writes it.
 *
 * The callable, its derivative, the ufunc, the tests and the benchmark come from the row. Nothing
 * else in the library names an operation.
 */
#ifndef FG_CORE_OP_H
#define FG_CORE_OP_H

#include <stddef.h>
#include <stdint.h>

enum {
    FG_TILE = 1024,       /* elements mapped at a time: a few operands of it fit in L1 */
    FG_LANES = 16,        /* tiles are mapped, and rows summed, in groups of this many */
    FG_FOLD_STEP = 128,   /* elements that a fold sums at a time */
    FG_MAX_OPERANDS = 48, /* inputs and outputs of one operation or derivative */
    FG_MAX_TERMS = 12,    /* numbers that a row is reduced to at a time */
    FG_MAX_STATE = 8,     /* numbers that a row is remembered by */
    FG_MAX_SLOTS = FG_MAX_OPERANDS + FG_MAX_TERMS + FG_MAX_STATE, /* tiles that a stage needs */
    FG_MAX_DIMS = 64,                                             /* NumPy's own limit */
    FG_MAX_CORE = 4,    /* core dimensions of a lane kernel */
    FG_MAX_OPTIONS = 8, /* of a lane kernel */
};

/* How an array's elements are stored. Arithmetic is in float, or in double for FG_F64. The elements
 * of an FG_STREAM are not stored: they are made in the tile. */
enum fg_dtype { FG_F16, FG_BF16, FG_F32, FG_F64, FG_STREAM };

enum fg_noise { FG_NORMAL, FG_UNIFORM, FG_BITS, FG_BROWNIAN };

/* A cell of the times of a Brownian motion, and the weight of its normals in an increment. */
typedef struct {
    uint64_t owner; /* the block_high of its normals */
    double weight;
} fg_cell;

/* Noise as an input: an operand's data points to this. Its strides count elements, not bytes.
 * Element i of the operand is element word + i, counted from block block_low + 2^64 block_high, of
 * the stream of this key.
 *
 * Element i of an FG_BROWNIAN is scale times the weighted sum of that element of each cell: of the
 * normals whose block_high is the cell's owner. */
typedef struct {
    enum fg_noise noise;
    uint64_t key, block_low, block_high;
    uint64_t word;        /* within the block */
    const fg_cell *cells; /* of FG_BROWNIAN, as scale */
    ptrdiff_t cell_count;
    double scale;
} fg_stream;

/* Maps `groups` times FG_LANES elements: out[j][i] = formula(in[0][i], in[1][i], ...).
 * Every pointer is to contiguous `real`, and no output overlaps an input. */
typedef void fg_tile(const void *const *in, void *const *out, ptrdiff_t groups);

/* Maps and sums a row, or a block of it, of one array against constants, which are the inputs after
 * the first, and the cotangent of a derivative. Returns the sum of the output over the elements of
 * x, in the order that csrc/README.md gives. A derivative also writes the gradient of x. n is a
 * multiple of FG_FOLD_STEP. */
typedef double fg_fold(const void *x, const void *constants, void *gradient, ptrdiff_t n);

/* Sums the terms of a stage as they come. in[k] points to contiguous `real` of input k of the
 * operation, and behind these to the numbers of state, in double. core/sums.h makes both loops. */
typedef struct {
    /* The totals of n elements of one row. Of an input "()" the first element alone is read. */
    void (*row)(const void *const *in, ptrdiff_t n, double *totals);
    /* Adds the terms of one element of each of `rows` rows to totals[t][first ...]; in[k] has an
     * element, and a number of state, for each row. */
    void (*across)(const void *const *in, ptrdiff_t rows, ptrdiff_t first, double *const *totals);
} fg_sums;

/* How the terms of a row become its totals. FG_LOG_PRODUCT: log|x| of the last term is summed, as
 * core/log_product.h describes; the other terms are summed as they are. */
enum fg_reduction { FG_SUM, FG_MAX, FG_LOG_PRODUCT };

/* From totals[t][r] to state[s][r], for each row r, of n elements. A closing may read the state
 * that earlier stages left before it writes its own. */
typedef void fg_close(double n, const double *const *totals, double *const *state, ptrdiff_t rows);

/* The `terms` of a stage that is a whole operation: its terms are its outputs "()", as many as the
 * signature has, among the outputs "(n)" in the order of the signature. */
enum { FG_SUMMED_OUTPUTS = -1 };

/* One pass over a row: a map turns its elements into terms, the terms are reduced to totals, and a
 * closing turns the totals into the row's state, which the next stage reads. An operation that maps
 * each element by itself is one stage without a closing. */
typedef struct {
    /* Takes the first `takes` inputs, and then the first `reads` numbers of state. Gives, in the
     * last stage, the outputs "(n)", and then the terms. */
    fg_tile *map;
    fg_close *close; /* in double: found in the table of that precision alone */
    int takes, reads, gives, terms;
    int states; /* how many numbers of state the closing has as arguments */
    enum fg_reduction reduction;
    /* The same map for tiles whose inputs from `arrays` on are one number each, of which it reads
     * the first element alone. NULL where there is none. */
    fg_tile *steady;
    int arrays;
    /* The same map with its sum, for one array against constants. NULL where there is none, or
     * where it would not be faster: core/fold.h. */
    fg_fold *fold;
    /* A short cut leaves the state of the last of the next `skips` stages, and these are skipped.
     * If the first number of its state is NaN for any row, they are run instead, from the start. */
    int skips;
    const fg_sums *sums; /* in place of the map, of a stage that only reduces; or NULL */
} fg_stage;

/* What ends an array of stages. */
static inline int fg_is_end(const fg_stage *stage)
{
    return stage->map == NULL && stage->sums == NULL;
}

/* Solves FG_LANES small problems at once, see core/lanes.h. size[i] is the length of core dimension
 * i, in the order in which the signature first has them. operand[k] points to the inputs and then
 * the outputs, each [product of its core dimensions][FG_LANES] of `real`; inputs are copies, which
 * the kernel may overwrite, and scratch has room for as many doubles as all operands have numbers.
 */
typedef void fg_lane_kernel(const ptrdiff_t *size, const double *options, void *const *operand,
                            void *scratch);

/* How an operation, or a derivative, is computed: in stages, or by a lane kernel. core/check.h
 * compares the numbers with the signature. */
typedef struct {
    /* Ended by a stage without a map and sums. The outputs "()" are the terms of the only stage, or
     * the first numbers of the state at the end. The largest term ignores NaN, so a later stage
     * must meet the NaN again. */
    const fg_stage *stages;
    const fg_stage *element_stages; /* in their place for rows of one element; NULL: the same */
    fg_lane_kernel *lanes;
    int nin, nout;                  /* operands of the lane kernel */
    double options[FG_MAX_OPTIONS]; /* what it is told, until a call says otherwise */
} fg_kernel;

typedef struct {
    const char *name;
    /* NumPy's gufunc notation, e.g. "(n),(n),()->()": an operand "(n)" has a value per element,
     * an operand "()" beside one has a value per row; an output "()" is summed over the row.
     * Without any "(n)" the operation is elementwise. A lane kernel has core dimensions of other
     * names, e.g. "(),(k),(k),(m)->(),()" or "(d,d)->()". */
    const char *signature;
    fg_kernel value;
    /* The vector-Jacobian product, empty where there is none: takes the inputs and then the
     * cotangent of each output; gives the outputs and then the cotangent of each input. */
    fg_kernel derivative;
} fg_row;

#endif
