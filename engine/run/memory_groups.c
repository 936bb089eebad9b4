/* engine/run/memory_groups.c - results by the buffer that they look into: what is counted, what is
 * needed just now. */
#include "engine/run/memory_impl.h"

static uint32_t bucket_of(const buf *b)
{
    return (uint32_t)(((uint64_t)(uintptr_t)b >> 4) * 0x9e3779b97f4a7c15ull >> 40) % NBUCKET;
}

int32_t group_find(const memory *m, const buf *b)
{
    int32_t i = b ? m->bucket[bucket_of(b)] : NO_GROUP;
    while (i != NO_GROUP && m->group[i].of != b) i = m->group[i].next;
    return i;
}

static int32_t new_group(memory *m, const buf *b, uint64_t bytes)
{
    int32_t i = m->unused;
    if (i != NO_GROUP)
        m->unused = m->group[i].next;
    else {
        if (m->ngroup == m->capgroup) {
            m->capgroup = m->capgroup ? 2 * m->capgroup : 256;
            m->group = mem_grow(m->group, (size_t)m->capgroup * sizeof *m->group);
        }
        i = m->ngroup++;
    }
    m->group[i] = (group){.of = b, .bytes = bytes, .first = NO_TASK, .next = NO_GROUP};
    if (b) {
        m->group[i].next = m->bucket[bucket_of(b)];
        m->bucket[bucket_of(b)] = i;
    }
    m->live += bytes;
    return i;
}

static void end_group(memory *m, int32_t i)
{
    group *g = &m->group[i];
    if (g->of) {
        int32_t *at = &m->bucket[bucket_of(g->of)];
        while (*at != i) at = &m->group[*at].next;
        *at = g->next;
    }
    m->live -= g->bytes;
    *g = (group){.next = m->unused, .first = NO_TASK};
    m->unused = i;
}

bool group_may_idle(const group *g)
{
    return (g->of || g->parts) && !g->npinned && !g->leaving;
}

void group_count_idle(memory *m, const group *g, int sign)
{
    if (group_may_idle(g)) m->idle = sign > 0 ? m->idle + g->bytes : m->idle - g->bytes;
}

void memory_note_peak(memory *m)
{
    if (m->live + m->running > m->peak) m->peak = m->live + m->running;
}

void result_add(memory *m, tid t, const datum *d)
{
    slot *s = &m->at[t];
    const nd *x = as_nd(d);
    int32_t i = x ? group_find(m, x->b) : NO_GROUP;
    if (i == NO_GROUP) i = new_group(m, x ? x->b : NULL, result_holds(d));
    group *g = &m->group[i];
    g->parts = datum_part(d, 0) != NULL;
    if (g->nresult) group_count_idle(m, g, -1);
    g->nresult++;
    g->npinned += s->pins != 0;
    s->sibling = g->first;
    s->elder = NO_TASK;
    if (g->first != NO_TASK) m->at[g->first].elder = t;
    g->first = t;
    s->group = i;
    s->where = HERE;
    group_count_idle(m, g, 1);
    memory_note_peak(m);
}

void result_heirs(memory *m, tid t)
{
    const task *k = &m->p->task[t];
    for (uint32_t i = 0; i < k->nsucc; i++) {
        const slot *s = &m->at[m->p->succ[k->succ + i]];
        group *g = s->where == HERE && s->group != NO_GROUP ? &m->group[s->group] : NULL;
        if (!g || !g->of || g->bytes) continue;
        if (atomic_load(&((buf *)(uintptr_t)g->of)->rc) > g->nresult) continue;
        group_count_idle(m, g, -1);
        g->bytes = g->of->size;
        m->live += g->bytes;
        group_count_idle(m, g, 1);
        memory_note_peak(m);
    }
}

void result_remove(memory *m, tid t)
{
    slot *s = &m->at[t];
    group *g = &m->group[s->group];
    if (s->elder == NO_TASK)
        g->first = s->sibling;
    else
        m->at[s->elder].sibling = s->sibling;
    if (s->sibling != NO_TASK) m->at[s->sibling].elder = s->elder;
    group_count_idle(m, g, -1);
    g->npinned -= s->pins != 0;
    if (--g->nresult)
        group_count_idle(m, g, 1);
    else
        end_group(m, s->group);
    s->group = NO_GROUP;
    s->where = NOWHERE;
}

static void pin(memory *m, tid t)
{
    slot *s = &m->at[t];
    if (s->pins++ || s->group == NO_GROUP) return;
    group_count_idle(m, &m->group[s->group], -1);
    m->group[s->group].npinned++;
}

static void unpin(memory *m, tid t)
{
    slot *s = &m->at[t];
    if (--s->pins || s->group == NO_GROUP) return;
    m->group[s->group].npinned--;
    group_count_idle(m, &m->group[s->group], 1);
}

void inputs_pin(memory *m, const task *k, bool on)
{
    for (uint32_t i = 0; i < k->nin; i++)
        if (on)
            pin(m, m->p->in[k->in + i]);
        else
            unpin(m, m->p->in[k->in + i]);
}
