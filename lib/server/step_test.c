// SPDX-License-Identifier: MIT
// Unit tests of the event loop on the host: a step dies at every store and system call, twice, and nobody can tell.
// Links table.c slots.c replies.c mapping.c vault_check.c.
//
// A random script of requests runs undisturbed; then again and again with deaths, one at each point in turn and a second
// one somewhere behind it. Every run must give each request the same answer once, leave the same state, and make the peer
// act the same. step_kit.h is the world around the loop.
#define _DEFAULT_SOURCE  // mmap's flags
#include "lib/server/step_kit.h"
#include "lib/server/vault_layout.h"
#include "protocols/evidence.h"

static struct trace_ring trace;  // the address of a component's own is the sanitizer's here
#undef COMPONENT_TRACE_ADDRESS
#define COMPONENT_TRACE_ADDRESS ((uintptr_t)&trace)
#define step_rollback real_rollback
#define vault_unwind real_unwind
#include "lib/server/vault.c"
#undef step_rollback
#undef vault_unwind
#define memcpy logged_memcpy
#define memmove logged_memmove
#define memset logged_memset
#include "lib/server/vault_log.c"
#undef memcpy
#undef memmove
#undef memset
#include "lib/server/attach.c"
#include "lib/server/audit.c"
#include "lib/server/batch.c"
#include "lib/server/channel.c"
#include "lib/server/doubt.c"
#include "lib/server/journal.c"
#include "lib/server/outbox.c"
#include "lib/server/server.c"
#include "lib/server/table.h"

// A rollback's own stores are deaths' points too, but they are not noted.
void step_rollback(void)
{
    in_rollback = 1;
    real_rollback();
    in_rollback = 0;
}
void vault_unwind(void)
{
    in_rollback = 1;
    real_unwind();
    in_rollback = 0;
}

static void stored(uintptr_t address, size_t bytes)
{
    if (address - COMPONENT_VAULT_ADDRESS >= VAULT_BYTES) return;
    point();
    if (!in_rollback && address - (uintptr_t)vault.state < vault.state_limit) vault_log((const void *)address, bytes);
}
#define STORED(n, type) \
    void __sanitizer_cov_store##n(type *address); \
    void __sanitizer_cov_store##n(type *address) { stored((uintptr_t)address, n); }
STORED(1, uint8_t)
STORED(2, uint16_t)
STORED(4, uint32_t)
STORED(8, uint64_t)
STORED(16, __uint128_t)

// --- the server under test

#define BAD 0xbad

struct record {
    uint64_t value;
    uint32_t cap, zero;
};
static struct root {
    uint64_t a[16];
    struct table table;
    uint64_t records[8];  // handles
    uint64_t waiting;     // the caller that was put off
    uint64_t broken;      // what `check` finds
} * root;

static void mix(uint64_t value)
{
    root->a[value % 16] = value;
    root->a[(value >> 8) % 16] += value;
    for (unsigned i = 1; i < 16; i++) root->a[i] ^= root->a[i - 1] >> 7;
}

static uint64_t sum(void)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < 16; i++) total += root->a[i];
    return total;
}

static err_t op_store(const struct request *request, struct answer *answer)
{
    mix(request->words[0]);
    answer->words[0] = sum();
    answer->n_words = 1;
    return OK;
}

static void drop(uint64_t handle)
{
    struct record *record = table_get(&root->table, handle);
    if (!record) return;
    slot_free(record->cap);
    table_free(&root->table, record);
}

// Replace a record and what it holds: a capability of the server's own, or one of the peer's.
static err_t op_record(const struct request *request, struct answer *answer)
{
    uint64_t *handle = &root->records[request->words[0] % 8];
    drop(*handle);
    struct record *record = table_new(&root->table);
    *handle = table_handle(&root->table, record);
    struct message m = {.info = INFO(PEER_ACQUIRE, 1, 0), .words = {request->words[1]}};
    err_t err =
        request->words[2] % 2 ? description_make(*handle, &record->cap) : server_call_cap(PEER_SLOT, &m, &record->cap);
    if (err != OK || record->cap == 0) return server_abort(ERR_NO_MEMORY);
    record->value = m.words[0];
    answer->words[0] = record->value;
    answer->n_words = 1;
    answer->caps[0] = record->cap;
    answer->n_caps = request->words[2] % 2;
    return request->words[1] % 5 == 0 ? server_abort(ERR_EXISTS) : OK;
}

