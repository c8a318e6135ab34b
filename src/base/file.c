#include "base/file.h"

#include <errno.h>
#include <unistd.h>

#include "base/chaos.h"

/* May another call follow this result?  Adds it to *done; *failed: what to return. */
static bool go_on(ssize_t r, size_t *done, bool *failed)
{
    *failed = r < 0 && errno != EINTR;
    if (r > 0)
        *done += (size_t)r;
    return r > 0 || (r < 0 && errno == EINTR);
}

static ssize_t interrupted(void)
{
    errno = EINTR;
    return -1;
}

ssize_t file_pread(int fd, void *buf, size_t n, off_t offset)
{
    size_t done = 0;
    bool failed = false, more = true;
    while (more && done < n) {
        size_t want = chaos_io_cut(n - done);
        more = go_on(want ? pread(fd, (char *)buf + done, want, offset + (off_t)done) : interrupted(), &done, &failed);
    }
    return failed ? -1 : (ssize_t)done;
}

bool file_write(int fd, const void *buf, size_t n)
{
    size_t done = 0;
    bool failed = false, more = true;
    while (more && done < n) {
        size_t want = chaos_io_cut(n - done);
        more = go_on(want ? write(fd, (const char *)buf + done, want) : interrupted(), &done, &failed);
    }
    return done == n;
}
