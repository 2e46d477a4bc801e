// SPDX-License-Identifier: MIT
// The process server: its start, its table of operations, and who a request comes from.
//
// README.md says what it is for; proc.h and memory.h say who does what. Each request, fault, notice and tick is one
// transaction on the vault.
#include "servers/proc/procfs.h"
#include "protocols/supervisor.h"

#define VERSION 2
#define PAGES_A_CHUNK 8  // how full chunks are on average, for sizing the table

struct state *state;

struct process *caller(const struct request *request)
{
    struct process *process = process_at(BADGE_SLOT(request->badge));
    bool valid = process && process->generation == BADGE_GENERATION(request->badge) && process->life == PROCESS_LIVE;
    return valid ? process : NULL;
}

struct thread *thread_of(struct process *process, uint64_t area)
{
    struct thread *thread = process->threads;
    while (thread && thread->area != area) thread = thread->next;
    return thread;
}

// --- operations

static const server_handler operations[] = {
#define HANDLER(operation, handler) [(operation)-PROC_SESSION] = (handler)
    HANDLER(PROC_SESSION, proc_session),
    HANDLER(PROC_DESCRIPTIONS, proc_descriptions),
    HANDLER(PROC_TABLES, proc_tables),
    HANDLER(PROC_MMAP, proc_mmap),
    HANDLER(PROC_MUNMAP, proc_munmap),
    HANDLER(PROC_MPROTECT, proc_mprotect),
    HANDLER(PROC_MREMAP, proc_mremap),
    HANDLER(PROC_BRK, proc_brk),
    HANDLER(PROC_LOAD, proc_load),
    HANDLER(PROC_MADVISE, proc_madvise),
    HANDLER(PROC_MINCORE, proc_mincore),
    HANDLER(PROC_FORK, proc_fork),
    HANDLER(PROC_CREATE, proc_create),
    HANDLER(PROC_START, proc_start),
    HANDLER(PROC_EXEC, proc_exec),
    HANDLER(PROC_EXIT, proc_exit),
    HANDLER(PROC_THREAD_EXIT, proc_thread_exit),
    HANDLER(PROC_NOTIFICATION, proc_notification),
    HANDLER(PROC_WAIT, proc_wait),
    HANDLER(PROC_WAIT_VFORK, proc_wait_vfork),
    HANDLER(PROC_KILL, proc_kill),
    HANDLER(PROC_TKILL, proc_tkill),
    HANDLER(PROC_QUEUE, proc_queue),
    HANDLER(PROC_SIGNAL_TAKE, proc_signal_take),
    HANDLER(PROC_SIGNAL_PENDING, proc_signal_pending),
    HANDLER(PROC_SIGNAL_CHANGED, proc_signal_changed),
    HANDLER(PROC_STARTED, proc_started),
    HANDLER(PROC_TIMER, proc_timer),
    HANDLER(PROC_SETPGID, proc_setpgid),
    HANDLER(PROC_GETPGID, proc_getpgid),
    HANDLER(PROC_SETSID, proc_setsid),
    HANDLER(PROC_GETSID, proc_getsid),
    HANDLER(PROC_SETIDS, proc_setids),
    HANDLER(PROC_SETUID_LIKE, proc_setuid_like),
    HANDLER(PROC_SETGROUPS, proc_setgroups),
    HANDLER(PROC_GETGROUPS, proc_getgroups),
    HANDLER(PROC_RLIMIT, proc_rlimit),
    HANDLER(PROC_PRIORITY, proc_priority),
    HANDLER(PROC_RUSAGE, proc_rusage),
    HANDLER(PROC_CHROOT, proc_chroot),
    HANDLER(PROC_NAME, proc_name),
    HANDLER(PROC_SYSINFO, proc_sysinfo),
    HANDLER(PROC_HOSTNAME, proc_hostname),
    HANDLER(PROC_REBOOT, proc_reboot),
    HANDLER(PROC_FUTEX_WAIT, proc_futex_wait),
    HANDLER(PROC_FUTEX_WAKE, proc_futex_wake),
    HANDLER(PROC_SETTIME, proc_settime),
};

static const server_handler channel_operations[] = {
    [PROC_SESSION_CLOSED - PROC_SESSION_CLOSED] = proc_session_closed,
    [PROC_TTY_SIGNAL - PROC_SESSION_CLOSED] = proc_tty_signal,
    [PROC_TTY_OWNED - PROC_SESSION_CLOSED] = proc_tty_owned,
};

