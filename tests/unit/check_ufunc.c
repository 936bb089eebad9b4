/* tests/unit/check_ufunc.c - the table of ufuncs, NumPy's loop selection, nd_map. */
#include <check.h>
#include <string.h>

#include "engine/kernels/index.h"
#include "engine/kernels/ufunc.h"
#include "tests/unit/block_data.h"
#include "tests/unit/suite.h"

static const char codes[] = "?bBhHiIlLefdFD";

static enum dtype of_code(char c)
{
    for (int i = 0; i < NDTYPE; i++)
        if (dtypes[i].code == c) return (enum dtype)i;
    return NDTYPE;
}

static const dtype_of none = {.dt = DT_none};

/* the code of the result type, '.' when there is no loop */
static char result_code(const char *name, int n, const operand *in)
{
    err e = {0};
    ufunc_plan p;
    const ufunc *f = ufunc_find(name);
    bool ok = ufunc_resolve(f, in, none, 0, &p, &e);
    err_clear(&e);
    return ok ? dtypes[p.arg[n].dt].code : '.';
}

static const struct {
    const char *name;
    char first;
    const char *results;
} binary[] = {
#define PROMOTES(name, first, results) {#name, first, results},
#define UNARY_TYPES(name, results)
#include "tests/unit/promotion_cases.def"
#undef PROMOTES
#undef UNARY_TYPES
};

static const struct {
    const char *name, *results;
} unary[] = {
#define PROMOTES(name, first, results)
#define UNARY_TYPES(name, results) {#name, results},
#include "tests/unit/promotion_cases.def"
#undef PROMOTES
#undef UNARY_TYPES
};

START_TEST(two_arrays_promote_as_in_numpy)
{
    for (int k = 0; codes[k]; k++) {
        operand in[2] = {{.t = dtype_plain(of_code(binary[_i].first))},
                         {.t = dtype_plain(of_code(codes[k]))}};
        char got = result_code(binary[_i].name, 2, in);
        ck_assert_msg(got == binary[_i].results[k], "%s(%c, %c) is %c, not %c", binary[_i].name,
                      binary[_i].first, codes[k], binary[_i].results[k], got);
    }
}
END_TEST

START_TEST(one_array_promotes_as_in_numpy)
{
    for (int k = 0; codes[k]; k++) {
        operand in[1] = {{.t = dtype_plain(of_code(codes[k]))}};
        ck_assert_int_eq(result_code(unary[_i].name, 1, in), unary[_i].results[k]);
    }
}
END_TEST

/* an array and a number: the value decides */
static const struct {
    char array;
    bool real;
    int64_t i;
    double d;
    char result;
} scalars[] = {
    {'b', false, 1, 0, 'b'},        {'b', false, 200, 0, 'h'},      {'b', false, 1000, 0, 'h'},
    {'b', false, -1, 0, 'b'},       {'B', false, -1, 0, 'h'},       {'B', false, 255, 0, 'B'},
    {'B', false, 256, 0, 'H'},      {'L', false, -1, 0, 'd'},       {'L', false, 1, 0, 'L'},
    {'i', false, 1L << 40, 0, 'l'}, {'f', true, 0, 1.5, 'f'},       {'f', true, 0, 1e300, 'd'},
    {'e', true, 0, 1e6, 'f'},       {'b', true, 0, 1.5, 'd'},       {'?', false, 1, 0, 'l'},
    {'F', true, 0, 2.5, 'F'},       {'f', false, 1L << 40, 0, 'd'},
};

START_TEST(a_number_promotes_by_its_value)
{
    operand in[2] = {{.t = dtype_plain(of_code(scalars[_i].array))}, {.scalar = true}};
    in[1].t = dtype_plain(scalars[_i].real ? DT_float64 : DT_int64);
    in[1].value = scalars[_i].real ? (const void *)&scalars[_i].d : (const void *)&scalars[_i].i;
    ck_assert_int_eq(result_code("add", 2, in), scalars[_i].result);
}
END_TEST

START_TEST(every_row_has_loops_and_help)
{
    const ufunc *f = &ufuncs[_i];
    ck_assert_str_ne(f->doc, "");
    ck_assert(f->loops[0].run != NULL);
    ck_assert_int_eq(f->id, _i);
    ck_assert_ptr_eq(ufunc_find(f->name), f);
    for (const ufunc_loop *l = f->loops; l->run; l++)
        for (int k = 0; k < f->nin + f->nout; k++) ck_assert_int_lt(l->arg[k], NDTYPE);
}
END_TEST

/* every loop gives the same for contiguous, strided and repeated operands */
START_TEST(strides_do_not_change_a_result)
{
    const ufunc *f = &ufuncs[_i];
    enum { N = 37, WIDE = 16 };
    for (const ufunc_loop *l = f->loops; l->run; l++) {
        if (l->arg[0] > DT_complex128 || f->id == U_power) continue;
        char flat[4][N * WIDE], wide[4][N * WIDE * 3], *fp[4], *wp[4];
        ptrdiff_t fs[6] = {0}, ws[6] = {0};
        int narg = f->nin + f->nout;
        for (int k = 0; k < narg; k++) {
            int64_t n = N;
            fs[k] = dtypes[l->arg[k]].size;
            ws[k] = 3 * fs[k];
            memset(flat[k], 0, sizeof flat[k]);
            memset(wide[k], 0, sizeof wide[k]);
            nd *x = filled(l->arg[k], false, 1, &n);
            for (int i = 0; k < f->nin && i < N; i++) {
                memcpy(flat[k] + i * fs[k], x->at + i * fs[k], (size_t)fs[k]);
                memcpy(wide[k] + i * ws[k], x->at + i * fs[k], (size_t)fs[k]);
            }
            datum_unref(x);
            fp[k] = flat[k];
            wp[k] = wide[k];
        }
        l->run(N, fp, fs);
        l->run(N, wp, ws);
        for (int k = f->nin; k < narg; k++)
            for (int i = 0; i < N; i++)
                ck_assert_msg(!memcmp(flat[k] + i * fs[k], wide[k] + i * ws[k], (size_t)fs[k]),
                              "%s of %s, element %d", f->name, dtypes[l->arg[0]].name, i);
    }
}
END_TEST

