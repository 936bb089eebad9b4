/* engine/expr/several.c - several block functions of one block, called together.
 *
 * A layer of such calls is the only reader of the blocks that it works on, and may run them in
 * step (stream.c); one after the other gives the same. */
#include "engine/expr/several.h"

#include <string.h>

#include "engine/base/wire.h"
#include "engine/expr/kinds.h"

typedef struct several_fn {
    fn base;
    uint32_t n;
    fn *f[RED_MOST];
} several_fn;

static datum *several_call(const fn *f, const call *c, err *e)
{
    const several_fn *s = (const several_fn *)f;
    datum *out[RED_MOST] = {0};
    bool ok = c->narg == s->n;
    for (uint32_t i = 0; i < s->n && ok; i++) ok = c->arg[i].kind == LIT_TUPLE;
    if (!ok) return err_set(e, TypeError, "%u tuples of arguments are needed", s->n);
    for (uint32_t i = 0; i < s->n && ok; i++) {
        call one = *c;
        one.arg = c->arg[i].item;
        one.narg = c->arg[i].n;
        ok = (out[i] = fn_call(s->f[i], &one, e)) != NULL;
    }
    if (ok) return &pack_new(s->n, NULL, out)->hdr;
    for (uint32_t i = 0; i < s->n; i++) datum_unref(out[i]);
    return NULL;
}

static void several_drop(fn *f)
{
    several_fn *s = (several_fn *)f;
    for (uint32_t i = 0; i < s->n; i++) datum_unref(s->f[i]);
}

static bool several_save(const fn *f, wire_out *w, err *e)
{
    const several_fn *s = (const several_fn *)f;
    wire_u32(w, s->n);
    for (uint32_t i = 0; i < s->n; i++) TRY(wire_datum(w, &s->f[i]->hdr, e));
    return true;
}

static bool several_load(fn *f, wire_in *r, err *e)
{
    several_fn *s = (several_fn *)f;
    uint32_t n = wire_get_u32(r);
    if (n > RED_MOST) return false;
    while (s->n < n) {
        datum *d;
        if (!wire_get_datum(r, &d, e)) return false;
        if (!(s->f[s->n] = as_fn(d))) return datum_unref(d);
        s->n++;
    }
    return true;
}

static const fn_kind several_kind = {.name = "several",
                                     .version = 1,
                                     .size = sizeof(several_fn),
                                     .save = several_save,
                                     .load = several_load,
                                     .call = several_call,
                                     .drop = several_drop};

fn *fn_several(int n, const fn *const *f)
{
    hash128 id[RED_MOST];
    strbuf name = {0};
    for (int i = 0; i < n; i++) sb_addf(&name, i ? " & %s" : "%s", f[i]->name);
    char *text = sb_take(&name, NULL);
    several_fn *s = fn_new(sizeof *s, &several_kind, text);
    mem_free(text);
    for (int i = 0; i < n; i++) {
        const fn_cost *c = &f[i]->kind->cost;
        uint32_t items = (c->items ? c->items : 1u) + f[i]->items,
                 copies = c->copies + f[i]->copies;
        s->f[s->n++] = datum_ref((fn *)(uintptr_t)f[i]);
        s->base.ns += f[i]->ns > 0 ? f[i]->ns : c->ns > 0 ? c->ns : 0.4F;
        s->base.items = (uint8_t)(s->base.items + items - (i == 0));
        if (copies > s->base.copies) s->base.copies = (uint8_t)copies;
        id[i] = f[i]->id;
    }
    fn_identify(&s->base, id, (size_t)n * sizeof *id);
    return &s->base;
}

int fn_parts(const fn *f, const fn *part[RED_MOST])
{
    const several_fn *s = (const several_fn *)f;
    if (f->kind != &several_kind) {
        part[0] = f;
        return 1;
    }
    for (uint32_t i = 0; i < s->n; i++) part[i] = s->f[i];
    return (int)s->n;
}

const fn_kind *const several_kinds[] = {&several_kind, NULL};
