// SPDX-License-Identifier: MIT
// A QEMU plugin that counts what the guest executes, by function and by event, in sections that the guest marks.
//
//   -plugin count.so,images=FILE,output=FILE
//
// A mark is a NOPL whose displacement holds 0x4248 and a number: 2 * row begins a section of that row, 2 * row + 1 ends
// it, MARK_FINISH writes the functions' shares of all rows. It costs the guest one instruction and changes nothing.
// A string instruction counts once, its further passes apart: the functions' counts and these passes add up to the TSC
// under -icount. One virtual CPU; an instruction that faults and is repeated counts twice. tools/qemu/README.md
// describes the list of images and the output.
#include "count.h"
#include "plugin_api.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 256, MARK_FINISH = 0xffff };

PLUGIN_EXPORT extern int qemu_plugin_version;
int qemu_plugin_version = PLUGIN_VERSION;
PLUGIN_EXPORT int qemu_plugin_install(plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv);

// A string instruction at its place. QEMU runs one pass at a time; a pass goes on with the one before if the place's
// function has executed nothing else since. Whatever an interrupt ran in between belongs to other functions.
struct string_place {
    struct function *function;
    uint64_t n_insns_then, bytes;
};

static uint64_t events[EVENT_COUNT], events_then[EVENT_COUNT];
static uint64_t passes_more, passes_more_then;    // passes of string instructions beyond the first
static uint64_t string_moved, string_moved_then;  // bytes
static FILE *output;
static int open_row = -1;

static const char *const event_names[] = {
#define EVENT_NAME(name, text) text,
    EVENTS(EVENT_NAME)
#undef EVENT_NAME
};

static void section_begin(int row)
{
    open_row = row;
    memcpy(events_then, events, sizeof(events));
    passes_more_then = passes_more;
    string_moved_then = string_moved;
    for (size_t i = 0; i < n_functions; i++) functions[i].n_at_mark = functions[i].n_insns;
}

// section ROW string=PASSES bytes=BYTES EVENT=N... OWNER:N...
static void section_end(int row)
{
    uint64_t *by_owner = calloc(n_owners, sizeof(*by_owner));
    for (size_t i = 0; i < n_functions; i++) {
        struct function *function = &functions[i];
        uint64_t n = function->n_insns - function->n_at_mark;
        if (!n) continue;
        by_owner[function->owner] += n;
        if (!function->in_row) function->in_row = calloc(MAX_ROWS, sizeof(*function->in_row));
        function->in_row[row] += n;
    }
    fprintf(output, "section %d string=%llu bytes=%llu", row, (unsigned long long)(passes_more - passes_more_then),
            (unsigned long long)(string_moved - string_moved_then));
    for (unsigned i = 0; i < EVENT_COUNT; i++)
        fprintf(output, " %s=%llu", event_names[i], (unsigned long long)(events[i] - events_then[i]));
    for (size_t i = 0; i < n_owners; i++)
        if (by_owner[i]) fprintf(output, " %s:%llu", owners[i], (unsigned long long)by_owner[i]);
    fputc('\n', output);
    free(by_owner);
    open_row = -1;
}

// function ROW OWNER NAME N, for all that executed anything.
static void finish(void)
{
    for (size_t i = 0; i < n_functions; i++)
        for (int row = 0; functions[i].in_row && row < MAX_ROWS; row++)
            if (functions[i].in_row[row])
                fprintf(output, "function %d %s %s %llu\n", row, owners[functions[i].owner], functions[i].name,
                        (unsigned long long)functions[i].in_row[row]);
    fputs("end\n", output);
    (void)fflush(output);
}

static void mark_executed(unsigned cpu, void *data)
{
    (void)cpu;
    int mark = (int)(intptr_t)data, row = mark / 2;
    if (mark == MARK_FINISH)
        finish();
    else if (row < MAX_ROWS && mark % 2 == 0)
        section_begin(row);
    else if (row < MAX_ROWS && row == open_row)
        section_end(row);
}

static void string_executed(unsigned cpu, void *data)
{
    (void)cpu;
    struct string_place *place = data;
    if (place->function->n_insns == place->n_insns_then + 1) {
        place->function->n_insns--;
        passes_more++;
        string_moved += place->bytes;
    }
    place->n_insns_then = place->function->n_insns;
}

static void watch(struct qemu_plugin_insn *insn)
{
    struct decoded decoded = decode(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));
    struct function *function = function_of(qemu_plugin_insn_vaddr(insn), qemu_plugin_insn_haddr(insn));
    qemu_plugin_register_vcpu_insn_exec_inline(insn, PLUGIN_INLINE_ADD, &function->n_insns, 1);
    if (decoded.event != EVENT_NONE)
        qemu_plugin_register_vcpu_insn_exec_inline(insn, PLUGIN_INLINE_ADD, &events[decoded.event], 1);
    if (decoded.string_bytes) {
        struct string_place *place = malloc(sizeof(*place));
        *place = (struct string_place){function, 0, decoded.string_bytes};
        qemu_plugin_register_vcpu_insn_exec_cb(insn, string_executed, PLUGIN_NO_REGISTERS, place);
    }
    if (decoded.mark != MARK_NONE)
        qemu_plugin_register_vcpu_insn_exec_cb(insn, mark_executed, PLUGIN_NO_REGISTERS,
                                               (void *)(intptr_t)decoded.mark);
}

static void translate(plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) watch(qemu_plugin_tb_get_insn(block, i));
}

static const char *argument(int argc, char **argv, const char *name)
{
    size_t n = strlen(name);
    for (int i = 0; i < argc; i++)
        if (!strncmp(argv[i], name, n) && argv[i][n] == '=') return argv[i] + n + 1;
    return NULL;
}

int qemu_plugin_install(plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    const char *list = argument(argc, argv, "images"), *path = argument(argc, argv, "output");
    if (!list || !path || !owners_read(list)) return 1;
    output = fopen(path, "w");
    if (!output) return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    return 0;
}
