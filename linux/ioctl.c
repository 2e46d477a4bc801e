// SPDX-License-Identifier: MIT
// ioctl(2): commands that concern the descriptor are answered here, those of the device go to its server.
//
// Only the commands' own structures travel, in the message; how big they are stands in the command or, for the old
// terminal ones, in the table here. The server knows what they mean.
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/ioctl.h>
#include "linux/linux.h"

struct shape {
    uint32_t command;
    uint8_t in, out;  // bytes
};
struct window_size {
    uint16_t rows, columns, x, y;
};

static const struct shape shapes[] = {
    {TCGETS, 0, sizeof(struct termios)},
    {TCSETS, sizeof(struct termios), 0},
    {TCSETSW, sizeof(struct termios), 0},
    {TCSETSF, sizeof(struct termios), 0},
    {TIOCGWINSZ, 0, sizeof(struct window_size)},
    {TIOCSWINSZ, sizeof(struct window_size), 0},
    {TIOCGPGRP, 0, 4},
    {TIOCSPGRP, 4, 0},
    {TIOCGSID, 0, 4},
    {TIOCOUTQ, 0, 4},
    {FIONREAD, 0, 4},
    {TIOCGETD, 0, 4},
    {TIOCSETD, 4, 0},
    {TIOCMGET, 0, 4},
    {TIOCMSET, 4, 0},
    {TIOCMBIS, 4, 0},
    {TIOCMBIC, 4, 0},
    {TIOCSTI, 1, 0},
    {TIOCPKT, 4, 0},
    {TIOCGSOFTCAR, 0, 4},
    {TIOCSSOFTCAR, 4, 0},
};

static struct shape shape_of(uint32_t command)
{
    for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (shapes[i].command == command) return shapes[i];
    uint8_t bytes = (uint8_t)_IOC_SIZE(command);
    return (struct shape){command, _IOC_DIR(command) & _IOC_WRITE ? bytes : 0,
                          _IOC_DIR(command) & _IOC_READ ? bytes : 0};
}

static long at_server(struct file *file, uint32_t command, uint64_t argument)
{
    const struct shape shape = shape_of(command);
    if (_IOC_SIZE(command) > 255 && shape.in + shape.out > 0) return -ENOTTY;
    for (;;) {
        long result = file_attach(file);
        if (result < 0) return result;
        if (command == FIONREAD && file->offset != IO_OFFSET_CURRENT) result = file_tell_offset(file);
        if (result < 0) return result;
        if (shape.in && !copy_in(long_words(), argument, shape.in)) return -EFAULT;
        struct message m = {.words = {0, command, argument, shape.in, IO_ARM | IO_THREAD(thread_index())}};
        result = file_ask(file, IO_IOCTL, shape.in, &m);
        if (result == -EAGAIN && file_blocks(file)) {  // output to drain
            result = notify_use(file->server);
            err_t err = result == 0 ? thread_wait(NS_FOREVER) : OK;
            if (result < 0 || err != OK) return result < 0 ? result : wait_interrupted(err);
            continue;
        }
        if (result < 0) return result;
        size_t n = m.words[1] < shape.out ? m.words[1] : shape.out;
        if (n > 0 && !copy_out(argument, long_words(), n)) return -EFAULT;
        return (long)m.words[0];
    }
}

long call_ioctl(uint64_t fd, uint64_t command, uint64_t argument)
{
    struct file *file = file_get(fd);
    uint32_t on;
    if (!file || file->status & O_PATH) return -EBADF;
    switch ((uint32_t)command) {
    case FIOCLEX: process()->descriptors[(uint32_t)fd].close_on_exec = 1; return 0;
    case FIONCLEX: process()->descriptors[(uint32_t)fd].close_on_exec = 0; return 0;
    case FIONBIO:
        if (!load32(argument, &on)) return -EFAULT;
        return call_fcntl(fd, F_SETFL, (file->status & ~(uint32_t)O_NONBLOCK) | (on ? O_NONBLOCK : 0));
    }
    return file->server == IO_LOCAL ? -ENOTTY : at_server(file, (uint32_t)command, argument);
}
