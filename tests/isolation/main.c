// SPDX-License-Identifier: MIT
// A driver that has been taken over: it tries to reach what the manifest did not give it, and reports what was refused.
//
// It has what uart3's driver has (systems/isolation.system). First its slots: what they hold must be exactly what it
// should hold, and no operation on the others, nor one that asks for more than it has, may succeed. Then instructions
// that must fault, one a life: the vault counts them, the supervisor starts the next instance, and one that lives on
// past its instruction has broken out. "isolation: escaped: ..." names what was not refused; the last line counts.
#include "lib/rt/rt.h"
#include "protocols/supervisor.h"

#define OUR_PORT 0x2e8
#define FOREIGN_PORT 0x3f8
#define FREE_SLOT 100
#define FREE_ADDRESS COMPONENT_DYNAMIC_ADDRESS

struct notes {
    uint32_t next, running;  // of the faulting attempts; running: one was under way when the last instance ended
    uint32_t refused, escaped;
};

static struct notes *notes;

static void judge(_Bool refused, const char *what)
{
    if (refused) {
        notes->refused++;
        return;
    }
    notes->escaped++;
    log_line("escaped: %s", what);
}

static void refused(err_t err, const char *what) { judge(err != OK, what); }

// --- what the slots hold

static unsigned type_expected(uint32_t slot)
{
    switch (slot) {
    case SLOT_CSPACE: return CAP_CSPACE;
    case SLOT_ASPACE: return CAP_ASPACE;
    case SLOT_LOG: return CAP_LOG;
    case SLOT_ENDPOINT:
    case SLOT_SUPERVISOR: return CAP_ENDPOINT;
    case SLOT_REPLY: return CAP_REPLY;
    case SLOT_NOTIFICATION: return CAP_NOTIFICATION;
    case SLOT_UNTYPED: return CAP_UNTYPED;
    case SLOT_CLOCK: return CAP_FRAMES;
    case SLOT_NAMED: return CAP_IOPORT;
    case SLOT_NAMED + 1: return CAP_IRQ;
    default: return CAP_EMPTY;
    }
}

static void look_at_slots(void)
{
    for (uint32_t slot = 0; slot < rt_info()->cspace_slots + 1000; slot++) {
        struct cap_identity identity;
        if (cspace_identify(SLOT_CSPACE, slot, &identity) != OK) identity.type = CAP_EMPTY;
        char what[64];
        snprintf(what, sizeof what, "slot %u holds a capability of type %lu", slot, identity.type);
        judge(identity.type == type_expected(slot), what);
    }
}

// Every operation number of every kernel object, on every slot that should be empty and beyond the cspace.
static void invoke_empty_slots(void)
{
    uint32_t worked = 0;
    for (uint32_t slot = 0; slot < rt_info()->cspace_slots + 64; slot++) {
        if (type_expected(slot) != CAP_EMPTY) continue;
        for (uint32_t operation = 0x100; operation < 0x200; operation++) {
            struct message m = {.words = {1, 1, 1, 1, 1, 1}};
            worked += rt_invoke(slot, operation, MSG_REGISTERS, &m) == OK;
        }
    }
    judge(worked == 0, "an operation on an empty slot");
}

// --- more than was given

