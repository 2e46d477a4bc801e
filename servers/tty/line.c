// SPDX-License-Identifier: MIT
// A line: the client's side of a uart driver (protocols/stream.h).
//
// Killed at any instruction, no byte is lost or sent twice:
//  - Output waits in a queue in the vault. After the commit the effect moves it into the driver's ring and publishes
//    the ring's tail, which alone says how far that got; line_sync() takes the queue's head from there in the next
//    step. Doing it again moves what is still missing.
//  - Input stays in the driver's ring until the commit of the step that has used it; `received` is the vault's word for
//    how far that is, and the effect publishes it.
// The driver is of higher rank: its frames stay, and calls to it are allowed.
#include "lib/server/mapping.h"
#include "servers/tty/tty.h"

#define ATTACH_PATIENCE_NS 50000000ull

// --- attaching

void line_init(struct line *line, const char *component, struct queue *output)
{
    string_copy(line->name, sizeof line->name, component);
    line->output = output;
    line->terminal = line->stream = NONE;
    line->cap = cap_named(component);
}

bool line_attach(struct line *line)
{
    if (line->attached || line->cap == 0) return true;
    uint32_t slot = slot_alloc();
    if (slot == 0) return false;
    struct utcb *utcb = rt_utcb();
    utcb->recv_cspace = 0;
    utcb->recv_slot[0] = slot;
    struct message m = {.info = INFO(STREAM_ATTACH, 0, 0)};
    err_t err = sys_call(line->cap, &m, now_ns() + ATTACH_PATIENCE_NS);
    if (err == OK) err = INFO_ERR(m.info);
    if (err == OK && (INFO_CAPS(m.info) != 1 || m.words[0] < STREAM_PAGES)) err = ERR_INVALID;
    if (err == OK) {
        line->memory = mapping_add(slot, STREAM_PAGES, RIGHT_READ | RIGHT_WRITE);
        err = line->memory ? OK : ERR_NO_MEMORY;
    }
    if (err != OK) {
        slot_free(slot);
        return err == ERR_NOT_FOUND;  // the device is absent, and will be
    }
    line->received = __atomic_load_n(&line->memory->rx.head, __ATOMIC_RELAXED);
    line->sent_offset = __atomic_load_n(&line->memory->tx.tail, __ATOMIC_RELAXED) - line->output->head;
    line->attached = 1;
    return true;
}

static void kick(const struct line *line)
{
    struct message m = {.info = INFO(STREAM_KICK, 0, 0)};
    (void)ipc_call(line->cap, &m);
}

// --- output

void line_sync(struct line *line)
{
    if (!line->attached) return;
    uint32_t head = __atomic_load_n(&line->memory->tx.tail, __ATOMIC_RELAXED) - line->sent_offset;
    if (head != line->output->head) line->output->head = head;
}

void line_transmit(struct line *line, bool report)
{
    if (line->attached && (queue_used(line->output) > 0 || report || line->memory->tx_wanted))
        server_effect(EFFECT_TRANSMIT, (uint64_t)(line - tty->lines), report, 0);
}

// Fill the ring from the queue; returns how many bytes found no room.
static uint32_t fill_ring(const struct line *line)
{
    struct stream_memory *memory = line->memory;
    uint32_t tail = memory->tx.tail;
    uint32_t room = STREAM_TX_BYTES - (tail - __atomic_load_n(&memory->tx.head, __ATOMIC_ACQUIRE));
    uint32_t left = line->output->tail - (tail - line->sent_offset), n;
    if (room > STREAM_TX_BYTES) room = 0;
    while (left > 0 && room > 0) {
        const uint8_t *from = queue_run(line->output, tail - line->sent_offset, &n);
        uint32_t to_end = STREAM_TX_BYTES - tail % STREAM_TX_BYTES;
        n = n < room ? n : room;
        n = n < to_end ? n : to_end;
        memcpy(&memory->tx_bytes[tail % STREAM_TX_BYTES], from, n);
        tail += n;
        left -= n;
        room -= n;
    }
    __atomic_store_n(&memory->tx.tail, tail, __ATOMIC_RELEASE);
    return left;
}

// EFFECT_TRANSMIT (line, report)
static void transmit(uint64_t index, uint64_t report, uint64_t unused)
{
    (void)unused;
    const struct line *line = &tty->lines[index];
    struct stream_memory *memory = line->memory;
    bool wanted = fill_ring(line) > 0 || report;
    __atomic_store_n(&memory->tx_wanted, wanted, __ATOMIC_SEQ_CST);
    // Having said what we wait for, look again: the driver may have made room, or be done, just before.
    if (wanted) fill_ring(line);
    if (__atomic_load_n(&memory->tx_idle, __ATOMIC_SEQ_CST) && (line_unsent(line) > 0 || report)) kick(line);
}

uint32_t line_unsent(const struct line *line)
{
    if (!line->attached) return 0;
    return line->memory->tx.tail - __atomic_load_n(&line->memory->tx.head, __ATOMIC_ACQUIRE);
}

// --- input

uint32_t line_waiting(const struct line *line)
{
    if (!line->attached) return 0;
    uint32_t n = __atomic_load_n(&line->memory->rx.tail, __ATOMIC_ACQUIRE) - line->received;
    return n <= STREAM_RX_BYTES ? n : 0;
}

uint8_t line_byte(const struct line *line, uint32_t i)
{
    return line->memory->rx_bytes[(line->received + i) % STREAM_RX_BYTES];
}

void line_use(struct line *line, uint32_t n)
{
    line->received += n;
    server_effect(EFFECT_RECEIVED, (uint64_t)(line - tty->lines), 0, 0);
}

// EFFECT_RECEIVED (line)
static void received(uint64_t index, uint64_t unused, uint64_t unused_too)
{
    (void)unused;
    (void)unused_too;
    const struct line *line = &tty->lines[index];
    __atomic_store_n(&line->memory->rx.head, line->received, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&line->memory->rx_stopped, __ATOMIC_SEQ_CST)) kick(line);
}

const server_effect_handler line_effects[EFFECTS] = {[EFFECT_TRANSMIT] = transmit, [EFFECT_RECEIVED] = received};

// --- settings

// Codes 0..15, then those with CBAUDEX from 1 on.
static const uint32_t speeds[] = {0,    50,   75,    110,   134,   150,    200,    300,    600,    1200,   1800,  2400,
                                  4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 500000, 576000, 921600};
#define SPEEDS (sizeof speeds / sizeof speeds[0])
#define PLAIN_SPEEDS 16

uint32_t speed_of(tcflag_t cflag)
{
    tcflag_t code = cflag & CBAUD;
    unsigned i = code & CBAUDEX ? (code & ~(tcflag_t)CBAUDEX) + PLAIN_SPEEDS - 1 : code;
    return i < SPEEDS ? speeds[i] : 0;
}

tcflag_t speed_code(uint32_t speed)
{
    for (unsigned i = 1; i < SPEEDS; i++)
        if (speeds[i] == speed) return i < PLAIN_SPEEDS ? i : CBAUDEX | (i - PLAIN_SPEEDS + 1);
    return B38400;
}

void line_configure(struct line *line, tcflag_t cflag)
{
    uint64_t parity = !(cflag & PARENB) ? STREAM_PARITY_NONE : cflag & PARODD ? STREAM_PARITY_ODD : STREAM_PARITY_EVEN;
    uint64_t words[] = {speed_of(cflag), 5 + ((cflag & CSIZE) >> 4), parity, cflag & CSTOPB ? 2 : 1};
    if (line->attached && words[0] != 0) server_send(line->cap, STREAM_SET_LINE, 4, words);
}
