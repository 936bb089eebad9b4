/* stdlib/core/counting.c - the counting loop of Counter.
 *
 * Items are counted in the dict one by one.  What a chain joins is walked part by part, and where
 * the parts are texts that map() splits at blanks, their words are counted as pieces of text, in a
 * tally, without an object for each; they go to the dict at the end, or before an item that is no
 * text, so that keys keep the order of first sight. */
#include <string.h>

#include "lang/builtins.h"
#include "lang/types/ucd.h"
#include "stdlib/core/collections.h"
#include "stdlib/core/itertools.h"
#include "stdlib/core/operator.h"
#include "stdlib/core/tally.h"

typedef struct counting {
    interp *in;
    dict *to;
    tally words; /* not in the dict yet */
} counting;

/* ---- one item ---- */

static bool add_count(counting *c, value key, int64_t n)
{
    interp *in = c->in;
    uint64_t hash;
    int64_t i;
    int found = value_hash(in, key, &hash) ? dict_find(in, c->to, key, hash, &i) : -1;
    if (found < 0) return false;
    value sum = found ? value_ref(c->to->entry[i].val) : v_int(n);
    for (bool one = sum.kind == V_INT; found && n > 0 && !is_fail(sum); n = one ? 0 : n - 1) {
        value more = value_binary(in, OP_ADD, sum, v_int(one ? n : 1));
        value_unref(in, sum);
        sum = more;
    }
    bool ok = !is_fail(sum) && dict_set_hashed(in, c->to, key, hash, sum);
    value_unref(in, sum);
    return ok;
}

/* The words so far go to the dict. */
static bool settle(counting *c)
{
    bool ok = true;
    for (size_t i = 0; ok && i < c->words.n; i++) {
        size_t n;
        int64_t count;
        const char *s = tally_get(&c->words, i, &n, &count);
        value key = v_obj(str_new(c->in, s, n));
        ok = !is_fail(key) && add_count(c, key, count);
        value_unref(c->in, key);
    }
    tally_clear(&c->words);
    return ok;
}

static bool add_item(counting *c, value v)
{
    str *s = v.kind == V_OBJ && v.o->type == &T_str ? (str *)v.o : NULL;
    if (s && s->nbyte && c->words.n) return tally_add(&c->words, s->at, s->nbyte, s->nbyte), true;
    return (!c->words.n || settle(c)) && add_count(c, v, 1);
}

/* ---- words ---- */

static inline bool is_blank(const char *s, size_t *len)
{
    unsigned char b = (unsigned char)*s;
    if (b < 0x80) return *len = 1, b == ' ' || (b >= 9 && b <= 13) || (b >= 28 && b <= 31);
    uint32_t cp;
    *len = utf8_get(s, &cp);
    return cp_is_space(cp);
}

/* The place of the first byte below 33 or above 127 from s on, or end. */
static inline const char *skip_plain(const char *s, const char *end)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x80 * ones;
    while (end - s >= 8) {
        uint64_t x;
        memcpy(&x, s, 8);
        uint64_t odd = ((x - ones * 33) | x) & high;
        if (odd) return s + __builtin_ctzll(odd) / 8;
        s += 8;
    }
    while (s < end && (unsigned char)*s > 32 && (unsigned char)*s < 128) s++;
    return s;
}

static void add_words(counting *c, const char *s, const char *end)
{
    size_t len;
    while (s < end) {
        if (is_blank(s, &len)) {
            s += len;
            continue;
        }
        const char *from = s;
        while ((s = skip_plain(s, end)) < end && !is_blank(s, &len)) s += len;
        tally_add(&c->words, from, (size_t)(s - from), (size_t)(end - from));
    }
}

static bool add_all(counting *c, value it);

static bool add_other(counting *c, value f, value v)
{
    value parts = value_call(c->in, f, &v, 1, NULL);
    value it = is_fail(parts) ? FAIL : value_iter(c->in, parts);
    value_unref(c->in, parts);
    bool ok = !is_fail(it) && add_all(c, it);
    value_unref(c->in, it);
    return ok;
}

/* What f = split gives for the texts that `of` gives. */
static bool add_split(counting *c, value f, value of)
{
    enum { SOMETIMES = 1024 };
    value v;
    int r;
    for (unsigned k = 1; (r = iter_next(c->in, of, &v)) > 0; k++) {
        str *s = v.kind == V_OBJ && v.o->type == &T_str ? (str *)v.o : NULL;
        bool ok = s ? (add_words(c, s->at, s->at + s->nbyte), true) : add_other(c, f, v);
        value_unref(c->in, v);
        if (!ok || (k % SOMETIMES == 0 && !check_interrupt(c->in))) return false;
    }
    return r == 0;
}

/* ---- iterators ---- */

static bool add_chain(counting *c, lazy *z)
{
    value f, of, next;
    for (;;) {
        if (!is_fail(z->x)) {
            TRY(add_all(c, z->x));
            value walked = z->x;
            z->x = FAIL;
            value_unref(c->in, walked);
        }
        if (z->done) return true;
        if (map_of_one(z->it, &f, &of) && splits_at_blanks(c->in, f)) {
            TRY(add_split(c, f, of));
            return z->done = true;
        }
        int r = iter_next(c->in, z->it, &next);
        z->done = r <= 0;
        if (r <= 0) return r == 0;
        z->x = value_iter(c->in, next);
        value_unref(c->in, next);
        if (is_fail(z->x)) return false;
    }
}

static bool add_all(counting *c, value it)
{
    value v;
    int r;
    if (it.kind == V_OBJ && it.o->type == &T_chain)
        return check_stack(c->in) && add_chain(c, (lazy *)it.o);
    while ((r = iter_next(c->in, it, &v)) > 0) {
        bool ok = add_item(c, v);
        value_unref(c->in, v);
        if (!ok) return false;
    }
    return r == 0;
}

/* _count_elements(mapping, iterable) */
value count_elements(interp *in, const value *arg)
{
    counting c = {.in = in, .to = as_dict(arg[0])};
    if (!c.to) return throw(in, TypeError, "a dict is required");
    value it = value_iter(in, arg[1]);
    bool ok = !is_fail(it) && add_all(&c, it);
    if (!settle(&c)) ok = false; /* what was counted before a mistake shows */
    value_unref(in, it);
    return ok ? NONE : FAIL;
}
