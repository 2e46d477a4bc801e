// SPDX-License-Identifier: MIT
// What the parts of the benchmark program share: rows, and calls that must work.
//
// Plain Linux C: the same binary runs on Linux and on Bulkhead. A row is something a program does `rounds` times in a
// loop; main.c times the loop, in batches.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct row {
    const char *name;          // as the tables call it
    unsigned batches, rounds;  // how often it is measured, and how often it is done each time
    void (*run)(unsigned rounds);
    void (*prepare)(void);  // before the first batch, or null
    void (*clean)(void);    // after the last, or null
};

// End the program with a message unless `ok`.
void must(bool ok, const char *what);

// A name in the folder that the program works in.
#define HERE(name) "/tmp/bench/" name

// A second process that runs `serve` until it is killed; and its end.
pid_t helper_start(void (*serve)(void));
void helper_stop(void);

extern const struct row call_rows[], file_rows[], pipe_rows[], thread_rows[], memory_rows[], process_rows[];
extern const char *self;  // path of this program
