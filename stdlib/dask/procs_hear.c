/* stdlib/dask/procs_hear.c - messages of worker processes -> events, and results on their way from
 * one to another. */
#include "stdlib/dask/procs.h"

#include <string.h>

/* ---- what comes ---- */

static void put_to(procs *w, int who, work_id id, datum *d)
{
    wire_out out = {0};
    err e = {0};
    wire_u8(&out, MSG_PUT);
    wire_u64(&out, id);
    if (wire_datum(&out, d, &e)) {
        procs_post(w, who, &out);
        procs_now_at(w, id, who);
    } else {
        wire_out_clear(&out);
        err_clear(&e);
        procs_give_up(w, id, who);
    }
}

static void got_value(procs *w, int who, wire_in *r)
{
    err e = {0};
    work_id id = wire_get_u64(r);
    enum err_kind kind = wire_get_u8(r);
    size_t n;
    const char *why = wire_get_text(r, &n);
    datum *d = NULL;
    if (!wire_get_datum(r, &d, &e)) kind = e.kind, why = e.msg, n = strlen(why);
    for (wanted **at = &w->wanted; *at;) {
        wanted *x = *at;
        if (x->id != id || x->from != who) {
            at = &x->next;
            continue;
        }
        *at = x->next;
        if (x->to >= 0 && d && idmap_get(&w->results, id)) {
            put_to(w, x->to, id, d);
        } else if (x->to >= 0) {
            procs_give_up(w, id, x->to);
            at = &w->wanted;
        } else {
            work_event *ev = procs_event(w, WORK_VALUE, who, id);
            ev->value = datum_ref(d);
            ev->kind = kind;
            work_event_say(ev, why, n);
        }
        mem_free(x);
    }
    datum_unref(d);
    err_clear(&e);
}

/* A task has ended: is somebody interested? */
static bool task_over(procs *w, int who, work_id id)
{
    sent *t = idmap_put(&w->at[who]->tasks, id, NULL);
    bool wants = t && !t->dropped;
    mem_free(t);
    return wants;
}

/* It will not run.  A task that was sent again since is another matter. */
static void got_cancelled(procs *w, int who, wire_in *r)
{
    work_id id = wire_get_u64(r);
    const sent *t = idmap_get(&w->at[who]->tasks, id);
    if (t && t->dropped) task_over(w, who, id);
}

static void got_done(procs *w, int who, wire_in *r)
{
    work_id id = wire_get_u64(r);
    if (!task_over(w, who, id)) { /* the second run of a task that was sent twice is as good */
        if (!result_is_at(idmap_get(&w->results, id), who)) procs_post_id(w, who, MSG_DROP, id);
        return;
    }
    size_t n;
    const char *cls = wire_get_text(r, &n);
    work_event *ev = procs_event(w, WORK_DONE, who, id);
    if (n >= sizeof ev->type) n = sizeof ev->type - 1;
    if (cls) memcpy(ev->type, cls, n);
    ev->bytes = wire_get_u64(r);
    wire_get(r, &ev->begin, sizeof ev->begin);
    wire_get(r, &ev->end, sizeof ev->end);
    err e = {0};
    wire_get_datum(r, &ev->value, &e);
    err_clear(&e);
    procs_now_at(w, id, who);
}

static void got_datum(procs *w, int who, wire_in *r, enum work_what what)
{
    err e = {0};
    work_id id = wire_get_u64(r);
    if (what == WORK_FAILED && !task_over(w, who, id)) return;
    work_event *ev = procs_event(w, what, who, id);
    if (what == WORK_ASKS) ev->other = wire_get_u64(r);
    if (what == WORK_FAILED) ev->kind = wire_get_u8(r);
    size_t n = 0;
    const char *text = what == WORK_FAILED ? wire_get_text(r, &n) : NULL;
    wire_get_datum(r, &ev->value, &e);
    work_event_say(ev, text, n);
    err_clear(&e);
}

static void got_said(procs *w, int who, wire_in *r)
{
    work_event *ev = procs_event(w, WORK_SAID, who, wire_get_u64(r));
    ev->other = wire_get_u64(r);
    size_t n;
    const char *text = wire_get_text(r, &n);
    work_event_say(ev, text, n);
}

static void take_message(procs *w, int who, wire_in *r)
{
    switch ((enum message)wire_get_u8(r)) {
    case MSG_UP: procs_event(w, WORKER_UP, who, 0)->pid = (int64_t)wire_get_u64(r); break;
    case MSG_DONE: got_done(w, who, r); break;
    case MSG_CANCEL: got_cancelled(w, who, r); break;
    case MSG_FAILED: got_datum(w, who, r, WORK_FAILED); break;
    case MSG_VALUE: got_value(w, who, r); break;
    case MSG_SAID: got_said(w, who, r); break;
    case MSG_ASKS: got_datum(w, who, r, WORK_ASKS); break;
    default: break;
    }
}

/* All messages that are there. */
void procs_read(procs *w, int who)
{
    proc *p = w->at[who];
    err e = {0};
    while (!p->dead) {
        int got = link_read(p->p.fd, &p->in, &e);
        if (got == 0) return;
        if (got < 0) {
            err_clear(&e);
            procs_lost(w, who);
            return;
        }
        take_message(w, who, &p->in);
        if (p->dead) return;
        wire_in_clear(&p->in);
        link_reader(&p->in);
    }
}
