/* Calls operations of family vae through core/call.h, as a C program would, and prints one line for
 * each call: its name, how it ended, and the outputs. tests/core/test_call_from_c.py compares the
 * lines with what Python gets. The only argument is the instruction set. */
#include "core/call.h"

#include <stdio.h>
#include <string.h>

enum { N = 240, UNTOUCHED = 7 };

static double f64[4][N];
static float f32[4][N];
static double result[5][N];
static int isa;

/* Element i of input k: exact in every dtype. */
static double number(int k, int i)
{
    return (double)((i * 5 + k * 3) % 13 - 6) / 8;
}

static void start(void)
{
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < N; i++)
            f32[k][i] = (float)(f64[k][i] = number(k, i));
    for (int j = 0; j < 5; j++)
        for (int i = 0; i < N; i++)
            result[j][i] = UNTOUCHED;
}

static const char *const ends[] = {
    [FG_DONE] = "done",           [FG_MANY_DIMS] = "many_dims",
    [FG_DTYPE] = "dtype",         [FG_SHAPES] = "shapes",
    [FG_ROW_SHAPE] = "row_shape", [FG_AXIS] = "axis",
    [FG_CORE_NDIM] = "core_ndim", [FG_REPEATED_AXIS] = "repeated_axis",
    [FG_CORE_SIZE] = "core_size", [FG_BATCHES] = "batches",
    [FG_OUT_SHAPE] = "out_shape",
};

/* Calls an operation, and prints the outputs that are given, or which argument is wrong. */
static void call(const char *label, const char *name, bool derivative, const fg_array *in,
                 const fg_array *out, const fg_axes *axes)
{
    fg_op op;
    fg_fault fault = {-1, -1};
    if (!fg_find_op(&op, name, isa, derivative)) {
        printf("%s: no operation %s\n", label, name);
        return;
    }
    bool in_double = false;
    for (int k = 0; k < op.facts.nin; k++)
        in_double = in_double || (in[k].dtype == FG_F64 && in[k].ndim > 0);
    const enum fg_result end =
        fg_call(&op, in, out, axes, in_double ? FG_DOUBLE : FG_SINGLE, NULL, &fault);
    printf("%s: %s", label, ends[end]);
    if (end != FG_DONE)
        printf(" %d %d", fault.operand, fault.other);
    for (int j = 0; j < op.facts.nout; j++) {
        ptrdiff_t count = out[j].data != NULL && out[j].dtype != FG_STREAM;
        for (int d = 0; d < out[j].ndim; d++)
            count *= out[j].shape[d];
        for (ptrdiff_t i = 0; i < count; i++)
            printf(" %a", out[j].dtype == FG_F64 ? ((const double *)out[j].data)[i]
                                                 : (double)((const float *)out[j].data)[i]);
    }
    printf("\n");
    start();
}

static const ptrdiff_t NUMBER[] = {0};
static const fg_array UNWANTED = {NULL, FG_F32, 0, NUMBER, NUMBER};

#define SHAPE(...)                                                                                 \
    (const ptrdiff_t[])                                                                            \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define F32(k, ndim, shape, stride) {f32[k], FG_F32, ndim, shape, stride}
#define F64(k, ndim, shape, stride) {f64[k], FG_F64, ndim, shape, stride}
#define OUT32(j, ndim, shape, stride) {result[j], FG_F32, ndim, shape, stride}
#define OUT64(j, ndim, shape, stride) {result[j], FG_F64, ndim, shape, stride}

static void values(void)
{
    const fg_array mu = F32(0, 2, SHAPE(4, 6), SHAPE(24, 4));
    const fg_array logvar = F32(1, 2, SHAPE(4, 6), SHAPE(24, 4));
    const fg_array pair[] = {mu, logvar};
    const fg_array out = OUT32(0, 1, SHAPE(4), SHAPE(4));
    call("value", "vae.kl_standard_normal", false, pair, &out, NULL);

    const double two = 2;
    const fg_array with_cotangent[] = {
        mu, logvar, {(void *)(uintptr_t)&two, FG_F64, 0, NULL, NULL}};
    const fg_array gradients[] = {UNWANTED, OUT32(1, 2, SHAPE(4, 6), SHAPE(24, 4)),
                                  OUT64(2, 2, SHAPE(4, 6), SHAPE(48, 8))};
    call("derivative", "vae.kl_standard_normal", true, with_cotangent, gradients, NULL);

    /* Axes 0 and 2 of (3, 4, 5): one input reversed and broadcast, the other transposed. */
    const fg_array apart[] = {{f64[0] + 9, FG_F64, 3, SHAPE(3, 1, 5), SHAPE(120, 8, -8)},
                              F64(1, 2, SHAPE(4, 5), SHAPE(8, 32))};
    const fg_array four = OUT64(0, 1, SHAPE(4), SHAPE(8));
    call("axes", "vae.kl_standard_normal", false, apart, &four,
         &(fg_axes){(const int[]){0, -1}, 2, false});
    const fg_array kept = OUT64(0, 3, SHAPE(1, 4, 1), SHAPE(8, 8, 8));
    call("keepdims", "vae.kl_standard_normal", false, apart, &kept,
         &(fg_axes){(const int[]){2, 0}, 2, true});
    const fg_array total = OUT64(0, 0, NULL, NULL);
    call("all axes", "vae.kl_standard_normal", false, apart, &total,
         &(fg_axes){NULL, FG_ALL_AXES, false});

    const fg_array mixture[] = {F32(0, 1, SHAPE(4), SHAPE(4)), mu, logvar};
    call("per row", "vae.mixture_log_prob", false, mixture, &out, NULL);

    uint16_t half[] = {0x3C00, 0xC000, 0x3800}; /* 1, -2 and 0.5 */
    const fg_array halves[] = {{half, FG_F16, 1, SHAPE(3), SHAPE(2)},
                               {half, FG_F16, 0, NULL, NULL}};
    const fg_array one = OUT32(0, 0, NULL, NULL);
    call("half", "vae.kl_standard_normal", false, halves, &one, NULL);

    fg_stream stream = {.noise = FG_NORMAL, .key = 5};
    const fg_array noise[] = {{&stream, FG_STREAM, 0, NULL, NULL}, mu, logvar};
    call("stream", "vae.gaussian_nll", false, noise, &out, NULL);
}

