/* repl/show.c - the pretty printer.
 *
 * Text is held back in a queue together with the places where a line may break.  When it
 * outgrows the line, the outermost group that can still break does, at all its places: so a
 * container stands on one line, or has one item a line and its inner containers may still be
 * whole. */
#include "repl/show.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"

enum { MAX_ITEMS = 1000, MAX_LEVELS = 200 };

/* A piece of text, or a place to break (`group` is then the group it belongs to). */
typedef struct piece {
    char *text; /* owned */
    size_t n;
    int width, indent;
    size_t group; /* index + 1, 0: text */
} piece;

typedef struct group {
    int depth;
    size_t pending; /* its breaks that are still in the queue */
    bool broken;
} group;

/* The groups of one depth that may still be told to break, oldest first. */
typedef struct waiting {
    size_t *at, n, cap;
} waiting;

typedef struct printer {
    interp *in;
    strbuf *out;
    int max, written, held, indent, level;
    piece *queue; /* pieces [head, tail) */
    size_t head, tail, cap;
    group *groups; /* all there ever were; `open` lists the indices of the current nesting */
    size_t ngroup, groupcap;
    size_t open[MAX_LEVELS + 1];
    waiting waiting[MAX_LEVELS + 1];
    obj *above[MAX_LEVELS]; /* containers being shown */
    int nabove;
} printer;

static bool print_value(printer *p, value v);

/* ---- layout ---- */

static piece *queue_add(printer *p)
{
    if (p->tail == p->cap) {
        if (p->head > p->cap / 2) {
            memmove(p->queue, p->queue + p->head, (p->tail - p->head) * sizeof(piece));
            p->tail -= p->head;
            p->head = 0;
        } else {
            p->cap = p->cap ? p->cap * 2 : 64;
            p->queue = mem_grow(p->queue, p->cap * sizeof(piece));
        }
    }
    p->queue[p->tail] = (piece){0};
    return &p->queue[p->tail++];
}

static void wait_add(printer *p, size_t g)
{
    waiting *w = &p->waiting[p->groups[g].depth];
    if (w->n == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 8;
        w->at = mem_grow(w->at, w->cap * sizeof *w->at);
    }
    w->at[w->n++] = g;
}

static void wait_drop(waiting *w, size_t i)
{
    w->n--;
    memmove(w->at + i, w->at + i + 1, (w->n - i) * sizeof *w->at);
}

static void wait_remove(printer *p, size_t g)
{
    waiting *w = &p->waiting[p->groups[g].depth];
    for (size_t i = 0; i < w->n; i++) {
        if (w->at[i] != g) continue;
        wait_drop(w, i);
        return;
    }
}

static void newline(printer *p, int indent)
{
    sb_addc(p->out, '\n');
    sb_pad(p->out, ' ', (size_t)indent);
    p->written = indent;
}

/* Writes the first piece of the queue. */
static void release(printer *p)
{
    piece *x = &p->queue[p->head++];
    p->held -= x->width;
    if (x->group) {
        group *g = &p->groups[x->group - 1];
        g->pending--;
        if (g->broken) {
            newline(p, x->indent);
            return;
        }
        if (g->pending == 0) wait_remove(p, x->group - 1);
        sb_addc(p->out, ' ');
    } else {
        sb_add(p->out, x->text, x->n);
        mem_free(x->text);
    }
    p->written += x->width;
}

static void flush(printer *p)
{
    while (p->head < p->tail) release(p);
}

/* Tells the outermost group that has a place left to break, the latest of its depth, to do so.
 * The groups outside it, which have none yet, will break as soon as they get one.  The i-th group
 * from the end is found and the i-th from the start forgotten: IPython's own slip, which decides
 * what breaks where several groups of one depth are waiting. */
