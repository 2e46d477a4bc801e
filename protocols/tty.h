// SPDX-License-Identifier: MIT
// The tty server: terminals, pseudo-terminals and the host streams, as descriptions (protocols/io.h).
//
// A process gets to a terminal through a device node: the file system that holds the node checks the permissions and
// calls TTY_OPEN on its channel; the capability that comes back goes on to the process, which attaches it over its
// own session with SERVER_TTY. Terminal ioctls travel as IO_IOCTL with Linux's numbers and structures.
#pragma once
#include "protocols/io.h"

enum {
    TTY_OPEN = 0x2200,  // channel only: (device number, O_* flags, session badge of the opener, inode number | st_mode
                        //  << 48, uid | gid << 32, st_dev of the node's file system) -> status flags; capability:
                        //  description. ENXIO, EIO, EBUSY. A terminal without session becomes the controlling one of a
                        //  session leader without one (no O_NOCTTY).
    TTY_OPERATIONS_END
};

// Device numbers (Linux's, new_encode_dev): 5:0 /dev/tty, 5:1 /dev/console, 5:2 /dev/ptmx, 4:64+n /dev/ttySn, 136:n
// /dev/pts/n, and 240:n /dev/streamN, the raw byte streams to the host command (see tools/host).
#define TTY_STREAM_MAJOR 240
