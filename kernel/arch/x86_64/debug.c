// SPDX-License-Identifier: MIT
// x86-64: debug output.
//
// Goes to the emulator's debug port where there is one (it reads back its own number), and to a serial port if the
// command line asks with "log=com1": on a real machine, or when the debug port is not given. Nothing is written to a
// device that was not asked for: it may belong to a driver.
#include "x86.h"

#define DEBUG_PORT 0xe9
#define SERIAL_POLLS 100000u  // a character takes 87 us; a dead port must not stop the kernel
enum { SERIAL_DATA = 0, SERIAL_INTERRUPTS = 1, SERIAL_FIFO = 2, SERIAL_LINE = 3, SERIAL_MODEM = 4, SERIAL_STATUS = 5 };
enum { SERIAL_8N1 = 0x03, SERIAL_DIVISOR = 0x80, SERIAL_SENDER_EMPTY = 0x20 };

static bool debug_port;
static unsigned serial_port;  // 0: none

void debug_init(void) { debug_port = inb(DEBUG_PORT) == DEBUG_PORT; }

static void serial_init(unsigned port)
{
    outb(port + SERIAL_INTERRUPTS, 0);
    outb(port + SERIAL_LINE, SERIAL_DIVISOR);
    outb(port + SERIAL_DATA, 1);  // 115,200 baud
    outb(port + SERIAL_INTERRUPTS, 0);
    outb(port + SERIAL_LINE, SERIAL_8N1);
    outb(port + SERIAL_FIFO, 0x07);
    outb(port + SERIAL_MODEM, 0x03);
    serial_port = port;
}

void debug_options(const char *command_line)
{
    static const uint16_t ports[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
    static const char option[] = "log=com";
    for (const char *p = command_line; *p; p++) {
        unsigned n = 0;
        while (option[n] && p[n] == option[n]) n++;
        bool starts_word = p == command_line || p[-1] == ' ';
        if (!option[n] && starts_word && p[n] >= '1' && p[n] <= '4') serial_init(ports[p[n] - '1']);
    }
}

static void serial_put(char c)
{
    for (unsigned i = 0; i < SERIAL_POLLS && !(inb(serial_port + SERIAL_STATUS) & SERIAL_SENDER_EMPTY); i++) continue;
    outb(serial_port + SERIAL_DATA, (uint8_t)c);
}

void arch_log(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (debug_port) outb(DEBUG_PORT, (uint8_t)text[i]);
        if (serial_port && text[i] == '\n') serial_put('\r');
        if (serial_port) serial_put(text[i]);
    }
}

void debug_text(const char *text)
{
    size_t n = 0;
    while (text[n]) n++;
    arch_log(text, n);
}

void debug_hex(uint64_t value)
{
    char digits[16];
    for (unsigned i = 0; i < 16; i++) digits[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
    arch_log(digits, sizeof(digits));
}
