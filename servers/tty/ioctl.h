// SPDX-License-Identifier: MIT
// What the files of ioctls share: one call, with the data that came and the place for what goes back.
#pragma once
#include "servers/tty/tty.h"

struct ioctl {
    struct call call;
    uint32_t command;
    uint64_t argument;
    const void *in;  // as many bytes as the table says
    void *out;       // likewise, cleared
};

// --- ioctl_settings.c: TCGETS, TCSETS and their relatives
err_t settings_get(struct ioctl *io);
err_t settings_set(struct ioctl *io);
err_t settings_get2(struct ioctl *io);
err_t settings_set2(struct ioctl *io);
