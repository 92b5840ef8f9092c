/* Locks as some network file systems have them, preloaded into a command.
 *
 * A folder cannot be locked for one alone, nor can a file that is not open for writing: flock fails with EBADF. With NO_LOCKS in
 * the environment nothing can be locked: flock and the locks of fcntl fail with ENOLCK. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/file.h>

static int none(void)
{
    return getenv("NO_LOCKS") != NULL;
}

int flock(int file, int how)
{
    static int (*real)(int, int);
    if (none()) {
        errno = ENOLCK;
        return -1;
    }
    if (!real)
        real = (int (*)(int, int))dlsym(RTLD_NEXT, "flock");
    if ((how & LOCK_EX) && (fcntl(file, F_GETFL) & O_ACCMODE) == O_RDONLY) {
        errno = EBADF;
        return -1;
    }
    return real(file, how);
}

static int is_lock(int command)
{
    return command == F_SETLK || command == F_SETLKW || command == F_GETLK || command == F_OFD_SETLK
           || command == F_OFD_SETLKW || command == F_OFD_GETLK;
}

#define WRAPPED(name)                                               \
    int name(int file, int command, ...)                            \
    {                                                               \
        static int (*real)(int, int, ...);                          \
        va_list rest;                                               \
        va_start(rest, command);                                    \
        void *given = va_arg(rest, void *);                         \
        va_end(rest);                                               \
        if (none() && is_lock(command)) {                           \
            errno = ENOLCK;                                         \
            return -1;                                              \
        }                                                           \
        if (!real)                                                  \
            real = (int (*)(int, int, ...))dlsym(RTLD_NEXT, #name); \
        return real(file, command, given);                          \
    }

WRAPPED(fcntl)
WRAPPED(fcntl64)
