// SPDX-License-Identifier: MIT
// Data to and from the program: addresses are checked to be the program's, faults end in EFAULT (user.S).
#include "linux/linux.h"

size_t copy_in_part(void *to, uint64_t from, size_t n)
{
    return in_program(from, n) ? n - copy_bytes(to, (const void *)from, n) : 0;
}

size_t copy_out_part(uint64_t to, const void *from, size_t n)
{
    return in_program(to, n) ? n - copy_bytes((void *)to, from, n) : 0;
}

bool copy_in(void *to, uint64_t from, size_t n)
{
    return in_program(from, n) && copy_bytes(to, (const void *)from, n) == 0;
}

bool copy_out(uint64_t to, const void *from, size_t n)
{
    return in_program(to, n) && copy_bytes((void *)to, from, n) == 0;
}

size_t copy_zeros(uint64_t to, size_t n)
{
    static const uint8_t zeros[512];
    size_t done = 0, part = 1;
    while (done < n && part > 0) {
        part = copy_out_part(to + done, zeros, n - done < sizeof zeros ? n - done : sizeof zeros);
        done += part;
    }
    return done;
}

// Copied in pieces that do not cross a page, so that a string may end right before memory that is not there.
long copy_string(char *to, uint64_t from, size_t room)
{
    size_t n = 0;
    while (n < room) {
        size_t run = 64 - ((from + n) & 63);
        if (run > room - n) run = room - n;
        if (!copy_in(to + n, from + n, run)) return -EFAULT;
        const char *end = memchr(to + n, 0, run);
        if (end) return end - to;
        n += run;
    }
    return -ENAMETOOLONG;
}

bool load32(uint64_t address, uint32_t *value) { return copy_in(value, address, sizeof *value); }
bool store32(uint64_t address, uint32_t value) { return copy_out(address, &value, sizeof value); }
bool store64(uint64_t address, uint64_t value) { return copy_out(address, &value, sizeof value); }
