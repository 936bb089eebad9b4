/* engine/kernels/unique.c - the distinct elements of a block.
 *
 * Whole numbers of a range not much larger than their count are looked up in tables by value.
 * Where only values and counts are asked for, keys are sorted; else positions are, stable, so that
 * the first of equal elements is found. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/simd.h"
#include "engine/kernels/index.h"
#include "engine/kernels/keys.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/sort.h"

enum { STAGE = 512 };

void unique_clear(unique_parts *u)
{
    datum_unref(u->values);
    datum_unref(u->index);
    datum_unref(u->inverse);
    datum_unref(u->counts);
    *u = (unique_parts){0};
}

static bool is_nan_at(const nd *x, int64_t i)
{
    const char *at = x->at + i * x->size;
    if (x->dtype == DT_float64) return *(const double *)at != *(const double *)at;
    if (x->dtype == DT_float32) return *(const float *)at != *(const float *)at;
    if (x->dtype == DT_float16) return (*(const uint16_t *)at & 0x7fff) > 0x7c00;
    return false;
}

/* first[k]: where group k of equal elements begins in order[]; answers their number */
static int64_t find_groups(const nd *flat, const int64_t *order, int64_t n, unsigned want,
                           int64_t *first)
{
    uint64_t *key = has_keys(flat->dtype) ? mem_alloc((size_t)n * sizeof *key) : NULL;
    if (key) keys_make(nd_type(flat), n, flat->at, flat->size, false, key);
    lane v = {.t = nd_type(flat), .at = flat->at, .step = flat->size, .key = key};
    int64_t groups = 0;
    for (int64_t i = 0; i < n; i++) {
        bool fresh = i == 0 || lane_less(&v, order[i - 1], order[i]) ||
                     lane_less(&v, order[i], order[i - 1]);
        if (!fresh && (want & UNIQUE_NAN_APART)) fresh = is_nan_at(flat, order[i]);
        if (fresh) first[groups++] = i;
    }
    mem_free(key);
    return groups;
}

static nd *ints(int64_t n, err *e)
{
    return nd_new(dtype_plain(DT_int64), 1, &n, e);
}

static bool fill_unique(const nd *flat, const int64_t *order, int64_t n, const int64_t *first,
                        int64_t groups, unsigned want, unique_parts *u, err *e)
{
    nd *where = ints(groups, e);
    if (!where) return false;
    for (int64_t k = 0; k < groups; k++) ((int64_t *)where->at)[k] = order[first[k]];
    u->values = nd_take(flat, where, 0, 'r', e);
    if (want & UNIQUE_INDEX) u->index = nd_ref(where);
    if (want & UNIQUE_INVERSE) u->inverse = ints(n, e);
    if (want & UNIQUE_COUNTS) u->counts = ints(groups, e);
    datum_unref(where);
    bool ok = u->values && (u->inverse || !(want & UNIQUE_INVERSE)) &&
              (u->counts || !(want & UNIQUE_COUNTS));
    for (int64_t k = 0; ok && k < groups; k++) {
        int64_t end = k + 1 < groups ? first[k + 1] : n;
        if (u->counts) ((int64_t *)u->counts->at)[k] = end - first[k];
        for (int64_t i = first[k]; u->inverse && i < end; i++)
            ((int64_t *)u->inverse->at)[order[i]] = k;
    }
    return ok;
}

/* any type: by position */
static bool unique_by_order(const nd *flat, unsigned want, unique_parts *out, err *e)
{
    int64_t n = nd_count(flat);
    bool stable = want & UNIQUE_INDEX; /* as NumPy */
    nd *order = nd_argsort(flat, 0, stable, e), *first = order ? ints(n, e) : NULL;
    bool ok = first != NULL;
    if (ok) {
        const int64_t *o = (const int64_t *)order->at;
        int64_t groups = find_groups(flat, o, n, want, (int64_t *)first->at);
        ok = fill_unique(flat, o, n, (const int64_t *)first->at, groups, want, out, e);
    }
    datum_unref(order);
    datum_unref(first);
    return ok;
}

/* --- whole numbers of a small range -------------------------------------------------------------
 */

