// SPDX-License-Identifier: MIT
// Deaths by the clock, as words of the boot command line ask for them; microseconds since boot:
//
//   kill=NAME@US               end this component then
//   kill=NAME@US+PERIOD        and every PERIOD from then on
//   kill=*@US+PERIOD/SEED      end one of all components, the supervisor and the guardian, another each time
//
// The words for the supervisor and the guardian by name are lib/twin's.
#include "servers/supervisor/supervisor.h"

#define US 1000ull

static struct component *component_named(const char *name, size_t n)
{
    for (unsigned i = 0; i < the_system->n_components; i++) {
        const char *candidate = the_system->components[i].spec->name;
        if (strlen(candidate) == n && strncmp(candidate, name, n) == 0) return &the_system->components[i];
    }
    return NULL;
}

static struct kills parse(const char *text)
{
    const char *end;
    struct kills kills = {.at = string_to_number(text, &end) * US};
    if (*end == '+') kills.every = string_to_number(end + 1, &end) * US;
    if (*end == '/') kills.chance = string_to_number(end + 1, NULL);
    return kills;
}

void kills_parse(void)
{
    the_system->kills.at = NS_FOREVER;
    for (const char *p = the_system->command_line; *p != '\0'; p++) {
        if (strncmp(p, "kill=", 5) != 0) continue;
        const char *name = p + 5, *at = strchr(name, '@');
        if (!at) return;
        struct component *c = component_named(name, (size_t)(at - name));
        if (c) c->kills = parse(at + 1);
        if (at == name + 1 && *name == '*') the_system->kills = parse(at + 1);
    }
}

void kills_next(struct kills *kills) { kills->at = kills->every ? kills->at + kills->every : NS_FOREVER; }

// splitmix64: any seed will do.
static uint64_t draw(uint64_t *chance)
{
    uint64_t x = *chance += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

uint64_t kills_converge(uint64_t now)
{
    struct kills *kills = &the_system->kills;
    if (now < kills->at) return kills->at;
    kills_next(kills);
    uint64_t index = draw(&kills->chance) % (the_system->n_components + TWINS);
    if (index < the_system->n_components)
        component_died(component_at((unsigned)index), DEATH_KILLED);
    else
        twin_record((enum twin)(index - the_system->n_components))->kill_ns = now;  // the other one does it
    return now;
}
