/* The bins of a spline on [-bound, bound]: their sizes from raw parameters, the knots between them,
 * and the bin that holds a point. What the conventions of the libraries differ in is here.
 *
 * Sizes are a softmax, stretched to the interval but for a least size; knots are their sums in
 * double. In float, an error of the sum would be as large as theta in a narrow bin: the
 * log-determinant of a sharp spline would be off by as much as 9. The last knot is the bound
 * itself.
 */
#ifndef FG_FLOW_SPLINE_BINS_H
#define FG_FLOW_SPLINE_BINS_H

#include "core/lanes.h"

#define LOG2_E 0x1.71547652b82fep0

enum spline_option {
    SPLINE_BOUND,
    SPLINE_MIN_WIDTH,
    SPLINE_MIN_HEIGHT,
    SPLINE_MIN_SLOPE,
    SPLINE_SLOPE_OFFSET, /* added to a raw slope (distrax); the inverse of its soft limit (zuko) */
    SPLINE_CONVENTION,
    SPLINE_TAILS,
};
enum spline_convention { SPLINE_NFLOWS, SPLINE_ZUKO, SPLINE_DISTRAX, SPLINE_TFP };
enum spline_tails { SPLINE_LINEAR, SPLINE_NO_TAILS, SPLINE_CIRCULAR };

typedef int64_t lane_indices[FG_LANES];

/* How raw parameters become sizes: clipped softly (zuko; the clip is 0 elsewhere), then shares of
 * `free`, on top of `least`. TFP's are sizes already. */
typedef struct {
    int given;
    double bound, free, least, clip;
} spline_axis;

static inline spline_axis spline_axis_of(const double *options, enum spline_option minimum,
                                         ptrdiff_t bins)
{
    const int convention = (int)options[SPLINE_CONVENTION];
    spline_axis axis = {convention == SPLINE_TFP, options[SPLINE_BOUND], 0, 0, 0};
    if (convention == SPLINE_NFLOWS)
        axis.least = 2 * axis.bound * options[minimum]; /* a share of the interval */
    else if (convention == SPLINE_DISTRAX)
        axis.least = options[minimum];
    else if (convention == SPLINE_ZUKO) /* 2 / |log of the least slope| */
        axis.clip = options[minimum];
    axis.free = 2 * axis.bound - (double)bins * axis.least;
    return axis;
}

/* 2^t for t <= 0, within 2 ULP down to where it is nothing beside 1, and not quite 0 below: the
 * exponential of a softmax, which meets neither overflow nor subnormals. 1 + f p(f) is the minimax
 * polynomial on [-1/2, 1/2], of relative error 2^-26.4 and 2^-51.3. */
static inline real exp2_of_share(real t)
{
    const real shifter = PICK(0x1.8p23f + 127.0f, 0x1.8p52 + 1023.0);
    const real limited = real_max(PICK(-120.0f, -1000.0), t), shifted = limited + shifter;
    const real f = limited - (shifted - shifter), square = f * f;
#if FG_REAL_BITS == 32
    real even = mul_add(square, 0x1.5fe2c8p-10f, 0x1.c6ad64p-5f);
    real odd = mul_add(square, 0x1.677636p-13f, 0x1.3af9fp-7f);
    even = mul_add(square, even, 0x1.62e432p-1f);
    odd = mul_add(square, odd, 0x1.ebfc1ap-3f);
#else
    real even = mul_add(square, 0x1.b68a097f60075p-24, 0x1.ffcb3ef40b0c5p-17);
    real odd = mul_add(square, 0x1.e95d82d69f7e0p-28, 0x1.62be22629427dp-20);
    even = mul_add(square, even, 0x1.5d87fea4a6607p-10);
    odd = mul_add(square, odd, 0x1.430913962f21cp-13);
    even = mul_add(square, even, 0x1.c6b08d7039563p-5);
    odd = mul_add(square, odd, 0x1.3b2ab6fb820cdp-7);
    even = mul_add(square, even, 0x1.62e42fefa3a28p-1);
    odd = mul_add(square, odd, 0x1.ebfbdff82c61fp-3);
#endif
    const real power = real_of_bits(bits_of(shifted) << REAL_MANTISSA_BITS);
    return mul_add(f, mul_add(f, odd, even), R(1.0)) * power;
}