static group *break_one(printer *p)
{
    for (int depth = 0; depth <= MAX_LEVELS; depth++) {
        waiting *w = &p->waiting[depth];
        for (size_t i = 0; i < w->n; i++) {
            group *g = &p->groups[w->at[w->n - 1 - i]];
            if (!g->pending) continue;
            wait_drop(w, i);
            g->broken = true;
            return g;
        }
        for (size_t i = 0; i < w->n; i++) p->groups[w->at[i]].broken = true;
        w->n = 0;
    }
    return NULL;
}

static bool break_next(printer *p)
{
    group *g = break_one(p);
    if (!g) return false;
    while (g->pending) release(p);
    while (p->head < p->tail && !p->queue[p->head].group) release(p);
    return true;
}

static void break_outer(printer *p)
{
    while (p->max < p->written + p->held && break_next(p)) continue;
}

static void text(printer *p, const char *s, size_t n)
{
    const int width = (int)utf8_count(s, n);
    if (p->head == p->tail) {
        sb_add(p->out, s, n);
        p->written += width;
        return;
    }
    piece *x = queue_add(p);
    x->text = mem_dupn(s, n);
    x->n = n;
    x->width = width;
    p->held += width;
    break_outer(p);
}

static void texts(printer *p, const char *s)
{
    text(p, s, strlen(s));
}

/* A place where the line may break, else one blank. */
static void breakable(printer *p)
{
    const size_t g = p->open[p->level];
    if (p->groups[g].broken) {
        flush(p);
        newline(p, p->indent);
        p->held = 0;
        return;
    }
    piece *x = queue_add(p);
    x->group = g + 1;
    x->width = 1;
    x->indent = p->indent;
    p->groups[g].pending++;
    p->held++;
    break_outer(p);
}

static void group_open(printer *p, const char *open)
{
    texts(p, open);
    if (p->ngroup == p->groupcap) {
        p->groupcap = p->groupcap ? p->groupcap * 2 : 64;
        p->groups = mem_grow(p->groups, p->groupcap * sizeof(group));
    }
    p->level++;
    p->open[p->level] = p->ngroup;
    p->groups[p->ngroup] = (group){.depth = p->level};
    wait_add(p, p->ngroup++);
    p->indent += (int)strlen(open);
}

static void group_close(printer *p, const char *open, const char *close)
{
    const size_t g = p->open[p->level--];
    if (!p->groups[g].pending) {
        wait_remove(p, g);
        if (g + 1 == p->ngroup) p->ngroup--;
    }
    p->indent -= (int)strlen(open);
    texts(p, close);
}

/* ---- values ---- */

/* A repr as it is; its lines go below one another, and then the items around it do so, too. */
static bool print_repr(printer *p, value v)
{
    str *s = value_repr(p->in, v);
    if (!s) return false;
    group_open(p, "");
    for (const char *line = s->at, *end = s->at + s->nbyte;;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        text(p, line, (size_t)((stop ? stop : end) - line));
        if (!stop) break;
        break_next(p);
        flush(p);
        newline(p, p->indent);
        p->held = 0;
        line = stop + 1;
    }
    group_close(p, "", "");
    obj_unref(p->in, s);
    return true;
}

/* What stands between two items; false: enough has been shown. */
static bool separate(printer *p, int64_t i)
{
    if (i) {
        texts(p, ",");
        breakable(p);
    }
    if (i < MAX_ITEMS) return true;
    texts(p, "...");
    return false;
}

static bool print_sequence(printer *p, const value *at, int64_t n, const char *open,
                           const char *close, bool one_comma)
{
    group_open(p, open);
    for (int64_t i = 0; i < n && separate(p, i); i++)
        if (!print_value(p, at[i])) return false;
    if (one_comma && n == 1) texts(p, ",");
    group_close(p, open, close);
    return true;
}

static bool print_dict(printer *p, dict *d)
{
    int64_t i = 0, n = 0;
    value key, v;
    group_open(p, "{");
    while (dict_next(d, &i, &key, &v) && separate(p, n++)) {
        value_ref(key), value_ref(v); /* a repr may change d */
        bool ok = print_value(p, key);
        texts(p, ": ");
        ok = ok && print_value(p, v);
        value_unref(p->in, key), value_unref(p->in, v);
        if (!ok) return false;
    }
    group_close(p, "{", "}");
    return true;
}

