// SPDX-License-Identifier: MIT
// Driver of the 16550 UART: bytes between the device's FIFOs and the rings of protocols/stream.h, by interrupt.
//
// One function, service(), looks at everything: it may be called at any time and any number of times, so an interrupt,
// a kick and a restart all end there. Crash rule: each byte once. The receipt of an operation on the device names the
// ring's position behind (sent) or in front of (read) the bytes that went through; the ring follows the receipt.
// A full receive ring switches the receive interrupt off; the device's flow control then holds the sender.
#include "drivers/char/uart16550/uart16550.h"
#include "lib/driver/device.h"
#include "lib/driver/ring.h"
#include "lib/server/server.h"

#define VAULT_VERSION 2
#define SERVICE_ROUNDS 64  // FIFOs' worth of bytes in one look
#define IRQ_ROUNDS 4       // looks in one step, while the device asks for service

struct line {
    uint32_t bits_per_second, data_bits, parity, stop_bits;
};

struct uart {
    struct line line;
    uint64_t overruns;
    struct device_receipt sent;  // note: the position behind
    struct device_receipt read;  // note: the position in front | the number of bytes << 32
};

static struct uart *uart;
static struct stream_memory *memory;  // the table that we publish
static uint32_t memory_slot;
static struct device device;
static uint32_t client;  // notification slot
static _Bool present;
static uint8_t enabled;  // what the interrupt enable register holds
static uint32_t told;    // the receive ring's position that the client knows of

static uint8_t in(unsigned port) { return device_in8(&device, port); }

static void out(unsigned port, uint8_t value) { device_out8(&device, port, value); }

static void enable(uint8_t interrupts)
{
    if (interrupts != enabled) out(UART_IER, interrupts);
    enabled = interrupts;
}

// --- the device

static _Bool probe(void)
{
    out(UART_SCRATCH, 0x5a);
    if (in(UART_SCRATCH) != 0x5a) return 0;
    out(UART_SCRATCH, 0xa5);
    return in(UART_SCRATCH) == 0xa5;
}

static void set_line(const struct line *line)
{
    uint16_t divisor = (uint16_t)(UART_CLOCK / line->bits_per_second);
    uint8_t control = (uint8_t)(line->data_bits - 5);
    if (line->parity != STREAM_PARITY_NONE) control |= LCR_PARITY;
    if (line->parity == STREAM_PARITY_EVEN) control |= LCR_EVEN;
    if (line->stop_bits == 2) control |= LCR_TWO_STOPS;
    out(UART_LCR, LCR_DIVISOR | control);
    out(UART_DATA, (uint8_t)divisor);
    out(UART_IER, (uint8_t)(divisor >> 8));
    out(UART_LCR, control);
}

// Bring the device into a known state, whatever an earlier instance left. Received bytes in its FIFO are kept.
static void reset(void)
{
    out(UART_IER, 0);
    enabled = 0;
    set_line(&uart->line);
    out(UART_FCR, FCR_ENABLE | FCR_TRIGGER_8);
    out(UART_MCR, MCR_READY | MCR_OUT2);
}

// --- bytes

// How many bytes the device surely has, up to n: a trigger level's worth, or a single one.
static uint32_t waiting(uint32_t n)
{
    if (n >= UART_TRIGGER && (in(UART_IIR)&IIR_CAUSE) == IIR_TRIGGER) return UART_TRIGGER;
    uint8_t status = in(UART_LSR);
    uart->overruns += (status & LSR_OVERRUN) != 0;
    return (status & LSR_RECEIVED) != 0;
}

// What was read comes into the ring, unless it is there already.
static void follow_read(const struct byte_ring *ring)
{
    uint32_t position = (uint32_t)uart->read.note, n = (uint32_t)(uart->read.note >> 32);
    if (position == ring->indexes->tail && n <= UART_TRIGGER) (void)ring_write(ring, &uart->read.bytes, n);
}

// What was sent leaves the ring, unless it has.
static void follow_sent(const struct byte_ring *ring)
{
    uint32_t n = (uint32_t)uart->sent.note - ring->indexes->head;
    if (n <= UART_FIFO) ring_drop(ring, n);
}

// Move received bytes into the ring until the device has none or the ring is full. True when some came, or may have come
// to an instance that could not tell.
static _Bool receive(void)
{
    struct byte_ring ring = stream_rx(memory);
    follow_read(&ring);
    for (unsigned i = 0; i < SERVICE_ROUNDS * UART_FIFO; i++) {
        memory->rx_stopped = 0;
        if (ring_space(&ring) == 0) {
            __atomic_store_n(&memory->rx_stopped, 1, __ATOMIC_SEQ_CST);
            if (ring_space(&ring) == 0) break;
            continue;
        }
        uint32_t n = waiting(ring_space(&ring));
        if (n == 0) break;
        device_in8_once(&device, UART_DATA, n, &uart->read, memory->rx.tail | (uint64_t)n << 32);
        follow_read(&ring);
    }
    _Bool tell = memory->rx.tail != told;
    told = memory->rx.tail;
    return tell;
}

