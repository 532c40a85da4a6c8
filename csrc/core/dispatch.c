#include "core/dispatch.h"

#include "core/cpu.h"

/* FOR_ISAS(m, x) expands m(isa, x) for every instruction set built, best first: those that the
 * build names by FG_BUILD_..., or all. To add one: here, its test in cpu.h, and its name and flags
 * in CMake. */
#if defined(__x86_64__)
#if !defined(FG_BUILD_v4) && !defined(FG_BUILD_v3) && !defined(FG_BUILD_v2)
#define FG_BUILD_v4
#define FG_BUILD_v3
#define FG_BUILD_v2
#endif
#ifdef FG_BUILD_v4
#define FOR_V4(m, x) m(v4, x)
#else
#define FOR_V4(m, x)
#endif
#ifdef FG_BUILD_v3
#define FOR_V3(m, x) m(v3, x)
#else
#define FOR_V3(m, x)
#endif
#ifdef FG_BUILD_v2
#define FOR_V2(m, x) m(v2, x)
#else
#define FOR_V2(m, x)
#endif
#define FOR_ISAS(m, x) FOR_V4(m, x) FOR_V3(m, x) FOR_V2(m, x)
#define v4_name "x86-64-v4"
#define v3_name "x86-64-v3"
#define v2_name "x86-64-v2"
#else
/* What the compiler builds for without being told: where this runs, that does. */
#define FOR_ISAS(m, x) m(baseline, x)
#if defined(__aarch64__)
#define baseline_name "neon"
#else
#define baseline_name "baseline"
#endif
#endif

typedef struct {
    const char *name;
    int (*supported)(void);
} isa_entry;

#define ISA_ENTRY(isa, unused) {isa##_name, isa##_supported},
static const isa_entry isas[] = {FOR_ISAS(ISA_ENTRY, )};

#define DECLARE_LOOPS(isa, unused)                                                                 \
    extern const fg_loops fg_loops_core_##isa##_32, fg_loops_core_##isa##_64;
#define LOOPS(isa, unused) {&fg_loops_core_##isa##_32, &fg_loops_core_##isa##_64},
FOR_ISAS(DECLARE_LOOPS, )
static const fg_loops *const loops[][FG_PRECISIONS] = {FOR_ISAS(LOOPS, )};

/* Each unit: the tables of its rows by instruction set and precision, then the list of units. */
#define DECLARE_ROWS(isa, unit)                                                                    \
    extern const fg_row fg_rows_##unit##_##isa##_32[], fg_rows_##unit##_##isa##_64[];
#define ROWS(isa, unit) {fg_rows_##unit##_##isa##_32, fg_rows_##unit##_##isa##_64},
#define UNIT(family, unit)                                                                         \
    FOR_ISAS(DECLARE_ROWS, unit)                                                                   \
    static const fg_row *const rows_of_##unit[][FG_PRECISIONS] = {FOR_ISAS(ROWS, unit)};
#include "families.def"
#undef UNIT

typedef struct {
    const char *family;
    const fg_row *const (*rows)[FG_PRECISIONS];
} unit_entry;

#define UNIT(family, unit) {#family, rows_of_##unit},
static const unit_entry units[] = {
#include "families.def"
};
#undef UNIT

int fg_isa_total(void)
{
    return (int)(sizeof isas / sizeof isas[0]);
}

const char *fg_isa_name(int isa)
{
    return isas[isa].name;
}

int fg_isa_supported(int isa)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
#endif
    return isas[isa].supported();
}

int fg_unit_total(void)
{
    return (int)(sizeof units / sizeof units[0]);
}

const char *fg_unit_family(int unit)
{
    return units[unit].family;
}

const fg_row *fg_unit_rows(int isa, enum fg_precision precision, int unit)
{
    return units[unit].rows[isa][precision];
}

const fg_loops *fg_loops_for(int isa, enum fg_precision precision)
{
    return loops[isa][precision];
}