/* Sorted where the members can be compared. */
static bool print_set(printer *p, value v)
{
    const bool frozen = as_obj(v, &T_frozenset) != NULL;
    if (as_set(v)->n == 0) return print_repr(p, v);
    list *l = list_of(p->in, v);
    if (!l) return false;
    if (l->n < MAX_ITEMS && !list_sort(p->in, l, FAIL, false)) {
        exc_clear(p->in);
        obj_unref(p->in, l);
        if (!(l = list_of(p->in, v))) return false;
    }
    bool ok =
        print_sequence(p, l->at, l->n, frozen ? "frozenset({" : "{", frozen ? "})" : "}", false);
    obj_unref(p->in, l);
    return ok;
}

static str *text_attr(interp *in, value v, const char *name)
{
    value out;
    int found = value_findattr(in, v, name, &out);
    if (found < 0) exc_clear(in);
    if (found <= 0) return NULL;
    if (as_str(out)) return as_str(out);
    value_unref(in, out);
    return NULL;
}

/* "module.qualname", without the module of the builtins */
static void full_name(printer *p, value v, strbuf *b)
{
    str *home = text_attr(p->in, v, "__module__"), *name = text_attr(p->in, v, "__qualname__");
    if (!name) name = text_attr(p->in, v, "__name__");
    if (home && !str_is(home, "builtins")) sb_addf(b, "%s.", home->at);
    sb_adds(b, name ? name->at : "?");
    obj_unref(p->in, home);
    obj_unref(p->in, name);
}

/* The parameters, when inspect can tell. */
static void add_signature(interp *in, value f, strbuf *b)
{
    value inspect = interp_import(in, "inspect");
    value sig = is_fail(inspect) ? FAIL : call_method(in, inspect, "signature", 1, f);
    str *s = is_fail(sig) ? NULL : value_str(in, sig);
    if (s)
        sb_adds(b, s->at);
    else
        exc_clear(in);
    obj_unref(in, s);
    value_unref(in, sig);
    value_unref(in, inspect);
}

static bool print_function(printer *p, value v)
{
    strbuf b = {0};
    sb_adds(&b, "<function ");
    full_name(p, v, &b);
    add_signature(p->in, v, &b);
    sb_addc(&b, '>');
    text(p, sb_text(&b), b.n);
    sb_clear(&b);
    return true;
}

static bool print_type(printer *p, value v)
{
    strbuf b = {0};
    full_name(p, v, &b);
    text(p, sb_text(&b), b.n);
    sb_clear(&b);
    return true;
}

static bool print_container(printer *p, value v)
{
    if (as_list(v)) return print_sequence(p, as_list(v)->at, as_list(v)->n, "[", "]", false);
    if (as_tuple(v)) return print_sequence(p, as_tuple(v)->at, as_tuple(v)->n, "(", ")", true);
    if (as_dict(v)) return print_dict(p, as_dict(v));
    return print_set(p, v);
}

/* ---- classes of collections: a call that would make them ---- */

static value plain_dict(interp *in, value v)
{
    dict *d = dict_new(in);
    if (d && !dict_update(in, d, v)) {
        obj_unref(in, d);
        d = NULL;
    }
    return v_obj(d);
}

static value items_list(interp *in, value v)
{
    value items = call_method(in, v, "items", 0);
    list *l = is_fail(items) ? NULL : list_of(in, items);
    value_unref(in, items);
    return v_obj(l);
}

/* name(first, second); either may be FAIL: left out.  Takes both. */
static bool print_call(printer *p, const char *name, value first, value second)
{
    char open[32];
    snprintf(open, sizeof open, "%s(", name);
    group_open(p, open);
    bool ok = !throwing(p->in) && (is_fail(first) || print_value(p, first));
    if (ok && !is_fail(second)) {
        texts(p, ",");
        breakable(p);
        ok = print_value(p, second);
    }
    value_unref(p->in, first);
    value_unref(p->in, second);
    group_close(p, open, ")");
    return ok;
}

