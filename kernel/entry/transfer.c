// SPDX-License-Identifier: MIT
// Moving a message from one thread to another: words in registers, words in the UTCBs, capabilities.
//
// Rules:
//  - UTCB fields can change at any time: each is read once and checked then.
//  - A capability that cannot be given or placed arrives as CAP_NONE.
//  - A badged capability of the endpoint that it is sent over is unwrapped: its badge is told, no slot is used.
#include "thread.h"

// Is the message well formed, and are its capability arguments there to be given?
err_t ipc_check_message(struct thread *from, uint64_t info, bool grant)
{
    if (info & ~INFO_VALID_BITS || INFO_WORDS(info) > MSG_WORDS || INFO_CAPS(info) > MSG_CAPS) return ERR_INVALID;
    unsigned n_caps = INFO_CAPS(info);
    if (n_caps == 0) return OK;
    if (!grant) return ERR_NO_RIGHT;
    const struct utcb *utcb = thread_utcb(from);
    struct cspace_view view;
    err_t err = cspace_resolve(from, utcb->send_cspace, &view);
    for (unsigned i = 0; i < n_caps && !err; i++) {
        const struct slot *slot = view_slot(view, utcb->send_slot[i]);
        err = slot ? slot_check_derive(slot) : ERR_NO_CAP;
    }
    return err;
}

static uint32_t transfer_cap(struct slot *from, struct slot *to, ref_t endpoint, uint64_t *badge)
{
    if (!from || slot_check_derive(from)) return CAP_NONE;
    if (endpoint && from->type == CAP_ENDPOINT && from->object == endpoint && from->badge) {
        *badge = from->badge;
        return CAP_UNWRAPPED;
    }
    if (!to || to->type != CAP_EMPTY) return CAP_NONE;
    slot_derive(from, to, RIGHTS_ALL, 0);
    return CAP_PLACED;
}

static void transfer_caps(struct thread *from, struct thread *to, unsigned n_caps, ref_t endpoint)
{
    const struct utcb *in = thread_utcb(from);
    struct utcb *out = thread_utcb(to);
    struct cspace_view from_view, to_view;
    bool from_ok = !cspace_resolve(from, in->send_cspace, &from_view);
    bool to_ok = !cspace_resolve(to, out->recv_cspace, &to_view);
    for (unsigned i = 0; i < n_caps; i++) {
        uint64_t badge = 0;
        struct slot *source = from_ok ? view_slot(from_view, in->send_slot[i]) : NULL;
        uint64_t place_index = out->recv_slot[i];
        struct slot *place = to_ok ? view_slot(to_view, place_index) : NULL;
        uint32_t kind = transfer_cap(source, place, endpoint, &badge);
        if (kind == CAP_PLACED) view_note(to_view, place_index);
        out->recv_kind[i] = kind;
        out->recv_badge[i] = badge;
    }
}

// Returns the info word for the receiver.
uint64_t ipc_transfer(struct thread *from, struct thread *to, uint64_t info, ref_t endpoint, bool grant)
{
    unsigned n_words = INFO_WORDS(info), n_caps = grant ? INFO_CAPS(info) : 0;
    for (unsigned i = 0; i < MSG_REGISTERS; i++) {
        context_set_word(&to->context, i, i < n_words ? context_word(&from->context, i) : 0);
    }
    if (n_words > MSG_REGISTERS) {
        words_copy(&thread_utcb(to)->words[MSG_REGISTERS], &thread_utcb(from)->words[MSG_REGISTERS],
                   n_words - MSG_REGISTERS);
    }
    if (n_caps) transfer_caps(from, to, n_caps, endpoint);
    return INFO(INFO_LABEL(info), n_words, n_caps);
}
