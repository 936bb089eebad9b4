/* engine/kernels/einsum.c - Einstein summation.
 *
 * Every operand becomes a view over all labels (stride 0 for those it lacks, a diagonal for those
 * it repeats), the output too; one walk in memory order then adds products into the output.  A
 * large contraction of two operands goes to tensordot or, with labels in both and in the
 * output, to matmul.  An ellipsis stands for labels below 'A'. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "engine/data/walk.h"
#include "engine/kernels/einsum_runs.h"
#include "engine/kernels/half.h"
#include "engine/kernels/linalg.h"
#include "engine/kernels/ops.h"
#include "engine/kernels/ufunc.h"

enum { MAXOP = WALK_MAXOP - 1, LARGE = 4096 };

typedef struct term { /* the labels of one operand, one per axis; '\1'.. stand for the ellipsis */
    char label[ND_MAXDIM + 1];
    int n;
} term;

typedef struct sums {
    term in[MAXOP], out;
    int nop;
    char label[2 * ND_MAXDIM]; /* all: those of the output first */
    int64_t extent[256];
    int nlabel;
    dtype_of t;
} sums;

/* --- the subscripts ------------------------------------------------------------------------------
 */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* One operand's subscripts up to ',' or '-'.  dots: where the ellipsis stands, -1 none. */
static const char *read_term(const char *s, term *t, int *dots, err *e)
{
    *dots = -1;
    t->n = 0;
    for (; *s && *s != ',' && *s != '-'; s++) {
        if (*s == ' ') continue;
        if (s[0] == '.' && s[1] == '.' && s[2] == '.' && *dots < 0) {
            *dots = t->n;
            s += 2;
            continue;
        }
        if (*s == '.')
            return err_set(e, ValueError,
                           "einstein sum subscripts string contains a '.' that is not part of an "
                           "ellipsis ('...') in operand 0");
        if (!is_letter(*s))
            return err_set(e, ValueError,
                           "invalid subscript '%c' in einstein sum subscripts string, subscripts "
                           "must be letters",
                           *s);
        if (t->n == ND_MAXDIM) return err_set(e, ValueError, "too many subscripts in einsum");
        t->label[t->n++] = *s;
    }
    return s;
}

/* labels 1.. in place of the dots; the last ones align, as in broadcasting */
static void fill_dots(term *t, int dots, int count, int most)
{
    memmove(t->label + dots + count, t->label + dots, (size_t)(t->n - dots));
    for (int i = 0; i < count; i++) t->label[dots + i] = (char)(1 + most - count + i);
    t->n += count;
}

static bool read_inputs(const char **s, int n, const nd *const *x, sums *p, int *most, err *e)
{
    int dots[MAXOP];
    for (int k = 0; k < n; k++) {
        *s = read_term(*s, &p->in[k], &dots[k], e);
        if (!*s) return false;
        bool comma = **s == ',';
        if (comma != (k + 1 < n))
            return err_set(e, ValueError,
                           comma
                               ? "more operands provided to einstein sum function than specified "
                                 "in the subscripts string"
                               : "fewer operands provided to einstein sum function than specified "
                                 "in the subscripts string");
        *s += comma;
        int left = x[k]->ndim - p->in[k].n;
        if (left < 0)
            return err_set(
                e, ValueError,
                "einstein sum subscripts string contains too many subscripts for operand "
                "%d",
                k);
        if (left > 0 && dots[k] < 0)
            return err_set(e, ValueError,
                           "operand has more dimensions than subscripts given in einstein sum, but "
                           "no '...' ellipsis provided to broadcast the extra dimensions.");
        if (left > *most) *most = left;
    }
    for (int k = 0; k < n; k++)
        if (dots[k] >= 0) fill_dots(&p->in[k], dots[k], x[k]->ndim - p->in[k].n, *most);
    return true;
}

static int times_used(const sums *p, char c)
{
    int count = 0;
    for (int k = 0; k < p->nop; k++)
        for (int i = 0; i < p->in[k].n; i++) count += p->in[k].label[i] == c;
    return count;
}