static int64_t length_of(interp *in, value v)
{
    int64_t n = value_len(in, v);
    if (n < 0) exc_clear(in);
    return n;
}

/* 1 shown, 0 not one of them, -1 failed */
static int print_collection(printer *p, value v)
{
    interp *in = p->in;
    const type *t = v.o->type;
    value cls = v_type(t);
    str *home = text_attr(in, cls, "__module__");
    value_unref(in, cls);
    const bool ours = home && str_is(home, "collections");
    obj_unref(in, home);
    if (!ours) return 0;
    const bool empty = length_of(in, v) == 0;
    bool ok;
    if (strcmp(t->name, "OrderedDict") == 0)
        ok = print_call(p, t->name, empty ? FAIL : items_list(in, v), FAIL);
    else if (strcmp(t->name, "Counter") == 0)
        ok = print_call(p, t->name, empty ? FAIL : plain_dict(in, v), FAIL);
    else if (strcmp(t->name, "defaultdict") == 0)
        ok = print_call(p, t->name, value_getattr_c(in, v, "default_factory"), plain_dict(in, v));
    else
        return 0;
    return ok ? 1 : -1;
}

/* An object whose class says nothing about it: its class and its place. */
static bool is_plain_object(value v)
{
    return v.o->type->flags & TYPE_HEAP && v.o->type->repr == T_object.repr;
}

static bool print_plain_object(printer *p, value v)
{
    strbuf b = {0};
    sb_addc(&b, '<');
    full_name(p, v_type(v.o->type), &b);
    sb_addf(&b, " at %p>", (void *)v.o);
    text(p, sb_text(&b), b.n);
    sb_clear(&b);
    return true;
}

/* NumPy's functions that arrays of other kinds take over are of a type of their own, but its name.
 */
static bool is_function(const type *t)
{
    const bool by_name = !(t->flags & TYPE_HEAP) && strcmp(t->name, T_function.name) == 0;
    return by_name || t == &T_cfunction;
}

static bool is_container(value v)
{
    if (v.kind != V_OBJ) return false;
    const type *t = v.o->type;
    return t == &T_list || t == &T_tuple || t == &T_dict || t == &T_set || t == &T_frozenset;
}

static bool print_value(printer *p, value v)
{
    if (p->level + 4 >= MAX_LEVELS) return print_repr(p, v); /* a value opens two, its repr one */
    if (!is_container(v)) {
        if (v.kind == V_OBJ && is_function(v.o->type)) return print_function(p, v);
        if (v.kind == V_OBJ && v.o->type == &T_type) return print_type(p, v);
        if (v.kind == V_OBJ && is_plain_object(v)) return print_plain_object(p, v);
        const int shown = v.kind == V_OBJ ? print_collection(p, v) : 0;
        return shown ? shown > 0 : print_repr(p, v);
    }
    for (int i = 0; i < p->nabove; i++) {
        if (p->above[i] != v.o) continue;
        texts(p, v.o->type == &T_dict ? "{...}" : v.o->type == &T_tuple ? "(...)" : "[...]");
        return true;
    }
    p->above[p->nabove++] = v.o;
    bool ok = print_container(p, v);
    p->nabove--;
    return ok;
}

bool show_value(interp *in, value v, int width, strbuf *out)
{
    printer p = {.in = in, .out = out, .max = width - 1};
    p.groups = mem_zero(64 * sizeof(group));
    p.groupcap = 64;
    p.ngroup = 1; /* what is in no container never breaks */
    bool ok = print_value(&p, v);
    flush(&p);
    for (int i = 0; i <= MAX_LEVELS; i++) mem_free(p.waiting[i].at);
    mem_free(p.groups);
    mem_free(p.queue);
    return ok;
}
