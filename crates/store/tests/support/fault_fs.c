/* A file system that fails, for tests: preloaded, it lets writes to files below FAULT_DIR fail as the word in the file FAULT_WORD
 * says. The word may change while the process runs.
 *
 *   full       no space for what is written
 *   read-only  nothing may be written
 *   sync       what was written cannot be brought to the disk
 *   torn       half of what is written arrives, and then an error
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int says(const char *word)
{
    const char *path = getenv("FAULT_WORD");
    char text[16] = {0};
    int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY) : -1;
    if (file < 0)
        return 0;
    ssize_t length = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    return length > 0 && strcmp(text, word) == 0;
}

static int is_ours(int file)
{
    const char *folder = getenv("FAULT_DIR");
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (!folder || length < 0)
        return 0;
    path[length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}

/* The error of a write, 0 for none. */
static int fails(int file)
{
    if (!is_ours(file))
        return 0;
    return says("full") ? ENOSPC : says("read-only") ? EROFS : says("torn") ? EIO : 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int file, const void *octets, size_t count)
{
    int error = fails(file);
    if (error == EIO && count > 1)
        REAL(write)(file, octets, count / 2);
    if (error) {
        errno = error;
        return -1;
    }
    return REAL(write)(file, octets, count);
}

ssize_t pwrite64(int file, const void *octets, size_t count, off64_t at)
{
    int error = fails(file);
    if (error == EIO && count > 1)
        REAL(pwrite64)(file, octets, count / 2, at);
    if (error) {
        errno = error;
        return -1;
    }
    return REAL(pwrite64)(file, octets, count, at);
}

ssize_t pwrite(int file, const void *octets, size_t count, off_t at)
{
    return pwrite64(file, octets, count, at);
}

int fsync(int file)
{
    if (is_ours(file) && says("sync")) {
        errno = EIO;
        return -1;
    }
    return REAL(fsync)(file);
}

int fdatasync(int file)
{
    if (is_ours(file) && says("sync")) {
        errno = EIO;
        return -1;
    }
    return REAL(fdatasync)(file);
}
