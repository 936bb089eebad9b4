/* engine/graph/fn.c - callables, literals and the small datums that travel between tasks. */
#include "engine/graph/fn.h"

#include <string.h>

#include "engine/graph/fn_wire.h"

/* --- literals --- */

lit lit_ints(arena *a, int n, const int64_t *i)
{
    lit *item = arena_alloc(a, (size_t)n * sizeof(lit) + 1);
    for (int k = 0; k < n; k++) item[k] = lit_int(i[k]);
    return lit_items(LIT_TUPLE, (uint32_t)n, item);
}

lit lit_copy(arena *a, const lit *x)
{
    lit y = *x;
    if (x->kind == LIT_STR) y.s = arena_dup(a, x->s, strlen(x->s));
    if (x->kind == LIT_DATUM) datum_ref(x->d);
    if (!lit_has_items(x)) return y;
    lit *item = arena_alloc(a, x->n * sizeof(lit) + 1);
    for (uint32_t i = 0; i < x->n; i++) item[i] = lit_copy(a, &x->item[i]);
    y.item = item;
    return y;
}

void lit_release(const lit *x)
{
    if (x->kind == LIT_DATUM) datum_unref(x->d);
    for (uint32_t i = 0; lit_has_items(x) && i < x->n; i++) lit_release(&x->item[i]);
}

static void hash_datum(strbuf *b, const datum *d)
{
    const nd *x = as_nd(d);
    const fn *f = as_fn(d);
    if (f)
        sb_add(b, (const char *)&f->id, sizeof f->id);
    else if (x && nd_is_c(x) && !(x->b->flags & BUF_OBJECTS)) {
        sb_add(b, (const char *)x->ext, x->ndim * sizeof(int64_t));
        sb_addc(b, (char)x->dtype);
        hash128 h = hash128_bytes(x->at, nd_bytes(x));
        sb_add(b, (const char *)&h, sizeof h);
    } else
        sb_add(b, (const char *)&d, sizeof d);
}

void lit_hash(strbuf *b, const lit *x)
{
    sb_addc(b, (char)x->kind);
    switch ((enum lit_kind)x->kind) {
    case LIT_NONE: break;
    case LIT_BOOL:
    case LIT_INT:
    case LIT_FLOAT:
    case LIT_IN: sb_add(b, (const char *)&x->i, sizeof x->i); break;
    case LIT_STR: sb_add(b, x->s, strlen(x->s) + 1); break;
    case LIT_DTYPE: sb_addf(b, "%d.%d.%u", x->t.dt, x->t.unit, x->t.size); break;
    case LIT_SLICE: sb_add(b, (const char *)&x->slice, sizeof x->slice); break;
    case LIT_LIST:
    case LIT_TUPLE:
    case LIT_CALL:
        sb_add(b, (const char *)&x->n, sizeof x->n);
        for (uint32_t i = 0; i < x->n; i++) lit_hash(b, &x->item[i]);
        break;
    case LIT_DATUM: hash_datum(b, x->d); break;
    }
}

/* --- litbox, pack --- */

static void drop_litbox(datum *d)
{
    litbox *b = (litbox *)d;
    lit_release(&b->value);
    arena_clear(&b->mem);
    mem_free(b);
}

const datum_kind litbox_kind = {
    .name = "literal", .drop = drop_litbox, .save = litbox_save, .load = litbox_load};

litbox *litbox_new(const lit *value)
{
    litbox *b = mem_zero(sizeof *b);
    datum_init(&b->hdr, &litbox_kind);
    b->value = lit_copy(&b->mem, value);
    return b;
}

static void drop_pack(datum *d)
{
    pack *p = (pack *)d;
    for (uint32_t i = 0; i < p->n; i++) datum_unref(p->item[i]);
    mem_free(p);
}

static size_t pack_bytes(const datum *d)
{
    const pack *p = (const pack *)d;
    size_t n = 0;
    for (uint32_t i = 0; i < p->n; i++) n += datum_bytes(p->item[i]);
    return n;
}

static datum *pack_part(const datum *d, uint32_t i)
{
    const pack *p = (const pack *)d;
    return i < p->n ? p->item[i] : NULL;
}

static datum *pack_with(const datum *d, datum *const *item)
{
    const pack *p = (const pack *)d;
    return &pack_new(p->n, p->name, item)->hdr;
}

const datum_kind pack_kind = {.name = "pack",
                              .drop = drop_pack,
                              .bytes = pack_bytes,
                              .save = pack_save,
                              .load = pack_load,
                              .part = pack_part,
                              .with = pack_with};

pack *pack_new(uint32_t n, const char *const *name, datum *const *item)
{
    pack *p = mem_zero(sizeof *p + n * sizeof(datum *));
    datum_init(&p->hdr, &pack_kind);
    p->n = n;
    p->name = name;
    memcpy(p->item, item, n * sizeof(datum *));
    return p;
}

/* --- fns --- */

static void drop_fn(datum *d)
{
    fn *f = (fn *)d;
    if (f->kind->drop) f->kind->drop(f);
    mem_free(f->name);
    mem_free(f);
}

const datum_kind fn_datum = {.name = "fn", .drop = drop_fn, .save = fn_save, .load = fn_load};

void *fn_new(size_t size, const fn_kind *kind, const char *name)
{
    fn *f = mem_zero(size);
    datum_init(&f->hdr, &fn_datum);
    f->kind = kind;
    f->name = mem_dup(name);
    for (int i = 0; i < 3; i++) f->rank[i] = (struct rank){0, ND_MAXDIM};
    fn_identify(f, NULL, 0);
    return f;
}

