// SPDX-License-Identifier: MIT
// What this process remembers of files: answers of stat, lstat, fstat and access, also that there is no such name.
//
// An entry answers one question: a path's text as seen from a directory, or an open file. It holds while the published
// words of all that it rests on stand still (protocols/fs.h), and this process's credentials and root are the same (the
// epoch). Rules:
//  - A question's epoch is taken before it is asked, so that an answer given to the old credentials is not kept.
//  - Entries are used in turn; what is stale makes room for the new answer to the same question.
//  - The memory is zero at first and not inherited. A process that asks little maps no words and uses none of it.
// Who asks about one name of a directory after the other (`ls -l`, find, tar, du) asks the server about the next ones at
// the same time: more of them the more of the last were then asked about.
#include <asm/stat.h>
#include "linux/linux.h"

#define ENTRIES 150
#define BUCKETS 256
#define TEXT_BYTES 104  // longer paths are not remembered
#define QUESTIONS_BEFORE 6

// What an answer rests on.
struct trail {
    uint64_t sum;  // of the words, which only grow
    uint16_t words[FS_TRAIL_MAX];
    uint32_t n_words;
};

struct entry {
    struct trail trail;
    uint64_t directory;
    uint32_t hash, epoch, kind;
    int32_t result;
    uint16_t bytes;
    uint16_t next;      // in the bucket: index + 1
    uint32_t is_ahead;  // nobody has asked yet
    struct stat stat;
    char text[TEXT_BYTES];  // zeros behind it to the end of its last word
};

// Questions about names in one directory, one after the other, that had to be asked.
struct series {
    uint32_t n;           // how many there were
    uint16_t last;        // entry of the last one
    uint16_t prefix;      // bytes of its text in front of the name
    uint16_t told, used;  // names that came ahead with it, and how many of them have been asked about since
};
// As many more come ahead when half of the last ones were asked about. Else a few at the second question, the 18th, ...
#define SERIES_GROWTH 4
#define SERIES_FIRST 8
#define SERIES_TRIAL 16

struct cache {
    uint32_t lock;
    uint32_t turn;  // entries used so far
    struct series series;
    uint16_t buckets[BUCKETS];  // index + 1 of an entry
    struct entry entries[ENTRIES];
};
_Static_assert(sizeof(struct cache) <= REMEMBERED_FILES, "its place");

static struct cache *cache_of(const struct process *p)
{
    return (struct cache *)((uint64_t)p - PAGE_SIZE + PROCESS_AREA_INHERITED);
}

void cache_forget(void) { __atomic_add_fetch(&process()->epoch, 1, __ATOMIC_RELEASE); }

// --- the words

static long map_words(struct process *p)
{
    (void)cspace_delete(PSLOT_CSPACE, WORDS_PSLOT, 1);
    long result = session_use(SERVER_ROOT);
    if (result < 0) return result;
    receive_cap(0, 0, WORDS_PSLOT);
    struct message m = {0};
    result = ask(SERVER_ROOT, FS_WORDS, 0, &m);
    if (result < 0) return result;
    return map_own(WORDS_PSLOT, words_address(p), 0, FS_WORD_COUNT * sizeof(uint64_t) / PAGE_SIZE, RIGHT_READ);
}

bool words_try(bool at_once)
{
    struct process *p = process();
    if (p->words == WORDS_UNKNOWN && (++p->questions >= QUESTIONS_BEFORE || at_once)) {
        lock(&p->table_lock);
        if (p->words == WORDS_UNKNOWN) p->words = map_words(p) == 0 ? WORDS_MAPPED : WORDS_NONE;
        unlock(&p->table_lock);
    }
    return p->words == WORDS_MAPPED;
}

// --- entries

