/* What is recorded of names: files and folders that come to be, are renamed or removed. See recorder.h. */
#include "recorder.h"

/* Files that come to be, and those that are emptied. */

static int opened(int directory, const char *given, int flags, mode_t mode)
{
    char path[PATH_MAX];
    struct stat stat;
    if (!(flags & (O_CREAT | O_TRUNC)) || !place(directory, given, path))
        return syscall(SYS_openat, directory, given, flags, mode);
    int log = lock();
    int kept = errno, there = !lstat(path, &stat);
    errno = kept;
    int fd = syscall(SYS_openat, directory, given, flags, mode);
    if (fd >= 0 && known(fd, &stat, path)) {
        if (!there)
            note(log, 'c', stat.st_ino, 0, path, "", 0, 0);
        else if (flags & O_TRUNC)
            note(log, 't', stat.st_ino, 0, path, "", 0, 0);
    }
    unlock(log);
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) { \
        va_list more; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }

int open(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
int __open_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0); }
int __openat_2(int at, const char *path, int flags) { return opened(at, path, flags, 0); }
int __openat64_2(int at, const char *path, int flags) { return opened(at, path, flags, 0); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

/* Names. */

static int renamed(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
    char old[PATH_MAX], new[PATH_MAX];
    int leaves = place(from_at, from, old), comes = place(to_at, to, new);
    if (!leaves && !comes)
        return syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    int log = lock();
    int result = syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    if (!result)
        note(log, 'r', 0, flags, leaves ? old : "", comes ? new : "", 0, 0);
    unlock(log);
    return result;
}

int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_at, const char *from, int to_at, const char *to) { return renamed(from_at, from, to_at, to, 0); }

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
    return renamed(from_at, from, to_at, to, flags);
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
    char old[PATH_MAX], new[PATH_MAX];
    if (!place(to_at, to, new))
        return syscall(SYS_linkat, from_at, from, to_at, to, flags);
    int known = place(from_at, from, old), log = lock();
    int result = syscall(SYS_linkat, from_at, from, to_at, to, flags);
    if (!result)
        note(log, 'l', 0, 0, known ? old : "", new, 0, 0);
    unlock(log);
    return result;
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int symlinkat(const char *target, int at, const char *given)
{
    char path[PATH_MAX];
    if (!place(at, given, path))
        return syscall(SYS_symlinkat, target, at, given);
    int log = lock();
    int result = syscall(SYS_symlinkat, target, at, given);
    if (!result)
        note(log, 's', 0, 0, path, target, 0, 0);
    unlock(log);
    return result;
}

int symlink(const char *target, const char *given) { return symlinkat(target, AT_FDCWD, given); }

int unlinkat(int at, const char *given, int flags)
{
    char path[PATH_MAX];
    if (!place(at, given, path))
        return syscall(SYS_unlinkat, at, given, flags);
    int log = lock();
    int result = syscall(SYS_unlinkat, at, given, flags);
    if (!result)
        note(log, 'u', 0, 0, path, "", 0, 0);
    unlock(log);
    return result;
}

int unlink(const char *given) { return unlinkat(AT_FDCWD, given, 0); }
int rmdir(const char *given) { return unlinkat(AT_FDCWD, given, AT_REMOVEDIR); }

int remove(const char *given)
{
    int kept = errno;
    if (!unlink(given))
        return 0;
    return errno == EISDIR ? errno = kept, rmdir(given) : -1;
}

int mkdirat(int at, const char *given, mode_t mode)
{
    char path[PATH_MAX];
    struct stat stat;
    if (!place(at, given, path))
        return syscall(SYS_mkdirat, at, given, mode);
    int log = lock();
    int result = syscall(SYS_mkdirat, at, given, mode);
    if (!result && !lstat(path, &stat))
        note(log, 'd', stat.st_ino, 0, path, "", 0, 0);
    unlock(log);
    return result;
}

int mkdir(const char *given, mode_t mode) { return mkdirat(AT_FDCWD, given, mode); }
