// SPDX-License-Identifier: MIT
// Extended attributes: no file system here keeps any, and these calls say so. ENOSYS would make programs such as
// coreutils complain about each file.
#include "linux/linux.h"

#define UNUSED __attribute__((unused)) uint64_t

long call_setxattr(UNUSED path, UNUSED name, UNUSED value, UNUSED bytes, UNUSED flags) { return -EOPNOTSUPP; }
long call_lsetxattr(UNUSED path, UNUSED name, UNUSED value, UNUSED bytes, UNUSED flags) { return -EOPNOTSUPP; }
long call_fsetxattr(UNUSED fd, UNUSED name, UNUSED value, UNUSED bytes, UNUSED flags) { return -EOPNOTSUPP; }
long call_getxattr(UNUSED path, UNUSED name, UNUSED value, UNUSED bytes) { return -EOPNOTSUPP; }
long call_lgetxattr(UNUSED path, UNUSED name, UNUSED value, UNUSED bytes) { return -EOPNOTSUPP; }
long call_fgetxattr(UNUSED fd, UNUSED name, UNUSED value, UNUSED bytes) { return -EOPNOTSUPP; }
long call_listxattr(UNUSED path, UNUSED list, UNUSED bytes) { return -EOPNOTSUPP; }
long call_llistxattr(UNUSED path, UNUSED list, UNUSED bytes) { return -EOPNOTSUPP; }
long call_flistxattr(UNUSED fd, UNUSED list, UNUSED bytes) { return -EOPNOTSUPP; }
long call_removexattr(UNUSED path, UNUSED name) { return -EOPNOTSUPP; }
long call_lremovexattr(UNUSED path, UNUSED name) { return -EOPNOTSUPP; }
long call_fremovexattr(UNUSED fd, UNUSED name) { return -EOPNOTSUPP; }
