// SPDX-License-Identifier: MIT
// What an x86-64 instruction is, as far as it is counted: prefixes, then one or two bytes of opcode.
//
// QEMU hands over whole instructions, so the bytes that an opcode promises are there; lengths are checked all the same.
#include "count.h"

enum { MARK_MAGIC = 0x42480000, MARK_MASK = 0xffff };

struct prefixes {
    bool lock, repeat, size16, wide;
};

static bool is_prefix(uint8_t byte, struct prefixes *seen)
{
    switch (byte) {
    case 0xf0: seen->lock = true; return true;
    case 0xf2:
    case 0xf3: seen->repeat = true; return true;
    case 0x66: seen->size16 = true; return true;
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
    case 0x67: return true;
    default: return false;
    }
}

// 0F xx, with the byte behind it (the mod, reg and r/m fields) where there is one.
static enum event two_byte_event(uint8_t opcode, uint8_t fields)
{
    unsigned reg = fields >> 3 & 7;
    switch (opcode) {
    case 0x01: return reg == 7 && fields < 0xc0 ? EVENT_INVLPG : EVENT_NONE;
    case 0x05: return EVENT_SYSCALL;
    case 0x07: return EVENT_SYSRET;
    case 0x22: return reg == 3 ? EVENT_CR3 : EVENT_NONE;
    case 0x30:
    case 0x32: return EVENT_MSR;
    default: return EVENT_NONE;
    }
}

static enum event one_byte_event(uint8_t opcode, uint8_t fields)
{
    if (opcode == 0xcf) return EVENT_IRET;
    if ((opcode >= 0xe4 && opcode <= 0xe7) || (opcode >= 0xec && opcode <= 0xef) || (opcode >= 0x6c && opcode <= 0x6f))
        return EVENT_PORT;
    if ((opcode == 0x86 || opcode == 0x87) && fields < 0xc0) return EVENT_ATOMIC;  // XCHG with memory locks by itself
    return EVENT_NONE;
}

static unsigned string_bytes(uint8_t opcode, const struct prefixes *prefixes)
{
    bool is_string = (opcode >= 0xa4 && opcode <= 0xa7) || (opcode >= 0xaa && opcode <= 0xaf);
    if (!is_string || !prefixes->repeat) return 0;
    if (!(opcode & 1)) return 1;
    return prefixes->wide ? 8 : prefixes->size16 ? 2 : 4;
}

static int mark_number(const uint8_t *bytes, size_t n_bytes)
{
    if (n_bytes != 7 || bytes[0] != 0x0f || bytes[1] != 0x1f || bytes[2] != 0x80) return MARK_NONE;
    uint32_t displacement = bytes[3] | bytes[4] << 8 | bytes[5] << 16 | (uint32_t)bytes[6] << 24;
    return (displacement & ~(uint32_t)MARK_MASK) == MARK_MAGIC ? (int)(displacement & MARK_MASK) : MARK_NONE;
}

struct decoded decode(const uint8_t *bytes, size_t n_bytes)
{
    struct decoded found = {EVENT_NONE, 0, mark_number(bytes, n_bytes)};
    struct prefixes prefixes = {0};
    size_t at = 0;
    while (at < n_bytes && is_prefix(bytes[at], &prefixes)) at++;
    if (at < n_bytes && (bytes[at] & 0xf0) == 0x40) prefixes.wide = bytes[at++] & 8;
    if (at == n_bytes) return found;
    uint8_t opcode = bytes[at], next = at + 1 < n_bytes ? bytes[at + 1] : 0;
    if (opcode == 0x0f)
        found.event = two_byte_event(next, at + 2 < n_bytes ? bytes[at + 2] : 0);
    else
        found.event = one_byte_event(opcode, next);
    if (prefixes.lock) found.event = EVENT_ATOMIC;
    found.string_bytes = string_bytes(opcode, &prefixes);
    return found;
}
