// SPDX-License-Identifier: MIT
// Published words: how clients know that what they remember of an inode is still so (protocols/fs.h).
//
// Rules:
//  - A word moves by a plain store during the step, which is not logged: a rollback leaves it moved, and the next run
//    moves it once more. Nobody can have asked in between, and asking in vain does no harm.
//  - It moves before the answer goes out, and before file data is changed that readers of windows may see.
//  - A trail's values are taken when the answer is complete, so they include what this very step moved.
#include "fs/tmpfs/tmpfs.h"

static volatile uint64_t *words;  // written by us alone

struct trail trail;

static uint32_t word_of(const struct inode *inode) { return FS_WORD_OF(inode->number); }

// Each start moves all words: none is 0, and who remembers what was before a lost vault asks again.
void words_attach(void *memory)
{
    words = memory;
    for (uint32_t i = 0; i < FS_WORD_COUNT; i++) words[i] += 2;
}

STORES_OUTSIDE_VAULT void word_move(const struct inode *inode)
{
    volatile uint64_t *word = &words[word_of(inode)];
    __atomic_store_n(word, *word + 1, __ATOMIC_RELEASE);
}

uint64_t word_mark(const struct inode *inode) { return FS_TRAIL(word_of(inode), words[word_of(inode)]); }

STORES_OUTSIDE_VAULT void trail_answer(struct answer *answer)
{
    if (trail.n > FS_TRAIL_MAX) return;
    for (uint32_t i = 0; i < trail.n; i++) {
        uint32_t at = i < MSG_REGISTERS ? i : FS_TRAIL_LONG + i - MSG_REGISTERS;
        answer->words[at] = word_mark(trail.inodes[i]);
    }
    io_answer(answer, MSG_REGISTERS);
    if (trail.n < MSG_REGISTERS) return;
    io_answer(answer, FS_TRAIL_LONG + trail.n - MSG_REGISTERS + 1);
    answer->words[FS_TRAIL_LONG + trail.n - MSG_REGISTERS] = 0;
}

HANDLER(op_words)
{
    err_t err = request_begin(request);
    if (err != OK) return err;
    if (!fs->words) {
        uint32_t slot = slot_alloc();
        if (!slot || cspace_derive(SLOT_CSPACE, slot, 0, cap_named("words"), RIGHT_READ, 0) != OK)
            return server_abort(ERR_LINUX(ENOMEM));
        fs->words = slot;
    }
    answer->caps[0] = fs->words;
    answer->n_caps = 1;
    return OK;
}
