/* Preloaded (LD_PRELOAD) into every process of a command: writes down, in one order, what they do to the files below a folder.
 *
 * POWER_FOLDER names the folder, as realpath gives it; POWER_LOG a file outside of it, which exists. Each operation is carried
 * out and written down while the log is locked, so the log's order is the order in which the operations happened, over all
 * threads and processes. The lock is that of a description of the log opened for this one operation: it excludes other threads
 * as well as other processes, and a process that ends gives it up. Only forcing (fsync) is not done under the lock, as it may
 * take long: its beginning and its end are two records.
 *
 * Nothing is remembered between two calls. Whether a descriptor leads below the folder, and to which file, the system says.
 * So no dup, close, fork or exec has to be followed. The calls themselves go to the kernel directly.
 *
 * A record is `struct record`, then two paths and the data; `record.py` reads it.
 */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct record {
    uint32_t kind;   /* a letter, see record.py */
    uint32_t thread;
    uint64_t inode;  /* of the file that is worked on */
    int64_t number;  /* an offset, a size, flags */
    uint32_t path, other; /* lengths of the two paths */
    uint64_t data;   /* length of what was written */
};

static char folder[PATH_MAX];
static size_t folder_length;
static const char *log_path;

__attribute__((constructor)) static void begin(void)
{
    const char *given = getenv("POWER_FOLDER"), *log = getenv("POWER_LOG");
    if (!given || !log)
        return;
    log_path = strdup(log);
    snprintf(folder, sizeof folder, "%s", given);
    folder_length = strlen(folder);
}

static int below(const char *path)
{
    return folder_length && !strncmp(path, folder, folder_length) && (!path[folder_length] || path[folder_length] == '/');
}

/* The lock, and what is written down under it. A recorder that cannot write ends the process: a gap would go unseen. */

static void must(int fine, const char *what)
{
    if (!fine) {
        perror(what);
        abort();
    }
}

static int lock(void)
{
    int log = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
    must(log >= 0, "recorder: the log cannot be opened");
    while (flock(log, LOCK_EX))
        must(errno == EINTR, "recorder: the log cannot be locked");
    return log;
}

static void unlock(int log)
{
    int kept = errno;
    flock(log, LOCK_UN); /* said aloud: a child forked meanwhile has this description as well */
    syscall(SYS_close, log);
    errno = kept;
}

static void put(int log, const void *data, size_t size)
{
    while (size) {
        ssize_t done = syscall(SYS_write, log, data, size);
        must(done > 0, "recorder: the log cannot be written");
        data = (const char *)data + done;
        size -= done;
    }
}

static void note(int log, char kind, uint64_t inode, int64_t number, const char *path, const char *other,
                 const void *data, size_t size)
{
    int kept = errno;
    struct record head = {kind, syscall(SYS_gettid), inode, number, strlen(path), strlen(other), size};
    put(log, &head, sizeof head);
    put(log, path, head.path);
    put(log, other, head.other);
    put(log, data, size);
    errno = kept;
}

/* What a descriptor and what a path leads to. */

static int path_of(int fd, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = 0;
    return length > 0;
}

static inline int known(int fd, struct stat *stat, char *path)
{
    int kept = errno;
    int found = folder_length && !fstat(fd, stat) && (S_ISREG(stat->st_mode) || S_ISDIR(stat->st_mode)) &&
                path_of(fd, path) && below(path);
    errno = kept;
    return found;
}

/* The absolute path, without links but for its last part, if it is below the folder. */
static inline int place(int directory, const char *given, char *path)
{
    char whole[PATH_MAX * 2 + 2], parent[PATH_MAX];
    int kept = errno;
    if (!folder_length || !given || strlen(given) >= PATH_MAX)
        return 0;
    if (given[0] == '/')
        strcpy(whole, given);
    else {
        if (directory == AT_FDCWD ? !getcwd(parent, sizeof parent) : !path_of(directory, parent))
            return errno = kept, 0;
        snprintf(whole, sizeof whole, "%s/%s", parent, given);
    }
    size_t length = strlen(whole);
    while (length > 1 && whole[length - 1] == '/')
        whole[--length] = 0;
    char *last = strrchr(whole, '/');
    *last = 0;
    int found = realpath(last == whole ? "/" : whole, parent) && strlen(parent) + strlen(last + 1) + 2 < PATH_MAX;
    if (found)
        sprintf(path, "%s/%s", parent, last + 1);
    errno = kept;
    return found && below(path);
}