/* without "->": the ellipsis, then the labels that occur once, in alphabetical order */
static void implicit_output(sums *p, int most)
{
    p->out.n = 0;
    for (int i = 0; i < most; i++) p->out.label[p->out.n++] = (char)(1 + i);
    for (int c = 'A'; c <= 'z'; c++)
        if (is_letter((char)c) && times_used(p, (char)c) == 1) p->out.label[p->out.n++] = (char)c;
}

static bool read_output(const char *s, sums *p, int most, err *e)
{
    if (!*s) {
        implicit_output(p, most);
        return true;
    }
    if (s[0] != '-' || s[1] != '>')
        return err_set(e, ValueError,
                       "einstein sum subscript string does not contain proper '->' output "
                       "specified");
    int dots;
    s = read_term(s + 2, &p->out, &dots, e);
    if (!s) return false;
    if (*s)
        return err_set(e, ValueError,
                       "invalid subscript '%c' in einstein sum subscripts string, "
                       "subscripts must be letters",
                       *s);
    for (int i = 0; i < p->out.n; i++) {
        char c = p->out.label[i];
        if (memchr(p->out.label, c, (size_t)i))
            return err_set(e, ValueError,
                           "einstein sum subscripts string includes output subscript '%c' multiple "
                           "times",
                           c);
        if (!times_used(p, c))
            return err_set(e, ValueError,
                           "einstein sum subscripts string included output subscript '%c' which "
                           "never appeared in an input",
                           c);
    }
    if (dots >= 0)
        fill_dots(&p->out, dots, most, most);
    else if (most > 0)
        return err_set(e, ValueError,
                       "output has more dimensions than subscripts given in einstein sum, but no "
                       "'...' ellipsis provided to broadcast the extra dimensions.");
    return true;
}

/* --- extents
 * ---------------------------------------------------------------------------------------- */

/* "(3,2)->(3,newaxis,2)": the shape of an operand, and how it lies along the labels of the sum. */
static void say_operand(strbuf *out, const term *t, const nd *x, const char *label, int n)
{
    sb_adds(out, "(");
    for (int i = 0; i < t->n; i++) sb_addf(out, "%s%lld", i ? "," : "", (long long)nd_shape(x)[i]);
    sb_adds(out, t->n == 1 ? ",)->(" : ")->(");
    int said = 0;
    for (int k = 0; k < n; k++) {
        const char *at = memchr(t->label, label[k], (size_t)t->n);
        if (!at && !said) continue;
        sb_adds(out, said++ ? "," : "");
        if (at)
            sb_addf(out, "%lld", (long long)nd_shape(x)[at - t->label]);
        else
            sb_adds(out, "newaxis");
    }
    sb_adds(out, n == 1 ? ",) " : ") "); /* the comma is for one label in all */
}

static bool no_match(const sums *p, const nd *const *x, err *e)
{
    char label[2 * ND_MAXDIM];
    int n = p->out.n;
    memcpy(label, p->out.label, (size_t)n);
    for (int c = 1; c < 128; c++)
        for (int k = 0; k < p->nop && n < 2 * ND_MAXDIM; k++)
            if (memchr(p->in[k].label, c, (size_t)p->in[k].n) && !memchr(label, c, (size_t)n))
                label[n++] = (char)c;
    strbuf out = {0};
    for (int k = 0; k < p->nop; k++) say_operand(&out, &p->in[k], x[k], label, n);
    err_set(e, ValueError,
            "operands could not be broadcast together with remapped shapes [original->remapped]: "
            "%s",
            sb_text(&out));
    sb_clear(&out);
    return false;
}

static bool note_extents(sums *p, const nd *const *x, err *e)
{
    for (int k = 0; k < p->nop; k++)
        for (int i = 0; i < p->in[k].n; i++) {
            unsigned char c = (unsigned char)p->in[k].label[i];
            int64_t n = nd_shape(x[k])[i], *known = &p->extent[c];
            if (*known == -1 || *known == 1)
                *known = n;
            else if (n != 1 && n != *known && memchr(p->in[k].label, (char)c, (size_t)i))
                return err_set(e, ValueError,
                               p->nop == 1 ? "dimensions in single operand for collapsing index "
                                             "'%c' don't match (%ld != %ld)"
                                           : "dimensions in operand for collapsing index '%c' "
                                             "don't match (%ld != %ld)",
                               c, (long)*known, (long)n);
            else if (n != 1 && n != *known)
                return no_match(p, x, e);
        }
    return true;
}

