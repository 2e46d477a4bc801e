// SPDX-License-Identifier: MIT
// Signal frames on the program's stack, in the layout of x86-64 Linux: what a handler finds and rt_sigreturn takes
// back.
//
// The frame holds all registers, the FPU state (XSAVE format with Linux's marks, or FXSAVE), the mask and the siginfo.
// What comes back from it is the program's word: it can only spoil the program.
#include <asm/sigcontext.h>
#include <linux/signal.h>
#include "linux/linux.h"

#define RED_ZONE 128
#define FXSAVE_BYTES 512
#define PAGE_FAULT_VECTOR 14
#define PAGE_FAULT_USER 4  // of its error code
#define UC_FLAGS 7         // FP_XSTATE, SIGCONTEXT_SS, STRICT_RESTORE_SS
#define DIRECTION_TRAP_RESUME 0x10500ull
#define FLAGS_FROM_PROGRAM 0x250dd5ull  // arithmetic, TF, DF, OF, NT, RF, AC, ID: what sigreturn may set

struct context {
    uint64_t flags, link;
    uint64_t stack_pointer;
    uint32_t stack_flags, zero;
    uint64_t stack_bytes;
    struct sigcontext registers;
    uint64_t mask;
};
struct signal_frame {
    uint64_t return_address;
    struct context context;
    uint8_t info[128];
};
_Static_assert(sizeof(struct sigcontext) == 256 && sizeof(struct context) == 304, "Linux ABI");
_Static_assert(sizeof(struct signal_frame) == 440, "Linux ABI");

static void cpuid(uint32_t leaf, uint32_t *a, uint32_t *b, uint32_t *c)
{
    uint32_t d;
    *a = leaf;
    *c = 0;
    __asm__ volatile("cpuid" : "+a"(*a), "=b"(*b), "+c"(*c), "=d"(d));
}

// How this CPU saves its FPU state.
void fpu_find(struct process *p)
{
    uint32_t a, b, c, low, high;
    cpuid(1, &a, &b, &c);
    p->fpu_bytes = FXSAVE_BYTES;
    p->fpu_components = 0;
    if (!(c >> 27 & 1)) return;  // OSXSAVE
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    cpuid(0xd, &a, &b, &c);
    p->fpu_components = (uint64_t)high << 32 | low;
    p->fpu_bytes = b;
}

static bool on_altstack(const struct thread *t, uint64_t sp)
{
    return t->altstack_bytes > 0 && sp > t->altstack && sp - t->altstack <= t->altstack_bytes;
}

// Save the FPU state below `sp`; its address or 0.
static uint64_t save_fpu(const struct process *p, uint64_t sp)
{
    if (!p->fpu_components) {
        uint64_t area = (sp - FXSAVE_BYTES) & ~63ull;
        return in_program(area, FXSAVE_BYTES) && fpu_save_legacy((void *)area) == 0 ? area : 0;
    }
    uint64_t area = (sp - p->fpu_bytes - sizeof(uint32_t)) & ~63ull;
    if (!in_program(area, p->fpu_bytes + sizeof(uint32_t)) || copy_zeros(area + FXSAVE_BYTES, 64) < 64) return 0;
    if (fpu_save((void *)area, p->fpu_components) != 0) return 0;
    const struct _fpx_sw_bytes mark = {.magic1 = FP_XSTATE_MAGIC1,
                                       .extended_size = p->fpu_bytes + FP_XSTATE_MAGIC2_SIZE,
                                       .xfeatures = p->fpu_components,
                                       .xstate_size = p->fpu_bytes};
    if (!copy_out(area + FXSAVE_BYTES - sizeof mark, &mark, sizeof mark)) return 0;
    return store32(area + p->fpu_bytes, FP_XSTATE_MAGIC2) ? area : 0;
}

static bool restore_fpu(const struct process *p, uint64_t area)
{
    struct _fpx_sw_bytes mark;
    if (area == 0) return true;
    if (area % 64 || !in_program(area, p->fpu_bytes)) return false;
    if (!copy_in(&mark, area + FXSAVE_BYTES - sizeof mark, sizeof mark)) return false;
    if (p->fpu_components && mark.magic1 == FP_XSTATE_MAGIC1)
        return fpu_restore((void *)area, p->fpu_components & mark.xfeatures) == 0;
    return fpu_restore_legacy((void *)area) == 0;
}

static void registers_out(struct sigcontext *to, const struct frame *f)
{
    to->r8 = f->r8, to->r9 = f->r9, to->r10 = f->r10, to->r11 = f->r11;
    to->r12 = f->r12, to->r13 = f->r13, to->r14 = f->r14, to->r15 = f->r15;
    to->rdi = f->rdi, to->rsi = f->rsi, to->rbp = f->rbp, to->rbx = f->rbx;
    to->rdx = f->rdx, to->rax = f->rax, to->rcx = f->rcx, to->rsp = f->rsp;
    to->rip = f->rip;
    to->eflags = f->rflags;
    __asm__("mov %%cs, %0" : "=r"(to->cs));
    __asm__("mov %%ss, %0" : "=r"(to->ss));
    // The thread's last fault, whatever signal this is.
    const struct utcb *utcb = rt_utcb();
    bool page = utcb->fault_kind == FAULT_KIND_PAGE;
    to->trapno = page ? PAGE_FAULT_VECTOR : utcb->fault_kind == FAULT_KIND_EXCEPTION ? utcb->fault_address : 0;
    to->err = utcb->fault_code | (page ? PAGE_FAULT_USER : 0);
    to->cr2 = page ? utcb->fault_address : 0;
}