static void try_capabilities(void)
{
    const uint32_t port = SLOT_NAMED;
    refused(cspace_derive(SLOT_CSPACE, FREE_SLOT, 0, port, RIGHTS_ALL, FOREIGN_PORT | 8u << 16), "other ports");
    refused(cspace_derive(SLOT_CSPACE, FREE_SLOT, 0, port, RIGHTS_ALL, OUR_PORT | 16u << 16), "more ports");
    refused(cspace_derive(SLOT_CSPACE, FREE_SLOT, 0, SLOT_SUPERVISOR, RIGHTS_ALL, BADGE_CHANNEL | 1),
            "another component's badge at the supervisor");
    refused(cspace_derive(SLOT_CSPACE, FREE_SLOT, SLOT_SUPERVISOR, 1, RIGHTS_ALL, 0), "a cspace of the supervisor's");
    refused(frames_map(SLOT_CLOCK, SLOT_ASPACE, FREE_ADDRESS, 0, 1, RIGHT_READ | RIGHT_WRITE), "writing the clock");
    refused(frames_map(SLOT_CLOCK, SLOT_ASPACE, FREE_ADDRESS, 1, 1, RIGHT_READ), "the page behind the clock");
    refused(frames_map(SLOT_CLOCK, SLOT_ASPACE, 0xffffffe000000000ull, 0, 1, RIGHT_READ), "mapping in the kernel");
    refused(frames_zero(SLOT_CLOCK, 0, 1), "zeroing the clock");
    struct message m = {.words = {0}};
    refused(rt_invoke(SLOT_CLOCK, FRAMES_ADDRESS, 0, &m), "a physical address");
    m = (struct message){.words = {1, FREE_SLOT}};
    refused(rt_invoke(SLOT_NAMED + 1, IRQ_CONTROL_GET, 2, &m), "another interrupt");
    m = (struct message){.words = {POWER_EXIT, 0}};
    refused(rt_invoke(SLOT_LOG, SYSTEM_POWER, 2, &m), "switching off by the log");
}

static void try_supervisor(void)
{
    struct message m = {.info = INFO(SUPERVISOR_POWER, 2, 0), .words = {POWER_EXIT, 0}};
    refused(ipc_call(SLOT_SUPERVISOR, &m), "switching off");
    m = (struct message){.info = INFO(SUPERVISOR_KILL, 2, 0), .words = {0, 1}};
    refused(ipc_call(SLOT_SUPERVISOR, &m), "killing a component");
    m = (struct message){.info = INFO(SUPERVISOR_CHANNEL_GONE, 1, 0), .words = {BADGE_CHANNEL | 1}};
    refused(ipc_call(SLOT_SUPERVISOR, &m), "cutting another component off");
    for (uint64_t slot = 0; slot <= SLOT_DYNAMIC; slot++) {
        m = (struct message){.info = INFO(SUPERVISOR_DOUBT, 1, 0), .words = {slot}};
        if (ipc_call(SLOT_SUPERVISOR, &m) == OK) refused(OK, "ending a component that it may not call");
    }
    m = (struct message){.info = INFO(SUPERVISOR_DOUBT, 1, 0), .words = {1ull << 32 | SLOT_NAMED}};
    refused(ipc_call(SLOT_SUPERVISOR, &m), "ending a component by a slot that is none");
}

// --- instructions that must fault

static void in_port(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "d"(port));
}

static void read_at(uint64_t address) { (void)*(volatile uint64_t *)address; }

