/* Locks of the system. A file that includes this defines _POSIX_C_SOURCE first. */
#ifndef FG_CORE_SYNC_H
#define FG_CORE_SYNC_H

#if defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

typedef SRWLOCK mutex;
typedef CONDITION_VARIABLE condition;
#define MUTEX_INIT SRWLOCK_INIT
#define CONDITION_INIT CONDITION_VARIABLE_INIT
#define lock(m) AcquireSRWLockExclusive(m)
#define unlock(m) ReleaseSRWLockExclusive(m)
#define sleep_on(c, m) SleepConditionVariableSRW(c, m, INFINITE, 0)
#define wake_one(c) WakeConditionVariable(c)
#define end_mutex(m) ((void)(m))
#define end_condition(c) ((void)(c))

#else

#include <pthread.h>

typedef pthread_mutex_t mutex;
typedef pthread_cond_t condition;
#define MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
#define CONDITION_INIT PTHREAD_COND_INITIALIZER
#define lock(m) pthread_mutex_lock(m)
#define unlock(m) pthread_mutex_unlock(m)
#define sleep_on(c, m) pthread_cond_wait(c, m)
#define wake_one(c) pthread_cond_signal(c)
#define end_mutex(m) pthread_mutex_destroy(m)
#define end_condition(c) pthread_cond_destroy(c)

#endif

#endif
