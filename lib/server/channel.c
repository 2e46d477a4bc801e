// SPDX-License-Identifier: MIT
// The callee's side of numbered channels: the last number and answer of each peer, in the vault.
//
// A peer is single-threaded and numbers its calls upwards, so one answer each is enough: a request with the kept
// number is a peer's second run asking again, and gets the same answer without running. A kept capability is handed out
// anew while it is still there; when the first copy was never received or has gone with the peer's
// rollback, nothing of the first run is left (that is what may be acquired by a call), and the request runs again.
#include "lib/server/vault_layout.h"

static struct channel *channel_of(const struct request *request)
{
    unsigned peer = BADGE_SLOT(request->badge);
    if (request->n_words != CHANNEL_WORDS || request->words[CHANNEL_NUMBER] == 0) return NULL;
    return peer < CHANNELS ? &vault.state->channels[peer] : NULL;
}

static _Bool capability_stands(const struct channel *channel)
{
    struct cap_identity cap;
    if (channel->cap == 0) return 1;
    return cspace_identify(SLOT_CSPACE, channel->cap, &cap) == OK && cap.type == channel->cap_type &&
           cap.badge == channel->cap_badge;
}

// A peer that has gone wrong may not use up the numbers of those who come after it.
static _Bool is_of_future(uint64_t number, const struct channel *channel)
{
    return (number - channel->number) / NUMBERS_A_STEP > STEPS_AHEAD &&
           number / NUMBERS_A_STEP > step_of_now() + STEPS_AHEAD;
}

_Bool channel_repeats(const struct request *request, struct answer *answer, err_t *err)
{
    const struct channel *channel = channel_of(request);
    uint64_t number = channel ? request->words[CHANNEL_NUMBER] : 0;
    if (!channel || (number > channel->number && !is_of_future(number, channel))) return 0;
    if (number != channel->number) {
        *err = ERR_STALE;
        return 1;
    }
    if (!capability_stands(channel)) return 0;
    *err = channel->err;
    answer->n_words = channel->n_words;
    for (uint32_t i = 0; i < channel->n_words && i < MSG_REGISTERS; i++) answer->words[i] = channel->words[i];
    answer->n_caps = channel->cap != 0;
    answer->caps[0] = channel->cap;
    return 1;
}

void channel_keep(const struct request *request, const struct answer *answer, err_t err)
{
    struct channel *channel = channel_of(request);
    if (!RECOVERY || !channel) return;
    if (answer->n_words > MSG_REGISTERS || answer->n_caps > 1)
        panic("operation %u answers a channel with more than can be kept", request->label);
    struct cap_identity cap = {0};
    if (answer->n_caps > 0) (void)cspace_identify(SLOT_CSPACE, answer->caps[0], &cap);
    channel->number = request->words[CHANNEL_NUMBER];
    channel->err = err;
    channel->n_words = answer->n_words;
    channel->cap = answer->n_caps > 0 ? answer->caps[0] : 0;
    channel->cap_type = (uint32_t)cap.type;
    channel->cap_badge = cap.badge;
    for (uint32_t i = 0; i < channel->n_words; i++) channel->words[i] = answer->words[i];
}
