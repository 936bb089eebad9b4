/* stdlib/columns/factorize.c - the different objects of an array, and which of them each is.
 *
 * A table of places into the list of different ones, found by hash and equality as a dict finds
 * its keys: 1, 1.0 and True are one.  Most columns hold few different texts many times: the object
 * met last in a slot is compared by identity first. */
#include "stdlib/columns/columns.h"

#include "engine/base/mem.h"

typedef struct slot {
    uint64_t hash;
    uint32_t place; /* 1 + place in seen; 0: free */
} slot;

typedef struct uniques {
    list *seen;
    slot *at;
    uint64_t mask;
} uniques;

static bool grow(uniques *u)
{
    uint64_t mask = u->at ? 4 * u->mask + 3 : 1023;
    slot *at = mem_zero((mask + 1) * sizeof *at);
    for (uint64_t i = 0; u->at && i <= u->mask; i++) {
        if (!u->at[i].place) continue;
        uint64_t h = u->at[i].hash & mask;
        while (at[h].place) h = (h + 1) & mask;
        at[h] = u->at[i];
    }
    mem_free(u->at);
    u->at = at;
    u->mask = mask;
    return true;
}

/* 1 equal, 0 not, -1 failed */
static int same_key(interp *in, value a, value b)
{
    if (value_same(a, b)) return 1;
    str *s = as_str(a), *t = as_str(b);
    return s && t ? str_eq(s, t) : value_eq(in, a, b);
}

/* v's place among the different ones; -1 failed */
static int64_t place_of(interp *in, uniques *u, value v)
{
    uint64_t hash;
    str *s = as_str(v);
    if (s)
        hash = str_hash(s);
    else if (!value_hash(in, v, &hash))
        return -1;
    hash ^= hash >> 29;
    uint64_t h = hash & u->mask;
    for (; u->at[h].place; h = (h + 1) & u->mask) {
        if (u->at[h].hash != hash) continue;
        int same = same_key(in, u->seen->at[u->at[h].place - 1], v);
        if (same) return same < 0 ? -1 : (int64_t)u->at[h].place - 1;
    }
    if (!list_append(in, u->seen, v)) return -1;
    u->at[h] = (slot){hash, (uint32_t)u->seen->n};
    if ((uint64_t)u->seen->n * 2 > u->mask) grow(u);
    return u->seen->n - 1;
}

static bool fill(interp *in, uniques *u, const nd *x, int64_t *code)
{
    for (int64_t i = 0; i < nd_shape(x)[0]; i++) {
        value v = cell_at(x, i);
        code[i] = -1;
        if (!is_missing(in, v) && (code[i] = place_of(in, u, v)) < 0) return false;
        if (i % OFTEN == OFTEN - 1 && !check_interrupt(in)) return false;
    }
    return true;
}

value columns_factorize(interp *in, const value *arg)
{
    nd *x = objects_arg(in, arg[0]);
    if (!x) return FAIL;
    err e = {0};
    uniques u = {.seen = list_new(in, 0)};
    nd *code = nd_new(dtype_plain(DT_int64), 1, nd_shape(x), &e);
    bool ok = u.seen && code && grow(&u) && fill(in, &u, x, (int64_t *)(void *)code->at);
    if (!ok && code) code = datum_unref(code);
    datum_unref(x);
    mem_free(u.at);
    value codes = ok || e.kind ? array_wrap(in, code, &e) : FAIL;
    return v_obj(tuple_pack(in, 2, codes, v_obj(u.seen)));
}
