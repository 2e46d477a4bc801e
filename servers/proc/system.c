// SPDX-License-Identifier: MIT
// What concerns the whole system: names, figures, the clock, switching off; and small facts about a process.
#include "servers/proc/proc.h"
#include "protocols/supervisor.h"
#include <linux/reboot.h>
#include <linux/sysinfo.h>

err_t proc_chroot(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    if (!process || process->ids.euid != 0) return ERR_LINUX(EPERM);
    process->root = request->words[0];
    process_changed(process);
    return OK;
}

err_t proc_name(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    if (!process || request->n_words < MSG_REGISTERS + COMM_BYTES / 8) return ERR_INVALID;
    memcpy(process->comm, &request->words[MSG_REGISTERS], COMM_BYTES - 1);
    process->comm[COMM_BYTES - 1] = 0;
    return OK;
}

err_t proc_sysinfo(const struct request *request, struct answer *answer)
{
    if (!caller(request)) return ERR_INVALID;
    struct sysinfo info = {
        .uptime = (__kernel_long_t)(server_now() / 1000000000),
        .totalram = (__kernel_ulong_t)state->pages.n * PAGE_SIZE,
        .freeram = (__kernel_ulong_t)state->pages.n_free * PAGE_SIZE,
        .procs = (__u16)state->processes.n_used,
        .mem_unit = 1,
    };
    for (unsigned i = 0; i < 3; i++) info.loads[i] = state->load[i] << (SI_LOAD_SHIFT - LOAD_BITS);
    memcpy(&answer->words[MSG_REGISTERS], &info, sizeof info);
    answer->n_words = MSG_REGISTERS + sizeof info / 8;
    return OK;
}

err_t proc_hostname(const struct request *request, struct answer *answer)
{
    struct process *process = caller(request);
    size_t bytes = request->words[0];
    if (!process) return ERR_INVALID;
    if (bytes == 0) {
        size_t length = strlen(state->hostname);
        memcpy(&answer->words[MSG_REGISTERS], state->hostname, length);
        answer->words[0] = length;
        answer->n_words = MSG_REGISTERS + (unsigned)(length + 7) / 8;
        return OK;
    }
    if (process->ids.euid != 0) return ERR_LINUX(EPERM);
    if (bytes >= sizeof state->hostname || request->n_words < MSG_REGISTERS + (bytes + 7) / 8) return ERR_LINUX(EINVAL);
    memcpy(state->hostname, &request->words[MSG_REGISTERS], bytes);
    state->hostname[bytes] = 0;
    return OK;
}

void power(unsigned action, uint64_t code) { server_effect(EFFECT_POWER, action, code, 0); }

err_t proc_reboot(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    if (!process || process->ids.euid != 0) return ERR_LINUX(EPERM);
    switch ((uint32_t)request->words[0]) {
    case LINUX_REBOOT_CMD_RESTART:
    case LINUX_REBOOT_CMD_RESTART2:
        log_line("restarting, as process %u asks", process->pid);
        power(POWER_REBOOT, 0);
        return OK;
    case LINUX_REBOOT_CMD_HALT:
    case LINUX_REBOOT_CMD_POWER_OFF:
        log_line("switching off, as process %u asks", process->pid);
        power(POWER_OFF, 0);
        return OK;
    case LINUX_REBOOT_CMD_CAD_ON:
    case LINUX_REBOOT_CMD_CAD_OFF:  // there are no Ctrl-Alt-Del keys
        return OK;
    }
    return ERR_LINUX(EINVAL);
}

// The clock page is the kernel's; nobody can set it yet.
err_t proc_settime(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    return !process || process->ids.euid != 0 ? ERR_LINUX(EPERM) : ERR_LINUX(ENOSYS);
}