/* Lower triangular factors: the inputs again, with ones on the diagonal. */
static void lanes(void)
{
    for (int i = 0; i < N; i++)
        if (i % 9 % 4 == 0)
            f64[1][i] = f64[3][i] = 1;
    const fg_array in[] = {
        F64(0, 3, SHAPE(2, 5, 3), SHAPE(120, 24, 8)),
        F64(1, 3, SHAPE(5, 3, 3), SHAPE(72, 24, 8)),
        F64(2, 1, SHAPE(3), SHAPE(8)),
        F64(3, 2, SHAPE(3, 3), SHAPE(24, 8)),
    };
    const fg_array out = OUT64(0, 2, SHAPE(2, 5), SHAPE(40, 8));
    call("lanes", "vae.kl_tril_normal", false, in, &out, NULL);
}

static void shapes(void)
{
    fg_op op;
    fg_space space;
    ptrdiff_t shape[FG_MAX_DIMS];
    if (!fg_find_op(&op, "vae.kl_tril_normal", isa, true))
        return;
    const fg_array in[] = {{NULL, FG_F64, 3, SHAPE(2, 1, 3), NULL},
                           {NULL, FG_F64, 3, SHAPE(5, 3, 3), NULL},
                           {NULL, FG_F64, 1, SHAPE(3), NULL},
                           {NULL, FG_F64, 2, SHAPE(3, 3), NULL},
                           {NULL, FG_F64, 0, NULL, NULL}};
    printf("shapes: %s", ends[fg_space_of(&op.facts, in, NULL, NULL, &space, NULL)]);
    for (int j = 0; j < op.facts.nout; j++) {
        const int ndim = fg_shape_of_output(&op.facts, &space, j, shape);
        printf(" (");
        for (int d = 0; d < ndim; d++)
            printf(d ? ",%td" : "%td", shape[d]);
        printf(")");
    }
    printf("\n");
}

static void refused(void)
{
    const fg_array good = F64(0, 2, SHAPE(2, 3), SHAPE(24, 8));
    const fg_array out = OUT64(0, 1, SHAPE(2), SHAPE(8));
    const fg_array pair[] = {good, good};
    const char *const kl = "vae.kl_standard_normal";
    call("unknown", "vae.kl_standard", false, pair, &out, NULL);
    call("family", "kl_standard_normal", false, pair, &out, NULL);
    call("wrong shapes", kl, false, (const fg_array[]){good, F64(1, 1, SHAPE(4), SHAPE(8))}, &out,
         NULL);
    call("wrong axis", kl, false, pair, &out, &(fg_axes){(const int[]){0, 2}, 2, false});
    call("repeated axis", kl, false, pair, &out, &(fg_axes){(const int[]){1, -1}, 2, false});
    call("wrong output", kl, false, pair, &out, &(fg_axes){(const int[]){0}, 1, false});
    call("stream as output", kl, false, pair, &(fg_array){result, FG_STREAM, 0, NULL, NULL}, NULL);
    call("many dimensions", kl, false, (const fg_array[]){good, F64(1, 65, NULL, NULL)}, &out,
         NULL);
    call("wrong rows", "vae.mixture_log_prob", false,
         (const fg_array[]){F64(1, 1, SHAPE(3), SHAPE(8)), good, good}, &out, NULL);

    const fg_array mu = F64(0, 2, SHAPE(2, 3), SHAPE(24, 8));
    const fg_array tril = F64(1, 3, SHAPE(2, 3, 3), SHAPE(72, 24, 8));
    const char *const lane = "vae.kl_tril_normal";
    fg_stream stream = {.noise = FG_NORMAL, .key = 5};
    const fg_array noise = {&stream, FG_STREAM, 2, SHAPE(2, 3), NULL};
    call("stream in lanes", lane, false, (const fg_array[]){mu, tril, noise, tril}, &out, NULL);
    call("no core", lane, false, (const fg_array[]){mu, tril, mu, F64(2, 1, SHAPE(3), SHAPE(8))},
         &out, NULL);
    call("core sizes", lane, false,
         (const fg_array[]){mu, tril, F64(2, 2, SHAPE(2, 4), SHAPE(32, 8)), tril}, &out, NULL);
    call("batches", lane, false,
         (const fg_array[]){mu, tril, F64(2, 2, SHAPE(3, 3), SHAPE(24, 8)), tril}, &out, NULL);
    call("wrong cotangent", lane, true,
         (const fg_array[]){mu, tril, mu, tril, F64(2, 1, SHAPE(3), SHAPE(8))},
         (const fg_array[]){out, UNWANTED, UNWANTED, UNWANTED, UNWANTED}, NULL);
}

int main(int count, char **arguments)
{
    while (isa < fg_isa_total() && (count < 2 || strcmp(fg_isa_name(isa), arguments[1]) != 0))
        isa++;
    if (isa == fg_isa_total() || !fg_isa_supported(isa))
        return 1;
    start();
    values();
    lanes();
    shapes();
    refused();
    return 0;
}
