/* engine/kernels/rfft.c - real transforms of lengths with factors 2, 3, 4 and 5 (FFTPACK's passes).
 *
 * forward:  in cc[i + ido * (k + l1 * j)]  out ch[i + ido * (j + ip * k)], last factor first;
 * backward: the other way round.  The order of operations is that of NumPy's transform. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/kernels/fft.h"
#include "engine/kernels/room.h"

typedef struct pass {
    int64_t ido, l1;
    const double *cc, *wa;
    double *ch;
} pass;

// clang-format off
#define WA(x, i)         p->wa[(i) + (x) * (p->ido - 1)]
/* a = c + d, b = c - d */
#define PM(a, b, c, d)   do { const double c_ = (c), d_ = (d); a = c_ + d_; b = c_ - d_; } while (0)
/* (a, b) = conj(c + id) * (e + if) with parts in that order */
#define MULPM(a, b, c, d, e, f) do { a = (c) * (e) + (d) * (f); b = (c) * (f) - (d) * (e); } while (0)
#define EACH_K           for (int64_t k = 0; k < p->l1; k++)
#define EACH_I           for (int64_t i = 2, ic = ido - 2; i < ido; i += 2, ic = ido - i)
// clang-format on

static const double tr11 = 0.3090169943749474241, ti11 = 0.95105651629515357212;
static const double tr12 = -0.8090169943749474241, ti12 = 0.58778525229247312917;
static const double taur = -0.5, taui = 0.86602540378443864676;

/* --- forward
 * -------------------------------------------------------------------------------------- */

#define CC(a, b, c) p->cc[(a) + ido * ((b) + p->l1 * (c))]
#define CH(a, b, c) p->ch[(a) + ido * ((b) + IP * (c))]

#define IP 2
static void forward2(const pass *p)
{
    const int64_t ido = p->ido;
    EACH_K PM(CH(0, 0, k), CH(ido - 1, 1, k), CC(0, k, 0), CC(0, k, 1));
    if (ido % 2 == 0) EACH_K
        {
            CH(0, 1, k) = -CC(ido - 1, k, 1);
            CH(ido - 1, 0, k) = CC(ido - 1, k, 0);
        }
    EACH_K EACH_I
    {
        double tr2, ti2;
        MULPM(tr2, ti2, WA(0, i - 2), WA(0, i - 1), CC(i - 1, k, 1), CC(i, k, 1));
        PM(CH(i - 1, 0, k), CH(ic - 1, 1, k), CC(i - 1, k, 0), tr2);
        PM(CH(i, 0, k), CH(ic, 1, k), ti2, CC(i, k, 0));
    }
}
#undef IP

#define IP 3
static void forward3(const pass *p)
{
    const int64_t ido = p->ido;
    EACH_K
    {
        double cr2 = CC(0, k, 1) + CC(0, k, 2);
        CH(0, 0, k) = CC(0, k, 0) + cr2;
        CH(0, 2, k) = taui * (CC(0, k, 2) - CC(0, k, 1));
        CH(ido - 1, 1, k) = CC(0, k, 0) + taur * cr2;
    }
    EACH_K EACH_I
    {
        double dr2, di2, dr3, di3;
        MULPM(dr2, di2, WA(0, i - 2), WA(0, i - 1), CC(i - 1, k, 1), CC(i, k, 1));
        MULPM(dr3, di3, WA(1, i - 2), WA(1, i - 1), CC(i - 1, k, 2), CC(i, k, 2));
        double cr2 = dr2 + dr3, ci2 = di2 + di3;
        CH(i - 1, 0, k) = CC(i - 1, k, 0) + cr2;
        CH(i, 0, k) = CC(i, k, 0) + ci2;
        double tr2 = CC(i - 1, k, 0) + taur * cr2, ti2 = CC(i, k, 0) + taur * ci2;
        double tr3 = taui * (di2 - di3), ti3 = taui * (dr3 - dr2);
        PM(CH(i - 1, 2, k), CH(ic - 1, 1, k), tr2, tr3);
        PM(CH(i, 2, k), CH(ic, 1, k), ti3, ti2);
    }
}
#undef IP

