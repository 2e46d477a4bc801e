// SPDX-License-Identifier: MIT
// The one place that turns errors of the kernel and of native servers into Linux's errno.
#include "linux/linux.h"

long errno_of(err_t err)
{
    if (ERR_IS_LINUX(err)) return -ERR_TO_LINUX(err);
    switch (err) {
    case OK: return 0;
    case ERR_NO_MEMORY:
    case ERR_NO_TABLES: return -ENOMEM;
    case ERR_AGAIN: return -EAGAIN;
    case ERR_TIMEOUT: return -ETIMEDOUT;
    case ERR_EVENT: return -ERESTARTSYS;
    case ERR_NO_RIGHT: return -EACCES;
    case ERR_BUSY: return -EBUSY;
    case ERR_EXISTS: return -EEXIST;
    case ERR_NOT_FOUND: return -ENOENT;
    case ERR_LIMIT: return -ENFILE;
    case ERR_NO_SYSCALL: return -ENOSYS;
    case ERR_INVALID: return -EINVAL;
    default: return -EIO;  // the server is gone, gave up, or its answer makes no sense
    }
}