static err_t op_ask(const struct request *request, struct answer *answer)
{
    uint64_t before = server_now();
    for (unsigned i = 0; i < 1 + request->words[1] % 3; i++) {
        struct message m = {.info = INFO(PEER_ADD, 1, 0), .words = {request->words[0] + i}};
        if (server_call(PEER_SLOT, &m) != OK) return ERR_NO_CAP;
        mix(m.words[0]);
    }
    answer->words[0] = root->a[3];
    answer->words[1] = server_now() == before;
    answer->n_words = 2;
    return OK;
}

static err_t op_effects(const struct request *request, struct answer *answer)
{
    (void)answer;
    uint64_t words[] = {request->words[0]};
    for (unsigned i = 0; i < 1 + request->words[1] % 4; i++) server_send(PEER_SLOT, PEER_ADD, 1, words);
    mix(words[0]);
    server_effect(0, root->a[2], 0, 0);
    server_signal(PEER_SLOT);
    return request->words[2] % 5 == 0 ? server_abort(ERR_BUSY) : OK;
}

static err_t op_wait(const struct request *request, struct answer *answer)
{
    uint64_t words[] = {root->a[1]};
    (void)answer;
    if (root->waiting) server_reply_later(root->waiting, ERR_TIMEOUT, 1, words, 0);
    root->waiting = 0;
    mix(request->words[0]);
    return request->words[1] % 2 ? server_defer(&root->waiting) : OK;
}

static err_t op_bad_effect(const struct request *request, struct answer *answer)
{
    (void)request, (void)answer;
    server_effect(0, BAD, 0, 0);
    return OK;
}

// The capability that goes with the answer has been lost, as often as the request says.
static err_t op_lose(const struct request *request, struct answer *answer)
{
    mix(request->words[1]);
    if (world.n_lost == request->words[0]) return OK;
    world.n_lost++;
    answer->caps[0] = slot_alloc();
    answer->n_caps = 1;
    return OK;
}

static err_t op_fail(const struct request *request, struct answer *answer)
{
    (void)answer;
    mix(request->words[0]);
    (void)slot_alloc();
    die(death_kind);
}

static void notified(uint64_t bits)
{
    if (bits == BAD) die(death_kind);
}

static void effect_set(uint64_t value, uint64_t b, uint64_t c)
{
    (void)b, (void)c;
    world.effect = value;
    if (value == BAD) die(death_kind);
}

static _Bool sound(void) { return root->broken == 0; }

enum { OP_STORE, OP_RECORD, OP_ASK, OP_EFFECTS, OP_WAIT, OP_FAIL, OP_BAD_EFFECT, OP_LOSE };
static const server_handler handlers[] = {op_store, op_record, op_ask,        op_effects,
                                          op_wait,  op_fail,   op_bad_effect, op_lose};
static const server_handler channel_handlers[] = {op_store};
static const server_effect_handler effects[] = {effect_set};
static const struct server server = {
    .session = {SERVER_OPERATIONS(OP_STORE, handlers)},
    .channel = {SERVER_OPERATIONS(OP_STORE, channel_handlers)},
    .notified = notified,
    .check = sound,
    .effects = effects,
    .n_effects = 1,
    .n_deferred = 4,
};

static void init(void *state) { table_init(&((struct root *)state)->table, sizeof(struct record), 12); }

// --- runs

static unsigned n_tests, n_failed;

static void check(const char *name, int ok)
{
    n_failed += !ok;
    printf("%s %u - step: %s\n", ok ? "ok" : "not ok", ++n_tests, name);
}

static uint64_t seed = 1;
static uint32_t random_number(void)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(seed >> 33);
}

static void clear_world(void)
{
    memset((void *)COMPONENT_VAULT_ADDRESS, 0, VAULT_BYTES);
    memset(caps, 0, sizeof caps);
    unsigned n = world.n_script;
    struct sim_request script[SCRIPT];
    memcpy(script, world.script, sizeof script);
    memset(&world, 0, sizeof world);
    memcpy(world.script, script, sizeof script);
    world.n_script = n;
    the_info = (struct component_info){.vault_bytes = VAULT_BYTES, .cspace_slots = CSPACE_SLOTS};
    points = 0;
}

// Go on with the script to its end, with a new instance now and after each death.
static void resume(void)
{
    if (setjmp(script_over)) return;
    (void)setjmp(next_instance);
    the_info.starts++;
    in_rollback = 0;
    memset(&vault, 0, sizeof vault);  // statics begin anew
    batch_drop();
    wake_at = NS_FOREVER;
    root = server_attach(sizeof *root, 1, init, NULL);
    server_run(&server);
}

// Run the script from its beginning.
static void run(uint64_t first, uint64_t second)
{
    clear_world();
    die_at[0] = first, die_at[1] = second;
    resume();
}

