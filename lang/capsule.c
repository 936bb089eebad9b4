/* lang/capsule.c - capsules as datums, what interpreters remember of them, worker interpreters,
 * the trap. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/blob.h"
#include "engine/base/wire.h"
#include "lang/code.h"
#include "lang/exc.h"
#include "lang/freeze_impl.h"
#include "lang/types/func.h"

/* ---- the datum ---- */

static void release_origins(interp *in, capsule *c)
{
    for (uint32_t i = 0; c->origin && i < c->nobj; i++) value_unref(in, c->origin[i]);
    value_unref(in, c->root_home);
    mem_free(c->origin);
    c->origin = NULL;
}

static void mailbox_unref(mailbox *b)
{
    if (atomic_fetch_sub(&b->rc, 1) == 1) mem_free(b);
}

mailbox *mailbox_ref(mailbox *b)
{
    atomic_fetch_add(&b->rc, 1);
    return b;
}

static void capsule_free(capsule *c)
{
    for (uint32_t i = 0; i < c->nheld; i++) datum_unref(c->held[i]);
    mem_free(c->held);
    datum_unref(c->held_text);
    datum_unref(c->held_off);
    if (c->box) mailbox_unref(c->box);
    mem_free(c);
}

static void drop(datum *d)
{
    capsule *c = (capsule *)(void *)d;
    if (!c->home) { /* it has no originals */
        capsule_free(c);
        return;
    }
    if (interp_current() == c->home) {
        release_origins(c->home, c);
        capsule_free(c);
        return;
    }
    mailbox *b = c->box; /* its originals can be let go at home only */
    capsule *head = atomic_load(&b->head);
    do c->next = head;
    while (!atomic_compare_exchange_weak(&b->head, &head, c));
}

/* with the arrays that nobody else holds */
static size_t bytes(const datum *d)
{
    const capsule *c = (const capsule *)(const void *)d;
    size_t n = c->n;
    for (uint32_t i = 0; i < c->nheld; i++)
        if (atomic_load(&c->held[i]->rc) == 1) n += datum_bytes(c->held[i]);
    return n;
}

/* Of what has originals nothing goes elsewhere. */
static datum *part(const datum *d, uint32_t i)
{
    const capsule *c = (const capsule *)(const void *)d;
    if (c->home || !c->held_text) return NULL;
    if (i < c->nheld) return c->held[i];
    return i == c->nheld ? c->held_text : i == c->nheld + 1 ? c->held_off : NULL;
}

void capsule_lies(capsule *c, datum *text, datum *off)
{
    c->held_text = text;
    c->held_off = off;
    c->text = as_blob(text) ? as_blob(text)->at : NULL;
    c->off = as_blob(off) ? (uint64_t *)(void *)as_blob(off)->at : NULL;
}

static datum *with(const datum *d, datum *const *part)
{
    const capsule *was = (const capsule *)(const void *)d;
    capsule *c = mem_zero(sizeof *c);
    datum_init(&c->hdr, &capsule_kind);
    c->n = was->n;
    c->nobj = was->nobj;
    c->root = was->root;
    c->nheld = was->nheld;
    c->home_only = was->home_only;
    c->portable = was->portable;
    c->root_home = FAIL;
    c->held = (datum **)(void *)mem_dupn((const char *)part, c->nheld * sizeof *c->held);
    capsule_lies(c, part[c->nheld], part[c->nheld + 1]);
    return &c->hdr;
}

const datum_kind capsule_kind = {.name = "capsule",
                                 .drop = drop,
                                 .bytes = bytes,
                                 .apply = capsule_apply,
                                 .save = capsule_save,
                                 .load = capsule_load,
                                 .part = part,
                                 .with = with};

capsule *capsule_new(interp *in)
{
    crossings *x = crossings_of(in);
    mailbox_empty(in, x->box);
    capsule *c = mem_zero(sizeof *c);
    datum_init(&c->hdr, &capsule_kind);
    c->home = in;
    c->box = mailbox_ref(x->box);
    return c;
}

bool capsule_is_home_only(const capsule *c)
{
    return c->home_only;
}

void mailbox_empty(interp *in, mailbox *b)
{
    capsule *c = atomic_exchange(&b->head, NULL);
    while (c) {
        capsule *next = c->next;
        release_origins(in, c);
        capsule_free(c);
        c = next;
    }
}

/* ---- what an interpreter remembers ---- */