#define IP 4
static void forward4(const pass *p)
{
    const int64_t ido = p->ido;
    const double h = 0.70710678118654752440;
    EACH_K
    {
        double tr1, tr2;
        PM(tr1, CH(0, 2, k), CC(0, k, 3), CC(0, k, 1));
        PM(tr2, CH(ido - 1, 1, k), CC(0, k, 0), CC(0, k, 2));
        PM(CH(0, 0, k), CH(ido - 1, 3, k), tr2, tr1);
    }
    if (ido % 2 == 0) EACH_K
        {
            double ti1 = -h * (CC(ido - 1, k, 1) + CC(ido - 1, k, 3));
            double tr1 = h * (CC(ido - 1, k, 1) - CC(ido - 1, k, 3));
            PM(CH(ido - 1, 0, k), CH(ido - 1, 2, k), CC(ido - 1, k, 0), tr1);
            PM(CH(0, 3, k), CH(0, 1, k), ti1, CC(ido - 1, k, 2));
        }
    EACH_K EACH_I
    {
        double cr2, ci2, cr3, ci3, cr4, ci4, tr1, ti1, tr2, ti2, tr3, ti3, tr4, ti4;
        MULPM(cr2, ci2, WA(0, i - 2), WA(0, i - 1), CC(i - 1, k, 1), CC(i, k, 1));
        MULPM(cr3, ci3, WA(1, i - 2), WA(1, i - 1), CC(i - 1, k, 2), CC(i, k, 2));
        MULPM(cr4, ci4, WA(2, i - 2), WA(2, i - 1), CC(i - 1, k, 3), CC(i, k, 3));
        PM(tr1, tr4, cr4, cr2);
        PM(ti1, ti4, ci2, ci4);
        PM(tr2, tr3, CC(i - 1, k, 0), cr3);
        PM(ti2, ti3, CC(i, k, 0), ci3);
        PM(CH(i - 1, 0, k), CH(ic - 1, 3, k), tr2, tr1);
        PM(CH(i, 0, k), CH(ic, 3, k), ti1, ti2);
        PM(CH(i - 1, 2, k), CH(ic - 1, 1, k), tr3, ti4);
        PM(CH(i, 2, k), CH(ic, 1, k), tr4, ti3);
    }
}
#undef IP

#define IP 5
static void forward5(const pass *p)
{
    const int64_t ido = p->ido;
    EACH_K
    {
        double cr2, ci5, cr3, ci4;
        PM(cr2, ci5, CC(0, k, 4), CC(0, k, 1));
        PM(cr3, ci4, CC(0, k, 3), CC(0, k, 2));
        CH(0, 0, k) = CC(0, k, 0) + cr2 + cr3;
        CH(ido - 1, 1, k) = CC(0, k, 0) + tr11 * cr2 + tr12 * cr3;
        CH(0, 2, k) = ti11 * ci5 + ti12 * ci4;
        CH(ido - 1, 3, k) = CC(0, k, 0) + tr12 * cr2 + tr11 * cr3;
        CH(0, 4, k) = ti12 * ci5 - ti11 * ci4;
    }
    EACH_K EACH_I
    {
        double dr2, di2, dr3, di3, dr4, di4, dr5, di5;
        double cr2, ci2, cr3, ci3, cr4, ci4, cr5, ci5, tr4, ti4, tr5, ti5;
        MULPM(dr2, di2, WA(0, i - 2), WA(0, i - 1), CC(i - 1, k, 1), CC(i, k, 1));
        MULPM(dr3, di3, WA(1, i - 2), WA(1, i - 1), CC(i - 1, k, 2), CC(i, k, 2));
        MULPM(dr4, di4, WA(2, i - 2), WA(2, i - 1), CC(i - 1, k, 3), CC(i, k, 3));
        MULPM(dr5, di5, WA(3, i - 2), WA(3, i - 1), CC(i - 1, k, 4), CC(i, k, 4));
        PM(cr2, ci5, dr5, dr2);
        PM(ci2, cr5, di2, di5);
        PM(cr3, ci4, dr4, dr3);
        PM(ci3, cr4, di3, di4);
        CH(i - 1, 0, k) = CC(i - 1, k, 0) + cr2 + cr3;
        CH(i, 0, k) = CC(i, k, 0) + ci2 + ci3;
        double tr2 = CC(i - 1, k, 0) + tr11 * cr2 + tr12 * cr3;
        double ti2 = CC(i, k, 0) + tr11 * ci2 + tr12 * ci3;
        double tr3 = CC(i - 1, k, 0) + tr12 * cr2 + tr11 * cr3;
        double ti3 = CC(i, k, 0) + tr12 * ci2 + tr11 * ci3;
        MULPM(tr5, tr4, cr5, cr4, ti11, ti12);
        MULPM(ti5, ti4, ci5, ci4, ti11, ti12);
        PM(CH(i - 1, 2, k), CH(ic - 1, 1, k), tr2, tr5);
        PM(CH(i, 2, k), CH(ic, 1, k), ti5, ti2);
        PM(CH(i - 1, 4, k), CH(ic - 1, 3, k), tr3, tr4);
        PM(CH(i, 4, k), CH(ic, 3, k), ti4, ti3);
    }
}
#undef IP
#undef CC
#undef CH

