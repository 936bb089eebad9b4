/* stdlib/dask/crew_away.c - calls that a seat's process makes: out, back, and again when the
 * process dies. */
#include <poll.h>

#include "engine/data/nd_wire.h"
#include "engine/graph/fn_wire.h"
#include "stdlib/dask/crew.h"

enum { MOST_DEATHS = 3, TICK_MS = 20 };

/* Of a live value: its frozen form is there, or there is a reason why not. */
static bool is_known(datum *d)
{
    live *l = as_live(d);
    const fn *f = as_fn(d);
    if (f && f->kind == &callable_kind) return true; /* it says itself what does not travel */
    return !l || l->capsule || l->why;
}

static bool lit_known(const lit *x)
{
    if (x->kind == LIT_DATUM) return is_known(x->d);
    for (uint32_t i = 0; lit_has_items(x) && i < x->n; i++)
        if (!lit_known(&x->item[i])) return false;
    return true;
}

static bool call_known(const call *c)
{
    for (uint32_t i = 0; i < c->nin; i++)
        if (!is_known(c->in[i])) return false;
    for (uint32_t i = 0; i < c->narg; i++)
        if (!lit_known(&c->arg[i])) return false;
    return true;
}

static bool write_call(const fn *f, const call *c, wire_out *w, err *e)
{
    wire_u8(w, MSG_CALL);
    wire_u64(w, 0);
    TRY(wire_datum(w, (datum *)(uintptr_t)&f->hdr, e));
    wire_u32(w, c->narg);
    for (uint32_t i = 0; i < c->narg; i++) TRY(lit_save(&c->arg[i], w, e));
    wire_u32(w, c->nin);
    for (uint32_t i = 0; i < c->nin; i++) TRY(wire_datum(w, c->in[i], e));
    return true;
}

static bool start(seat *s, err *e)
{
    if (s->away.pid) return true;
    if (!process_start(&s->away, false, e)) return false;
    wire_out w = {0};
    greeting g = {worker_id(s->w), 1, true, true, 0, "process", crew_setting(s->of)};
    if (greeting_write(&g, &w, e)) return link_send(s->away.fd, &w, e);
    wire_out_clear(&w);
    process_end(&s->away, NULL);
    return false;
}

enum reply { LOST, STOPPED, ANSWERED };

static void take_said(seat *s, wire_in *r)
{
    size_t n;
    wire_get_u64(r);
    uint64_t fd = wire_get_u64(r);
    const char *text = wire_get_text(r, &n);
    if (text) sb_add(&s->said[fd == 2], text, n);
}

static void take_failure(wire_in *r, err *e)
{
    datum *exc;
    size_t n;
    wire_get_u64(r);
    enum err_kind kind = wire_get_u8(r);
    const char *text = wire_get_text(r, &n);
    if (!wire_get_datum(r, &exc, e)) return;
    err_set(e, kind, "%.*s", (int)n, text ? text : "");
    e->exc = exc;
}

/* What stands in a message; false: there will be more. */
static bool take(seat *s, wire_in *r, datum **out, err *e)
{
    switch ((enum message)wire_get_u8(r)) {
    case MSG_SAID: take_said(s, r); return false;
    case MSG_RESULT:
        wire_get_u64(r);
        if (wire_get_datum(r, out, e) && !*out) wire_bad(r, e);
        return true;
    case MSG_FAILED: take_failure(r, e); return true;
    default: return false;
    }
}

static enum reply await(seat *s, datum **out, err *e)
{
    for (;;) {
        struct pollfd p = {s->away.fd, POLLIN, 0};
        if (crew_stopped(s->of)) return STOPPED;
        if (poll(&p, 1, TICK_MS) <= 0) continue;
        wire_in r;
        err failed = {0};
        if (link_receive(s->away.fd, &r, &failed) != 1) return err_clear(&failed), LOST;
        bool over = take(s, &r, out, e);
        wire_in_clear(&r);
        if (over) return ANSWERED;
    }
}

datum *seat_call_away(seat *s, const fn *f, const call *c, err *e)
{
    if (!call_known(c)) return *c->go_home = true, NULL;
    for (int deaths = 0; deaths < MOST_DEATHS;) {
        wire_out w = {0};
        datum *out = NULL;
        if (!start(s, e)) return NULL;
        if (!write_call(f, c, &w, e)) return wire_out_clear(&w), NULL;
        err gone = {0};
        bool sent = link_send(s->away.fd, &w, &gone);
        err_clear(&gone);
        enum reply got = sent ? await(s, &out, e) : LOST;
        seat_done(s, got == ANSWERED);
        if (got == ANSWERED) return out;
        process_end(&s->away, NULL);
        if (got == STOPPED) return err_set(e, KeyboardInterrupt, "%s", "");
        deaths++;
    }
    crew_broken(s->of);
    return err_set(e, RuntimeError,
                   "A process in the process pool was terminated abruptly while the future was "
                   "running or pending.");
}
