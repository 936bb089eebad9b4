/* engine/run/errand.c - the states of errands: what makes one begin, end, fail, run again.
 *
 * An errand that is not over, or erred, counts as a user of its inputs.  Nothing here recurses:
 * chains of errands may be long. */
#include <stdlib.h>

#include "engine/run/foreman_impl.h"

bool errand_over(const errand *e)
{
    return e->state == ERRAND_MEMORY || e->state == ERRAND_ERRED || e->state == ERRAND_CANCELLED ||
           e->state == ERRAND_RELEASED;
}

static void push(foreman *f, errand *e)
{
    if (f->nwork == f->cap_work)
        f->work = mem_grow(f->work, (f->cap_work = f->cap_work ? f->cap_work * 2 : 16) * sizeof e);
    f->work[f->nwork++] = e;
}

void errand_check(errand *e)
{
    if (e->holds || e->users) return;
    e->rc++;
    push(e->of, e);
}

static void inputs_use(errand *e)
{
    if (e->uses) return;
    e->uses = true;
    for (uint32_t i = 0; i < e->nin; i++) e->in[i]->users++;
}

static void inputs_leave(errand *e)
{
    if (!e->uses) return;
    e->uses = false;
    for (uint32_t i = 0; i < e->nin; i++)
        if (!--e->in[i]->users) errand_check(e->in[i]);
}

void foreman_note_drop(foreman *f, uint64_t id)
{
    if (f->ndrops == f->cap_drops)
        f->drops =
            mem_grow(f->drops, (f->cap_drops = f->cap_drops ? f->cap_drops * 2 : 16) * sizeof id);
    f->drops[f->ndrops++] = id;
}

static void forget_value(errand *e)
{
    if (!e->part) {
        foreman_trash(e->of, e->value);
        e->value = NULL;
    }
    if (e->of->remote && e->where) foreman_note_drop(e->of, e->id);
    errand_lies(e, 0);
}

/* ---- memory ---- */

static void put_all(errand **list, errand *e)
{
    if (--e->rc) return;
    errand_unlist(e);
    e->chain = *list;
    *list = e;
}

static void failure_drop(datum *d)
{
    failure *x = (failure *)(void *)d;
    err_clear(&x->e);
    mem_free(x);
}

static const datum_kind failure_kind = {.name = "failure", .drop = failure_drop};

failure *failure_new(err *e)
{
    failure *x = mem_zero(sizeof *x);
    datum_init(&x->hdr, &failure_kind);
    x->e = *e;
    *e = (err){0};
    return x;
}

static void drop_edges(errand *e, errand **list)
{
    for (uint32_t i = 0; i < e->nwaiting; i++) put_all(list, e->waiting[i].e);
    mem_free(e->waiting);
    e->waiting = NULL;
    e->nwaiting = e->cap_waiting = 0;
}

static void drop_inputs(errand *e, errand **list)
{
    inputs_leave(e);
    for (uint32_t i = 0; i < e->nin; i++) put_all(list, e->in[i]);
    mem_free(e->in);
    e->in = NULL;
    e->nin = 0;
}

static void free_errand(errand *e, errand **list)
{
    foreman *f = e->of;
    if (e->state == ERRAND_MEMORY) forget_value(e);
    drop_inputs(e, list);
    drop_edges(e, list);
    if (e->blame && e->blame != e) put_all(list, e->blame);
    foreman_trash(f, e->value);
    foreman_trash(f, e->func);
    foreman_trash(f, e->args);
    foreman_trash(f, e->why);
    f->freed++;
    mem_free(e->key);
    mem_free(e->need);
    mem_free(e->type);
    mem_free(e);
}

static void free_list(errand *list)
{
    while (list) {
        errand *e = list;
        list = e->chain;
        e->chain = NULL;
        free_errand(e, &list);
    }
}

void errand_put(errand *e)
{
    errand *list = NULL;
    put_all(&list, e);
    free_list(list);
}

/* Nobody wants it: its result goes, or it is not begun (and lets go of those around it, which
 * may hold it, too).  Where results may be lost it keeps its inputs: what was made from it may have
 * to be made again. */
