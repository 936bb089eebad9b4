/* engine/data/shape.c - arithmetic on extents and strides. */
#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "engine/data/nd.h"

int64_t shape_count(int ndim, const int64_t *shape)
{
    int64_t n = 1;
    for (int i = 0; i < ndim; i++) n *= shape[i];
    return n;
}

void shape_text(int ndim, const int64_t *shape, char *out, size_t n)
{
    strbuf b = {0};
    sb_addc(&b, '(');
    for (int i = 0; i < ndim; i++) sb_addf(&b, i ? ", %ld" : "%ld", (long)shape[i]);
    sb_adds(&b, ndim == 1 ? ",)" : ")");
    snprintf(out, n, "%s", sb_text(&b));
    sb_clear(&b);
}

void strides_c(int ndim, const int64_t *shape, int64_t size, int64_t *out)
{
    for (int i = ndim; i-- > 0;) {
        out[i] = size;
        size *= shape[i] ? shape[i] : 1;
    }
}

void strides_f(int ndim, const int64_t *shape, int64_t size, int64_t *out)
{
    for (int i = 0; i < ndim; i++) {
        out[i] = size;
        size *= shape[i] ? shape[i] : 1;
    }
}

/* NumPy lists shapes without a space in its broadcast and reshape messages: "(3,4)", "(3,)" */
static void add_tight(strbuf *b, int ndim, const int64_t *shape)
{
    sb_addc(b, '(');
    int first = 0;
    while (first < ndim && shape[first] < 0) first++; /* NumPy leaves leading unknowns out */
    for (int i = first; i < ndim; i++) {
        if (i > first) sb_addc(b, ',');
        if (shape[i] < 0)
            sb_adds(b, "newaxis");
        else
            sb_addf(b, "%ld", (long)shape[i]);
    }
    sb_adds(b, ndim == 1 ? ",)" : ")");
}

void shape_text_tight(int ndim, const int64_t *shape, char *out, size_t n)
{
    strbuf b = {0};
    add_tight(&b, ndim, shape);
    snprintf(out, n, "%s", sb_text(&b));
    sb_clear(&b);
}

static void *broadcast_error(int n, const nd *const *x, err *e)
{
    strbuf b = {0};
    for (int k = 0; k < n; k++) {
        if (!x[k]) continue;
        add_tight(&b, x[k]->ndim, nd_shape(x[k]));
        sb_addc(&b, ' ');
    }
    err_set(e, ValueError, "operands could not be broadcast together with shapes %s", sb_text(&b));
    sb_clear(&b);
    return NULL;
}

bool shape_broadcast(int n, const nd *const *x, int *ndim, int64_t shape[ND_MAXDIM], err *e)
{
    int most = 0;
    for (int k = 0; k < n; k++)
        if (x[k] && x[k]->ndim > most) most = x[k]->ndim;
    for (int i = 0; i < most; i++) shape[i] = 1;
    for (int k = 0; k < n; k++) {
        if (!x[k]) continue;
        int64_t *to = shape + most - x[k]->ndim;
        for (int i = 0; i < x[k]->ndim; i++) {
            int64_t m = nd_shape(x[k])[i];
            if (m == 1) continue;
            if (to[i] != 1 && to[i] != m) return broadcast_error(n, x, e);
            to[i] = m;
        }
    }
    *ndim = most;
    return true;
}

static void *reshape_error(int64_t count, int ndim, const int64_t *shape, err *e)
{
    strbuf b = {0};
    add_tight(&b, ndim, shape);
    err_set(e, ValueError, "cannot reshape array of size %ld into shape %s", (long)count,
            sb_text(&b));
    sb_clear(&b);
    return NULL;
}

bool shape_resolve(int64_t count, int ndim, const int64_t *shape, int64_t *out, err *e)
{
    int unknown = -1;
    int64_t known = 1;
    for (int i = 0; i < ndim; i++) {
        out[i] = shape[i];
        if (shape[i] >= 0) {
            if (__builtin_mul_overflow(known, shape[i], &known))
                return reshape_error(count, ndim, shape, e);
        } else if (unknown >= 0) {
            return err_set(e, ValueError, "can only specify one unknown dimension");
        } else
            unknown = i;
    }
    if (unknown < 0) return known == count || reshape_error(count, ndim, shape, e);
    if (known == 0 || count % known) return reshape_error(count, ndim, shape, e);
    out[unknown] = count / known;
    return true;
}
