// SPDX-License-Identifier: MIT
// What runs before and after component_main(), and the component's own questions: capabilities by name, arguments.
//
// Everything is read from the information page, which the supervisor wrote and nobody can change.
#include "lib/rt/rt.h"
#include "protocols/supervisor.h"

// Called by start.S. A component that ends tells the supervisor and waits to be taken down.
_Noreturn void rt_start(const struct component_info *info)
{
    int code = component_main(info);
    struct message m = {.info = INFO(SUPERVISOR_EXIT, 1, 0), .words = {(uint64_t)code}};
    err_t err = ipc_call(SLOT_SUPERVISOR, &m);
    panic("exit refused: %s", err_name(err));
}

const struct component_cap *rt_cap(const char *name)
{
    const struct component_info *info = rt_info();
    for (uint32_t i = 0; i < info->n_caps; i++)
        if (strncmp(info->caps[i].name, name, sizeof info->caps[i].name) == 0) return &info->caps[i];
    return NULL;
}

const struct component_cap *rt_cap_of_kind(enum component_cap_kind kind, unsigned n)
{
    const struct component_info *info = rt_info();
    for (uint32_t i = 0; i < info->n_caps; i++)
        if (info->caps[i].kind == (uint32_t)kind && n-- == 0) return &info->caps[i];
    return NULL;
}

uint32_t cap_named(const char *name)
{
    const struct component_cap *cap = rt_cap(name);
    return cap ? cap->slot : 0;
}

// Where the value of the word `key=value` begins, null when the word at `word` has another key.
static const char *value_of(const char *word, const char *key)
{
    size_t n = strlen(key);
    return strncmp(word, key, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

static const char *skip_spaces(const char *s)
{
    while (*s == ' ' || *s == '\t') s++;
    return s;
}

static const char *skip_word(const char *s)
{
    while (*s != '\0' && *s != ' ' && *s != '\t') s++;
    return s;
}

_Bool rt_arg(const char *key, unsigned n, char *value, size_t size)
{
    for (const char *word = skip_spaces(rt_info()->args); *word != '\0'; word = skip_spaces(skip_word(word))) {
        const char *found = value_of(word, key);
        if (!found || n-- != 0) continue;
        size_t length = (size_t)(skip_word(found) - found);
        if (length >= size) return 0;
        memcpy(value, found, length);
        value[length] = '\0';
        return 1;
    }
    return 0;
}

_Bool rt_arg_last(const char *key, char *value, size_t size)
{
    unsigned n = 0;
    while (rt_arg(key, n, value, size)) n++;
    return n > 0;
}