static void let_go(errand *e)
{
    if (e->holds || e->users || e->state == ERRAND_PROCESSING) return;
    errand *list = NULL;
    if (e->state == ERRAND_MEMORY) forget_value(e);
    if (e->state == ERRAND_WAITING || e->state == ERRAND_READY) {
        drop_edges(e, &list);
        if (!e->of->remote) drop_inputs(e, &list);
    }
    e->epoch++;
    e->state = ERRAND_RELEASED;
    inputs_leave(e);
    errand_unlist(e);
    free_list(list);
}

void errands_sweep(foreman *f)
{
    while (f->nwork) {
        errand *e = f->work[--f->nwork];
        let_go(e);
        errand_put(e);
    }
}

/* ---- beginning ---- */

static void add_edge(errand *from, errand *to)
{
    if (from->nwaiting == from->cap_waiting)
        from->waiting = mem_grow(
            from->waiting, (from->cap_waiting = from->cap_waiting ? from->cap_waiting * 2 : 2) *
                               sizeof *from->waiting);
    from->waiting[from->nwaiting++] = (edge){to, to->epoch};
    to->rc++;
}

static void begin(errand *e)
{
    e->waits = 0;
    e->epoch++;
    e->state = ERRAND_WAITING;
    inputs_use(e);
    for (uint32_t i = 0; i < e->nin; i++) {
        errand *in = e->in[i];
        if (in->state == ERRAND_ERRED) {
            errand_fail(e, in->why, in->blame);
            return;
        }
        if (in->state == ERRAND_CANCELLED) {
            errand_cancel_one(e);
            return;
        }
        if (in->state == ERRAND_MEMORY) continue;
        e->waits++;
        add_edge(in, e);
    }
    if (!e->waits) errand_ready(e);
}

