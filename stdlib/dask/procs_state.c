/* stdlib/dask/procs_state.c - what is known of worker processes: which live, who holds what, what
 * waits to be sent.
 *
 * Results that a task needs elsewhere are fetched from a worker that holds them and put to the one
 * that lacks them; the task itself waits there. */
#include "stdlib/dask/procs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- events ---- */

work_event *procs_event(procs *w, enum work_what what, int who, work_id id)
{
    queued *q = mem_zero(sizeof *q);
    q->ev.what = what;
    q->ev.worker = who;
    q->ev.id = id;
    if (w->events)
        w->newest->next = q;
    else
        w->events = q;
    w->newest = q;
    return &q->ev;
}

void work_event_say(work_event *ev, const char *s, size_t n)
{
    ev->text = mem_dupn(s ? s : "", s ? n : 0);
    ev->ntext = s ? n : 0;
}

void procs_ring(procs *w)
{
    uint64_t one = 1;
    if (w->polling && write(w->wake, &one, sizeof one) < 0) return; /* full: it rings already */
}

/* ---- who holds what ---- */

bool result_is_at(const result *r, int who)
{
    for (uint32_t i = 0; r && i < r->n; i++)
        if (r->at[i] == who) return true;
    return false;
}

void procs_now_at(procs *w, work_id id, int who)
{
    result *r = idmap_get(&w->results, id);
    if (!r) idmap_put(&w->results, id, r = mem_zero(sizeof *r));
    if (result_is_at(r, who)) return;
    if (r->n == r->cap) r->at = mem_grow(r->at, (r->cap = r->cap * 2 + 1) * sizeof *r->at);
    r->at[r->n++] = who;
}

void result_free(result *r)
{
    if (!r) return;
    mem_free(r->at);
    mem_free(r);
}

static void no_longer_at(procs *w, int who)
{
    work_id id;
    void *at;
    for (size_t i = 0; idmap_next(&w->results, &i, &id, &at);) {
        result *r = at;
        for (uint32_t k = 0; k < r->n; k++)
            if (r->at[k] == who) r->at[k--] = r->at[--r->n];
        if (!r->n) result_free(idmap_put(&w->results, id, NULL));
    }
}

/* A worker from which to have a result: -1 none.  The last to get it: so copies spread. */
int procs_holder(const procs *w, work_id id)
{
    const result *r = idmap_get(&w->results, id);
    for (uint32_t i = r ? r->n : 0; i-- > 0;)
        if (!w->at[r->at[i]]->dead) return r->at[i];
    return -1;
}

/* ---- sending ---- */

bool procs_flush(procs *w, int who)
{
    proc *p = w->at[who];
    while (p->out && !p->dead) {
        int sent_all = parcel_send(p->p.fd, p->out);
        if (sent_all == 0) return true;
        parcel *next = p->out->next;
        parcel_free(p->out);
        p->out = next;
        if (sent_all < 0) return false;
    }
    return true;
}

/* A death that sending meets is told by the reader, in its turn. */
void procs_post(procs *w, int who, wire_out *out)
{
    proc *p = w->at[who];
    if (p->dead) {
        wire_out_clear(out);
        return;
    }
    parcel *x = parcel_new(out);
    if (p->out)
        p->last->next = x;
    else
        p->out = x;
    p->last = x;
    if (p->out == x) procs_flush(w, who);
    if (p->out) procs_ring(w);
}

void procs_post_id(procs *w, int who, enum message what, work_id id)
{
    wire_out out = {0};
    wire_u8(&out, what);
    wire_u64(&out, id);
    procs_post(w, who, &out);
}

/* ---- life and death ---- */

bool procs_start(procs *w, int who, err *e)
{
    proc *p = w->at[who];
    if (!process_start(&p->p, true, e)) return false;
    p->dead = false;
    link_reader(&p->in);
    char name[128];
    snprintf(name, sizeof name, "%s-%d", w->name, who);
    int nthread = w->o.nthread > 0 ? w->o.nthread : 1;
    greeting g = {who, nthread, w->o.fresh, w->o.alone, w->o.limit, name, w->setting};
    wire_out out = {0};
    if (greeting_write(&g, &out, e)) return procs_post(w, who, &out), true;
    wire_out_clear(&out);
    p->dead = true;
    process_end(&p->p, NULL);
    return false;
}

void proc_forget(proc *p)
{
    uint64_t id;
    void *at;
    for (size_t i = 0; idmap_next(&p->funcs, &i, &id, &at);) datum_unref(at);
    for (size_t i = 0; idmap_next(&p->tasks, &i, &id, &at);) mem_free(at);
    idmap_clear(&p->funcs);
    idmap_clear(&p->tasks);
    for (parcel *next; p->out; p->out = next) {
        next = p->out->next;
        parcel_free(p->out);
    }
    wire_in_clear(&p->in);
}

/* A result will not come: its fetcher is told, tasks that wait for it elsewhere cannot run. */
void procs_give_up(procs *w, work_id id, int to)
{
    if (to < 0) {
        procs_event(w, WORK_VALUE, -1, id);
        return;
    }
    proc *p = w->at[to];
    uint64_t task_id;
    void *at;
    for (size_t i = 0; idmap_next(&p->tasks, &i, &task_id, &at);) {
        sent *t = at;
        bool needs = false;
        for (uint32_t k = 0; k < t->nin; k++) needs = needs || t->in[k] == id;
        if (!needs) continue;
        if (!t->dropped) procs_event(w, WORK_MISSING, to, t->id)->other = id;
        procs_post_id(w, to, MSG_CANCEL, t->id);
        mem_free(idmap_put(&p->tasks, task_id, NULL));
    }
}

void procs_ask_for(procs *w, work_id id, int to)
{
    int from = procs_holder(w, id);
    if (from < 0) {
        procs_give_up(w, id, to);
        return;
    }
    bool asked = false; /* one answer serves all */
    for (wanted *x = w->wanted; x; x = x->next) {
        if (x->id != id) continue;
        if (x->to == to) return;
        asked = true;
        from = x->from;
    }
    wanted *x = mem_alloc(sizeof *x);
    *x = (wanted){id, from, to, w->wanted};
    w->wanted = x;
    if (!asked) procs_post_id(w, from, MSG_FETCH, id);
}

void procs_lost(procs *w, int who)
{
    proc *p = w->at[who];
    if (p->dead) return;
    p->dead = true;
    int64_t pid = p->p.pid;
    char why[64];
    process_end(&p->p, why);
    proc_forget(p);
    no_longer_at(w, who);
    work_event *ev = procs_event(w, WORKER_DIED, who, 0);
    ev->pid = pid;
    work_event_say(ev, why, strlen(why));
    wanted *all = w->wanted;
    w->wanted = NULL;
    for (wanted *x = all, *next; x; x = next) {
        next = x->next;
        if (x->to == who) {
            mem_free(x);
        } else if (x->from == who) {
            procs_ask_for(w, x->id, x->to);
            mem_free(x);
        } else {
            x->next = w->wanted;
            w->wanted = x;
        }
    }
}
