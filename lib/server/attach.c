// SPDX-License-Identifier: MIT
// How an instance comes to its state: a fresh vault, its predecessor's, or that of an earlier version.
//
// First start, restart and update are one path. A found vault is checked, what its predecessor did not finish is
// undone, and when its layout is another version's, the server's migration changes it. The migration's stores stay in the
// undo log below those of the first step, and become final with that step's commit: until then a death undoes both,
// and the old version may come back and run the very same request. The supervisor is told before it is final
// (SUPERVISOR_CONFIRM), so that it never gives the old version a vault that it cannot read.
#include "lib/server/vault_layout.h"
#include "protocols/supervisor.h"

static _Bool restarted;

_Bool server_restarted(void) { return restarted; }

_Noreturn void server_fail(const char *reason)
{
    log_line("this vault cannot be worked with: %s", reason);
    struct message m = {.info = INFO(SUPERVISOR_FAILED, 0, 0)};
    err_t err = ipc_call(SLOT_SUPERVISOR, &m);  // ends with this instance
    panic("the supervisor does not know what to do: %s", err_name(err));
}

// What is wrong, or null.
static const char *take_over(uint32_t version, server_migration migrate)
{
    struct vault_header *header = vault.header;
    const char *wrong = vault_check(rt_info()->cspace_slots);
    if (wrong) return wrong;
    if (header->phase == STEP_COMMITTED)
        header->n_migrated = 0;
    else if (header->phase == STEP_RUNNING || header->n_migrated > 0)
        vault_unwind();
    vault_put_right();
    wrong = vault_check_state(rt_info()->cspace_slots);
    if (wrong || vault.state->version == version) return wrong;
    if (header->phase == STEP_COMMITTED || !migrate) return "it is of another version";
    log_line("the vault is of version %lu, this program of version %u", vault.state->version, version);
    return vault_migrate(version, migrate) ? NULL : "it is of a version that cannot be taken over";
}

void *server_attach(size_t state_bytes, uint32_t version, void (*init)(void *state), server_migration migrate)
{
    const struct component_info *info = rt_info();
    restarted = vault_open((void *)COMPONENT_VAULT_ADDRESS, info->vault_bytes);
    if (restarted) {
        const char *wrong = take_over(version, migrate);
        if (wrong) server_fail(wrong);
    } else {
        vault_format(info->cspace_slots, step_of_now());
        vault.state->root = vault_alloc(state_bytes);
        init(vault.state->root);
        vault_finish(version);
    }
    vault_start_logging();
    mapping_restore();
    return vault.state->root;
}
