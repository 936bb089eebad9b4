/* Values as bytes: engine/base/wire.h, capsules and block operations through it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/data/nd_wire.h"
#include "engine/graph/fn_wire.h"
#include "stdlib/stdlib.h"
#include "stdlib/wire.h"
#include "tests/unit/suite.h"

static void ignore(void *ctx, int fd, const char *s, size_t n)
{
    (void)ctx, (void)fd, (void)s, (void)n;
}

static const host quiet = {.write = ignore};

static datum *read_bytes(const char *s, size_t n, err *e)
{
    wire_in r;
    size_t used;
    datum *d = NULL;
    wire_in_init(&r, wire_kinds, &buf_room);
    r.extra = &wire_found;
    if (wire_feed(&r, s, n, &used, e) && !wire_get_datum(&r, &d, e)) d = NULL;
    wire_in_clear(&r);
    return d;
}

static char *bytes_of(datum *d, size_t *n)
{
    wire_out w = {.sums = true};
    err e = {0};
    ck_assert_msg(wire_datum(&w, d, &e), "%s", e.msg);
    char *s = wire_joined(&w, n, &e);
    wire_out_clear(&w);
    return s;
}

static nd *numbers(int64_t n)
{
    err e = {0};
    nd *x = nd_new(dtype_plain(DT_float64), 1, &n, &e);
    for (int64_t i = 0; i < n; i++) ((double *)(void *)x->at)[i] = (double)i;
    return x;
}

static void comes_back(nd *x)
{
    size_t n;
    err e = {0};
    char *s = bytes_of(&x->hdr, &n);
    nd *y = as_nd(read_bytes(s, n, &e));
    ck_assert_msg(y != NULL, "%s", e.msg);
    ck_assert_int_eq(x->ndim, y->ndim);
    ck_assert_int_eq(x->flags, y->flags);
    ck_assert(!memcmp(nd_shape(x), nd_shape(y), x->ndim * sizeof(int64_t)));
    nd *a = nd_copy(x, &e), *b = nd_copy(y, &e);
    ck_assert(!memcmp(a->at, b->at, nd_bytes(a)));
    datum_unref(a);
    datum_unref(b);
    datum_unref(y);
    mem_free(s);
}

START_TEST(blocks_come_back_in_their_order)
{
    err e = {0};
    nd *small = numbers(6), *big = numbers(6000);
    nd *table = nd_reshape(big, 2, (int64_t[]){60, 100}, &e), *turned = nd_transpose(table, NULL);
    nd *repeated = nd_broadcast(small, 2, (int64_t[]){1000, 6}, &e);
    nd *none = nd_new(dtype_plain(DT_int32), 2, (int64_t[]){0, 3}, &e);
    nd *all[] = {small, big, table, turned, repeated, none};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        comes_back(all[i]);
    }
    size_t n;
    char *s = bytes_of(&repeated->hdr, &n);
    ck_assert_uint_lt(n, 400); /* one row travels */
    mem_free(s);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) datum_unref(all[i]);
}
END_TEST

START_TEST(a_datum_travels_once)
{
    nd *x = numbers(5000);
    pack *p = pack_new(2, NULL, (datum *[]){datum_ref(x), datum_ref(x)});
    size_t n;
    err e = {0};
    char *s = bytes_of(&p->hdr, &n);
    ck_assert_uint_lt(n, 5000 * 8 + 500);
    pack *q = as_pack(read_bytes(s, n, &e));
    ck_assert_ptr_nonnull(q);
    ck_assert_ptr_eq(q->item[0], q->item[1]);
    datum_unref(q);
    datum_unref(p);
    datum_unref(x);
    mem_free(s);
}
END_TEST

