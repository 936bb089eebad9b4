/* lang/trace.c - where it failed: tracebacks byte for byte as CPython 3.11 prints them.
 *
 * Each entry of a traceback knows its code and instruction; the carets come from the position
 * of that instruction, and for operators and subscripts from parsing the text again. */
#include "lang/trace.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"
#include "lang/frame.h"
#include "lang/parser.h"
#include "lang/types/dunder.h"
#include "lang/types/func.h"
#include "lang/types/klass.h"

#define OBJ(p) ((value){.kind = V_OBJ, .o = &(p)->hdr})

/* ---- building ---- */

/* One more frame at the place of tb, deep down: millions of them need not be millions of entries.
 */
static bool is_same(const traceback *tb, const frame *f)
{
    enum { DEEP = 10000 };
    return tb && tb->below >= DEEP && tb->hdr.rc == 1 && tb->more < UINT32_MAX &&
           tb->link == f->link && tb->at == frame_at(f) && tb->globals == f->globals;
}

void exc_trace(interp *in, frame *f)
{
    exc *x = as_exc(in->exc);
    if (!x || x->hdr.flags & OBJ_FROZEN) return;
    if (is_same(x->tb, f)) {
        x->tb->more++;
        return;
    }
    value pending = exc_take(in);
    traceback *tb = obj_new(in, &T_traceback, 0);
    if (tb) {
        tb->next = x->tb;
        tb->link = link_ref(f->link);
        tb->at = frame_at(f);
        tb->below = tb->next && tb->next->below < UINT32_MAX ? tb->next->below + 1 : 0;
        tb->globals = obj_ref(f->globals);
        x->tb = tb;
    } else
        exc_clear(in);
    in->exc = pending;
}

/* ---- source text ---- */

bool source_add(interp *in, const char *filename, const char *text, size_t n)
{
    if (!in->sources && !(in->sources = dict_new(in))) return false;
    return dict_put(in, in->sources, filename, v_obj(str_new(in, text, n)));
}

static bool read_file(interp *in, const char *filename)
{
    FILE *f = filename[0] == '<' ? NULL : fopen(filename, "rb");
    strbuf b = {0};
    char chunk[8192];
    if (!f) return false;
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;) sb_add(&b, chunk, n);
    fclose(f);
    bool ok = source_add(in, filename, sb_text(&b), b.n);
    sb_clear(&b);
    return ok;
}

char *trace_line(interp *in, const char *filename, uint32_t n)
{
    value v = in->sources ? dict_peek(in, in->sources, filename) : FAIL;
    if (is_fail(v)) {
        if (!read_file(in, filename)) return NULL;
        v = dict_peek(in, in->sources, filename);
    }
    const char *p = as_str(v) ? as_str(v)->at : "";
    while (n > 1 && (p = strchr(p, '\n'))) p++, n--;
    if (!p || !*p) return NULL;
    size_t len = strcspn(p, "\r\n");
    return mem_dupn(p, len);
}

/* ---- carets ---- */

typedef struct anchors { /* character columns; -1: none */
    int left, right;
} anchors;