static nd *ints(int n, const int64_t *v)
{
    err e = {0};
    int64_t shape = n;
    nd *x = nd_new(dtype_plain(DT_int64), 1, &shape, &e);
    memcpy(x->at, v, (size_t)n * sizeof *v);
    return x;
}

START_TEST(division_by_zero_is_zero_and_is_told)
{
    err e = {0};
    nd *x = ints(3, (int64_t[]){7, -7, 1}), *y = ints(3, (int64_t[]){2, 2, 0}), *out[2];
    map_opts o = OPTS_NONE;
    ck_assert(nd_map(&ufuncs[U_floor_divide], (const nd *const[]){x, y}, &o, out, &e));
    ck_assert_mem_eq(out[0]->at, ((int64_t[]){3, -4, 0}), 24);
    ck_assert_uint_eq(o.flags, FP_DIVIDE);
    datum_unref(out[0]);
    datum_unref(x);
    datum_unref(y);
}
END_TEST

START_TEST(a_target_may_overlap_an_input)
{
    err e = {0};
    nd *x = ints(5, (int64_t[]){1, 2, 3, 4, 5});
    nd *head = nd_slice(x, 0, 0, 4, 1), *tail = nd_slice(x, 0, 1, 4, 1), *out[2];
    map_opts o = OPTS_NONE;
    o.out[0] = tail;
    ck_assert(nd_map(&ufuncs[U_add], (const nd *const[]){head, tail}, &o, out, &e));
    ck_assert_mem_eq(x->at, ((int64_t[]){1, 3, 5, 7, 9}), 40);
    datum_unref(out[0]);
    datum_unref(x);
    datum_unref(head);
    datum_unref(tail);
}
END_TEST

START_TEST(a_mask_leaves_the_other_elements)
{
    err e = {0};
    int64_t n = 4;
    nd *x = ints(4, (int64_t[]){1, 2, 3, 4}), *m = nd_new(dtype_plain(DT_bool), 1, &n, &e), *out[2];
    memcpy(m->at, (bool[]){true, false, false, true}, 4);
    map_opts o = OPTS_NONE;
    o.out[0] = x;
    o.where = m;
    ck_assert(nd_map(&ufuncs[U_negative], (const nd *const[]){x}, &o, out, &e));
    ck_assert_mem_eq(x->at, ((int64_t[]){-1, 2, 3, -4}), 32);
    datum_unref(out[0]);
    datum_unref(x);
    datum_unref(m);
}
END_TEST

static const struct {
    const char *name, *message;
    enum dtype a, b;
} refusals[] = {
    {"bitwise_and",
     "ufunc 'bitwise_and' not supported for the input types, and the inputs could not be safely "
     "coerced to any supported types according to the casting rule ''safe''",
     DT_int64, DT_float64},
    {"subtract",
     "numpy boolean subtract, the `-` operator, is not supported, use the bitwise_xor, the `^` "
     "operator, or the logical_xor function instead.",
     DT_bool, DT_bool},
    {"add",
     "ufunc 'add' did not contain a loop with signature matching types (dtype('int64'), "
     "dtype('<U1')) -> None",
     DT_int64, DT_str},
};

START_TEST(a_refusal_is_in_numpys_words)
{
    err e = {0};
    operand in[2] = {{.t = dtype_plain(refusals[_i].a)}, {.t = dtype_plain(refusals[_i].b)}};
    ufunc_plan p;
    if (refusals[_i].b == DT_str) in[1].t.size = 4;
    ck_assert(!ufunc_resolve(ufunc_find(refusals[_i].name), in, none, 0, &p, &e));
    ck_assert_str_eq(e.msg, refusals[_i].message);
    err_clear(&e);
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof *(a))

int main(void)
{
    Suite *s = suite_create("ufunc");
    TCase *t = tcase_create("ufunc");
    tcase_add_loop_test(t, two_arrays_promote_as_in_numpy, 0, COUNT(binary));
    tcase_add_loop_test(t, one_array_promotes_as_in_numpy, 0, COUNT(unary));
    tcase_add_loop_test(t, a_number_promotes_by_its_value, 0, COUNT(scalars));
    tcase_add_loop_test(t, every_row_has_loops_and_help, 0, NUFUNC);
    tcase_add_loop_test(t, strides_do_not_change_a_result, 0, NUFUNC);
    tcase_add_test(t, division_by_zero_is_zero_and_is_told);
    tcase_add_test(t, a_target_may_overlap_an_input);
    tcase_add_test(t, a_mask_leaves_the_other_elements);
    tcase_add_loop_test(t, a_refusal_is_in_numpys_words, 0, COUNT(refusals));
    suite_add_tcase(s, t);
    return suite_run(s);
}
