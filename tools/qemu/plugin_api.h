// SPDX-License-Identifier: MIT
// The part of QEMU's plugin interface, version 1 (QEMU 6 to 8), that the counting plugin uses.
//
// Declared from the interface's documentation, since Debian packages no header of it. The functions are QEMU's own and
// are bound when QEMU loads the plugin. Translation callbacks see each block once, before it is translated; what they
// register runs each time the instruction is about to be executed.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLUGIN_EXPORT __attribute__((visibility("default")))

enum { PLUGIN_VERSION = 1 };
enum plugin_registers { PLUGIN_NO_REGISTERS = 0 };  // what of the CPU's state a callback looks at
enum plugin_inline { PLUGIN_INLINE_ADD = 0 };       // *counter += value, without a call

typedef uint64_t plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;
typedef void plugin_translate_fn(plugin_id_t id, struct qemu_plugin_tb *block);
typedef void plugin_execute_fn(unsigned cpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id_t id, plugin_translate_fn *translate);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, plugin_execute_fn *execute,
                                            enum plugin_registers registers, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, enum plugin_inline operation,
                                                void *counter, uint64_t value);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);  // where QEMU keeps the instruction; may be null
