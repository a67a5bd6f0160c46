/* check.h - assertions: ASSERT is always on, VERIFY only where O(n) checks are wanted.
 *
 * Thread:  any.
 * Use:     ASSERT states what must hold whatever a client or a disk does; a failure is our bug,
 * stops the process, and replay repeats it. VERIFY is the same for checks that cost O(n): on in
 *          debug, sanitizer and simulator builds (CASTLE_VERIFY).
 */
#ifndef CHECK_H
#define CHECK_H

#define ASSERT(expr)                                                                               \
    (__builtin_expect(!!(expr), 1) ? (void)0 : check_failed(__FILE__, __LINE__, #expr))

/* Where the process must not come: says what was expected. */
#define UNREACHABLE(text) check_failed(__FILE__, __LINE__, text)

#ifdef CASTLE_VERIFY
#define VERIFY(expr) ASSERT(expr)
#else
#define VERIFY(expr) ((void)sizeof(expr))
#endif

/* Prints where and what to stderr and aborts. Thread: any. */
__attribute__((noreturn, cold)) void check_failed(const char *file, int line, const char *expr);

/* Planted bugs (PROTOCOL §5): BUG(n) is true only in builds with CASTLE_BUGS, after
 * check_bug_set(n). The simulator proves with them that its checks bite. */
#ifdef CASTLE_BUGS
extern int check_bug;
#define BUG(n) (__builtin_expect(check_bug == (n), 0))
#else
#define BUG(n) (0)
#endif

/* A named place where a test may have the process killed: CASTLE_FAILPOINT="name" or "name:N", the
 * N-th time it comes there. Only in builds with CASTLE_BUGS. Thread: any. */
#ifdef CASTLE_BUGS
void check_failpoint(const char *name);
/* Aborts a moment later, when what caused this is on the disk. */
void check_planted_crash(void);
#define FAILPOINT(name) check_failpoint(name)
#else
#define FAILPOINT(name) ((void)0)
static inline void check_planted_crash(void)
{
}
#endif

#endif
