/* The floating-point environment of this thread: pinned to the default while a kernel runs.
 *
 * A rounding mode, flush-to-zero or an unmasked exception that other code has set would change
 * results or kill the process. Other code would see the exception flags that a kernel raises. So
 * the default is set for the kernel, and the caller's environment is restored after it, with its
 * flags.
 *
 * The memory clobbers keep the loads and stores of a kernel between pin and restore.
 */
#ifndef FG_CORE_FPENV_H
#define FG_CORE_FPENV_H

#include <stdint.h>

#if defined(__x86_64__) || defined(_M_X64) || defined(__SSE2__)

#if !defined(__GNUC__)
#include <xmmintrin.h>
#endif

#define FG_MXCSR_CONTROL 0xffc0u /* the control bits; below them are the exception flags */
#define FG_MXCSR_DEFAULT 0x1f80u /* round to nearest, nothing flushed, exceptions masked */

typedef uint32_t fg_fpenv;

static inline uint32_t fg_mxcsr(void)
{
#if defined(__GNUC__)
    uint32_t value;
    __asm__ volatile("stmxcsr %0" : "=m"(value) : : "memory");
    return value;
#else
    return _mm_getcsr();
#endif
}

static inline void fg_set_mxcsr(uint32_t value)
{
#if defined(__GNUC__)
    __asm__ volatile("ldmxcsr %0" : : "m"(value) : "memory");
#else
    _mm_setcsr(value);
#endif
}

static inline fg_fpenv fg_fpenv_pin(void)
{
    uint32_t saved = fg_mxcsr();
    if ((saved & FG_MXCSR_CONTROL) != FG_MXCSR_DEFAULT)
        fg_set_mxcsr((saved & ~FG_MXCSR_CONTROL) | FG_MXCSR_DEFAULT);
    return saved;
}

static inline void fg_fpenv_restore(fg_fpenv saved)
{
    fg_set_mxcsr(saved);
}

#elif defined(__aarch64__) && defined(__GNUC__)

typedef struct {
    uint64_t control; /* FPCR: all zero is the default */
    uint64_t status;  /* FPSR: the exception flags */
} fg_fpenv;

static inline fg_fpenv fg_fpenv_pin(void)
{
    fg_fpenv saved;
    __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr"
                     : "=r"(saved.control), "=r"(saved.status)
                     :
                     : "memory");
    if (saved.control != 0)
        __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0) : "memory");
    return saved;
}

static inline void fg_fpenv_restore(fg_fpenv saved)
{
    if (saved.control != 0)
        __asm__ volatile("msr fpcr, %0" : : "r"(saved.control) : "memory");
    __asm__ volatile("msr fpsr, %0" : : "r"(saved.status) : "memory");
}

#else

typedef int fg_fpenv;

static inline fg_fpenv fg_fpenv_pin(void)
{
    return 0;
}

static inline void fg_fpenv_restore(fg_fpenv saved)
{
    (void)saved;
}

#endif

#endif
