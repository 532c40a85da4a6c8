/* Which instruction sets this CPU has. Read by core/dispatch.c, and by cmake/best_isa.c at build
 * time. */
#ifndef FG_CPU_H
#define FG_CPU_H

#if defined(__x86_64__)
static inline int v4_supported(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

static inline int v3_supported(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

static inline int v2_supported(void)
{
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
}
#else
/* There is one build, for what the compiler takes as its default. */
static inline int baseline_supported(void)
{
    return 1;
}
#endif

#endif
