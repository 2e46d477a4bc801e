// SPDX-License-Identifier: MIT
// Audits: what a server has lost in its own vault is found and given back.
//
// A component that went wrong before it ended may have committed losses: records that nothing leads to, capabilities that
// nobody will free, counts that are too high, lists of free records that are broken. No request shows them, and a restart does
// not cure them. After a death of the component's own making, and after an end by plan, the next instance looks before any
// step runs: `audit` of struct server goes from the roots of its state over every link (audit_reach, audit_slots), has each
// table make free what was not reached (audit_sweep), and counts anew what is counted. A renewal, which comes often, is
// followed by `wake` alone where the last audit took more than 2 ms: everybody who might wait asks again.
//
// Rules: stores of an audit are not undone. When it is interrupted it is done again from its start, so it may only do what it
// may do twice; it queues nothing and asks nobody. An audit that brings its own instance down is not tried again.
#pragma once
#include "lib/server/table.h"

// Over all records in use.
#define for_each(type, each, table) \
    for (uint32_t each##_index = 0; each##_index < (table)->n_fresh; each##_index++) \
        for (struct type *each = table_at((table), each##_index); each; each = NULL)
// Go on from this record? It is one of the table's, in use, and reached for the first time. False for null.
_Bool audit_reach(const struct table *table, const void *record);
// Over a list, whose end is where a link leads to no record, or to one that was reached before: the link is cut.
#define for_reached_by(next, type, each, table, first) \
    for (struct type **each##_link = &(first), *each; \
         audit_reach(table, each = *each##_link) || (*each##_link = NULL); each##_link = &each->next)
#define for_reached(...) for_reached_by (next, __VA_ARGS__)
// It has been reached.
_Bool audit_reached(const struct table *table, const void *record);
// It has not, after all.
void audit_forget(const void *record);
// Free every record that was not reached, and make the list of free ones anew.
void audit_sweep(struct table *table);

// These slots are in use; 0 is ignored. What nobody says that of is emptied and free behind the audit; what was derived from
// it is revoked, but for endpoints.
void audit_slots(uint32_t first, uint32_t n);
// The caller behind this handle is still put off; 0 is ignored. Others who wait are told to ask again.
void audit_reply(uint64_t handle);