/* --- backward
 * --------------------------------------------------------------------------------------- */

#define CC(a, b, c) p->cc[(a) + ido * ((b) + IP * (c))]
#define CH(a, b, c) p->ch[(a) + ido * ((b) + p->l1 * (c))]

#define IP 2
static void backward2(const pass *p)
{
    const int64_t ido = p->ido;
    EACH_K PM(CH(0, k, 0), CH(0, k, 1), CC(0, 0, k), CC(ido - 1, 1, k));
    if (ido % 2 == 0) EACH_K
        {
            CH(ido - 1, k, 0) = 2 * CC(ido - 1, 0, k);
            CH(ido - 1, k, 1) = -2 * CC(0, 1, k);
        }
    EACH_K EACH_I
    {
        double tr2, ti2;
        PM(CH(i - 1, k, 0), tr2, CC(i - 1, 0, k), CC(ic - 1, 1, k));
        PM(ti2, CH(i, k, 0), CC(i, 0, k), CC(ic, 1, k));
        MULPM(CH(i, k, 1), CH(i - 1, k, 1), WA(0, i - 2), WA(0, i - 1), ti2, tr2);
    }
}
#undef IP

#define IP 3
static void backward3(const pass *p)
{
    const int64_t ido = p->ido;
    EACH_K
    {
        double tr2 = 2 * CC(ido - 1, 1, k), cr2 = CC(0, 0, k) + taur * tr2;
        double ci3 = 2 * taui * CC(0, 2, k);
        CH(0, k, 0) = CC(0, 0, k) + tr2;
        PM(CH(0, k, 2), CH(0, k, 1), cr2, ci3);
    }
    EACH_K EACH_I
    {
        double tr2 = CC(i - 1, 2, k) + CC(ic - 1, 1, k), ti2 = CC(i, 2, k) - CC(ic, 1, k);
        double cr2 = CC(i - 1, 0, k) + taur * tr2, ci2 = CC(i, 0, k) + taur * ti2;
        CH(i - 1, k, 0) = CC(i - 1, 0, k) + tr2;
        CH(i, k, 0) = CC(i, 0, k) + ti2;
        double cr3 = taui * (CC(i - 1, 2, k) - CC(ic - 1, 1, k));
        double ci3 = taui * (CC(i, 2, k) + CC(ic, 1, k));
        double dr2, di2, dr3, di3;
        PM(dr3, dr2, cr2, ci3);
        PM(di2, di3, ci2, cr3);
        MULPM(CH(i, k, 1), CH(i - 1, k, 1), WA(0, i - 2), WA(0, i - 1), di2, dr2);
        MULPM(CH(i, k, 2), CH(i - 1, k, 2), WA(1, i - 2), WA(1, i - 1), di3, dr3);
    }
}
#undef IP

