// SPDX-License-Identifier: MIT
// Texts that do not fit a record of fixed size: long names and symlinks' targets, in chains of small records.
#include "fs/tmpfs/tmpfs.h"

struct text *text_new(const char *bytes, size_t n)
{
    struct text *first = NULL, **link = &first;
    for (size_t at = 0; at < n; at += TEXT_BYTES) {
        struct text *text = table_new(&fs->texts);
        if (!text) {
            text_free(first);
            return NULL;
        }
        memcpy(text->bytes, bytes + at, n - at < TEXT_BYTES ? n - at : TEXT_BYTES);
        *link = text;
        link = &text->next;
    }
    return first;
}

void text_free(struct text *text)
{
    while (text) {
        struct text *next = text->next;
        table_free(&fs->texts, text);
        text = next;
    }
}

bool text_equal(const struct text *text, const char *bytes, size_t n)
{
    for (size_t at = 0; at < n; at += TEXT_BYTES, text = text->next)
        if (memcmp(text->bytes, bytes + at, n - at < TEXT_BYTES ? n - at : TEXT_BYTES) != 0) return false;
    return true;
}

void text_copy(const struct text *text, char *to, size_t n)
{
    for (size_t at = 0; at < n; at += TEXT_BYTES, text = text->next)
        memcpy(to + at, text->bytes, n - at < TEXT_BYTES ? n - at : TEXT_BYTES);
}