// What must be the same however often the server died: everything that a client, a peer or a handler can see.
struct outcome {
    uint64_t a[16], values[8];
    unsigned n_answers[SCRIPT];
    struct sim_answer answers[SCRIPT];
    uint64_t peer_sum, peer_acts, effect;
    unsigned n_caps, n_slots_free;
};
static struct outcome observe(void)
{
    struct outcome o;
    memset(&o, 0, sizeof o);
    memcpy(o.a, root->a, sizeof o.a);
    for (unsigned i = 0; i < 8; i++) {
        const struct record *record = table_get(&root->table, root->records[i]);
        o.values[i] = record ? record->value * 2 + caps[record->cap].used : 0;
    }
    memcpy(o.n_answers, world.n_answers, sizeof o.n_answers);
    memcpy(o.answers, world.answers, sizeof o.answers);
    o.peer_sum = world.peer_sum;
    o.peer_acts = world.peer_acts;
    o.effect = world.effect;
    for (unsigned i = SLOT_DYNAMIC; i < CSPACE_SLOTS; i++) o.n_caps += caps[i].used;
    o.n_slots_free = slots_free();
    return o;
}

static void explain(const struct outcome *a, const struct outcome *b)
{
    printf("# deaths at %lu and %lu\n", die_at[0], die_at[1]);
    printf("# state %d, records %d, answers %d (how often: %d), peer %lu %lu, effect %d, caps %u %u, slots %u %u\n",
           !memcmp(a->a, b->a, sizeof a->a), !memcmp(a->values, b->values, sizeof a->values),
           !memcmp(a->answers, b->answers, sizeof a->answers), !memcmp(a->n_answers, b->n_answers, sizeof a->n_answers),
           a->peer_acts, b->peer_acts, a->effect == b->effect, a->n_caps, b->n_caps, a->n_slots_free, b->n_slots_free);
}

static void write_script(void)
{
    world.n_script = 24;
    for (unsigned i = 0; i < world.n_script; i++)
        world.script[i] = (struct sim_request){
            .label = random_number() % OP_FAIL,
            .badge = CLIENT_BADGE,
            .words = {random_number(), random_number(), random_number()},
        };
}

static _Bool survives_all_deaths(void)
{
    write_script();
    run(0, 0);
    const struct outcome wanted = observe();
    const uint64_t n_points = points;
    for (uint64_t at = 1; at <= n_points; at++)
        for (unsigned i = 0; i < 4; i++) {
            run(at, i == 0 ? 0 : at + 1 + random_number() % (i == 1 ? 12 : 150));
            const struct outcome seen = observe();
            if (memcmp(&wanted, &seen, sizeof seen) == 0) continue;
            explain(&wanted, &seen);
            return 0;
        }
    return 1;
}

static void test_deaths(void)
{
    unsigned n_good = 0;
    for (unsigned i = 0; i < 6; i++) n_good += survives_all_deaths();
    check("deaths at every store and system call, twice, are not noticed", n_good == 6);
}

static void script(unsigned n, const struct sim_request *requests)
{
    world.n_script = n;
    memcpy(world.script, requests, n * sizeof *requests);
    run(0, 0);
}

static void test_poison(void)
{
    const struct sim_request good = {OP_STORE, CLIENT_BADGE, {1234, 2, 3}};
    const struct sim_request bad = {OP_FAIL, CLIENT_BADGE, {77, 0, 0}}, bad_notice = {NOTICE, 0, {BAD, 0, 0}};
    script(2, (struct sim_request[]){good, good});
    uint64_t wanted = world.answers[1].words[0];
    the_info.starts = 0;
    death_kind = DEATH_FAULT;
    script(4, (struct sim_request[]){good, bad, bad_notice, good});
    check("a request that kills its server twice is answered ERR_FAILED to its sender alone",
          world.answers[1].err == ERR_FAILED && world.answers[0].err == OK && world.n_answers[1] == 1);
    check("an event that does is dropped", world.answers[3].err == OK && world.n_answers[3] == 1);
    check("it took two deaths each", the_info.starts == 5);
    check("and left no change", world.answers[3].words[0] == wanted);
}

static void test_failed(void)
{
    const struct sim_request good = {OP_STORE, CLIENT_BADGE, {1234, 2, 3}};
    const struct sim_request bad = {OP_BAD_EFFECT, CLIENT_BADGE, {0, 0, 0}};
    script(3, (struct sim_request[]){good, bad, good});
    check("effects that kill their server twice are given up", world.failed == 0 && world.n_answers[1] == 1);
    check("and it goes on with what it had", world.answers[2].words[0] != world.answers[0].words[0]);
    check("and serves", world.n_answers[2] == 1);
}