#define IP 4
static void backward4(const pass *p)
{
    const int64_t ido = p->ido;
    const double sqrt2 = 1.41421356237309504880;
    EACH_K
    {
        double tr1, tr2, tr3 = 2 * CC(ido - 1, 1, k), tr4 = 2 * CC(0, 2, k);
        PM(tr2, tr1, CC(0, 0, k), CC(ido - 1, 3, k));
        PM(CH(0, k, 0), CH(0, k, 2), tr2, tr3);
        PM(CH(0, k, 3), CH(0, k, 1), tr1, tr4);
    }
    if (ido % 2 == 0) EACH_K
        {
            double tr1, tr2, ti1, ti2;
            PM(ti1, ti2, CC(0, 3, k), CC(0, 1, k));
            PM(tr2, tr1, CC(ido - 1, 0, k), CC(ido - 1, 2, k));
            CH(ido - 1, k, 0) = tr2 + tr2;
            CH(ido - 1, k, 1) = sqrt2 * (tr1 - ti1);
            CH(ido - 1, k, 2) = ti2 + ti2;
            CH(ido - 1, k, 3) = -sqrt2 * (tr1 + ti1);
        }
    EACH_K EACH_I
    {
        double tr1, ti1, tr2, ti2, tr3, ti3, tr4, ti4, cr2, ci2, cr3, ci3, cr4, ci4;
        PM(tr2, tr1, CC(i - 1, 0, k), CC(ic - 1, 3, k));
        PM(ti1, ti2, CC(i, 0, k), CC(ic, 3, k));
        PM(tr4, ti3, CC(i, 2, k), CC(ic, 1, k));
        PM(tr3, ti4, CC(i - 1, 2, k), CC(ic - 1, 1, k));
        PM(CH(i - 1, k, 0), cr3, tr2, tr3);
        PM(CH(i, k, 0), ci3, ti2, ti3);
        PM(cr4, cr2, tr1, tr4);
        PM(ci2, ci4, ti1, ti4);
        MULPM(CH(i, k, 1), CH(i - 1, k, 1), WA(0, i - 2), WA(0, i - 1), ci2, cr2);
        MULPM(CH(i, k, 2), CH(i - 1, k, 2), WA(1, i - 2), WA(1, i - 1), ci3, cr3);
        MULPM(CH(i, k, 3), CH(i - 1, k, 3), WA(2, i - 2), WA(2, i - 1), ci4, cr4);
    }
}
#undef IP

#define IP 5
static void backward5(const pass *p)
{
    const int64_t ido = p->ido;
    EACH_K
    {
        double ti5 = 2 * CC(0, 2, k), ti4 = 2 * CC(0, 4, k), ci5, ci4;
        double tr2 = 2 * CC(ido - 1, 1, k), tr3 = 2 * CC(ido - 1, 3, k);
        double cr2 = CC(0, 0, k) + tr11 * tr2 + tr12 * tr3;
        double cr3 = CC(0, 0, k) + tr12 * tr2 + tr11 * tr3;
        CH(0, k, 0) = CC(0, 0, k) + tr2 + tr3;
        MULPM(ci5, ci4, ti5, ti4, ti11, ti12);
        PM(CH(0, k, 4), CH(0, k, 1), cr2, ci5);
        PM(CH(0, k, 3), CH(0, k, 2), cr3, ci4);
    }
    EACH_K EACH_I
    {
        double tr2, ti2, tr3, ti3, tr4, ti4, tr5, ti5, cr4, ci4, cr5, ci5;
        double dr2, di2, dr3, di3, dr4, di4, dr5, di5;
        PM(tr2, tr5, CC(i - 1, 2, k), CC(ic - 1, 1, k));
        PM(ti5, ti2, CC(i, 2, k), CC(ic, 1, k));
        PM(tr3, tr4, CC(i - 1, 4, k), CC(ic - 1, 3, k));
        PM(ti4, ti3, CC(i, 4, k), CC(ic, 3, k));
        CH(i - 1, k, 0) = CC(i - 1, 0, k) + tr2 + tr3;
        CH(i, k, 0) = CC(i, 0, k) + ti2 + ti3;
        double cr2 = CC(i - 1, 0, k) + tr11 * tr2 + tr12 * tr3;
        double ci2 = CC(i, 0, k) + tr11 * ti2 + tr12 * ti3;
        double cr3 = CC(i - 1, 0, k) + tr12 * tr2 + tr11 * tr3;
        double ci3 = CC(i, 0, k) + tr12 * ti2 + tr11 * ti3;
        MULPM(cr5, cr4, tr5, tr4, ti11, ti12);
        MULPM(ci5, ci4, ti5, ti4, ti11, ti12);
        PM(dr4, dr3, cr3, ci4);
        PM(di3, di4, ci3, cr4);
        PM(dr5, dr2, cr2, ci5);
        PM(di2, di5, ci2, cr5);
        MULPM(CH(i, k, 1), CH(i - 1, k, 1), WA(0, i - 2), WA(0, i - 1), di2, dr2);
        MULPM(CH(i, k, 2), CH(i - 1, k, 2), WA(1, i - 2), WA(1, i - 1), di3, dr3);
        MULPM(CH(i, k, 3), CH(i - 1, k, 3), WA(2, i - 2), WA(2, i - 1), di4, dr4);
        MULPM(CH(i, k, 4), CH(i - 1, k, 4), WA(3, i - 2), WA(3, i - 1), di5, dr5);
    }
}
#undef IP