static int older(const void *a, const void *b)
{
    const errand *x = *(errand *const *)a, *y = *(errand *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

typedef struct bunch {
    errand **at;
    size_t n, cap;
} bunch;

static void bunch_add(bunch *b, errand *e)
{
    if (b->n == b->cap) b->at = mem_grow(b->at, (b->cap = b->cap ? b->cap * 2 : 16) * sizeof e);
    b->at[b->n++] = e;
}

/* What was released may be wanted again: a part of its task is here, and values that came from
 * outside are lost for good, which is the end of what needs them.  True: it is to begin. */
static bool recover(errand *in)
{
    if (in->state != ERRAND_RELEASED) return false;
    if (in->func) return true;
    in->state = in->value ? ERRAND_MEMORY : ERRAND_CANCELLED;
    in->epoch++;
    return false;
}

/* Inputs whose results are gone are made again, oldest first. */
void errand_start(errand *e)
{
    bunch b = {0};
    bunch_add(&b, e);
    for (size_t k = 0; k < b.n; k++)
        for (uint32_t i = 0; i < b.at[k]->nin; i++) {
            errand *in = b.at[k]->in[i];
            if (!recover(in)) continue;
            in->state = ERRAND_WAITING; /* once */
            in->epoch++;
            bunch_add(&b, in);
        }
    qsort(b.at, b.n, sizeof *b.at, older);
    for (size_t k = 0; k < b.n; k++) begin(b.at[k]);
    mem_free(b.at);
}

/* ---- ending ---- */

static void set_free(errand *e)
{
    if (!e->once) return;
    e->once = false;
    e->holds--;
    errand_check(e);
    e->rc--;
}

void errand_finish(errand *e, datum *value)
{
    foreman *f = e->of;
    errand *list = NULL;
    e->state = ERRAND_MEMORY;
    e->value = value;
    e->epoch++;
    inputs_leave(e);
    if (!f->remote) { /* it will not be made again */
        drop_inputs(e, &list);
        foreman_trash(f, e->func);
        foreman_trash(f, e->args);
        e->func = e->args = NULL;
    }
    for (uint32_t i = 0; i < e->nwaiting; i++) {
        edge x = e->waiting[i];
        if (x.e->state != ERRAND_WAITING || x.e->epoch != x.epoch) continue;
        if (!--x.e->waits) errand_ready(x.e);
    }
    drop_edges(e, &list);
    errand_notify(e);
    errand_check(e);
    set_free(e);
    free_list(list);
}

/* Ends e and all that waits for it in a state of misfortune. */
static void spread(errand *e, enum errand_state state, failure *why, errand *blame)
{
    bunch b = {0};
    errand *list = NULL;
    e->rc++;
    bunch_add(&b, e);
    for (size_t k = 0; k < b.n; k++) {
        errand *x = b.at[k];
        x->state = state;
        x->epoch++;
        if (why) {
            foreman_trash(x->of, x->why);
            x->why = datum_ref(why);
            if (x->blame && x->blame != x) put_all(&list, x->blame);
            x->blame = blame;
            if (blame != x) blame->rc++;
        }
        for (uint32_t i = 0; i < x->nwaiting; i++) {
            edge d = x->waiting[i];
            if (d.e->state != ERRAND_WAITING || d.e->epoch != d.epoch) continue;
            d.e->state = state;
            d.e->rc++;
            bunch_add(&b, d.e);
        }
        drop_edges(x, &list);
        if (state == ERRAND_CANCELLED) {
            inputs_leave(x);
            errand_unlist(x);
        }
        errand_notify(x);
        errand_check(x);
        set_free(x);
    }
    for (size_t k = 0; k < b.n; k++) put_all(&list, b.at[k]);
    free_list(list);
    mem_free(b.at);
}

void errand_fail(errand *e, failure *why, errand *blame)
{
    spread(e, ERRAND_ERRED, why, blame);
}

void errand_cancel_one(errand *e)
{
    if (e->state == ERRAND_MEMORY) forget_value(e);
    spread(e, ERRAND_CANCELLED, NULL, NULL);
}

static bool needs_cancelled(const errand *e)
{
    for (uint32_t i = 0; i < e->nin; i++)
        if (e->in[i]->state == ERRAND_CANCELLED) return true;
    return false;
}

/* Those that have their inputs already do not wait: they are found by looking. */
static void cancel_users(foreman *f)
{
    for (bool more = true; more;) {
        more = false;
        bunch b = {0};
        for (uint32_t i = 0; i < f->cap; i++)
            for (errand *e = f->table[i]; e; e = e->chain)
                if (!errand_over(e) && needs_cancelled(e)) bunch_add(&b, e);
        for (size_t k = 0; k < b.n; k++) {
            if (b.at[k]->state == ERRAND_CANCELLED) continue;
            more = true;
            errand_cancel_one(b.at[k]);
        }
        mem_free(b.at);
    }
}

void foreman_cancel(foreman *f, errand *const *at, size_t n, bool force)
{
    bool users = false;
    foreman_enter(f);
    for (size_t i = 0; i < n; i++) {
        errand *e = at[i];
        if (e->state == ERRAND_CANCELLED || (e->state == ERRAND_RELEASED && !force)) continue;
        users = users || e->users;
        errand_cancel_one(e);
    }
    if (users) cancel_users(f);
    foreman_leave(f);
}

/* ---- again ---- */

static void add_once(bunch *b, errand *e)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->at[i] == e) return;
    bunch_add(b, e);
}

void foreman_retry(foreman *f, errand *const *at, size_t n)
{
    bunch roots = {0}, all = {0};
    foreman_enter(f);
    for (size_t i = 0; i < n; i++)
        if (at[i]->state == ERRAND_ERRED && at[i]->blame) add_once(&roots, at[i]->blame);
    for (uint32_t i = 0; roots.n && i < f->cap; i++)
        for (errand *e = f->table[i]; e; e = e->chain)
            for (size_t k = 0; e->state == ERRAND_ERRED && k < roots.n; k++)
                if (e->blame == roots.at[k] && e != roots.at[k]) bunch_add(&all, e);
    for (size_t k = 0; k < roots.n; k++) bunch_add(&all, roots.at[k]);
    for (size_t k = 0; k < all.n; k++) all.at[k]->rc++;
    if (all.n) qsort(all.at, all.n, sizeof *all.at, older);
    for (size_t k = 0; k < all.n; k++) all.at[k]->state = ERRAND_WAITING;
    for (size_t k = 0; k < all.n; k++) errand_start(all.at[k]);
    for (size_t k = 0; k < all.n; k++) errand_put(all.at[k]);
    foreman_leave(f);
    mem_free(roots.at);
    mem_free(all.at);
}