static void test_lost_answer(void)
{
    const struct sim_request good = {OP_STORE, CLIENT_BADGE, {1234, 2, 3}};
    script(3, (struct sim_request[]){good, {OP_LOSE, CLIENT_BADGE, {2, 77, 0}}, good});
    check("an answer whose capability is none is a death of its server's own", world.panics == 2);
    check("behind which the caller asks again and is answered once",
          world.n_answers[1] == 1 && world.answers[1].err == OK && world.answers[1].n_caps == 0);
    check("and it serves", world.n_answers[2] == 1 && world.failed == 0);
}

// Spoil something of a vault at rest; whether the next instance sees it and begins anew.
static _Bool is_found_at_rest(void *at, uint64_t value)
{
    memcpy(at, &value, sizeof value);
    resume();
    return world.failed == 1;
}

static _Bool is_found(void *at, uint64_t value)
{
    const struct sim_request good = {OP_STORE, CLIENT_BADGE, {1234, 2, 3}};
    script(1, &good);
    return is_found_at_rest(at, value);
}

static void test_integrity(void)
{
    const struct sim_request good = {OP_STORE, CLIENT_BADGE, {1234, 2, 3}};
    script(1, &good);
    check("a sound vault is taken over", (resume(), world.failed == 0));
    check("a magic is mended", !is_found(&vault.header->magic, 0));
    check("a canary is mended", !is_found(vault.canaries[AREA_OUTBOX], 0));
    check("two marks are mended",
          (script(1, &good), vault.header->bytes++, !is_found_at_rest(vault.canaries[AREA_OUTBOX], 0)));
    for (unsigned i = 0; i < 2; i++) *vault.canaries[i] = 0;
    check("three are found", is_found_at_rest(vault.canaries[AREA_OUTBOX], 0));
    check("a step whose record was written over is forgotten", !is_found(&vault.header->n_journal, 9));
    check("and a log without an end", !is_found(&vault.header->log_end, 0x1234) && vault.header->log_end == vault.log);
    check("a count of steps from the future is set right",
          !is_found(&vault.header->step, 1ull << 50) && vault.header->step < 1ull << 40);
    check("a root outside is put right", !is_found(&vault.state->root, 0x1234));
    check("a broken link is found by the server's own check", is_found(&root->broken, 1));
}

static uint64_t call_as_peer(uint64_t number, uint64_t value, err_t *err)
{
    struct request request = {.label = OP_STORE, .n_words = CHANNEL_WORDS, .badge = BADGE_CHANNEL | 2};
    struct answer answer = {0};
    request.words[0] = value;
    request.words[CHANNEL_NUMBER] = number;
    *err = run_channel(&server, &request, &answer);
    return answer.words[0];
}

static void test_channel(void)
{
    err_t err;
    world.n_script = 0;
    run(0, 0);
    uint64_t first = call_as_peer(5, 1234, &err);
    check("a repeated number gets the kept answer and nothing runs",
          call_as_peer(5, 1234, &err) == first && err == OK && sum() == first);
    check("a newer number runs", call_as_peer(6, 99, &err) != first && sum() != first);
    (void)call_as_peer(5, 1234, &err);
    check("an older one is refused", err == ERR_STALE);
    (void)call_as_peer(1ull << 60, 1234, &err);
    check("and one from the future, which does not stay", err == ERR_STALE && (call_as_peer(7, 1, &err), err == OK));
}

// The peer stands for proc, which is told of the session's end and does nothing about it.
static void test_gone(void)
{
    struct sim_request same[3 * TOLD_MOST], others[3 * TOLD_MOST];
    for (unsigned i = 0; i < 3 * TOLD_MOST; i++) {
        same[i] = (struct sim_request){GONE, BADGE_SESSION_OF(4, 1), {0}};
        others[i] = (struct sim_request){GONE, BADGE_SESSION_OF(i, 1), {0}};
    }
    script(3 * TOLD_MOST, others);
    check("sessions end one after the other, and proc is told",
          world.peer_acts == 3 * TOLD_MOST && world.renewed == 0 && world.doubted == 0);
    script(2, same);
    check("a notice may come twice", world.renewed == 0 && world.doubted == 0);
    script(3 * TOLD_MOST, same);
    check("one that comes again and again is doubted by the server", world.renewed == 1);
    check("and then laid at proc's door", world.doubted == 1);
}

int main(void)
{
    void *at = mmap((void *)COMPONENT_VAULT_ADDRESS, VAULT_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (at != (void *)COMPONENT_VAULT_ADDRESS) return 1;
    test_deaths();
    test_poison();
    test_failed();
    test_lost_answer();
    test_integrity();
    test_channel();
    test_gone();
    printf("1..%u\n", n_tests);
    return n_failed != 0;
}