crossings *crossings_of(interp *in)
{
    if (in->ext) return in->ext;
    crossings *x = mem_zero(sizeof *x);
    x->box = mem_zero(sizeof *x->box);
    atomic_init(&x->box->rc, 1);
    in->ext = x;
    return x;
}

static uint32_t origin_slot(const crossings *x, const obj *o)
{
    uint32_t i = (uint32_t)((uintptr_t)o >> 4) * 2654435761u;
    for (i &= x->cap - 1; x->origin[i].o && x->origin[i].o != o;) i = (i + 1) & (x->cap - 1);
    return i;
}

const origin *origin_find(interp *in, const obj *o)
{
    crossings *x = in->ext;
    if (!x || !x->cap) return NULL;
    const origin *found = &x->origin[origin_slot(x, o)];
    return found->o ? found : NULL;
}

static void origins_fit(crossings *x, uint32_t cap)
{
    origin *old = x->origin;
    uint32_t n = x->cap;
    x->cap = cap;
    x->origin = mem_zero(cap * sizeof *x->origin);
    for (uint32_t i = 0; i < n; i++) {
        if (old[i].o) x->origin[origin_slot(x, old[i].o)] = old[i];
    }
    mem_free(old);
}

bool origin_add(interp *in, obj *o, capsule *c, uint32_t id)
{
    crossings *x = crossings_of(in);
    if ((x->norigin + 1) * 2 > x->cap) origins_fit(x, x->cap ? x->cap * 2 : 64);
    x->origin[origin_slot(x, o)] = (origin){o, c, id};
    x->norigin++;
    return true;
}

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (capsule *const *)a, y = (uintptr_t) * (capsule *const *)b;
    return (x > y) - (x < y);
}

/* dead: sorted */
static void origins_forget(crossings *x, capsule *const *dead, size_t n)
{
    origin *old = x->origin;
    uint32_t cap = x->cap;
    x->origin = NULL;
    x->cap = x->norigin = 0;
    for (uint32_t i = 0; i < cap; i++) {
        if (!old[i].o || bsearch(&old[i].c, dead, n, sizeof *dead, by_address)) continue;
        if ((x->norigin + 1) * 2 > x->cap) origins_fit(x, x->cap ? x->cap * 2 : 64);
        x->origin[origin_slot(x, old[i].o)] = old[i];
        x->norigin++;
    }
    mem_free(old);
}

static uint32_t thawed_slot(const crossings *x, const capsule *c)
{
    uint32_t i = (uint32_t)((uintptr_t)c >> 4) * 2654435761u;
    for (i &= x->capthawed - 1; x->thawed[i] && x->thawed[i]->c != c;)
        i = (i + 1) & (x->capthawed - 1);
    return i;
}

static void thawed_put(crossings *x, thawed *t)
{
    if ((x->nthawed + 1) * 2 > x->capthawed) {
        thawed **old = x->thawed;
        uint32_t n = x->capthawed;
        x->capthawed = n ? n * 2 : 16;
        x->thawed = mem_zero(x->capthawed * sizeof *x->thawed);
        for (uint32_t i = 0; i < n; i++)
            if (old[i]) x->thawed[thawed_slot(x, old[i]->c)] = old[i];
        mem_free(old);
    }
    x->thawed[thawed_slot(x, t->c)] = t;
    x->nthawed++;
}

thawed *thaw_shared(interp *in, capsule *c)
{
    crossings *x = crossings_of(in);
    thawed *t = x->nthawed ? x->thawed[thawed_slot(x, c)] : NULL;
    if (t) return t;
    t = thaw_build(in, c, true, NULL);
    if (!t) return NULL;
    t->turn = ++x->nturn;
    thawed_put(x, t);
    return t;
}

value thaw(interp *in, capsule *c)
{
    if (c->home == in) return value_ref(c->root_home);
    thawed *t = thaw_shared(in, c);
    return t ? value_ref(t->root) : FAIL;
}

value thaw_owned(interp *in, capsule *c)
{
    return c->home == in ? value_ref(c->root_home) : thaw_with(in, c, NULL);
}

value thaw_with(interp *in, capsule *c, const thaw_inputs *inputs)
{
    thawed *t = thaw_build(in, c, false, inputs);
    if (!t) return FAIL;
    value v = value_ref(t->root);
    thawed_free(in, t);
    return v;
}

