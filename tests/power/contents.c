/* What is recorded of contents: what is written, cut off and forced onto the disk. See recorder.h. */
#include "recorder.h"

/* What is written. The data are read back from the file: that is the same for all calls. */

static void wrote(int log, int fd, const struct stat *stat, const char *path, off_t offset, ssize_t size)
{
    int kept = errno;
    char link[64], *data = malloc(size), *there = data;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int file = syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0); /* fd itself may be for writing only */
    must(file >= 0 && data, "recorder: a file that is written cannot be read");
    for (off_t rest = size; rest;) {
        ssize_t got = syscall(SYS_pread64, file, there, rest, offset + (there - data));
        must(got > 0, "recorder: what was written cannot be read");
        there += got;
        rest -= got;
    }
    syscall(SYS_close, file);
    note(log, 'w', stat->st_ino, offset, path, "", data, size);
    free(data);
    errno = kept;
}

#define WRITING(fd, at, call) \
    char path[PATH_MAX]; \
    struct stat stat; \
    if (!known(fd, &stat, path)) \
        return call; \
    int log = lock(); \
    ssize_t size = call; \
    if (size > 0) \
        wrote(log, fd, &stat, path, at, size); \
    unlock(log); \
    return size;

static off_t behind(int fd, ssize_t size) { return syscall(SYS_lseek, fd, 0, SEEK_CUR) - size; }

static off_t given_or_end(int fd, off_t given, ssize_t size) /* a descriptor that appends does so wherever it is told to write */
{
    struct stat stat;
    return fcntl(fd, F_GETFL) & O_APPEND && !fstat(fd, &stat) ? stat.st_size - size : given;
}

ssize_t write(int fd, const void *data, size_t length)
{
    WRITING(fd, behind(fd, size), syscall(SYS_write, fd, data, length))
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    WRITING(fd, behind(fd, size), syscall(SYS_writev, fd, parts, count))
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
    WRITING(fd, given_or_end(fd, offset, size), syscall(SYS_pwrite64, fd, data, length, offset))
}

ssize_t pwrite64(int fd, const void *data, size_t length, off_t offset) { return pwrite(fd, data, length, offset); }

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    WRITING(fd, offset < 0 ? behind(fd, size) : given_or_end(fd, offset, size),
            syscall(SYS_pwritev2, fd, parts, count, offset, 0L, flags))
}

ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    return pwritev2(fd, parts, count, offset, flags);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev2(fd, parts, count, offset, 0); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev2(fd, parts, count, offset, 0); }

ssize_t sendfile(int fd, int from, off_t *offset, size_t length)
{
    WRITING(fd, behind(fd, size), syscall(SYS_sendfile, fd, from, offset, length))
}

ssize_t sendfile64(int fd, int from, off_t *offset, size_t length) { return sendfile(fd, from, offset, length); }

ssize_t copy_file_range(int from, off_t *begin, int fd, off_t *offset, size_t length, unsigned flags)
{
    WRITING(fd, offset ? *offset - size : behind(fd, size),
            syscall(SYS_copy_file_range, from, begin, fd, offset, length, flags))
}

/* Sizes. */

static int sized(int fd, int result, int log, const struct stat *stat, const char *path)
{
    struct stat now;
    if (!result && !fstat(fd, &now))
        note(log, 't', stat->st_ino, now.st_size, path, "", 0, 0);
    unlock(log);
    return result;
}

#define SIZING(call) \
    char path[PATH_MAX]; \
    struct stat stat; \
    if (!known(fd, &stat, path)) \
        return call; \
    int log = lock(); \
    return sized(fd, call, log, &stat, path);

int ftruncate(int fd, off_t size) { SIZING(syscall(SYS_ftruncate, fd, size)) }
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }
int fallocate(int fd, int mode, off_t offset, off_t size) { SIZING(syscall(SYS_fallocate, fd, mode, offset, size)) }
int fallocate64(int fd, int mode, off_t offset, off_t size) { return fallocate(fd, mode, offset, size); }

int posix_fallocate(int fd, off_t offset, off_t size) { return fallocate(fd, 0, offset, size) ? errno : 0; }
int posix_fallocate64(int fd, off_t offset, off_t size) { return posix_fallocate(fd, offset, size); }

int truncate(const char *given, off_t size)
{
    int fd = syscall(SYS_openat, AT_FDCWD, given, O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int result = ftruncate(fd, size);
    syscall(SYS_close, fd);
    return result;
}

int truncate64(const char *given, off_t size) { return truncate(given, size); }

void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
    char path[PATH_MAX];
    struct stat stat;
    void *found = (void *)syscall(SYS_mmap, at, length, protection, flags, fd, offset);
    if (found != MAP_FAILED && flags & MAP_SHARED && protection & PROT_WRITE && fd >= 0 && known(fd, &stat, path)) {
        int log = lock();
        note(log, 'm', stat.st_ino, 0, path, "", 0, 0);
        unlock(log);
    }
    return found;
}

void *mmap64(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
    return mmap(at, length, protection, flags, fd, offset);
}

/* What is forced. */

static int forced(int fd, long call, char whole)
{
    char path[PATH_MAX];
    struct stat stat;
    if (!known(fd, &stat, path))
        return syscall(call, fd);
    int log = lock();
    note(log, 'f', stat.st_ino, whole, path, "", 0, 0);
    unlock(log);
    int result = syscall(call, fd);
    if (!result) {
        log = lock();
        note(log, 'F', stat.st_ino, whole, path, "", 0, 0);
        unlock(log);
    }
    return result;
}

int fsync(int fd) { return forced(fd, SYS_fsync, 1); }
int fdatasync(int fd) { return forced(fd, SYS_fdatasync, 0); }
