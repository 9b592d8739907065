/* Kill the process before one of its calls that change files. Used with LD_PRELOAD on Linux.

   kills_arm(n, refuse) starts counting the calls, and ends the process by SIGKILL before call n
   (0: never). If refuse is not 0, renameat2 answers EINVAL, as on NFS. kills_count() returns the
   number of calls since then. sync() is counted, and does nothing: it takes seconds beside a build. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static long armed, calls, last, refused;

void kills_arm(long n, long refuse) { armed = 1; calls = 0; last = n; refused = refuse; }
long kills_count(void) { armed = 0; return calls; }

static void count(void) {
    if (armed && ++calls == last)
        kill(getpid(), SIGKILL);
}

#define WRAP(type, name, parameters, arguments)                                  \
    type name parameters {                                                       \
        static type (*real) parameters;                                          \
        if (!real) real = (type (*) parameters)dlsym(RTLD_NEXT, #name);          \
        count();                                                                 \
        return real arguments;                                                   \
    }

WRAP(int, rename, (const char *a, const char *b), (a, b))
WRAP(int, renameat, (int d, const char *a, int e, const char *b), (d, a, e, b))
WRAP(int, mkdir, (const char *p, mode_t m), (p, m))
WRAP(int, mkdirat, (int d, const char *p, mode_t m), (d, p, m))
WRAP(int, rmdir, (const char *p), (p))
WRAP(int, unlink, (const char *p), (p))
WRAP(int, unlinkat, (int d, const char *p, int f), (d, p, f))
WRAP(int, symlink, (const char *a, const char *b), (a, b))
WRAP(int, symlinkat, (const char *a, int d, const char *b), (a, d, b))
WRAP(int, link, (const char *a, const char *b), (a, b))
WRAP(int, linkat, (int d, const char *a, int e, const char *b, int f), (d, a, e, b, f))
WRAP(int, chmod, (const char *p, mode_t m), (p, m))
WRAP(int, fchmod, (int d, mode_t m), (d, m))
WRAP(int, fchmodat, (int d, const char *p, mode_t m, int f), (d, p, m, f))
WRAP(int, utimensat, (int d, const char *p, const struct timespec t[2], int f), (d, p, t, f))
WRAP(int, ftruncate, (int d, off_t n), (d, n))
WRAP(int, ftruncate64, (int d, off64_t n), (d, n))
WRAP(int, fsync, (int d), (d))
WRAP(ssize_t, write, (int d, const void *b, size_t n), (d, b, n))

void sync(void) { count(); }

int renameat2(int d, const char *a, int e, const char *b, unsigned f) {
    static int (*real)(int, const char *, int, const char *, unsigned);
    if (!real) real = (int (*)(int, const char *, int, const char *, unsigned))dlsym(RTLD_NEXT, "renameat2");
    if (armed && refused) {
        errno = EINVAL;
        return -1;
    }
    count();
    return real(d, a, e, b, f);
}

#define WRITES(flags) ((flags) & (O_CREAT | O_TRUNC))
#define WRAP_OPEN(name, parameters, arguments)                                   \
    int name parameters {                                                        \
        static int (*real)(int, const char *, int, mode_t);                      \
        mode_t mode = 0;                                                         \
        if (!real) real = (int (*)(int, const char *, int, mode_t))dlsym(RTLD_NEXT, "openat"); \
        if (flags & O_CREAT) {                                                   \
            va_list rest;                                                        \
            va_start(rest, flags);                                               \
            mode = va_arg(rest, mode_t);                                         \
            va_end(rest);                                                        \
        }                                                                        \
        if (WRITES(flags)) count();                                              \
        return real arguments;                                                   \
    }

WRAP_OPEN(open, (const char *p, int flags, ...), (AT_FDCWD, p, flags, mode))
WRAP_OPEN(open64, (const char *p, int flags, ...), (AT_FDCWD, p, flags, mode))
WRAP_OPEN(openat, (int d, const char *p, int flags, ...), (d, p, flags, mode))
WRAP_OPEN(openat64, (int d, const char *p, int flags, ...), (d, p, flags, mode))