static int latest_first(const void *a, const void *b)
{
    const thawed *const *x = a, *const *y = b;
    return ((*y)->turn > (*x)->turn) - ((*y)->turn < (*x)->turn);
}

/* References to frozen objects are not counted: whoever holds objects of another capsule goes
 * before it. Takes t. */
static void thawed_free_all(interp *in, thawed **t, size_t n)
{
    if (n) qsort(t, n, sizeof *t, latest_first);
    for (size_t i = 0; i < n; i++) thawed_free(in, t[i]);
    mem_free(t);
}

/* A few are looked at every time; many only after as many tasks as it costs to look. */
void thaw_trim(interp *in)
{
    crossings *x = in->ext;
    enum { FEW = 16 };
    if (!x || !x->nthawed) return;
    if (++x->ntrim < x->nthawed / FEW) return;
    x->ntrim = 0;
    bool any = false;
    for (uint32_t i = 0; i < x->capthawed && !any; i++)
        any = x->thawed[i] && atomic_load(&x->thawed[i]->c->hdr.rc) == 1;
    if (!any) return;
    gc_collect(in); /* garbage may still refer to what goes */
    uint32_t n = x->capthawed;
    thawed **old = x->thawed, **gone = mem_alloc(x->nthawed * sizeof *gone);
    capsule **dead = mem_alloc(x->nthawed * sizeof *dead);
    size_t ndead = 0;
    x->thawed = NULL;
    x->capthawed = x->nthawed = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!old[i]) continue;
        if (atomic_load(&old[i]->c->hdr.rc) != 1) {
            thawed_put(x, old[i]);
            continue;
        }
        gone[ndead] = old[i];
        dead[ndead++] = old[i]->c;
    }
    qsort(dead, ndead, sizeof *dead, by_address);
    origins_forget(x, dead, ndead);
    thawed_free_all(in, gone, ndead);
    mem_free(dead);
    mem_free(old);
}

void crossings_close(interp *in)
{
    crossings *x = in->ext;
    if (!x) return;
    thawed **old = x->thawed;
    uint32_t n = x->capthawed;
    x->thawed = NULL;
    x->capthawed = x->nthawed = 0;
    uint32_t have = 0;
    for (uint32_t i = 0; i < n; i++)
        if (old[i]) old[have++] = old[i];
    thawed_free_all(in, old, have);
    mailbox_empty(in, x->box);
    mailbox_unref(x->box);
    mem_free(x->origin);
    mem_free(x);
    in->ext = NULL;
}

/* ---- inputs ---- */

static value input_repr(interp *in, value self)
{
    return v_obj(str_fmt(in, "<result %llu>", (unsigned long long)((input_obj *)self.o)->id));
}

const type T_input = {TYPE_HEAD, .name = "input", .module = "builtins", .size = sizeof(input_obj),
                      .repr = input_repr};

value input_value(interp *in, uint64_t id)
{
    input_obj *o = obj_new(in, &T_input, 0);
    if (o) o->id = id;
    return v_obj(o);
}

/* ---- workers ---- */

interp *interp_open_worker(interp *home, const host *h)
{
    interp *in = interp_open(h, home->defs);
    if (!in) return NULL;
    in->home = home;
    in->limit = in->quick_limit = home->limit;
    in->digit_limit = home->digit_limit;
    memcpy(in->scalar, home->scalar, sizeof in->scalar);
    return in;
}

value trap(interp *in, obj *o)
{
    if (in->home) in->trapped = true;
    return throw(in, TypeError, "'%s' object is shared between threads and cannot be changed",
                 o->type->name);
}

bool interp_trapped(interp *in)
{
    bool t = in->trapped;
    in->trapped = false;
    return t;
}

/* ---- exceptions ---- */

datum *exc_freeze(interp *in, value v)
{
    err e = {0};
    capsule *c = freeze(in, v, &e);
    if (!c) { /* it stays at home, but can still be raised there */
        err_clear(&e);
        c = capsule_new(in);
        c->root_home = value_ref(v);
    }
    return &c->hdr;
}

value exc_of_datum(interp *in, datum *d)
{
    if (d->kind != &capsule_kind) return throw(in, RuntimeError, "an exception of another thread");
    return thaw_owned(in, (capsule *)(void *)d);
}

capsule *as_capsule(datum *d)
{
    return d && d->kind == &capsule_kind ? (capsule *)(void *)d : NULL;
}
