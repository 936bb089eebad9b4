/* stdlib/dask/learned.c - what tasks of graphs took when they ran last.
 *
 * Functions of users tell nothing of what they will take; but the same functions run again and
 * again.  Each parallel run of a graph notes, by the names of tasks without their tokens, how many
 * there were, their seconds and the bytes of their results, for explain(). */
#include <ctype.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/run/memory.h"
#include "stdlib/dask/parts.h"

enum { MANY_NAMES = 512 };

typedef struct lesson {
    char name[64];
    uint32_t tasks;
    double seconds, bytes;
} lesson;

/* the length of a name without the token at its end: 32 digits, or those of an UUID */
static size_t short_length(const char *s, size_t n)
{
    const size_t long_is[] = {32, 36};
    for (int k = 0; k < 2; k++) {
        size_t from = n > long_is[k] ? n - long_is[k] : 0;
        bool hex = from > 1 && s[from - 1] == '-';
        for (size_t i = from; hex && i < n; i++)
            hex = isxdigit((unsigned char)s[i]) || (k && s[i] == '-');
        if (hex) return from - 1;
    }
    return n;
}

static lesson *lesson_of(lesson *all, uint32_t *n, value who)
{
    const tuple *t = as_tuple(who);
    const str *s = as_str(t && t->n ? t->at[0] : who);
    if (!s) return NULL;
    size_t length = short_length(s->at, strlen(s->at));
    if (length >= sizeof all->name) { /* no character is cut in two */
        length = sizeof all->name - 1;
        while (length && ((unsigned char)s->at[length] & 0xc0) == 0x80) length--;
    }
    for (uint32_t i = 0; i < *n; i++)
        if (strncmp(all[i].name, s->at, length) == 0 && !all[i].name[length]) return &all[i];
    if (*n == MANY_NAMES) return NULL;
    lesson *x = &all[(*n)++];
    memcpy(x->name, s->at, length);
    return x;
}

/* dask._learned; borrowed, NULL: pending */
static dict *lessons(interp *in)
{
    module *m = dask_module(in);
    value v = m ? dict_peek(in, module_dict(m), "_learned") : FAIL;
    if (as_dict(v) || !m) return as_dict(v);
    return module_put(in, m, "_learned", v_obj(dict_new(in)))
               ? as_dict(dict_peek(in, module_dict(m), "_learned"))
               : NULL;
}

static bool keep(interp *in, dict *d, const lesson *x)
{
    tuple *t = tuple_new(in, 3);
    if (!t) return false;
    t->at[0] = v_int(x->tasks);
    t->at[1] = v_float(x->seconds);
    t->at[2] = v_float(x->bytes);
    return dict_put(in, d, x->name, v_obj(t));
}

void graph_learn(interp *in, const plan *pl, const dict *of, const task_event *ev)
{
    lesson *all = mem_zero(MANY_NAMES * sizeof *all);
    uint32_t n = 0;
    for (tid i = 0; i < pl->ntask - pl->ndone; i++) {
        const task *t = &pl->task[ev[i].task];
        lesson *x = t->index < (uint64_t)of->n ? lesson_of(all, &n, of->entry[t->index].key) : NULL;
        if (!x) continue;
        x->tasks++;
        x->seconds += ev[i].end - ev[i].begin;
        x->bytes += (double)ev[i].bytes;
    }
    dict *d = lessons(in);
    if (d && d->used > 4 * MANY_NAMES) value_unref(in, call_method(in, v_obj(d), "clear", 0));
    for (uint32_t i = 0; d && i < n; i++)
        if (!keep(in, d, &all[i])) break;
    exc_clear(in);
    mem_free(all);
}

/* learned(): a dict of names to (tasks, seconds, bytes of results) */
value graph_learned(interp *in, const value *arg)
{
    (void)arg;
    dict *d = lessons(in);
    return d ? value_ref(v_obj(d)) : FAIL;
}

/* block_bytes(layer, key): of a block of a lazy array, as its grid has it; None: no grid tells */
value block_bytes_of(interp *in, const value *arg)
{
    const layer *l = as_layer_value(arg[0]);
    key k;
    uint64_t i;
    if (!l || !l->grid || !key_of(in, arg[1], &k) || !layer_find(l, &k, &i)) return NONE;
    if (i >= l->grid->nblock || !grid_known(l->grid) || !l->type.size) return NONE;
    return v_int((int64_t)block_bytes(l, i));
}
