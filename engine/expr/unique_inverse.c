/* engine/expr/unique_inverse.c - where the elements of a block are among the distinct ones.
 *
 * Those may have been spilled.  Then the block's own distinct elements are sorted, and the others,
 * which are as well, read in parts, once, from the first that is asked for to the last. */
#include "engine/expr/build.h"
#include "engine/expr/kinds.h"
#include "engine/expr/parts.h"
#include "engine/kernels/sort.h"

enum { PART = 4 << 20 }; /* bytes that are read at once */

static int64_t *elements(const nd *x)
{
    return (int64_t *)(void *)x->at;
}

typedef struct search {
    const datum *of; /* all distinct elements, in order: */
    int64_t n, part; /* so many of them, read in parts of so many */
    const nd *want;  /* distinct, too; */
    int64_t *to;     /* its places */
} search;

/* The first place in x that is not below (right: that is above) an element of y, or -1. */
static int64_t place_of(const nd *x, const nd *y, int64_t at, bool right, err *e)
{
    nd *one = nd_slice(y, 0, at, 1, 1), *found = nd_searchsorted(x, one, right, NULL, e);
    int64_t place = found ? *(const int64_t *)(const void *)found->at : -1;
    datum_unref(one);
    datum_unref(found);
    return place;
}

/* *out: the part that the first wanted element is in or before, found by the parts' last ones. */
static bool first_part(const search *s, int64_t *out, err *e)
{
    int64_t low = 0, high = (s->n - 1) / s->part;
    while (low < high) {
        int64_t half = low + (high - low) / 2;
        nd *last = part_fetch(s->of, (half + 1) * s->part - 1, 1, e);
        TRY(last);
        int64_t below = place_of(last, s->want, 0, false, e); /* 1: it is behind this part */
        datum_unref(last);
        TRY(below >= 0);
        if (below)
            low = half + 1;
        else
            high = half;
    }
    *out = low;
    return true;
}

/* Those from *done on that are not behind x, which begins at base. */
static bool find_in(const search *s, const nd *x, int64_t base, int64_t *done, err *e)
{
    int64_t m = nd_shape(s->want)[0];
    int64_t n = base + nd_shape(x)[0] < s->n ? place_of(s->want, x, nd_shape(x)[0] - 1, true, e)
                                             : m; /* there is nothing behind */
    TRY(n >= 0);
    if (n <= *done) return true;
    nd *some = nd_slice(s->want, 0, *done, n - *done, 1);
    nd *at = nd_searchsorted(x, some, false, NULL, e);
    for (int64_t i = 0; at && i < n - *done; i++)
        s->to[*done + i] = base + ((const int64_t *)(const void *)at->at)[i];
    *done = n;
    bool ok = at != NULL;
    datum_unref(some);
    datum_unref(at);
    return ok;
}

static bool find_all(const search *s, err *e)
{
    int64_t part, done = 0, m = nd_shape(s->want)[0];
    if (!m || !s->n) return true;
    TRY(first_part(s, &part, e));
    for (int64_t at = part * s->part; done < m && at < s->n; at += s->part) {
        nd *x = part_fetch(s->of, at, s->n - at < s->part ? s->n - at : s->part, e);
        bool ok = x && find_in(s, x, at, &done, e);
        datum_unref(x);
        TRY(ok);
    }
    return true;
}

/* Sorted first, so that what is wanted is asked for in order and what is elsewhere read once. */
static nd *places_in_parts(const nd *x, const datum *all, const nd *values, err *e)
{
    unique_parts u;
    nd *out = NULL, *places = NULL;
    if (!nd_unique(x, UNIQUE_INVERSE, &u, e)) return NULL;
    if ((places = nd_new(dtype_plain(DT_int64), 1, nd_shape(u.values), e))) {
        int64_t part = PART / values->size;
        search s = {all, nd_shape(values)[0], part > 0 ? part : 1, u.values, elements(places)};
        if (find_all(&s, e)) out = nd_new(dtype_plain(DT_int64), x->ndim, nd_shape(x), e);
    }
    for (int64_t i = 0; out && i < nd_count(x); i++)
        elements(out)[i] = elements(places)[elements(u.inverse)[i]];
    unique_clear(&u);
    datum_unref(places);
    return out;
}

/* (block, all distinct elements in order) */
static datum *inverse_call(const fn *f, const call *c, err *e)
{
    const datum *given = c->narg == 2 ? arg_datum(c, &c->arg[0]) : NULL;
    const datum *all = given ? arg_datum(c, &c->arg[1]) : NULL;
    const nd *values = part_outline(all);
    nd *x = values && values->ndim == 1 ? part_whole(given, e) : NULL;
    if (!x) {
        if (!e->kind) err_set(e, TypeError, "%s takes a block and distinct elements", f->name);
        return NULL;
    }
    nd *out = all->kind->fetch_part ? places_in_parts(x, all, values, e)
                                    : nd_searchsorted(as_nd(all), x, false, NULL, e);
    datum_unref(x);
    return (datum *)out;
}

static const fn_kind inverse_kind = {
    .name = "unique_inverse",
    .version = 1,
    .size = sizeof(fn),
    .call = inverse_call,
    .cost = {.streams = true, .parts = true, .copies = 3, .ns = 12}};

fn *fn_unique_inverse(void)
{
    return fn_new(sizeof(fn), &inverse_kind, "unique_inverse");
}

const fn_kind *const unique_inverse_kinds[] = {&inverse_kind, NULL};