SIMD_KERNEL(static, key_limits, (const uint64_t *key, int64_t n, uint64_t *least, uint64_t *most),
            (key, n, least, most))
{
    uint64_t lo = *least, hi = *most;
    for (int64_t i = 0; i < n; i++) {
        lo = key[i] < lo ? key[i] : lo;
        hi = key[i] > hi ? key[i] : hi;
    }
    *least = lo;
    *most = hi;
}

static int64_t next_keys(const nd *flat, int64_t i, uint64_t *key)
{
    int64_t n = nd_count(flat) - i;
    if (n > STAGE) n = STAGE;
    keys_make(nd_type(flat), n, flat->at + i * flat->size, flat->size, true, key);
    return n;
}

/* false: the range is large */
static bool small_range(const nd *flat, uint64_t *least, uint64_t *most)
{
    uint64_t key[STAGE], limit = 4 * (uint64_t)nd_count(flat) + 65536;
    *least = UINT64_MAX;
    *most = 0;
    for (int64_t i = 0; i < nd_count(flat); i += STAGE) {
        key_limits(key, next_keys(flat, i, key), least, most);
        if (*most - *least >= limit) return false;
    }
    return true;
}

typedef struct table { /* by value; NULL: not asked for */
    uint8_t *seen;
    int64_t *first, *count, *rank;
} table;

static void fill_table(const nd *flat, uint64_t least, const table *t)
{
    uint64_t key[STAGE];
    for (int64_t i = 0, k; i < nd_count(flat); i += k) {
        k = next_keys(flat, i, key);
        for (int64_t j = 0; t->first && j < k; j++)
            if (!t->seen[key[j] - least]) {
                t->first[key[j] - least] = i + j;
                t->seen[key[j] - least] = 1;
            }
        for (int64_t j = 0; t->count && j < k; j++) t->count[key[j] - least]++;
        for (int64_t j = 0; j < k; j++) t->seen[key[j] - least] = 1;
    }
}

static bool read_table(const nd *flat, uint64_t least, uint64_t range, const table *t,
                       unique_parts *u, unsigned want, err *e)
{
    int64_t groups = 0, g = 0, n = nd_count(flat);
    for (uint64_t v = 0; v < range; v++) groups += t->seen[v];
    u->values = nd_new(nd_type(flat), 1, &groups, e);
    if (want & UNIQUE_INDEX) u->index = ints(groups, e);
    if (want & UNIQUE_COUNTS) u->counts = ints(groups, e);
    if (want & UNIQUE_INVERSE) u->inverse = ints(n, e);
    TRY(u->values && (u->index || !t->first || !(want & UNIQUE_INDEX)) &&
        (u->counts || !t->count) && (u->inverse || !t->rank));
    uint64_t key[STAGE];
    for (uint64_t v = 0; v < range; v++) {
        if (!t->seen[v]) continue;
        key[0] = least + v;
        keys_undo(nd_type(flat), 1, key, u->values->at + g * flat->size, flat->size);
        if (u->index) ((int64_t *)u->index->at)[g] = t->first[v];
        if (u->counts) ((int64_t *)u->counts->at)[g] = t->count[v];
        if (t->rank) t->rank[v] = g;
        g++;
    }
    for (int64_t i = 0, k; t->rank && i < n; i += k) {
        k = next_keys(flat, i, key);
        for (int64_t j = 0; j < k; j++)
            ((int64_t *)u->inverse->at)[i + j] = t->rank[key[j] - least];
    }
    return true;
}

static bool unique_by_table(const nd *flat, uint64_t least, uint64_t most, unsigned want,
                            unique_parts *u, err *e)
{
    uint64_t range = most - least + 1, tables = 0;
    unsigned asked = want & (UNIQUE_INDEX | UNIQUE_COUNTS | UNIQUE_INVERSE);
    for (; asked; asked &= asked - 1) tables++;
    uint8_t *seen = try_zero(range * (1 + 8 * tables) + 8, e);
    if (!seen) return false;
    int64_t *next = (int64_t *)(seen + (range + 7) / 8 * 8);
    if (tables == 0) next = NULL;
    table t = {.seen = seen};
    if (want & UNIQUE_INDEX) t.first = next, next += range;
    if (want & UNIQUE_COUNTS) t.count = next, next += range;
    if (want & UNIQUE_INVERSE) t.rank = next;
    fill_table(flat, least, &t);
    bool ok = read_table(flat, least, range, &t, u, want, e);
    mem_free(seen);
    return ok;
}