static int chars_before(const char *s, size_t byte)
{
    int n = 0;
    for (size_t i = 0; i < byte && s[i]; i++) n += ((unsigned char)s[i] & 0xc0) != 0x80;
    return n;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

/* Which part of an operator or subscript deserves ^ while the rest gets ~. */
static anchors find_anchors(const char *segment, size_t n)
{
    anchors out = {-1, -1};
    arena a = {0};
    syntax_error why = {0};
    ast *m = parse(&a, segment, n, "<string>", PARSE_FILE, &why);
    const ast *s = m && m->Module.body.n == 1 ? m->Module.body.at[0] : NULL;
    const ast *x = s && s->kind == N_Expr ? s->Expr.value : NULL;
    int left = -1, right = -1;
    if (x && x->kind == N_BinOp) {
        uint32_t end = x->BinOp.right->col;
        for (uint32_t i = x->BinOp.left->end_col; i < end && i < n; i++) {
            if (is_blank(segment[i])) continue;
            left = (int)i;
            right = left + 1 + (i + 1 < end && !is_blank(segment[i + 1]));
            break;
        }
    } else if (x && x->kind == N_Subscript) {
        left = (int)x->Subscript.value->end_col;
        right = (int)x->Subscript.slice->end_col + 1;
    }
    if (left >= 0)
        out = (anchors){chars_before(segment, (size_t)left), chars_before(segment, (size_t)right)};
    arena_clear(&a);
    return out;
}

static void add_carets(strbuf *out, const char *line, pos p, size_t indent)
{
    size_t len = strlen(line);
    if (p.line == 0 || p.col > len) return;
    size_t end_byte = p.end_col;
    bool one = p.end_line == p.line;
    anchors a = {-1, -1};
    if (!one) {
        end_byte = len;
        while (end_byte > 0 && is_blank(line[end_byte - 1])) end_byte--;
    } else if (end_byte > p.col && end_byte <= len) {
        a = find_anchors(line + p.col, end_byte - p.col);
    }
    if (end_byte > len) end_byte = len;
    int start = chars_before(line, p.col), end = chars_before(line, end_byte);
    int total = chars_before(line, len), first = chars_before(line, indent);
    bool special = a.left >= 0;
    while (total > first && is_blank(line[len - 1])) len--, total--;
    if (end - start == total - first && !special) return;
    sb_adds(out, "    ");
    for (int i = first; i < end; i++) {
        bool mid = special && i >= a.left + start && i < a.right + start;
        sb_addc(out, i < start ? ' ' : special && !mid ? '~' : '^');
    }
    sb_addc(out, '\n');
}

/* ---- the list ---- */

static pos place(const traceback *tb)
{
    return code_pos(tb->link->code, tb->at);
}

void trace_entry(interp *in, strbuf *out, const traceback *tb)
{
    const bytecode *c = tb->link->code;
    pos p = place(tb);
    sb_addf(out, "  File \"%s\", line %u, in %s\n", c->filename, p.line, c->name);
    char *line = trace_line(in, c->filename, p.line);
    if (!line) return;
    size_t indent = strspn(line, " \t\f");
    size_t len = strlen(line);
    size_t cut = len;
    while (cut > indent && is_blank(line[cut - 1])) cut--;
    if (cut > indent) {
        sb_addf(out, "    %.*s\n", (int)(len - indent), line + indent);
        add_carets(out, line, p, indent);
    }
    mem_free(line);
}

static bool same_place(const traceback *a, const traceback *b)
{
    return a && b && a->link->code == b->link->code && place(a).line == place(b).line;
}

enum { SHOWN_ONCE = 3 }; /* a recursion shows so many of its lines */

static void add_repeats(strbuf *out, long n)
{
    n -= SHOWN_ONCE;
    sb_addf(out, "  [Previous line repeated %ld more time%s]\n", n, n > 1 ? "s" : "");
}

void trace_list(interp *in, strbuf *out, const traceback *tb)
{
    const traceback *last = NULL;
    long count = 0;
    for (; tb; tb = tb->next) {
        if (!same_place(last, tb)) {
            if (count > SHOWN_ONCE) add_repeats(out, count);
            last = tb;
            count = 0;
        }
        const long n = 1 + (long)tb->more;
        for (long i = 0; i < n && count + i < SHOWN_ONCE; i++) trace_entry(in, out, tb);
        count += n;
    }
    if (count > SHOWN_ONCE) add_repeats(out, count);
}

/* ---- suggestions ---- */

enum { MOVE_COST = 2, CASE_COST = 1, LONGEST = 40, MOST = 750 };

static int substitution(char a, char b)
{
    if (a == b) return 0;
    if ((a & 31) != (b & 31)) return MOVE_COST;
    char x = a >= 'A' && a <= 'Z' ? (char)(a + 32) : a,
         y = b >= 'A' && b <= 'Z' ? (char)(b + 32) : b;
    return x == y ? CASE_COST : MOVE_COST;
}

/* How far b is from a, or something above max. */
static int distance(const char *a, size_t n, const char *b, size_t m, int max)
{
    int row[LONGEST];
    while (n && m && *a == *b) a++, b++, n--, m--;
    while (n && m && a[n - 1] == b[m - 1]) n--, m--;
    if (n == 0 || m == 0) return (int)(n + m) * MOVE_COST;
    if (n > LONGEST || m > LONGEST) return max + 1;
    if (m < n) {
        const char *t = a;
        size_t k = n;
        a = b, b = t, n = m, m = k;
    }
    if ((int)(m - n) * MOVE_COST > max) return max + 1;
    for (size_t i = 0; i < n; i++) row[i] = (int)(i + 1) * MOVE_COST;
    int result = 0;
    for (size_t j = 0; j < m; j++) {
        int best = max + 1, diag = (int)j * MOVE_COST;
        result = diag;
        for (size_t i = 0; i < n; i++) {
            int sub = diag + substitution(b[j], a[i]);
            diag = row[i];
            int move = (result < diag ? result : diag) + MOVE_COST;
            result = sub < move ? sub : move;
            row[i] = result;
            if (result < best) best = result;
        }
        if (best > max) return max + 1;
    }
    return result;
}

typedef struct guess {
    const str *name, *best;
    int distance;
} guess;

static void try_names(guess *g, const dict *d)
{
    value k, v;
    if (!d) return;
    for (int64_t i = 0; dict_next(d, &i, &k, &v);) {
        str *s = as_str(k);
        if (!s || str_eq(s, g->name)) continue;
        int max = (int)(g->name->nbyte + s->nbyte + 3) * MOVE_COST / 6;
        if (g->best && max > g->distance - 1) max = g->distance - 1;
        int far = distance(g->name->at, g->name->nbyte, s->at, s->nbyte, max);
        if (far > max) continue;
        g->best = s;
        g->distance = far;
    }
}

static void guess_attribute(interp *in, guess *g, value on, list **keep)
{
    *keep = value_dir(in, on);
    if (!*keep) exc_clear(in);
    for (int64_t i = 0; *keep && i < (*keep)->n && (*keep)->n < MOST; i++) {
        str *s = as_str((*keep)->at[i]);
        if (!s || str_eq(s, g->name)) continue;
        int max = (int)(g->name->nbyte + s->nbyte + 3) * MOVE_COST / 6;
        if (g->best && max > g->distance - 1) max = g->distance - 1;
        int far = distance(g->name->at, g->name->nbyte, s->at, s->nbyte, max);
        if (far > max) continue;
        g->best = s;
        g->distance = far;
    }
}

static dict *code_names(interp *in, const bytecode *c)
{
    dict *d = dict_new(in);
    for (uint32_t i = 0; d && i < c->nlocal; i++) dict_put(in, d, c->local[i], NONE);
    for (uint32_t i = 0; d && i < c->nfree; i++) dict_put(in, d, c->free[i], NONE);
    return d;
}

void trace_suggestion(interp *in, strbuf *out, exc *x)
{
    enum err_kind kind = exc_kind(x->hdr.type);
    guess g = {.name = as_str(x->field[0])};
    list *keep = NULL;
    dict *locals = NULL;
    if (!g.name || (kind != NameError && kind != AttributeError)) return;
    if (kind == AttributeError) {
        if (!is_fail(x->field[1])) guess_attribute(in, &g, x->field[1], &keep);
    } else {
        traceback *tb = x->tb;
        while (tb && tb->next) tb = tb->next;
        if (tb) locals = code_names(in, tb->link->code);
        try_names(&g, locals);
        if (!g.best && tb) try_names(&g, tb->globals);
        if (!g.best) try_names(&g, in->builtins);
    }
    if (g.best) sb_addf(out, ". Did you mean: '%s'?", g.best->at);
    obj_unref(in, keep);
    obj_unref(in, locals);
}

/* ---- traceback and frame objects ---- */

typedef struct frame_obj {
    obj hdr;
    link *link;
    uint32_t at;
    dict *globals;
} frame_obj;

static void tb_drop(interp *in, obj *o)
{
    traceback *t = (traceback *)(void *)o;
    obj_unref(in, t->next);
    link_unref(in, t->link);
    obj_unref(in, t->globals);
}

static void tb_visit(obj *o, visitor f, void *ctx)
{
    traceback *t = (traceback *)(void *)o;
    if (t->next) f(OBJ(t->next), ctx);
    if (t->globals) f(OBJ(t->globals), ctx);
}

static value tb_next(interp *in, const value *arg)
{
    traceback *t = (traceback *)(void *)arg[0].o, *same = NULL;
    if (!t->more) return t->next ? v_obj(obj_ref(t->next)) : NONE;
    if ((same = obj_new(in, &T_traceback, 0))) {
        same->next = obj_ref(t->next);
        same->link = link_ref(t->link);
        same->at = t->at;
        same->more = t->more - 1;
        same->below = t->below;
        same->globals = obj_ref(t->globals);
    }
    return v_obj(same);
}

static value tb_lineno(interp *in, const value *arg)
{
    (void)in;
    return v_int(place((traceback *)(void *)arg[0].o).line);
}

value frame_object(interp *in, link *l, uint32_t at, dict *globals)
{
    frame_obj *f = obj_new(in, &T_frame, 0);
    if (!f) return FAIL;
    f->link = link_ref(l);
    f->at = at;
    f->globals = obj_ref(globals);
    return v_obj(f);
}

static value tb_frame(interp *in, const value *arg)
{
    traceback *t = (traceback *)(void *)arg[0].o;
    return frame_object(in, t->link, t->at, t->globals);
}

static const builtin tb_table[] = {
    {"@property tb_next", tb_next, NULL},
    {"@property tb_lineno", tb_lineno, NULL},
    {"@property tb_frame", tb_frame, NULL},
    {0},
};

const type T_traceback = {
    TYPE_HEAD,           .name = "traceback",      .module = "builtins", .size = sizeof(traceback),
    .flags = TYPE_GC,    .table = tb_table,        .drop = tb_drop,      .visit = tb_visit,
    .hash = object_hash, .compare = object_compare};

static frame_obj *as_frame(value v)
{
    return (frame_obj *)(void *)v.o;
}

static void fr_drop(interp *in, obj *o)
{
    link_unref(in, ((frame_obj *)(void *)o)->link);
    obj_unref(in, ((frame_obj *)(void *)o)->globals);
}

static value f_code(interp *in, const value *arg)
{
    return code_value(in, as_frame(arg[0])->link);
}

static value f_lineno(interp *in, const value *arg)
{
    (void)in;
    return v_int(code_pos(as_frame(arg[0])->link->code, as_frame(arg[0])->at).line);
}

static value f_globals(interp *in, const value *arg)
{
    (void)in;
    return v_obj(obj_ref(as_frame(arg[0])->globals));
}

static const builtin frame_table[] = {
    {"@property f_code", f_code, NULL},
    {"@property f_lineno", f_lineno, NULL},
    {"@property f_globals", f_globals, NULL},
    {0},
};

const type T_frame = {TYPE_HEAD,
                      .name = "frame",
                      .module = "builtins",
                      .size = sizeof(frame_obj),
                      .table = frame_table,
                      .drop = fr_drop,
                      .hash = object_hash,
                      .compare = object_compare};
