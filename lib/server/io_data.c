// SPDX-License-Identifier: MIT
// Where the data of a request lies, and where that of an answer goes: behind the sixth word, or in the session's
// buffer.
#include "lib/server/io_state.h"

const void *io_input(const struct io_session *session, const struct request *request, uint64_t flags, size_t skip,
                     size_t bytes)
{
    if (flags & IO_BUFFERED)
        return skip <= session->buffer_bytes && bytes <= session->buffer_bytes - skip ? session->buffer + skip : NULL;
    size_t room = request->n_words > MSG_REGISTERS ? (request->n_words - MSG_REGISTERS) * sizeof(uint64_t) : 0;
    return skip <= room && bytes <= room - skip ? (const uint8_t *)&request->words[MSG_REGISTERS] + skip : NULL;
}

size_t io_output_room(const struct io_session *session, uint64_t flags)
{
    return flags & IO_BUFFERED ? session->buffer_bytes : IO_INLINE;
}

void *io_output(const struct io_session *session, struct answer *answer, uint64_t flags, size_t bytes)
{
    if (bytes > io_output_room(session, flags)) return NULL;
    if (flags & IO_BUFFERED) return session->buffer;
    io_answer(answer, MSG_REGISTERS + (uint32_t)((bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t)));
    if (bytes % sizeof(uint64_t))  // its last bytes are not ours to fill
        answer->words[MSG_REGISTERS + bytes / sizeof(uint64_t)] = 0;
    return &answer->words[MSG_REGISTERS];
}

void io_answer(struct answer *answer, uint32_t n_words)
{
    if (answer->n_words < n_words) answer->n_words = n_words;
}