/* --- values and counts: sorted --------------------------------------------------------------- */

/* where groups of equal elements begin in y, which is in order */
static int64_t group_starts(const nd *y, bool nan_apart, int64_t *at)
{
    uint64_t key[STAGE], before = 0;
    int64_t n = nd_count(y), g = 0;
    for (int64_t i = 0, k; i < n; i += k) {
        k = n - i < STAGE ? n - i : STAGE;
        keys_make(nd_type(y), k, y->at + i * y->size, y->size, false, key);
        for (int64_t j = 0; j < k; before = key[j++])
            if (i + j == 0 || key[j] != before || (nan_apart && is_nan_at(y, i + j)))
                at[g++] = i + j;
    }
    return g;
}

/* the first of each group moves up; answers their number */
static int64_t move_up(nd *y, bool nan_apart)
{
    uint64_t key[STAGE], before = 0;
    int64_t n = nd_count(y), g = 0;
    for (int64_t i = 0, k; i < n; i += k) {
        k = n - i < STAGE ? n - i : STAGE;
        keys_make(nd_type(y), k, y->at + i * y->size, y->size, false, key);
        for (int64_t j = 0; j < k; before = key[j++]) {
            if (i + j && key[j] == before && !(nan_apart && is_nan_at(y, i + j))) continue;
            if (g < i + j) memcpy(y->at + g * y->size, y->at + (i + j) * y->size, y->size);
            g++;
        }
    }
    return g;
}

static bool values_by_sort(const nd *flat, bool nan_apart, unique_parts *u, err *e)
{
    nd *y = nd_sort(flat, 0, e);
    if (!y) return false;
    int64_t g = move_up(y, nan_apart);
    if (g == nd_count(y)) {
        u->values = y;
        return true;
    }
    nd *some = nd_slice(y, 0, 0, g, 1);
    u->values = nd_copy(some, e);
    datum_unref(some);
    datum_unref(y);
    return u->values != NULL;
}

static bool unique_by_sort(const nd *flat, unsigned want, unique_parts *u, err *e)
{
    if (!(want & UNIQUE_COUNTS)) return values_by_sort(flat, want & UNIQUE_NAN_APART, u, e);
    nd *y = nd_sort(flat, 0, e);
    nd *first = y ? ints(nd_count(flat), e) : NULL;
    if (!first) return datum_unref(y), false;
    int64_t n = nd_count(y), *at = (int64_t *)first->at;
    int64_t g = group_starts(y, want & UNIQUE_NAN_APART, at);
    u->values = nd_new(nd_type(flat), 1, &g, e);
    if (want & UNIQUE_COUNTS) u->counts = ints(g, e);
    bool ok = u->values && (u->counts || !(want & UNIQUE_COUNTS));
    for (int64_t k = 0; ok && k < g; k++) {
        char *to = u->values->at + k * y->size;
        memcpy(to, y->at + at[k] * y->size, y->size);
        if (u->counts) ((int64_t *)u->counts->at)[k] = (k + 1 < g ? at[k + 1] : n) - at[k];
    }
    datum_unref(y);
    datum_unref(first);
    return ok;
}

bool nd_unique(const nd *x, unsigned want, unique_parts *out, err *e)
{
    *out = (unique_parts){0};
    nd *ravel = nd_ravel(x, 'C', e), *flat = ravel ? nd_contiguous(ravel, e) : NULL;
    datum_unref(ravel);
    if (!flat) return false;
    uint64_t least, most;
    bool whole = flat->dtype <= DT_uint64, ok;
    if (whole && nd_count(flat) && small_range(flat, &least, &most))
        ok = unique_by_table(flat, least, most, want, out, e);
    else if (has_keys(flat->dtype) && !(want & (UNIQUE_INDEX | UNIQUE_INVERSE)))
        ok = unique_by_sort(flat, want, out, e);
    else
        ok = unique_by_order(flat, want, out, e);
    if (!ok) unique_clear(out);
    datum_unref(flat);
    return ok;
}
