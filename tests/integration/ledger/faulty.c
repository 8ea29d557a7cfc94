/* A disk that fails: while a file is there, what is asked of the ledger's files ends in EIO, or takes as long as the file
 * is there. The file says what: `write`, `sync` or `hang`. Loaded before the C library. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int is_ledger(int file) {
    char link[64], name[4096] = {0};
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    return readlink(link, name, sizeof name - 1) > 0 && strstr(name, "/ledger.db");
}

static int trouble_is(const char *what) {
    const char *path = getenv("SANDCLOCK_TEST_TROUBLE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    char text[16] = {0};
    long length = syscall(SYS_read, file, text, sizeof text - 1);
    close(file);
    return length > 0 && strcmp(text, what) == 0;
}

static int fails(int file, const char *what) {
    if (!is_ledger(file) || !trouble_is(what)) return 0;
    errno = EIO;
    return 1;
}

static void hangs(int file) {
    const struct timespec moment = {0, 5000000};
    while (is_ledger(file) && trouble_is("hang")) nanosleep(&moment, NULL);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at) {
    return fails(file, "write") ? -1 : syscall(SYS_pwrite64, file, bytes, length, at);
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t at) {
    return pwrite64(file, bytes, length, at);
}

ssize_t write(int file, const void *bytes, size_t length) {
    return fails(file, "write") ? -1 : syscall(SYS_write, file, bytes, length);
}

int fsync(int file) {
    hangs(file);
    return fails(file, "sync") ? -1 : (int)syscall(SYS_fsync, file);
}

int fdatasync(int file) {
    hangs(file);
    return fails(file, "sync") ? -1 : (int)syscall(SYS_fdatasync, file);
}