// --- events

// A process has let go of its session with us, or is gone: the first capability is of no use any more.
static bool session_gone(uint64_t badge)
{
    if (!io_session_gone(badge)) return false;
    struct process *process = process_at(BADGE_SLOT(badge));
    if (process && process->generation == BADGE_GENERATION(badge)) process_session_gone(process, SERVER_PROC);
    return true;
}

static void tick(void)
{
    static bool has_looked;
    if (!state->init) init_start();
    if (!has_looked) exits_look_again();
    has_looked = true;
    signals_send_later();
    space_reap();
    timers_run(server_now());
    timers_arm();
}

static void effect_power(uint64_t action, uint64_t code, uint64_t c)
{
    (void)c;
    struct message m = {.info = INFO(SUPERVISOR_POWER, 2, 0), .words = {action, code}};
    (void)ipc_call(SLOT_SUPERVISOR, &m);
}

static const server_effect_handler effects[EFFECT_COUNT] = {
    [EFFECT_PUBLISH] = table_publish, [EFFECT_POWER] = effect_power,   [EFFECT_KILL] = effect_kill,
    [EFFECT_UPDATE] = effect_update,  [EFFECT_FAULTS] = effect_faults,
};

static bool check(void)
{
    const struct table *tables[] = {&state->processes, &state->threads, &state->kits,   &state->spaces, &state->regions,
                                    &state->sources,   &state->shareds, &state->chunks, &state->signals};
    for (unsigned i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (!table_check(tables[i])) return false;
    for (uint32_t i = 0; i < state->threads.n_fresh; i++) {
        const struct thread *thread = table_at(&state->threads, i);
        if (thread && (!table_holds(&state->processes, thread->process) || !table_holds(&state->threads, thread->next)))
            return false;
    }
    return io_check();
}

static struct server server = {
    .session = {SERVER_OPERATIONS(PROC_SESSION, operations)},
    .channel = {SERVER_OPERATIONS(PROC_SESSION_CLOSED, channel_operations)},
    .fault = proc_fault,
    .tick = tick,
    .description_gone = io_description_gone,
    .session_gone = session_gone,
    .usage = io_usage,
    .audit = audit,
    .wake = wake_all,
    .check = check,
    .effects = effects,
    .n_effects = EFFECT_COUNT,
    .recv_caps = 1,
    .n_deferred = 128,
};

// Kernel objects are what bounds processes: blocks for the process and for its space.
static uint32_t processes_that_fit(void)
{
    uint32_t n = state->n_blocks / 2;
    return n < PROCESS_SLOTS ? n : PROCESS_SLOTS;
}

static void init(void *memory)
{
    state = memory;
    pages_init();
    blocks_init();
    uint32_t n = processes_that_fit();
    table_init(&state->processes, sizeof(struct process), n);
    table_init(&state->spaces, sizeof(struct space), n);
    table_init(&state->threads, sizeof(struct thread), 2 * n);
    table_init(&state->kits, sizeof(struct kit), 6 * n);
    table_init(&state->signals, sizeof(struct queued_signal), 4 * n);
    table_init(&state->sources, sizeof(struct source), 8 * n);
    table_init(&state->shareds, sizeof(struct shared), n);
    table_init(&state->regions, sizeof(struct region), 16 * n);
    state->chunk_buckets = vault_alloc(sizeof(struct chunk *) << CHUNK_BUCKET_BITS);
    vault_keep(&state->chunk_buckets, sizeof state->chunk_buckets);
    procfs_init();
    size_t left = vault_available(), one = table_bytes(sizeof(struct chunk), 1);
    uint32_t most = state->pages.n / PAGES_A_CHUNK * 4, fit = (uint32_t)(left / one);
    table_init(&state->chunks, sizeof(struct chunk), fit < most ? fit : most);
    string_copy(state->hostname, sizeof state->hostname, "bulkhead");
}

int component_main(const struct component_info *info)
{
    (void)info;
    if (!info->pool_mapped) panic("the pool must be mapped");
    state = server_attach(sizeof *state, VERSION, init, NULL);
    io_attach(&state->io, &procfs_server);
    memcpy(&server.session[1], procfs_operations, sizeof procfs_operations);
    image_attach();
    table_attach();
    server_wake_at(0);  // the first tick starts the first process
    server_run(&server);
}
