/* engine/graph/name.c - names of layers: "op-<hash of everything that decides the content>". */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "engine/graph/layer.h"

void token_add(token *t, const void *p, size_t n)
{
    sb_add(&t->b, p, n);
}

void token_int(token *t, int64_t i)
{
    sb_add(&t->b, (const char *)&i, sizeof i);
}

void token_text(token *t, const char *s)
{
    sb_add(&t->b, s, strlen(s) + 1);
}

void token_lit(token *t, const lit *x)
{
    lit_hash(&t->b, x);
}

void token_grid(token *t, const grid *g)
{
    token_int(t, (int64_t)grid_hash(g));
}

void token_layer(token *t, const layer *l)
{
    token_add(t, &l->id, sizeof l->id);
}

static char *join(const char *prefix, const char *rest)
{
    strbuf b = {0};
    sb_addf(&b, "%s-%s", prefix, rest);
    return sb_take(&b, NULL);
}

char *token_name(token *t, const char *prefix)
{
    char hex[33];
    token_text(t, prefix);
    hash128_hex(hash128_bytes(t->b.at, t->b.n), hex);
    sb_clear(&t->b);
    return join(prefix, hex);
}

static hash128 random_bits(void)
{
    hash128 h = {0};
    if (getrandom(&h, sizeof h, 0) != (ssize_t)sizeof h) {
        const void *where = &h; /* no entropy to be had: addresses and counters must do */
        h = hash128_bytes(&where, sizeof where);
    }
    return h;
}

char *unique_name(const char *prefix)
{
    hash128 h = random_bits();
    char text[40];
    snprintf(text, sizeof text, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(h.lo >> 32),
             (unsigned)(h.lo >> 16) & 0xffff, (unsigned)h.lo & 0xfff,
             ((unsigned)(h.hi >> 48) & 0x3fff) | 0x8000,
             (unsigned long long)h.hi & 0xffffffffffffull);
    return join(prefix, text);
}

char *unique_token(const char *prefix)
{
    char hex[33];
    hash128_hex(random_bits(), hex);
    return join(prefix, hex);
}