/* --- plans
 * ------------------------------------------------------------------------------------------ */

bool rfft_possible(int64_t n)
{
    int64_t factor[FFT_MAXFACTOR];
    int count = fft_factors(n, factor);
    for (int k = 0; k < count; k++)
        if (factor[k] > 5) return false;
    return true;
}

bool rfft_plan_init(rfft_plan *p, int64_t n, err *e)
{
    *p = (rfft_plan){.n = n};
    p->nfactor = fft_factors(n, p->factor);
    p->room = room_alloc((size_t)(5 * n + 16) * sizeof *p->room, e);
    if (!p->room) return false;
    p->work = p->room;
    cpx *roots = (cpx *)(p->room + n + n % 2);
    double *at = (double *)(roots + n);
    if (!fft_roots(n, n, roots, e)) {
        rfft_plan_clear(p);
        return false;
    }
    int64_t l1 = 1;
    for (int k = 0; k < p->nfactor; k++) {
        int64_t ip = p->factor[k], ido = n / (l1 * ip);
        p->tw[k] = at;
        for (int64_t j = 1; j < ip; j++)
            for (int64_t i = 1; i <= (ido - 1) / 2; i++) {
                at[(j - 1) * (ido - 1) + 2 * i - 2] = roots[j * l1 * i].r;
                at[(j - 1) * (ido - 1) + 2 * i - 1] = roots[j * l1 * i].i;
            }
        at += (ip - 1) * (ido - 1);
        l1 *= ip;
    }
    return true;
}

void rfft_plan_clear(rfft_plan *p)
{
    room_free(p->room);
    *p = (rfft_plan){0};
}

static void deliver(const rfft_plan *p, double *c, const double *from, double scale)
{
    if (from != c) memcpy(c, from, (size_t)p->n * sizeof *c);
    if (scale != 1)
        for (int64_t i = 0; i < p->n; i++) c[i] *= scale;
}

static void swap(pass *s)
{
    double *t = (double *)(uintptr_t)s->cc;
    s->cc = s->ch;
    s->ch = t;
}

void rfft_forward(const rfft_plan *p, double *c, double scale)
{
    static void (*const run[])(const pass *) = {NULL, NULL, forward2, forward3, forward4, forward5};
    pass s = {.l1 = p->n, .cc = c, .ch = p->work};
    for (int k = p->n > 1 ? p->nfactor : 0; k-- > 0;) {
        s.ido = p->n / s.l1;
        s.l1 /= p->factor[k];
        s.wa = p->tw[k];
        run[p->factor[k]](&s);
        swap(&s);
    }
    deliver(p, c, s.cc, scale);
}

void rfft_backward(const rfft_plan *p, double *c, double scale)
{
    static void (*const run[])(const pass *) = {NULL,      NULL,      backward2,
                                                backward3, backward4, backward5};
    pass s = {.l1 = 1, .cc = c, .ch = p->work};
    for (int k = 0; p->n > 1 && k < p->nfactor; k++) {
        s.ido = p->n / (s.l1 * p->factor[k]);
        s.wa = p->tw[k];
        run[p->factor[k]](&s);
        swap(&s);
        s.l1 *= p->factor[k];
    }
    deliver(p, c, s.cc, scale);
}