// Fill the device's transmit FIFO from the ring, as long as the device takes it. True when the client wants to hear of
// the space.
static _Bool transmit(void)
{
    struct byte_ring ring = stream_tx(memory);
    memory->tx_idle = 0;
    follow_sent(&ring);
    for (unsigned i = 0; i < SERVICE_ROUNDS; i++) {
        uint8_t bytes[UART_FIFO];
        if (ring_used(&ring) == 0) {
            __atomic_store_n(&memory->tx_idle, 1, __ATOMIC_SEQ_CST);
            if (ring_used(&ring) == 0) break;
            memory->tx_idle = 0;
        }
        if (!(in(UART_LSR)&LSR_THR_EMPTY)) break;
        uint32_t n = ring_peek(&ring, bytes, UART_FIFO);
        device_out8_once(&device, UART_DATA, bytes, n, &uart->sent, memory->tx.head + n);
        follow_sent(&ring);
    }
    return memory->tx_wanted && ring_used(&ring) <= ring.size / 2;
}

// Look at everything. The client is signalled after the commit if there is something for it.
static void service(void)
{
    _Bool tell = receive();
    tell |= transmit();
    uint8_t interrupts = memory->rx_stopped ? 0 : IER_RECEIVED;
    if (!memory->tx_idle) interrupts |= IER_SENT;
    enable(interrupts);
    if (tell) server_signal(client);
}

// --- requests

// @path driver-start 4/5: its client gets the rings
static err_t attach(const struct request *request, struct answer *answer)
{
    (void)request;
    if (!present) return ERR_NOT_FOUND;
    service();
    answer->words[0] = STREAM_PAGES;
    answer->n_words = 1;
    answer->caps[0] = memory_slot;
    answer->n_caps = 1;
    return OK;
}

static err_t kick(const struct request *request, struct answer *answer)
{
    (void)request;
    (void)answer;
    service();
    return OK;
}

static err_t change_line(const struct request *request, struct answer *answer)
{
    (void)answer;
    const uint64_t *words = request->words;
    if (words[0] == 0 || words[0] > UART_CLOCK || UART_CLOCK / words[0] > 0xffff || words[1] < 5 || words[1] > 8 ||
        words[2] > STREAM_PARITY_EVEN || words[3] < 1 || words[3] > 2)
        return ERR_INVALID;
    if (!present) return ERR_NOT_FOUND;
    uart->line = (struct line){(uint32_t)words[0], (uint32_t)words[1], (uint32_t)words[2], (uint32_t)words[3]};
    reset();
    service();
    return OK;
}

static err_t status(const struct request *request, struct answer *answer)
{
    (void)request;
    if (!present) return ERR_NOT_FOUND;
    uint8_t modem = in(UART_MSR);
    answer->words[0] = uart->line.bits_per_second;
    answer->words[1] =
        (modem & MSR_CARRIER ? STREAM_LINE_CARRIER : 0) | (modem & MSR_CLEAR_TO_SEND ? STREAM_LINE_CLEAR_TO_SEND : 0);
    answer->words[2] = memory->rx.tail;
    answer->words[3] = memory->tx.head;
    answer->words[4] = uart->overruns;
    answer->n_words = 5;
    return OK;
}

// The line may be shared and it is edge-triggered: a device that still asks for service when we are done would never be
// heard again. One that does so after several rounds is looked at again in the next step.
static void notified(uint64_t bits)
{
    if (bits & DEVICE_IRQ_BIT) device_irq_done(&device);
    if (!present) return;
    unsigned rounds = 0;
    do service();
    while (!(in(UART_IIR)&IIR_NONE) && ++rounds < IRQ_ROUNDS);
    server_wake_at(rounds < IRQ_ROUNDS ? NS_FOREVER : NS_POLL);
}

static void tick(void) { notified(DEVICE_IRQ_BIT); }

static void init(void *state) { ((struct uart *)state)->line = (struct line){UART_CLOCK, 8, STREAM_PARITY_NONE, 1}; }

static const server_handler stream_handlers[] = {attach, kick, change_line, status};
static const struct server server = {
    .channel = {SERVER_OPERATIONS(STREAM_ATTACH, stream_handlers)},
    .notified = notified,
    .tick = tick,
};

// @path driver-start 3/5: the driver finds its vault and its device
int component_main(const struct component_info *info)
{
    (void)info;
    uart = server_attach(sizeof *uart, VAULT_VERSION, init, NULL);
    device = device_open();
    const struct component_cap *signal = rt_cap_of_kind(COMPONENT_CAP_SIGNAL, 0);
    const struct component_cap *table = rt_cap_of_kind(COMPONENT_CAP_TABLE, 0);
    client = signal ? signal->slot : 0;
    if (!table || table->detail < sizeof *memory) panic("there is no memory for the rings");
    memory = (struct stream_memory *)table->address;
    memory_slot = table->slot;
    device_receipt_settle(&uart->sent);
    device_receipt_settle(&uart->read);
    told = memory->rx.head;
    present = probe();
    if (present)
        reset();
    else
        log_line("no UART at port %x", device.port_first);
    server_wake_at(NS_POLL);  // the device may have asked for service before a vault that is lost
    server_run(&server);
}