/* A value with about everything in it, as bytes. */
static char *specimen(interp *in, size_t *n)
{
    static const char text[] = "import numpy as np, enum, collections, functools\n"
                               "class Color(enum.Enum):\n    RED = 1\n"
                               "class P:\n"
                               "    def __init__(self, a): self.a = a\n"
                               "    def __eq__(self, o): return self.a == o.a\n"
                               "    def __hash__(self): return hash(self.a)\n"
                               "    @property\n"
                               "    def b(self): return self.a + k\n"
                               "class R:\n"
                               "    def __reduce__(self): return (list, ([1, 2],))\n"
                               "k = 5\n"
                               "def f(x, *, y=3):\n"
                               "    def g(z): return z + x + k\n"
                               "    return g\n"
                               "loop = [1]\nloop.append(loop)\n"
                               "v = [loop, {P(1): 'one', 'two': (2, 2.5)}, {1, 2}, f(3), P(4), "
                               "Color.RED, R(), 10**30, 2j,\n"
                               "     b'x', range(3), np.arange(900.), np.array(['a', None], "
                               "dtype=object), np.float32(1),\n"
                               "     functools.partial(f, 1), collections.Counter('aab'), "
                               "ValueError('no'), len, np.sin]\n";
    ck_assert(interp_run(in, text, strlen(text), "<test>", 'f', interp_main(in), NULL));
    err e = {0};
    char *s = value_to_bytes(in, dict_peek(in, interp_main(in), "v"), n, &e);
    ck_assert_msg(s != NULL, "%s", e.msg);
    return s;
}

START_TEST(values_come_back)
{
    interp *in = interp_open(&quiet, stdlib_modules);
    size_t n;
    char *s = specimen(in, &n);
    value w = value_from_bytes(in, s, n);
    ck_assert(!is_fail(w));
    dict_put(in, interp_main(in), "w", w);
    static const char test[] =
        "assert w[0][1] is w[0] and w[1][P(1)] == 'one' and w[3](4) == 12\n"
        "assert type(w[4]) is P and w[4].b == 9 and w[5] is Color.RED\n"
        "assert w[6] == [1, 2] and w[7] == 10**30 and w[11].sum() == 404550\n"
        "assert w[12][0] == 'a' and w[14]()(1) == 7 and w[17] is len\n";
    ck_assert(interp_run(in, test, strlen(test), "<test>", 'f', interp_main(in), NULL));
    mem_free(s);
    interp_close(in);
}
END_TEST

/* Truncated anywhere, or with any byte changed: an error, and no more than that. */
START_TEST(damaged_bytes_are_an_error)
{
    interp *in = interp_open(&quiet, stdlib_modules);
    size_t n;
    char *s = specimen(in, &n);
    for (size_t k = 0; k < n; k += 1 + n / 300) {
        value w = value_from_bytes(in, s, k);
        ck_assert(is_fail(w) && throwing(in));
        exc_clear(in);
    }
    for (size_t k = 0; k < n; k += 1 + n / 700) {
        char was = s[k];
        s[k] ^= (char)(1 << k % 8);
        value w = value_from_bytes(in, s, k % 64 < 60 ? n : n - 1);
        if (is_fail(w)) exc_clear(in); /* padding may say anything */
        value_unref(in, w);
        s[k] = was;
    }
    mem_free(s);
    interp_close(in);
}
END_TEST

/* The same behind the sum: capsules that say anything. */
START_TEST(damaged_records_are_an_error)
{
    interp *in = interp_open(&quiet, stdlib_modules);
    static const char text[] =
        "v = [1, 'a', {'k': (1, 2.5), 3: [4]}, {5}, 10**30, range(3), b'x',\n"
        "     slice(1), ValueError('no'), len, int, 2j, bytearray(b'y')]\n";
    ck_assert(interp_run(in, text, strlen(text), "<test>", 'f', interp_main(in), NULL));
    err e = {0};
    datum *d = value_pack(in, dict_peek(in, interp_main(in), "v"), &e);
    wire_out w = {0};
    ck_assert(wire_datum(&w, d, &e));
    uint32_t seed = 1;
    for (int round = 0; round < 4000; round++) {
        wire_out bent = {0};
        wire_bytes(&bent, w.body.at, w.body.n);
        for (int k = 0; k < 1 + round % 3; k++) {
            seed = seed * 1664525u + 1013904223u;
            bent.body.at[seed % bent.body.n] = (char)(seed >> 24);
        }
        size_t n;
        char *s = wire_joined(&bent, &n, &e);
        value v = value_from_bytes(in, s, n);
        if (is_fail(v)) exc_clear(in);
        value_unref(in, v);
        wire_out_clear(&bent);
        mem_free(s);
    }
    wire_out_clear(&w);
    datum_unref(d);
    interp_close(in);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("wire");
    TCase *c = tcase_create("wire");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, blocks_come_back_in_their_order);
    tcase_add_test(c, a_datum_travels_once);
    tcase_add_test(c, values_come_back);
    tcase_add_test(c, damaged_bytes_are_an_error);
    tcase_add_test(c, damaged_records_are_an_error);
    suite_add_tcase(s, c);
    return suite_run(s);
}