static void list_labels(sums *p)
{
    memcpy(p->label, p->out.label, (size_t)p->out.n);
    p->nlabel = p->out.n;
    for (int k = 0; k < p->nop; k++)
        for (int i = 0; i < p->in[k].n; i++)
            if (!memchr(p->label, p->in[k].label[i], (size_t)p->nlabel))
                p->label[p->nlabel++] = p->in[k].label[i];
}

/* strides of an operand for every label of the sum */
static void label_strides(const sums *p, const term *t, const nd *x, int64_t *out)
{
    for (int i = 0; i < p->nlabel; i++) {
        out[i] = 0;
        for (int j = 0; j < t->n; j++)
            if (t->label[j] == p->label[i] && nd_shape(x)[j] != 1) out[i] += nd_strides(x)[j];
    }
}

/* --- summing
 * ----------------------------------------------------------------------------------------- */

typedef void (*sum_loop)(int64_t n, int nop, char **p, const int64_t *s);

// clang-format off
#pragma push_macro("bool")
#undef bool
/* out += in[0] * in[1] ...; one cell accumulates in a register */
#define SUM_LOOP(dt, T, S, LD, ST, MUL, ADD)                                                       \
    static void sum_##dt(int64_t n, int nop, char **p, const int64_t *s)                           \
    {                                                                                              \
        char *r = p[nop]; const int64_t rs = s[nop];                                               \
        S acc = LD(*(const T *)r);                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                          \
            S v = LD(*(const T *)(p[0] + i * s[0]));                                               \
            for (int k = 1; k < nop; k++) v = (S)(v MUL LD(*(const T *)(p[k] + i * s[k])));        \
            if (rs == 0) acc = (S)(acc ADD v);                                                     \
            else *(T *)(r + i * rs) = (T)ST(((S)(LD(*(const T *)(r + i * rs)) ADD v)));            \
        }                                                                                          \
        if (rs == 0) *(T *)r = (T)ST(acc);                                                         \
    }
SUM_LOOP(bool, uint8_t, uint8_t, , , &, |)
SUM_LOOP(int8, int8_t, int8_t, , , *, +)     SUM_LOOP(uint8, uint8_t, uint8_t, , , *, +)
SUM_LOOP(int16, int16_t, int16_t, , , *, +)  SUM_LOOP(uint16, uint16_t, uint16_t, , , *, +)
SUM_LOOP(int32, int32_t, int32_t, , , *, +)  SUM_LOOP(uint32, uint32_t, uint32_t, , , *, +)
SUM_LOOP(int64, int64_t, int64_t, , , *, +)  SUM_LOOP(uint64, uint64_t, uint64_t, , , *, +)
SUM_LOOP(float16, uint16_t, float, half_to_float, float_to_half, *, +)
SUM_LOOP(float32, float, float, , , *, +)    SUM_LOOP(float64, double, double, , , *, +)
SUM_LOOP(complex64, float _Complex, float _Complex, , , *, +)
SUM_LOOP(complex128, double _Complex, double _Complex, , , *, +)
static const sum_loop loops[NDTYPE] = {
    [DT_bool] = sum_bool, [DT_int8] = sum_int8, [DT_uint8] = sum_uint8, [DT_int16] = sum_int16,
    [DT_uint16] = sum_uint16, [DT_int32] = sum_int32, [DT_uint32] = sum_uint32,
    [DT_int64] = sum_int64, [DT_uint64] = sum_uint64, [DT_float16] = sum_float16,
    [DT_float32] = sum_float32, [DT_float64] = sum_float64, [DT_complex64] = sum_complex64,
    [DT_complex128] = sum_complex128};
#pragma pop_macro("bool")
// clang-format on

