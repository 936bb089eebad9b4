/* stdlib/decimal/aside.c - operations on numbers of very many digits, which may take minutes, on a
 * thread of their own, so that Ctrl-C need not wait for them.
 *
 * Short ones are plain calls: how long one takes is told by the digits that it is given, by those
 * that lie between their exponents and, where a result is as long as the precision, by that. */
#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/aside.h"
#include "stdlib/decimal/decimal.h"

enum { LIMB_DIGITS = 19, LONG_DIGITS = 200000, LONG_SERIES = 5000 };

typedef struct errand {
    void (*work)(struct errand *);
    num_op *f;
    num out, in[3];
    bool given[3], engineering, capitals, ok;
    rules r;
    strbuf text;
} errand;

static void drop(void *ctx)
{
    errand *q = ctx;
    num_clear(&q->out);
    for (int i = 0; i < 3; i++) num_clear(&q->in[i]);
    sb_clear(&q->text);
    mem_free(q);
}

static void work(void *ctx)
{
    errand *q = ctx;
    q->work(q);
    num_forget_constants(); /* those of this thread */
}

static errand *errand_new(void (*does)(errand *), const rules *r)
{
    errand *q = mem_zero(sizeof *q);
    q->work = does;
    if (r) q->r = *r;
    num_init(&q->out);
    for (int i = 0; i < 3; i++) num_init(&q->in[i]);
    return q;
}

static bool give(interp *in, errand *q, int i, const num *x)
{
    rules r = rules_widest;
    q->given[i] = x != NULL;
    if (x) num_copy(&q->in[i], x, &r);
    if (r.status & ST_NO_MEMORY) throw_nomem(in);
    return !(r.status & ST_NO_MEMORY);
}

/* Takes q when it fails. */
static bool run(interp *in, errand *q)
{
    return interp_aside(in, work, drop, q);
}

/* --- operations --- */

static void operate(errand *q)
{
    const num *x[3];
    for (int i = 0; i < 3; i++) x[i] = q->given[i] ? &q->in[i] : NULL;
    q->f(&q->out, x[0], x[1], x[2], &q->r);
}

static bool is_long(num_op *f, const num *a, const num *b, const num *c, const rules *r)
{
    bool series = f == num_exp || f == num_ln || f == num_log10 || f == num_power;
    double digits = (double)(a->n + (b ? b->n : 0) + (c ? c->n : 0)) * LIMB_DIGITS;
    if (series || f == num_divide_by || f == num_sqrt) {
        digits += (double)r->prec;
    } else if (b && a->exp != b->exp) {
        double apart = (double)a->exp - (double)b->exp, most = (double)r->prec + digits;
        if (apart < 0) apart = -apart;
        digits += apart < most ? apart : most;
    }
    return digits > (series ? LONG_SERIES : LONG_DIGITS);
}

bool num_call(interp *in, num_op *f, num *out, const num *a, const num *b, const num *c, rules *r)
{
    if (!is_long(f, a, b, c, r)) {
        f(out, a, b, c, r);
        return true;
    }
    errand *q = errand_new(operate, r);
    q->f = f;
    if (!give(in, q, 0, a) || !give(in, q, 1, b) || !give(in, q, 2, c)) return drop(q), false;
    if (!run(in, q)) return false;
    num_swap(out, &q->out);
    *r = q->r;
    drop(q);
    return true;
}

/* --- text --- */

static void show(errand *q)
{
    num_text(&q->text, &q->in[0], q->engineering, q->capitals);
}

bool num_call_text(interp *in, strbuf *b, const num *x, bool engineering, bool capitals)
{
    if (x->n * LIMB_DIGITS < LONG_DIGITS) {
        num_text(b, x, engineering, capitals);
        return true;
    }
    errand *q = errand_new(show, NULL);
    q->engineering = engineering;
    q->capitals = capitals;
    if (!give(in, q, 0, x)) return drop(q), false;
    if (!run(in, q)) return false;
    sb_add(b, sb_text(&q->text), q->text.n);
    drop(q);
    return true;
}

static void read(errand *q)
{
    q->ok = num_read(&q->out, sb_text(&q->text), q->text.n, &q->r);
}

bool num_call_read(interp *in, num *out, const char *s, size_t n, rules *r, bool *ok)
{
    if (n < LONG_DIGITS) {
        *ok = num_read(out, s, n, r);
        return true;
    }
    errand *q = errand_new(read, r);
    sb_add(&q->text, s, n);
    if (!run(in, q)) return false;
    num_swap(out, &q->out);
    *r = q->r;
    *ok = q->ok;
    drop(q);
    return true;
}