void fn_identify(fn *f, const void *param, size_t n)
{
    strbuf b = {0};
    sb_addf(&b, "%s.%u.%s.", f->kind->name, f->kind->version, f->name);
    sb_add(&b, param, n);
    f->id = hash128_bytes(b.at, b.n);
    sb_clear(&b);
}

void fn_ranks(fn *f, int arg, int lo, int hi)
{
    f->rank[arg] = (struct rank){(uint8_t)lo, (uint8_t)hi};
}

/* --- arguments --- */

datum *arg_datum(const call *c, const lit *x)
{
    if (x->kind == LIT_IN) return (uint64_t)x->i < c->nin ? c->in[x->i] : NULL;
    return x->kind == LIT_DATUM ? x->d : NULL;
}

nd *arg_nd(const call *c, const lit *x, err *e)
{
    datum *d = arg_datum(c, x);
    nd *a = as_nd(d);
    if (a) return a;
    return err_set(e, TypeError, "a block operation needs an array, not '%s'",
                   d ? d->kind->name : "a literal");
}

/* --- what a fn takes --- */

bool lit_is_shape(const lit *x)
{
    double n = 1;
    if (x->kind != LIT_TUPLE && x->kind != LIT_LIST) return false;
    for (uint32_t i = 0; i < x->n; i++) {
        if (x->item[i].kind != LIT_INT || x->item[i].i < 0) return false;
        if (x->item[i].i) n *= (double)x->item[i].i;
    }
    return x->n <= ND_MAXDIM && n < 0x1p58;
}

typedef struct taking { /* one argument being looked at */
    const call *c;
    struct rank rank;
    int misfit; /* the axes of a block that does not fit; -1: none met */
} taking;

static bool block_fits(taking *t, const datum *d)
{
    const nd *x = d && d->kind->fetch ? (const nd *)(const void *)d : as_nd(d);
    const pack *p = d && d->kind == &pack_kind ? (const pack *)d : NULL;
    for (uint32_t i = 0; p && i < p->n; i++)
        if (!(as_nd(p->item[i]) || p->item[i]->kind->fetch) || !block_fits(t, p->item[i]))
            return false;
    if (!x) return p || (d && d->kind->apply); /* things of the language: their kind looks */
    if (x->ndim >= t->rank.lo && x->ndim <= t->rank.hi) return true;
    t->misfit = x->ndim;
    return false;
}

static bool blocks_fit(taking *t, const lit *x, int depth)
{
    if (x->kind != LIT_LIST && x->kind != LIT_TUPLE) return block_fits(t, arg_datum(t->c, x));
    for (uint32_t i = 0; i < x->n; i++)
        if (!blocks_fit(t, &x->item[i], depth + 1)) return false;
    return x->n > 0 && depth < ND_MAXDIM;
}

static bool index_fits(const lit *x, int depth)
{
    if (x->kind == LIT_TUPLE && depth == 0) {
        for (uint32_t i = 0; i < x->n; i++)
            if (!index_fits(&x->item[i], 1)) return false;
        return x->n <= 2 * ND_MAXDIM;
    }
    return x->kind == LIT_INT || x->kind == LIT_NONE || x->kind == LIT_SLICE ||
           x->kind == LIT_DATUM || x->kind == LIT_IN;
}

static bool lit_fits(taking *t, const lit *x, char what)
{
    switch (what) {
    case 'x': return x->kind != LIT_LIST && x->kind != LIT_TUPLE && blocks_fit(t, x, 0);
    case 'X': return blocks_fit(t, x, 0);
    case 'n': return x->kind == LIT_INT || x->kind == LIT_FLOAT || x->kind == LIT_BOOL;
    case 'f': return x->kind == LIT_FLOAT;
    case 'i': return x->kind == LIT_INT || x->kind == LIT_BOOL;
    case 't': return x->kind == LIT_DTYPE;
    case 's': return lit_is_shape(x);
    case 'k': return index_fits(x, 0);
    case 'l': return x->kind == LIT_LIST || x->kind == LIT_TUPLE;
    default: return true;
    }
}

static bool too_many_or_few(const fn *f, uint32_t have, err *e)
{
    size_t n = 0;
    for (const char *w = f->kind->takes; *w && *w != '*' && *w != '+'; w++) n += *w != '?';
    return err_set(e, TypeError, "%s() takes %zu positional argument%s but %u %s given", f->name, n,
                   n == 1 ? "" : "s", have, have == 1 ? "was" : "were");
}

bool fn_takes(const fn *f, const call *c, err *e)
{
    const char *w = f->kind->takes;
    char what = '.';
    for (uint32_t i = 0; i < c->narg; i++) {
        if (*w == '?') w++;
        if (!*w) return too_many_or_few(f, c->narg, e);
        if (*w == '*') return true;
        if (*w != '+') what = *w++;
        taking t = {c, f->rank[i < 2 ? i : 2], -1};
        if (lit_fits(&t, &c->arg[i], what)) continue;
        if (t.misfit < 0)
            return err_set(e, TypeError, "argument %u of %s() is not what it takes", i + 1,
                           f->name);
        if (t.rank.lo == t.rank.hi) return err_set(e, ValueError, "axes don't match array");
        return err_set(e, AxisError, "axis %d is out of bounds for array of dimension %d",
                       t.rank.lo - 1, t.misfit);
    }
    if (*w && !strchr("*+?", *w) && w[1] != '?') return too_many_or_few(f, c->narg, e);
    return true;
}
