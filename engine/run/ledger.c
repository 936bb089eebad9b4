/* engine/run/ledger.c - a ring of entries: the newest takes the place of the oldest. */
#include "engine/run/ledger.h"

#include "engine/base/mem.h"

enum { MOST = 10000 };

static void entry_clear(entry *e)
{
    mem_free(e->key);
    mem_free(e->type);
    mem_free(e->why);
}

static entry entry_copy(const entry *e)
{
    entry x = *e;
    x.key = mem_dup(e->key);
    x.type = e->type ? mem_dup(e->type) : NULL;
    x.why = e->why ? mem_dup(e->why) : NULL;
    return x;
}

void ledger_add(ledger *l, const entry *e)
{
    if (l->n < MOST) {
        if (!(l->n & (l->n - 1))) l->at = mem_grow(l->at, (l->n ? l->n * 2 : 1) * sizeof *l->at);
        l->at[l->n++] = entry_copy(e);
        return;
    }
    entry_clear(&l->at[l->first]);
    l->at[l->first] = entry_copy(e);
    l->first = (l->first + 1) % MOST;
}

entry *ledger_read(const ledger *l, double since, size_t *n)
{
    entry *out = mem_alloc((l->n + 1) * sizeof *out);
    *n = 0;
    for (size_t i = 0; i < l->n; i++) {
        const entry *e = &l->at[(l->first + i) % l->n];
        if (e->end >= since) out[(*n)++] = entry_copy(e);
    }
    return out;
}

void ledger_free(entry *at, size_t n)
{
    for (size_t i = 0; i < n; i++) entry_clear(&at[i]);
    mem_free(at);
}

void ledger_clear(ledger *l)
{
    ledger_free(l->at, l->n);
    *l = (ledger){0};
}
