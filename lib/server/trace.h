// SPDX-License-Identifier: MIT
// The ring of the latest messages (protocols/evidence.h), on in all builds: what was asked before the server died.
#pragma once
#include "lib/server/vault_layout.h"
#include "protocols/evidence.h"

// The recorded event begins. Its entry gets the answer's error when it ends.
static inline struct trace_entry *trace_begin(const struct vault_header *header)
{
    struct trace_ring *ring = (struct trace_ring *)COMPONENT_TRACE_ADDRESS;
    const struct request *request = &header->request;
    struct trace_entry *entry = &ring->entries[ring->n++ % TRACE_ENTRIES];
    entry->time_ns = now_ns();
    entry->badge = request->badge;
    entry->word = request->words[0];
    entry->label = request->label;
    entry->err = TRACE_RUNS;
    entry->event = header->event;
    return entry;
}
