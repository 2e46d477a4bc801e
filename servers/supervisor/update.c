// SPDX-License-Identifier: MIT
// Hot update: images that arrive at run time, and the trial of a new version on the vault of the old one.
//
// An image is staged in an area of frames that neither a running nor a fallen-back-to image occupies (STAGES of
// STAGE_BYTES, made when first used), then committed to a component. The component is asked to stop; it ends its step and says
// so, and its next instance, of the new image, attaches to the same vault. It is on trial until it answers a heartbeat, or
// says that it has run its first step on a changed vault. What it brings about itself until then (a fault, a hang, its own
// giving up) makes the next instance one of the image before, on the same vault, with the request that showed
// it still recorded there. A planned restart is an update to the same image.
#include "servers/supervisor/supervisor.h"

#define STAGE_BITS 18
#define STAGE_BYTES (1ull << STAGE_BITS)
#define OWN_STAGES_ADDRESS 0x220000000000ull

static uint64_t stage_address(unsigned i) { return OWN_STAGES_ADDRESS + i * STAGE_BYTES; }

static const struct image_header *stage_image(unsigned i) { return (const struct image_header *)stage_address(i); }

// Which area the image lies in; STAGES: none, so that it is the bundle's.
static unsigned stage_of(const struct image_header *image)
{
    uint64_t offset = (uint64_t)image - OWN_STAGES_ADDRESS;
    return offset < STAGES * STAGE_BYTES ? (unsigned)(offset / STAGE_BYTES) : STAGES;
}

struct image_place update_place(const struct component *c)
{
    unsigned i = stage_of(c->image);
    if (i < STAGES) {
        const struct stage *stage = &the_system->stages[i];
        return (struct image_place){.image = c->image, .text = stage->view, .source = stage->frames, .first = 0};
    }
    return (struct image_place){.image = c->image,
                                .text = part_slot(c, PART_BUNDLE_VIEW),
                                .source = BOOT_SLOT_BUNDLE,
                                .first = bundle_page(c->image)};
}

void update_plan(void)
{
    for (unsigned i = 0; i < STAGES; i++)
        the_system->stages[i] = (struct stage){.frames = slot_take(), .view = slot_take()};
    the_system->staging = STAGES;
}

void update_attach(void)
{
    for (unsigned i = 0; i < STAGES; i++)
        if (the_system->stages[i].is_made)
            map_own(the_system->stages[i].frames, stage_address(i), 0, STAGE_BYTES / PAGE_SIZE,
                    RIGHT_READ | RIGHT_WRITE);
}

static _Bool is_image(const struct component *c, const struct image_header *image)
{
    unsigned i = stage_of(image);
    return i < STAGES ? the_system->stages[i].is_made && image == stage_image(i)
                      : image == bundle_image(c->spec->image);
}

void update_mend(struct component *c)
{
    if (!is_image(c, c->image)) c->image = bundle_image(c->spec->image);
    if (!is_image(c, c->image_next)) c->image_next = NULL;
    if (!is_image(c, c->image_before)) c->image_before = NULL;
}

// --- staging

static _Bool in_use(unsigned i)
{
    for (unsigned k = 0; k < the_system->n_components; k++) {
        const struct component *c = &the_system->components[k];
        if (stage_of(c->image) == i || stage_of(c->image_before) == i || stage_of(c->image_next) == i) return 1;
    }
    return 0;
}

// May be done again: what is there already is used.
static err_t make_stage(struct stage *stage, unsigned i)
{
    if (stage->is_made) return OK;
    err_t err = memory_take(CAP_FRAMES, STAGE_BITS, 0, stage->frames);
    if (err == OK || err == ERR_SLOT_FULL)
        err = cspace_derive(BOOT_SLOT_CSPACE, stage->view, 0, stage->frames, RIGHT_READ | RIGHT_EXEC, 0);
    if (err != OK && err != ERR_SLOT_FULL) return err;
    map_own(stage->frames, stage_address(i), 0, STAGE_BYTES / PAGE_SIZE, RIGHT_READ | RIGHT_WRITE);
    stage->is_made = 1;
    return OK;
}

static err_t choose_stage(void)
{
    the_system->staged_bytes = 0;
    the_system->staging = STAGES;
    for (unsigned i = 0; i < STAGES; i++) {
        if (in_use(i)) continue;
        err_t err = make_stage(&the_system->stages[i], i);
        if (err == OK) the_system->staging = i;
        return err;
    }
    return ERR_BUSY;
}

err_t update_stage(const struct component *by, uint64_t offset, uint64_t bytes)
{
    struct system *s = the_system;
    if (!(by->spec->may & MAY_POWER)) return ERR_NO_RIGHT;
    if (bytes > SUPERVISOR_STAGE_BYTES || offset > STAGE_BYTES || bytes > STAGE_BYTES - offset) return ERR_LIMIT;
    if (offset == 0) {
        err_t err = choose_stage();
        if (err != OK) return err;
    }
    if (s->staging == STAGES || offset > s->staged_bytes) return ERR_INVALID;
    memcpy((uint8_t *)stage_address(s->staging) + offset, &rt_utcb()->words[MSG_REGISTERS], bytes);
    if (offset + bytes > s->staged_bytes) s->staged_bytes = offset + bytes;
    return OK;
}

// --- updating

err_t update_begin(const struct component *by, struct component *c, uint64_t what)
{
    struct system *s = the_system;
    if (!(by->spec->may & MAY_POWER)) return ERR_NO_RIGHT;
    if (!c || what > UPDATE_BUNDLE) return ERR_INVALID;
    if (c->state != STATE_READY || c->is_on_trial || c->image_next) return ERR_BUSY;
    if (what == UPDATE_STAGED) {
        if (s->staging == STAGES || !image_is_sound(stage_image(s->staging), s->staged_bytes)) return ERR_INVALID;
        c->image_next = stage_image(s->staging);
        s->staging = STAGES;
    } else {
        c->image_next = what == UPDATE_BUNDLE ? bundle_image(c->spec->image) : c->image;
    }
    (void)sys_signal(part_slot(c, PART_STOP));
    return OK;
}

void update_ready(const struct component *c)
{
    if (c->image_next) (void)sys_signal(part_slot(c, PART_STOP));
}

void update_stopped(struct component *c)
{
    if (!c->image_next) return;
    c->is_on_trial = c->image_next != c->image;
    c->image_before = c->is_on_trial ? c->image : NULL;
    c->image = c->image_next;
    c->image_next = NULL;
    component_died(c, DEATH_PLANNED);
}

void update_confirm(struct component *c)
{
    if (!c->is_on_trial) return;
    log_line("%s: the new version serves", c->spec->name);
    c->is_on_trial = 0;
    c->image_before = NULL;
}

void update_failed(struct component *c)
{
    if (!c->is_on_trial || !death_is_failure(c->last_death)) return;
    log_line("%s: the new version has failed its trial, the one before goes on", c->spec->name);
    c->image = c->image_before;
    c->image_before = NULL;
    c->is_on_trial = c->cold = 0;
    c->last_death = DEATH_PLANNED;  // nothing of it counts against the request that showed it
}