static inline real softly_clipped(real u, real clip)
{
    return u / mul_add(real_abs(u), clip, R(1.0));
}

/* parts[i] = e^(u_i - largest), where `parts` may be `raw`; stretch = free / their sum. */
static void spline_parts(const spline_axis *axis, ptrdiff_t bins, const lanes *raw, lanes *parts,
                         lanes *stretch)
{
    const real clip = (real)axis->clip;
    lanes largest, total;
    EACH_LANE(l)
    {
        largest[l] = -REAL_INFINITY;
        total[l] = 0;
    }
    for (ptrdiff_t i = 0; i < bins; i++)
        EACH_LANE(l)
        {
            parts[i][l] = clip > 0 ? softly_clipped(raw[i][l], clip) : raw[i][l];
            largest[l] = real_max(largest[l], parts[i][l]);
        }
    for (ptrdiff_t i = 0; i < bins; i++)
        EACH_LANE(l)
        {
            parts[i][l] = exp2_of_share((parts[i][l] - largest[l]) * (real)LOG2_E);
            total[l] += parts[i][l];
        }
    EACH_LANE(l)
    (*stretch)[l] = (real)axis->free / total[l];
}

/* The bins + 1 knots, from sizes as they are, or from parts of a stretch; the end stays NaN if the
 * sum is. */
static void spline_knots(const spline_axis *axis, ptrdiff_t bins, const lanes *raw, lanes *parts,
                         lanes *restrict stretch, lanes *restrict knots)
{
    const real bound = (real)axis->bound, least = (real)axis->least;
    const lanes *const sizes = axis->given ? raw : parts;
    lanes knot;
    if (!axis->given)
        spline_parts(axis, bins, raw, parts, stretch);
    EACH_LANE(l)
    {
        knot[l] = -bound;
        (*stretch)[l] = axis->given ? R(1.0) : (*stretch)[l];
    }
    for (ptrdiff_t i = 0; i < bins; i++)
        EACH_LANE(l)
        {
            knots[i][l] = knot[l];
            knot[l] += mul_add((*stretch)[l], sizes[i][l], least);
        }
    EACH_LANE(l)
    knots[bins][l] = axis->given || knot[l] != knot[l] ? knot[l] : bound;
}

/* From the gradients by a size (the same one for all bins below that of the point, another for that
 * bin, none above) to those by the raw parameters. */
static void spline_sizes_vjp(const spline_axis *axis, ptrdiff_t bins, const lanes *raw,
                             lanes *parts, const lanes *stretch, const lane_indices *bin,
                             const lanes *below, const lanes *here)
{
    lanes mean;
    EACH_LANE(l)
    mean[l] = 0;
    for (ptrdiff_t i = 0; i < bins && !axis->given; i++)
        EACH_LANE(l)
        {
            const real by_size = i < (*bin)[l] ? (*below)[l] : i == (*bin)[l] ? (*here)[l] : R(0.0);
            mean[l] = mul_add((*stretch)[l] * parts[i][l], by_size, mean[l]);
        }
    EACH_LANE(l)
    mean[l] = axis->given ? R(0.0) : mean[l] / (real)axis->free;
    for (ptrdiff_t i = 0; i < bins; i++)
        EACH_LANE(l)
        {
            const real by_size = i < (*bin)[l] ? (*below)[l] : i == (*bin)[l] ? (*here)[l] : R(0.0);
            const real inverse = 1 / mul_add(real_abs(raw[i][l]), (real)axis->clip, R(1.0));
            const real size = axis->given ? R(1.0) : (*stretch)[l] * parts[i][l];
            parts[i][l] = size * (by_size - mean[l]) * (inverse * inverse);
        }
}

/* The number of the bin that holds x: how many of the knots between bins are not above it. */
static inline void spline_search(ptrdiff_t bins, const lanes *knots, const lanes *restrict x,
                                 lane_indices *restrict bin)
{
    EACH_LANE(l)
    (*bin)[l] = 0;
    for (ptrdiff_t i = 1; i < bins; i++)
        EACH_LANE(l)
    (*bin)[l] += (*x)[l] >= knots[i][l] ? 1 : 0;
}

#endif