static nd *sum_all(const sums *p, nd *const *x, err *e)
{
    int64_t shape[2 * ND_MAXDIM], strides[2 * ND_MAXDIM], step[WALK_MAXOP];
    if (p->nlabel > ND_MAXDIM) return err_set(e, ValueError, "too many subscripts in einsum");
    for (int i = 0; i < p->nlabel; i++) shape[i] = p->extent[(unsigned char)p->label[i]];
    nd *r = nd_zero(p->t, p->out.n, shape, e);
    if (!r) return NULL;
    walk w;
    walk_init(&w, p->nlabel, shape);
    for (int k = 0; k < p->nop; k++) {
        label_strides(p, &p->in[k], x[k], strides);
        walk_add(&w, x[k]->at, strides);
    }
    label_strides(p, &p->out, r, strides);
    walk_add(&w, r->at, strides);
    walk_order(&w);
    if (w.count == 0) return r;
    for (int k = 0; k < w.nop; k++) step[k] = w.step[k][0];
    do {
        char *at[WALK_MAXOP];
        memcpy(at, w.at, sizeof at);
        if (!sum_run(p->t.dt, w.shape[0], p->nop, at, step))
            loops[p->t.dt](w.shape[0], p->nop, at, step);
    } while (walk_next(&w));
    return r;
}

/* --- two large operands
 * -------------------------------------------------------------------------------- */

static bool distinct(const term *t)
{
    for (int i = 0; i < t->n; i++)
        if (memchr(t->label, t->label[i], (size_t)i)) return false;
    return true;
}

static int find_label(const term *t, char c)
{
    for (int i = 0; i < t->n; i++)
        if (t->label[i] == c) return i;
    return -1;
}

typedef struct contraction {
    term batch, left, right; /* labels of both operands, of x, of y: all kept */
    term sum;                /* of both, summed over */
} contraction;

static void add_label(term *t, char c)
{
    t->label[t->n++] = c;
}

static double extent_of(const sums *p, const term *t)
{
    double n = 1;
    for (int i = 0; i < t->n; i++) n *= (double)p->extent[(unsigned char)t->label[i]];
    return n;
}

/* Are these products of matrices, worth the copies? */
static bool is_contraction(const sums *p, nd *const *x, contraction *k)
{
    enum { LEAST = 512 }; /* multiplications of one of many products */
    const bool any_order =
        dtype_is_int(p->t.dt) || (p->t.dt >= DT_float32 && p->t.dt <= DT_complex128);
    if (p->nop != 2 || !any_order || !distinct(&p->in[0]) || !distinct(&p->in[1])) return false;
    *k = (contraction){0};
    for (int i = 0; i < p->nlabel; i++) {
        char c = p->label[i];
        int a = find_label(&p->in[0], c), b = find_label(&p->in[1], c);
        bool kept = find_label(&p->out, c) >= 0, both = a >= 0 && b >= 0;
        if (both && nd_shape(x[0])[a] != nd_shape(x[1])[b]) return false;
        if (!both && !kept) return false;
        add_label(!kept ? &k->sum : both ? &k->batch : a >= 0 ? &k->left : &k->right, c);
    }
    double side = extent_of(p, &k->left) * extent_of(p, &k->right), deep = extent_of(p, &k->sum);
    if (!k->sum.n || (k->batch.n && (side < 16 || side * deep < LEAST))) return false;
    return side * deep * extent_of(p, &k->batch) >= LARGE;
}

/* r, whose axes have the labels `got`, in the order of the output; takes r */
static nd *in_order(const sums *p, nd *r, const term *got)
{
    int perm[ND_MAXDIM];
    for (int i = 0; i < p->out.n; i++) perm[i] = find_label(got, p->out.label[i]);
    nd *t = r ? nd_transpose(r, perm) : NULL;
    datum_unref(r);
    return t;
}

static void append(term *t, const term *more)
{
    for (int i = 0; i < more->n; i++) add_label(t, more->label[i]);
}

/* tensordot gives x's kept labels, then y's; the output may want another order */
static nd *by_tensordot(const sums *p, nd *const *x, const contraction *k, err *e)
{
    term got = {.n = 0};
    int xa[ND_MAXDIM], ya[ND_MAXDIM];
    for (int o = 0; o < 2; o++)
        for (int i = 0; i < p->in[o].n; i++)
            if (find_label(&p->out, p->in[o].label[i]) >= 0) add_label(&got, p->in[o].label[i]);
    for (int i = 0; i < k->sum.n; i++) {
        xa[i] = find_label(&p->in[0], k->sum.label[i]);
        ya[i] = find_label(&p->in[1], k->sum.label[i]);
    }
    return in_order(p, nd_tensordot(x[0], x[1], k->sum.n, xa, ya, e), &got);
}