// The text ends with zeros up to a whole word.
static uint32_t hash_of(const struct question *q)
{
    uint64_t hash = q->directory ^ (uint64_t)q->kind << 48;
    for (size_t at = 0; at < q->bytes; at += 8) {
        uint64_t word;
        __builtin_memcpy(&word, q->text + at, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
        hash ^= hash >> 29;
    }
    hash *= 0x9e3779b97f4a7c15ull;
    return (uint32_t)(hash >> 32);
}

static bool is_for(const struct entry *e, const struct question *q)
{
    if (e->hash != q->hash || e->directory != q->directory || e->kind != q->kind || e->bytes != q->bytes) return false;
    for (size_t at = 0; at < q->bytes; at += 8) {
        uint64_t a, b;
        __builtin_memcpy(&a, e->text + at, sizeof a);
        __builtin_memcpy(&b, q->text + at, sizeof b);
        if (a != b) return false;
    }
    return true;
}

static struct entry *find(struct cache *cache, const struct question *q)
{
    for (unsigned i = cache->buckets[q->hash % BUCKETS]; i; i = cache->entries[i - 1].next)
        if (is_for(&cache->entries[i - 1], q)) return &cache->entries[i - 1];
    return NULL;
}

// The next entry in turn, out of its bucket.
static struct entry *take(struct cache *cache)
{
    unsigned index = cache->turn % ENTRIES;
    struct entry *e = &cache->entries[index];
    if (cache->turn++ < ENTRIES) return e;
    if (cache->turn == 2 * ENTRIES) cache->turn = ENTRIES;
    uint16_t *link = &cache->buckets[e->hash % BUCKETS];
    while (*link != index + 1) link = &cache->entries[*link - 1].next;
    *link = e->next;
    return e;
}

// An answer's entry.
static struct entry *make(struct cache *cache, const struct question *q)
{
    struct entry *e = take(cache);
    uint16_t *bucket = &cache->buckets[q->hash % BUCKETS];
    e->hash = q->hash;
    e->directory = q->directory;
    e->kind = q->kind;
    e->bytes = (uint16_t)q->bytes;
    if (q->bytes) memcpy(e->text, q->text, (q->bytes + 7) & ~(size_t)7);
    e->next = *bucket;
    *bucket = (uint16_t)(e - cache->entries + 1);
    return e;
}

static inline void trail_add(struct trail *trail, uint64_t mark)
{
    trail->words[trail->n_words++] = (uint16_t)FS_TRAIL_WORD(mark);
    trail->sum += FS_TRAIL_VALUE(mark);
}

static inline uint64_t mark_of(const struct message *m, unsigned i)
{
    const uint64_t *more = (const uint64_t *)long_words() + FS_TRAIL_LONG - MSG_REGISTERS;
    return i < MSG_REGISTERS ? m->words[i] : i < FS_TRAIL_MAX ? more[i - MSG_REGISTERS] : 0;
}

// The trail of an answer but for its last mark, the object's, which is returned; 0: there is none.
static uint64_t take_trail(struct trail *trail, const struct message *m)
{
    uint64_t last = mark_of(m, 0), next;
    trail->n_words = 0;
    trail->sum = 0;
    for (unsigned i = 1; last && (next = mark_of(m, i)); i++, last = next) trail_add(trail, last);
    return last;
}

// --- questions

bool question_begin(struct question *q, uint64_t directory, char *text, size_t bytes, unsigned kind)
{
    struct process *p = process();
    if (!directory || bytes > TEXT_BYTES || !words_use(false)) return false;
    if (bytes) __builtin_memset(text + bytes, 0, 8);
    *q = (struct question){.directory = directory,
                           .text = text,
                           .bytes = bytes,
                           .kind = kind,
                           .epoch = __atomic_load_n(&p->epoch, __ATOMIC_ACQUIRE)};
    q->hash = hash_of(q);
    return true;
}

bool question_known(const struct question *q, void *stat, long *result)
{
    struct process *p = process();
    struct cache *cache = cache_of(p);
    lock(&cache->lock);
    struct entry *e = find(cache, q);
    bool known = e && e->epoch == q->epoch &&
                 sum_words((const void *)words_address(p), e->trail.words, e->trail.n_words) == e->trail.sum;
    if (known) {
        cache->series.used += e->is_ahead;
        e->is_ahead = false;
        *result = e->result;
        if (stat && e->result == 0) memcpy(stat, &e->stat, sizeof e->stat);
    }
    unlock(&cache->lock);
    return known;
}

void question_answered(const struct question *q, const void *stat, long result, const struct message *m)
{
    struct cache *cache = cache_of(process());
    if (result != 0 && result != -ENOENT && result != -ENOTDIR && result != -EACCES) return;
    if (INFO_ERR(m->info) != OK && !ERR_IS_LINUX(INFO_ERR(m->info))) return;  // not a word about the file
    lock(&cache->lock);
    struct entry *e = find(cache, q);
    if (!e) e = make(cache, q);
    uint64_t last = take_trail(&e->trail, m);
    if (last) trail_add(&e->trail, last);
    e->epoch = last ? q->epoch : q->epoch - 1;
    e->is_ahead = false;
    e->result = (int32_t)result;
    if (stat && result == 0) memcpy(&e->stat, stat, sizeof e->stat);
    if (stat && result == 0) cache->series.last = (uint16_t)(e - cache->entries);
    unlock(&cache->lock);
}

// --- what is going to be asked

unsigned question_next(struct question *q)
{
    struct cache *cache = cache_of(process());
    struct series *series = &cache->series;
    unsigned wanted = 0;
    q->prefix = q->bytes;
    while (q->prefix > 0 && q->text[q->prefix - 1] != '/') q->prefix--;
    lock(&cache->lock);
    const struct entry *last = &cache->entries[series->last];
    if (series->prefix != q->prefix || last->directory != q->directory || last->kind != q->kind ||
        memcmp(last->text, q->text, q->prefix) != 0)
        *series = (struct series){.prefix = (uint16_t)q->prefix};
    else if (series->told > 0 && series->used >= series->told / 2)
        wanted = series->told * SERIES_GROWTH;
    else if (series->n % SERIES_TRIAL == 1)
        wanted = SERIES_FIRST;
    series->n++;
    series->told = series->used = 0;
    unlock(&cache->lock);
    return wanted;
}

void question_ahead(const struct question *q, const struct message *m, const uint8_t *told)
{
    struct cache *cache = cache_of(process());
    struct trail trail;
    char text[TEXT_BYTES + 8];
    struct question next = *q;
    if (!take_trail(&trail, m)) return;
    memcpy(text, q->text, q->prefix);
    next.text = text;
    lock(&cache->lock);
    for (unsigned n = 0; n < FS_AHEAD_NAMES; n++) {
        const struct fs_ahead *ahead = (const struct fs_ahead *)told;
        size_t words = (ahead->length + 7) / 8;
        if (words == 0 || ahead->length > NAME_MAX) break;
        told += sizeof *ahead + words * 8;
        if (q->prefix + ahead->length > TEXT_BYTES) continue;
        next.bytes = q->prefix + ahead->length;
        memcpy(text + q->prefix, ahead + 1, ahead->length);
        __builtin_memset(text + next.bytes, 0, 8);
        next.hash = hash_of(&next);
        struct entry *e = make(cache, &next);
        e->trail = trail;
        trail_add(&e->trail, ahead->mark);
        e->epoch = q->epoch;
        e->is_ahead = true;
        e->result = 0;
        memcpy(&e->stat, ahead->stat, sizeof e->stat);
        cache->series.told++;
    }
    unlock(&cache->lock);
}