static void registers_in(struct frame *f, const struct sigcontext *from)
{
    f->r8 = from->r8, f->r9 = from->r9, f->r10 = from->r10, f->r11 = from->r11;
    f->r12 = from->r12, f->r13 = from->r13, f->r14 = from->r14, f->r15 = from->r15;
    f->rdi = from->rdi, f->rsi = from->rsi, f->rbp = from->rbp, f->rbx = from->rbx;
    f->rdx = from->rdx, f->rax = from->rax, f->rcx = from->rcx, f->rsp = from->rsp;
    f->rip = from->rip;
    f->rflags = (from->eflags & FLAGS_FROM_PROGRAM) | 0x202;
}

// Build a frame and point the registers at the handler. False: no place, or the action has no way back.
bool signal_frame(struct frame *frame, int signal, const void *info, const struct action *action, uint64_t old_mask)
{
    struct thread *t = self();
    struct process *p = process();
    if (!(action->flags & SA_RESTORER)) return false;
    bool switches = action->flags & SA_ONSTACK && t->altstack_bytes > 0 && !on_altstack(t, frame->rsp);
    uint64_t sp = switches ? t->altstack + t->altstack_bytes : frame->rsp - RED_ZONE;
    uint64_t fpu = save_fpu(p, sp);
    if (!fpu) return false;
    struct signal_frame s = {
        .return_address = action->restorer,
        .context = {.flags = UC_FLAGS,
                    .stack_pointer = t->altstack,
                    .stack_bytes = t->altstack_bytes,
                    .stack_flags = t->altstack_bytes == 0       ? SS_DISABLE
                                   : on_altstack(t, frame->rsp) ? SS_ONSTACK
                                                                : t->altstack_flags,
                    .mask = old_mask},
    };
    registers_out(&s.context.registers, frame);
    s.context.registers.fpstate = (void *)fpu;
    memcpy(s.info, info, sizeof s.info);
    sp = ((fpu - sizeof s) & ~15ull) - 8;
    if (!copy_out(sp, &s, sizeof s)) return false;
    frame->rdi = (uint64_t)signal;
    frame->rsi = sp + offsetof(struct signal_frame, info);
    frame->rdx = sp + offsetof(struct signal_frame, context);
    frame->rax = 0;
    frame->rip = action->handler;
    frame->rsp = sp;
    frame->rflags &= ~DIRECTION_TRAP_RESUME;
    if (switches && t->altstack_flags & SS_AUTODISARM) t->altstack_bytes = 0;
    return true;
}

long call_rt_sigreturn(void)
{
    struct frame *frame = frame_here();
    struct signal_frame s;
    uint64_t at = frame->rsp - 8;  // the handler's return took the return address
    frame->call = (uint64_t)NO_CALL;
    if (!copy_in(&s, at, sizeof s) || !restore_fpu(process(), (uint64_t)s.context.registers.fpstate)) {
        force_signal(frame, &(struct siginfo){.si_signo = SIGSEGV, .si_code = SI_KERNEL}, "bad signal frame");
        return (long)frame->rax;
    }
    registers_in(frame, &s.context.registers);
    if (self()->altstack_flags & SS_AUTODISARM) {
        self()->altstack = s.context.stack_pointer;
        self()->altstack_bytes = s.context.stack_bytes;
    }
    mask_set(s.context.mask);
    return (long)frame->rax;
}

long call_sigaltstack(uint64_t user, uint64_t user_old)
{
    struct thread *t = self();
    uint64_t sp = frame_here()->rsp;
    struct {
        uint64_t pointer;
        uint32_t flags, zero;
        uint64_t bytes;
    } new, old = {t->altstack,
                  t->altstack_bytes == 0 ? SS_DISABLE
                  : on_altstack(t, sp)   ? SS_ONSTACK
                                         : t->altstack_flags,
                  0, t->altstack_bytes};
    if (user) {
        if (!copy_in(&new, user, sizeof new)) return -EFAULT;
        if (on_altstack(t, sp)) return -EPERM;
        if (new.flags & ~(SS_DISABLE | SS_AUTODISARM | SS_ONSTACK)) return -EINVAL;
        bool off = new.flags &SS_DISABLE;
        if (!off && new.bytes < MINSIGSTKSZ) return -ENOMEM;
        t->altstack = off ? 0 : new.pointer;
        t->altstack_bytes = off ? 0 : new.bytes;
        t->altstack_flags = off ? 0 : new.flags &SS_AUTODISARM;
    }
    return user_old && !copy_out(user_old, &old, sizeof old) ? -EFAULT : 0;
}