static void in_own(void) { in_port(OUR_PORT); }  // the kernel gives ports by call only
static void in_foreign(void) { in_port(FOREIGN_PORT); }
static void out_foreign(void) { __asm__ volatile("outb %b0, %w1" : : "a"(0), "d"(FOREIGN_PORT)); }
static void out_reset(void) { __asm__ volatile("outb %b0, %w1" : : "a"(6), "d"(0xcf9)); }
static void out_exit(void) { __asm__ volatile("outb %b0, $0xf4" : : "a"(0)); }
static void no_interrupts(void) { __asm__ volatile("cli"); }
static void halt(void) { __asm__ volatile("hlt"); }
static void read_cr3(void) { __asm__ volatile("mov %%cr3, %%rax" : : : "rax"); }
static void write_cr3(void) { __asm__ volatile("mov %0, %%cr3" : : "r"(0ull)); }
static void write_cr4(void) { __asm__ volatile("mov %0, %%cr4" : : "r"(0ull)); }
static void read_msr(void) { __asm__ volatile("rdmsr" : : "c"(0xc0000080) : "rax", "rdx"); }
static void write_msr(void) { __asm__ volatile("wrmsr" : : "c"(0xc0000082), "a"(0), "d"(0)); }
static void load_idt(void) { __asm__ volatile("lidt (%0)" : : "r"(notes)); }
static void load_tr(void) { __asm__ volatile("ltr %w0" : : "r"(0)); }
static void invalidate(void) { __asm__ volatile("invlpg (%0)" : : "r"(notes)); }
static void interrupt(void) { __asm__ volatile("int $0x20"); }
static void read_kernel(void) { read_at(0xffffffff80000000ull); }
static void write_kernel(void) { *(volatile uint64_t *)0xffffffff80100000ull = 0; }
static void read_direct_map(void) { read_at(0xffffffe000100000ull); }
static void read_noncanonical(void) { read_at(0x800000000000ull); }
static void call_kernel(void) { ((void (*)(void))0xffffffff80000000ull)(); }
static void read_null(void) { read_at(8); }
static void read_physical(void) { read_at(0x100000); }
static void read_pool(void) { read_at(COMPONENT_POOL_ADDRESS); }
static void read_foreign(void) { read_at(COMPONENT_DYNAMIC_ADDRESS); }
static void read_behind_vault(void) { read_at(COMPONENT_VAULT_ADDRESS + rt_info()->vault_bytes); }
static void write_information(void) { *(volatile uint64_t *)COMPONENT_INFO_ADDRESS = 0; }
static void write_clock(void) { *(volatile uint64_t *)COMPONENT_CLOCK_ADDRESS = 0; }
static void write_text(void) { *(volatile uint64_t *)COMPONENT_IMAGE_ADDRESS = 0; }
static void execute_vault(void) { ((void (*)(void))COMPONENT_VAULT_ADDRESS)(); }

static const struct {
    void (*attempt)(void);
    const char *what;
} attempts[] = {
    {in_own, "inb without the kernel"},
    {in_foreign, "inb of a foreign port"},
    {out_foreign, "outb to a foreign port"},
    {out_reset, "outb to the reset register"},
    {out_exit, "outb to the exit device"},
    {no_interrupts, "cli"},
    {halt, "hlt"},
    {read_cr3, "reading CR3"},
    {write_cr3, "writing CR3"},
    {write_cr4, "writing CR4"},
    {read_msr, "rdmsr"},
    {write_msr, "wrmsr"},
    {load_idt, "lidt"},
    {load_tr, "ltr"},
    {invalidate, "invlpg"},
    {interrupt, "int 0x20"},
    {read_kernel, "reading the kernel"},
    {write_kernel, "writing the kernel"},
    {read_direct_map, "reading all of memory"},
    {read_noncanonical, "reading a non-canonical address"},
    {call_kernel, "calling the kernel"},
    {read_null, "reading page 0"},
    {read_physical, "reading a physical address"},
    {read_pool, "reading a pool"},
    {read_foreign, "reading what is not mapped"},
    {read_behind_vault, "reading behind the vault"},
    {write_information, "writing the information page"},
    {write_clock, "writing the clock page"},
    {write_text, "writing the own text"},
    {execute_vault, "executing data"},
};
#define N_ATTEMPTS (sizeof attempts / sizeof attempts[0])

int component_main(const struct component_info *info)
{
    notes = (struct notes *)COMPONENT_VAULT_ADDRESS;
    if (info->starts == 1) {
        look_at_slots();
        invoke_empty_slots();
        try_capabilities();
        try_supervisor();
    }
    if (notes->running) {
        notes->running = 0;
        judge(info->last_death == DEATH_FAULT, attempts[notes->next - 1].what);
    }
    while (notes->next < N_ATTEMPTS) {
        notes->running = 1;
        notes->next++;
        attempts[notes->next - 1].attempt();
        notes->running = 0;
        judge(0, attempts[notes->next - 1].what);
    }
    log_line("isolation: %u attempts refused, %u escaped", notes->refused, notes->escaped);
    return 0;
}