/* x (with the labels t) as a stack of matrices: batch, rows, columns */
static nd *as_matrices(const sums *p, const nd *x, const term *t, const term *const part[3], err *e)
{
    int perm[ND_MAXDIM], n = 0, nbatch = part[0]->n;
    int64_t shape[ND_MAXDIM + 2];
    for (int o = 0; o < 3; o++)
        for (int i = 0; i < part[o]->n; i++) {
            perm[n] = find_label(t, part[o]->label[i]);
            shape[n] = nd_shape(x)[perm[n]];
            n++;
        }
    shape[nbatch] = (int64_t)extent_of(p, part[1]);
    shape[nbatch + 1] = (int64_t)extent_of(p, part[2]);
    nd *turned = nd_transpose(x, perm), *y = nd_reshape(turned, nbatch + 2, shape, e);
    datum_unref(turned);
    return y;
}

/* matmul: what both have and the output keeps counts products */
static nd *by_matmul(const sums *p, nd *const *x, const contraction *k, err *e)
{
    if (k->batch.n + 2 > ND_MAXDIM) return sum_all(p, x, e);
    nd *a = as_matrices(p, x[0], &p->in[0], (const term *[]){&k->batch, &k->left, &k->sum}, e);
    nd *b = a ? as_matrices(p, x[1], &p->in[1], (const term *[]){&k->batch, &k->sum, &k->right}, e)
              : NULL;
    nd *c = b ? nd_matmul(a, b, e) : NULL, *r = NULL;
    term got = k->batch;
    append(&got, &k->left);
    append(&got, &k->right);
    int64_t shape[ND_MAXDIM];
    for (int i = 0; i < got.n; i++) shape[i] = p->extent[(unsigned char)got.label[i]];
    if (c) r = nd_reshape(c, got.n, shape, e);
    datum_unref(a);
    datum_unref(b);
    datum_unref(c);
    return in_order(p, r, &got);
}

/* a sum over nothing of one operand: NumPy gives a view (a diagonal, a transpose) */
static nd *as_view(const sums *p, const nd *x)
{
    int64_t shape[2 * ND_MAXDIM], strides[2 * ND_MAXDIM];
    for (int i = 0; i < p->nlabel; i++) shape[i] = p->extent[(unsigned char)p->label[i]];
    label_strides(p, &p->in[0], x, strides);
    return nd_view(x->b, x->at, nd_type(x), p->out.n, shape, strides);
}

nd *nd_einsum(const char *subscripts, int n, const nd *const *x, dtype_of want, err *e)
{
    sums p = {.nop = n};
    int most = 0;
    contraction k;
    if (n > MAXOP) return err_set(e, ValueError, "too many operands");
    if (n == 0)
        return err_set(e, ValueError,
                       "must specify the einstein sum subscripts string and at least one operand, "
                       "or at least one operand and its corresponding subscripts list");
    for (int i = 0; i < 256; i++) p.extent[i] = -1;
    TRY(read_inputs(&subscripts, n, x, &p, &most, e) && read_output(subscripts, &p, most, e));
    TRY(note_extents(&p, x, e));
    list_labels(&p);
    p.t = want;
    operand kinds[MAXOP];
    for (int i = 0; i < n; i++) kinds[i] = operand_of(x[i]);
    if (want.dt == DT_none) TRY(result_type(n, kinds, &p.t, e));
    if (!loops[p.t.dt]) return err_set(e, TypeError, "invalid data type for einsum");
    if (n == 1 && p.nlabel == p.out.n && x[0]->dtype == p.t.dt) return as_view(&p, x[0]);
    nd *c[MAXOP] = {NULL}, *r = NULL;
    bool ok = true;
    for (int i = 0; ok && i < n; i++) ok = (c[i] = nd_cast(x[i], p.t, 'u', e)) != NULL;
    if (ok && is_contraction(&p, c, &k))
        r = (k.batch.n ? by_matmul : by_tensordot)(&p, c, &k, e);
    else if (ok)
        r = sum_all(&p, c, e);
    for (int i = 0; i < n; i++) datum_unref(c[i]);
    return r;
}
