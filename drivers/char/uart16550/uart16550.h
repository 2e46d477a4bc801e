// SPDX-License-Identifier: MIT
// Registers of the 16550 UART (National Semiconductor PC16550D, section 8).
#pragma once

enum {
    UART_DATA = 0,  // RBR and THR; divisor low with LCR_DIVISOR
    UART_IER = 1,   // divisor high with LCR_DIVISOR
    UART_IIR = 2,   // read
    UART_FCR = 2,   // write
    UART_LCR = 3,
    UART_MCR = 4,
    UART_LSR = 5,
    UART_MSR = 6,
    UART_SCRATCH = 7,
};

#define UART_CLOCK 115200  // bits per second at divisor 1
#define UART_FIFO 16

#define IER_RECEIVED 0x01
#define IER_SENT 0x02
#define IIR_NONE 0x01
#define IIR_CAUSE 0x0f
#define IIR_TRIGGER 0x04  // the receive FIFO holds as many bytes as its trigger level
#define FCR_ENABLE 0x01
#define FCR_TRIGGER_8 0x80
#define UART_TRIGGER 8
#define LCR_DIVISOR 0x80
#define LCR_PARITY 0x08
#define LCR_EVEN 0x10
#define LCR_TWO_STOPS 0x04
#define MCR_READY 0x03  // DTR and RTS
#define MCR_OUT2 0x08   // lets the interrupt line through
#define LSR_RECEIVED 0x01
#define LSR_OVERRUN 0x02
#define LSR_THR_EMPTY 0x20
#define MSR_CLEAR_TO_SEND 0x10
#define MSR_CARRIER 0x80
