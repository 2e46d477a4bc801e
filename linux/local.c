// SPDX-License-Identifier: MIT
// Devices that need no server: /dev/null, zero, full, random, urandom. The node's permissions were checked when it was
// opened; what is left is nobody's shared state.
#include "linux/linux.h"

enum { MEMORY_MAJOR = 1, NULL_DEVICE = 3, ZERO_DEVICE = 5, FULL_DEVICE = 7, RANDOM_DEVICE = 8, URANDOM_DEVICE = 9 };

static unsigned minor_of(uint32_t device) { return (device & 0xff) | (device >> 12 & 0xfff00); }

// A device node that a file system left to us; ENXIO when we have no such device.
long local_open(struct file *file)
{
    if ((file->device >> 8 & 0xfff) != MEMORY_MAJOR) return -ENXIO;
    switch (minor_of(file->device)) {
    case NULL_DEVICE:
    case ZERO_DEVICE:
    case FULL_DEVICE:
    case RANDOM_DEVICE:
    case URANDOM_DEVICE: return 0;
    default: return -ENXIO;
    }
}

static long read_random(uint64_t user, uint64_t bytes)
{
    uint8_t piece[256];
    uint64_t done = 0;
    while (done < bytes) {
        size_t n = bytes - done < sizeof piece ? bytes - done : sizeof piece;
        random_bytes(piece, n);
        size_t part = copy_out_part(user + done, piece, n);
        done += part;
        if (part < n) break;
    }
    return done > 0 || bytes == 0 ? (long)done : -EFAULT;
}

// Read from a local device.
long local_read(struct file *file, uint64_t user, uint64_t bytes)
{
    switch (minor_of(file->device)) {
    case NULL_DEVICE: return 0;
    case ZERO_DEVICE:
    case FULL_DEVICE: {
        size_t done = copy_zeros(user, bytes);
        return done > 0 || bytes == 0 ? (long)done : -EFAULT;
    }
    default: return read_random(user, bytes);
    }
}

// Write to one: all but /dev/full swallow it.
long local_write(struct file *file, uint64_t bytes)
{
    return minor_of(file->device) == FULL_DEVICE && bytes > 0 ? -ENOSPC : (long)bytes;
}

long call_getrandom(uint64_t user, uint64_t bytes, uint64_t flags)
{
    if (flags & ~7u || (flags & 6) == 6) return -EINVAL;  // GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE
    return read_random(user, bytes < 0x1ffffff ? bytes : 0x1ffffff);
}
