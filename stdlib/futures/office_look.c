/* stdlib/futures/office_look.c - what an Office has: workers, tasks, what has run, and the board of
 * things that tasks and programs share by name. */
#include "engine/base/mem.h"
#include "engine/run/board.h"
#include "engine/run/ledger.h"
#include "stdlib/dask/bridge.h"
#include "stdlib/futures/office_impl.h"

/* [(running, queued, held, bytes, gone)], one for each worker */
value office_workers(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    list *l = o ? list_new(in, 4) : NULL;
    for (int i = 0; l && i < foreman_hands(o->f); i++) {
        hand_counts c = foreman_count(o->f, i);
        tuple *t = tuple_pack(in, 5, v_int(c.running), v_int(c.queued), v_int(c.held),
                              v_int((int64_t)c.bytes), v_bool(c.gone));
        if (!list_add(in, l, v_obj(t))) return obj_unref(in, l), FAIL;
    }
    return v_obj(l);
}

/* [(key, state, type, bytes, where, worker, begin, end)], oldest first */
value office_tasks(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    list *l = o ? list_new(in, 16) : NULL;
    size_t n = 0;
    errand **all = l ? foreman_all(o->f, &n) : NULL;
    bool ok = l != NULL;
    for (size_t i = 0; i < n; i++) {
        errand_view v;
        errand_look(all[i], &v);
        tuple *t =
            tuple_pack(in, 8, v_str(in, errand_key(all[i])), v_str(in, errand_state_name[v.state]),
                       v.type ? v_str(in, v.type) : NONE, v_int((int64_t)v.bytes),
                       v_int((int64_t)v.where), v_int(v.worker), v_float(v.begin), v_float(v.end));
        ok = ok && list_add(in, l, v_obj(t));
        errand_view_clear(&v);
        errand_release(all[i]);
    }
    mem_free(all);
    if (!ok) obj_unref(in, l);
    return ok ? v_obj(l) : FAIL;
}

/* past(since): the same of tasks that ended, whatever became of their results; in the place of
 * `where`, why one failed */
value office_past(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    double since;
    if (!o || !to_double(in, arg[1], &since)) return FAIL;
    list *l = list_new(in, 16);
    size_t n;
    entry *all = foreman_past(o->f, since, &n);
    bool ok = l != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        const entry *e = &all[i];
        tuple *t = tuple_pack(in, 8, v_str(in, e->key), v_str(in, e->ok ? "memory" : "erred"),
                              e->type ? v_str(in, e->type) : NONE, v_int((int64_t)e->bytes),
                              e->why ? v_str(in, e->why) : NONE, v_int(e->worker),
                              v_float(e->begin), v_float(e->end));
        ok = list_add(in, l, v_obj(t));
    }
    ledger_free(all, n);
    if (!ok) obj_unref(in, l);
    return ok ? v_obj(l) : FAIL;
}

/* ---- the board ---- */

/* note(name, known): (value or None, version); no value when the version is the known one, or -1 */
value office_note(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    str *name = as_str(arg[1]);
    if (!o) return FAIL;
    if (!name) return throw(in, TypeError, "a name must be a string");
    uint64_t version;
    int64_t known;
    if (!to_int64(in, arg[2], &known)) return FAIL;
    datum *d = board_get(foreman_board(o->f), name->at, &version);
    bool wanted = d && known >= 0 && (!known || version != (uint64_t)known);
    value v = wanted ? value_of(in, d) : NONE;
    datum_unref(d);
    return is_fail(v) ? FAIL : v_obj(tuple_pack(in, 2, v, v_int((int64_t)version)));
}

/* post(name, value, version): its version from now on; 0: it was no longer of that version.  None
 * removes. */
value office_post(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    str *name = as_str(arg[1]);
    int64_t version;
    if (!o || !to_int64(in, arg[3], &version)) return FAIL;
    if (!name) return throw(in, TypeError, "a name must be a string");
    err e = {0};
    datum *d = is_none(arg[2]) ? NULL : result_pack(in, arg[2], &e);
    if (e.kind) return throw_err(in, &e);
    uint64_t now = board_set(foreman_board(o->f), name->at, d, (uint64_t)version);
    datum_unref(d);
    return v_int((int64_t)now);
}

value office_now(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    return o ? v_int((int64_t)board_now(foreman_board(o->f))) : FAIL;
}

typedef struct newer {
    foreman *f; /* counted: another thread of the program may close the scheduler */
    uint64_t than;
} newer;

static bool is_newer(void *ctx, double seconds)
{
    const newer *x = ctx;
    return board_wait(foreman_board(x->f), x->than, seconds) || foreman_is_closed(x->f);
}

/* changed(now, seconds): waits for a change */
value office_changed(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    int64_t now;
    double seconds = -1;
    if (!o || !to_int64(in, arg[1], &now)) return FAIL;
    if (!is_none(arg[2]) && !to_double(in, arg[2], &seconds)) return FAIL;
    if (!is_none(arg[2]) && seconds < 0) seconds = 0;
    newer x = {foreman_ref(o->f), (uint64_t)now};
    bool changed = wait_outside(in, is_newer, &x, seconds);
    foreman_unref(x.f);
    return throwing(in) ? FAIL : v_bool(changed);
}

value office_names(interp *in, const value *arg)
{
    office *o = office_peek(in, arg[0]);
    list *l = o ? list_new(in, 8) : NULL;
    size_t n = 0;
    char **at = l ? board_names(foreman_board(o->f), &n) : NULL;
    bool ok = l != NULL;
    for (size_t i = 0; i < n; i++) {
        ok = ok && list_add(in, l, v_str(in, at[i]));
        mem_free(at[i]);
    }
    mem_free(at);
    if (!ok) obj_unref(in, l);
    return ok ? v_obj(l) : FAIL;
}
