// SPDX-License-Identifier: MIT
// x86-64: what the kernel needs of ACPI: interrupt controllers, the timer to calibrate by, and how to switch off.
//
// Reads RSDP, RSDT or XSDT, MADT and FADT once at boot, before their memory can be given away, into `acpi`. The DSDT is
// not interpreted: the \_S5 package is found by its encoding. Numbers in comments are sections of ACPI 6.4.
// Without tables the values of a PC remain: one I/O APIC at 0xfec00000, ISA lines as they always were.
#include "x86.h"

struct acpi_info acpi;

struct rsdp {  // 5.2.5.3
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt, length;
    uint64_t xsdt;
} __attribute__((packed));

struct table {  // 5.2.6
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

struct address {  // 5.2.3.2
    uint8_t space, bits, bit_offset, access;
    uint64_t address;
} __attribute__((packed));
enum { SPACE_MEMORY = 0, SPACE_PORT = 1 };

struct fadt {  // 5.2.9
    struct table header;
    uint32_t facs, dsdt;
    uint8_t skipped_0[20];
    uint32_t pm1a_control, pm1b_control, pm2_control, pm_timer;
    uint8_t skipped_1[32];
    uint32_t flags;
    struct address reset;
    uint8_t reset_value, skipped_2[11];
    uint64_t dsdt_64;
    uint8_t skipped_3[96];
    struct address sleep_control;
} __attribute__((packed));
_Static_assert(offsetof(struct fadt, pm1a_control) == 64 && offsetof(struct fadt, flags) == 112, "ACPI");
_Static_assert(offsetof(struct fadt, dsdt_64) == 140 && offsetof(struct fadt, sleep_control) == 244, "ACPI");
enum { FADT_TIMER_32 = 1 << 8, FADT_RESET = 1 << 10, FADT_HARDWARE_REDUCED = 1 << 20 };

struct madt_entry {  // 5.2.12
    uint8_t type, length;
    union {
        struct {
            uint8_t id, zero;
            uint32_t address, first_line;
        } __attribute__((packed)) io_apic;
        struct {
            uint8_t bus, source;
            uint32_t line;
            uint16_t flags;
        } __attribute__((packed)) line;
    };
} __attribute__((packed));
enum { MADT_ENTRIES = 44, MADT_IO_APIC = 1, MADT_OVERRIDE = 2 };
enum { MADT_LOW = 3, MADT_LEVEL = 3 << 2 };  // 5.2.12.5; 0 means as usual for the bus, which for ISA is high and edge

static bool same(const char *a, const char *b, unsigned n) { return __builtin_memcmp(a, b, n) == 0; }

// A table by its physical address, or NULL if it is not all within the direct map.
static const struct table *table_at(uint64_t pa)
{
    if (!pa || !paging_reaches(pa, sizeof(struct table))) return NULL;
    const struct table *t = arch_direct((paddr_t){pa});
    return t->length >= sizeof(*t) && paging_reaches(pa, t->length) ? t : NULL;
}

static const struct table *find_table(const struct rsdp *rsdp, const char *signature)
{
    bool wide = rsdp->revision >= 2 && rsdp->xsdt;
    const struct table *root = table_at(wide ? rsdp->xsdt : rsdp->rsdt);
    if (!root) return NULL;
    unsigned size = wide ? 8 : 4;
    for (unsigned at = sizeof(*root); at + size <= root->length; at += size) {
        const void *p = (const char *)root + at;
        uint64_t pa = wide ? *(const uint64_t *)p : *(const uint32_t *)p;
        const struct table *t = table_at(pa);
        if (t && same(t->signature, signature, 4)) return t;
    }
    return NULL;
}

static void read_madt(const struct table *madt)
{
    acpi.n_io_apics = 0;
    for (unsigned at = MADT_ENTRIES; at + 2 <= madt->length;) {
        const struct madt_entry *e = (const struct madt_entry *)((const char *)madt + at);
        if (e->length < 2) break;
        if (e->type == MADT_IO_APIC && acpi.n_io_apics < IO_APICS) {
            acpi.io_apics[acpi.n_io_apics++] = (struct acpi_io_apic){e->io_apic.address, e->io_apic.first_line};
        }
        if (e->type == MADT_OVERRIDE && e->line.line < IRQ_LINES) {
            acpi.line_flags[e->line.line] = (uint8_t)(((e->line.flags & MADT_LOW) == MADT_LOW ? LINE_LOW : 0) |
                                                      ((e->line.flags & MADT_LEVEL) == MADT_LEVEL ? LINE_LEVEL : 0));
        }
        at += e->length;
    }
}

// \_S5 is Name(_S5_, Package(n) {a, b, ...}): its bytes are "_S5_", PackageOp, a length, n, and the values, each a
// ByteConst or the opcode of 0 or 1 (20.2.2, 20.2.5).
static void read_s5(const struct table *dsdt)
{
    enum { PACKAGE = 0x12, BYTE = 0x0a, SHORTEST = 9 };
    const uint8_t *p = (const uint8_t *)(dsdt + 1), *end = p + dsdt->length - sizeof(*dsdt);
    for (; p + SHORTEST <= end; p++) {
        if (!same((const char *)p, "_S5_", 4) || p[4] != PACKAGE) continue;
        p += 5;
        p += (*p >> 6) + 2;  // the length's own bytes, the count
        if (*p == BYTE) p++;
        acpi.sleep_off_a = *p++;
        if (*p == BYTE) p++;
        acpi.sleep_off_b = *p;
        return;
    }
}

static void read_fadt(const struct fadt *fadt)
{
    acpi.pm_timer_32 = fadt->flags & FADT_TIMER_32;
    if (!(fadt->flags & FADT_HARDWARE_REDUCED)) {
        acpi.pm_timer_port = fadt->pm_timer;
        acpi.pm1a_port = fadt->pm1a_control;
        acpi.pm1b_port = fadt->pm1b_control;
    } else if (fadt->header.length >= sizeof(*fadt)) {
        acpi.sleep_address = fadt->sleep_control.address;
        acpi.sleep_is_port = fadt->sleep_control.space == SPACE_PORT;
    }
    if (fadt->flags & FADT_RESET && fadt->header.length > offsetof(struct fadt, reset_value)) {
        acpi.reset_address = fadt->reset.address;
        acpi.reset_is_port = fadt->reset.space == SPACE_PORT;
        acpi.reset_value = fadt->reset_value;
    }
    bool wide = fadt->header.length >= offsetof(struct fadt, dsdt_64) + 8 && fadt->dsdt_64;
    const struct table *dsdt = table_at(wide ? fadt->dsdt_64 : fadt->dsdt);
    if (dsdt) read_s5(dsdt);
}

static const struct rsdp *find_rsdp(void)
{
    for (uint64_t pa = 0xe0000; pa < 0x100000; pa += 16) {
        const struct rsdp *rsdp = arch_direct((paddr_t){pa});
        if (same(rsdp->signature, "RSD PTR ", 8)) return rsdp;
    }
    return NULL;
}

void acpi_init(uint64_t rsdp_pa)
{
    acpi.n_io_apics = 1;
    acpi.io_apics[0] = (struct acpi_io_apic){0xfec00000, 0};
    for (unsigned line = 16; line < IRQ_LINES; line++) acpi.line_flags[line] = LINE_LEVEL | LINE_LOW;  // PCI

    const struct rsdp *rsdp = rsdp_pa ? arch_direct((paddr_t){rsdp_pa}) : find_rsdp();
    if (!rsdp || !same(rsdp->signature, "RSD PTR ", 8)) return;
    const struct table *madt = find_table(rsdp, "APIC"), *fadt = find_table(rsdp, "FACP");
    if (madt) read_madt(madt);
    if (fadt) read_fadt((const struct fadt *)fadt);
}
