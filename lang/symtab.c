/* lang/symtab.c - tree -> scopes: every name gets its place before code is made.
 *
 * One walk records what each scope binds, uses and declares; a second one, from the inside
 * out, finds for every use the function that owns the name and marks cells on the way. */
#include "lang/symtab.h"

#include <stdarg.h>
#include <string.h>

bool syntax_at(syntax_error *why, arena *mem, const char *filename, const ast *at, const char *fmt,
               ...)
{
    if (why->kind != NO_ERR) return false;
    strbuf b = {0};
    va_list ap;
    va_start(ap, fmt);
    sb_addv(&b, fmt, ap);
    va_end(ap);
    *why = (syntax_error){.kind = SyntaxError,
                          .filename = arena_dup(mem, filename, strlen(filename)),
                          .msg = arena_dup(mem, sb_text(&b), b.n),
                          .line = (int)at->line,
                          .offset = (int)at->col + 1,
                          .end_line = (int)at->end_line,
                          .end_offset = (int)at->end_col + 1};
    sb_clear(&b);
    return false;
}

const char *mangle(arena *mem, const char *cls, const char *name)
{
    if (!cls || name[0] != '_' || name[1] != '_' || strchr(name, '.')) return name;
    size_t n = strlen(name);
    if (name[n - 1] == '_' && name[n - 2] == '_') return name;
    while (*cls == '_') cls++;
    if (!*cls) return name;
    size_t k = strlen(cls);
    char *s = arena_alloc(mem, n + k + 2);
    s[0] = '_';
    memcpy(s + 1, cls, k);
    memcpy(s + 1 + k, name, n);
    return s;
}

/* ---- scopes and symbols ---- */

static uint32_t hash_name(const char *s)
{
    uint32_t h = 2166136261u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

static symbol **place(const scope *s, const char *name)
{
    uint32_t i = hash_name(name) & (s->cap_index - 1);
    while (s->index[i] && strcmp(s->index[i]->name, name) != 0) i = (i + 1) & (s->cap_index - 1);
    return &s->index[i];
}

symbol *scope_find(const scope *s, const char *name)
{
    return s->cap_index ? *place(s, name) : NULL;
}

static void grow(symtab *t, scope *s)
{
    uint32_t cap = s->cap ? s->cap * 2 : 16;
    symbol **sym = arena_alloc(t->mem, cap * sizeof *sym);
    if (s->n) memcpy(sym, s->sym, s->n * sizeof *sym);
    s->sym = sym;
    s->cap = cap;
    s->cap_index = cap * 2;
    s->index = arena_alloc(t->mem, s->cap_index * sizeof *s->index);
    for (uint32_t i = 0; i < s->n; i++) *place(s, sym[i]->name) = sym[i];
}

static symbol *add(symtab *t, scope *s, const char *name, uint32_t flags)
{
    name = mangle(t->mem, s->private_class, name);
    if (s->n == s->cap) grow(t, s);
    symbol **p = place(s, name);
    if (!*p) {
        *p = s->sym[s->n++] = ARENA_NEW(t->mem, symbol);
        (*p)->name = name;
        (*p)->reg = (*p)->free = -1;
    }
    (*p)->flags |= flags;
    return *p;
}

static uint32_t node_slot(const ast *node)
{
    return (uint32_t)((uintptr_t)node >> 4) * 2654435761u >> 22;
}

scope *symtab_scope(const symtab *t, const ast *node)
{
    scope *s = t->scopes[node_slot(node)];
    while (s && s->node != node) s = s->next;
    return s;
}

static scope *scope_new(symtab *t, scope *parent, enum scope_kind kind, const ast *node)
{
    scope *s = ARENA_NEW(t->mem, scope);
    s->kind = kind;
    s->node = node;
    s->parent = parent;
    s->private_class = parent ? parent->private_class : NULL;
    s->nested = parent && parent->kind != SCOPE_MODULE;
    scope **at = &t->scopes[node_slot(node)];
    s->next = *at;
    *at = s;
    return s;
}

/* ---- the first walk ---- */

typedef struct walk {
    symtab *t;
    scope *s;
} walk;

static void visit(walk *w, const ast *x);

static void visit_child(void *data, const ast *x)
{
    visit(data, x);
}

static void visit_list(walk *w, ast_list l)
{
    for (size_t i = 0; i < l.n; i++) {
        if (l.at[i]) visit(w, l.at[i]);
    }
}

static void bind(walk *w, const char *name, uint32_t flags)
{
    add(w->t, w->s, name, SYM_BOUND | flags);
}

static void fail_at(walk *w, const ast *at, const char *fmt, const char *name)
{
    syntax_at(w->t->why, w->t->mem, w->t->filename, at, fmt, name);
    w->t->failed = true;
}

static void param(walk *w, const ast *a)
{
    if (!a) return;
    const char *name = mangle(w->t->mem, w->s->private_class, a->arg.arg.at);
    symbol *old = scope_find(w->s, name);
    if (old && old->flags & SYM_PARAM) {
        fail_at(w, a, "duplicate argument '%s' in function definition", name);
        return;
    }
    bind(w, a->arg.arg.at, SYM_PARAM);
}

static void params(walk *w, const ast *args)
{
    for (size_t i = 0; i < args->arguments.posonlyargs.n; i++)
        param(w, args->arguments.posonlyargs.at[i]);
    for (size_t i = 0; i < args->arguments.args.n; i++) param(w, args->arguments.args.at[i]);
    for (size_t i = 0; i < args->arguments.kwonlyargs.n; i++)
        param(w, args->arguments.kwonlyargs.at[i]);
    param(w, args->arguments.vararg);
    param(w, args->arguments.kwarg);
}

static void annotations(walk *w, const ast *args)
{
    const ast_list lists[3] = {args->arguments.posonlyargs, args->arguments.args,
                               args->arguments.kwonlyargs};
    for (int k = 0; k < 3; k++) {
        for (size_t i = 0; i < lists[k].n; i++) {
            if (lists[k].at[i]->arg.annotation) visit(w, lists[k].at[i]->arg.annotation);
        }
    }
    const ast *more[2] = {args->arguments.vararg, args->arguments.kwarg};
    for (int k = 0; k < 2; k++) {
        if (more[k] && more[k]->arg.annotation) visit(w, more[k]->arg.annotation);
    }
}

static void function(walk *w, const ast *x, const ast *args, ast_list body, const ast *value)
{
    visit_list(w, args->arguments.defaults);
    visit_list(w, args->arguments.kw_defaults);
    annotations(w, args);
    walk in = {w->t, scope_new(w->t, w->s, SCOPE_FUNCTION, x)};
    in.s->coroutine = x->kind == N_AsyncFunctionDef;
    params(&in, args);
    visit_list(&in, body);
    if (value) visit(&in, value);
}

static void class_def(walk *w, const ast *x)
{
    visit_list(w, x->ClassDef.decorator_list);
    visit_list(w, x->ClassDef.bases);
    visit_list(w, x->ClassDef.keywords);
    bind(w, x->ClassDef.name.at, 0);
    walk in = {w->t, scope_new(w->t, w->s, SCOPE_CLASS, x)};
    in.s->private_class = x->ClassDef.name.at;
    visit_list(&in, x->ClassDef.body);
}

static void comprehension(walk *w, const ast *x, ast_list gens, const ast *a, const ast *b)
{
    w->s->in_iterable++;
    visit(w, gens.at[0]->comprehension.iter);
    w->s->in_iterable--;
    walk in = {w->t, scope_new(w->t, w->s, SCOPE_COMP, x)};
    add(w->t, in.s, ".0", SYM_BOUND | SYM_PARAM);
    in.s->generator = x->kind == N_GeneratorExp;
    for (size_t i = 0; i < gens.n; i++) {
        const ast *g = gens.at[i];
        if (g->comprehension.is_async) in.s->coroutine = true;
        visit(&in, g->comprehension.target);
        in.s->in_iterable++;
        if (i) visit(&in, g->comprehension.iter);
        in.s->in_iterable--;
        visit_list(&in, g->comprehension.ifs);
    }
    visit(&in, a);
    if (b) visit(&in, b);
    if (!in.s->coroutine || x->kind == N_GeneratorExp) return;
    if (w->s->kind == SCOPE_COMP)
        w->s->coroutine = true;
    else if (!w->s->coroutine && !(w->t->top_await && w->s->kind == SCOPE_MODULE))
        fail_at(w, x, "asynchronous comprehension outside of an asynchronous function%s", "");
}

/* The name := of a comprehension belongs to the function around it. */
static void walrus(walk *w, const ast *x)
{
    scope *s = w->s;
    if (s->in_iterable) {
        fail_at(w, x,
                "assignment expression cannot be used in a comprehension iterable expression%s",
                "");
        return;
    }
    visit(w, x->NamedExpr.value);
    const char *name = x->NamedExpr.target->Name.id.at;
    s->walrus = true;
    while (s->kind == SCOPE_COMP) {
        symbol *own = scope_find(s, name);
        if (own && own->flags & SYM_BOUND && !(own->flags & SYM_NONLOCAL)) {
            fail_at(w, x->NamedExpr.target,
                    "assignment expression cannot rebind comprehension iteration variable '%s'",
                    name);
            return;
        }
        s = s->parent;
    }
    if (s == w->s) {
        visit(w, x->NamedExpr.target);
        return;
    }
    if (s->kind == SCOPE_CLASS) {
        fail_at(w, x,
                "assignment expression within a comprehension cannot be used in a class body%s",
                "");
        return;
    }
    symbol *own = scope_find(s, mangle(w->t->mem, s->private_class, name));
    bool global = s->kind == SCOPE_MODULE || (own && own->flags & SYM_GLOBAL);
    if (!global) {
        add(w->t, s, name, SYM_BOUND);
        s->walrus = true;
    }
    for (scope *c = w->s; c != s; c = c->parent) {
        add(w->t, c, name, global ? SYM_GLOBAL : SYM_NONLOCAL);
    }
    if (global && s->kind == SCOPE_MODULE) add(w->t, s, name, SYM_BOUND);
}

static void declare(walk *w, const ast *x, ast_texts names, uint32_t flag)
{
    const char *word = flag == SYM_GLOBAL ? "global" : "nonlocal";
    for (size_t i = 0; i < names.n; i++) {
        const char *name = mangle(w->t->mem, w->s->private_class, names.at[i].at);
        symbol *s = scope_find(w->s, name);
        strbuf b = {0};
        if (flag == SYM_NONLOCAL && w->s->kind == SCOPE_MODULE) {
            sb_addf(&b, "nonlocal declaration not allowed at module level");
        } else if (s && s->flags & SYM_PARAM) {
            sb_addf(&b, "name '%s' is parameter and %s", name, word);
        } else if (s && s->flags & SYM_ANNOT) {
            sb_addf(&b, "annotated name '%s' can't be %s", name, word);
        } else if (s && s->flags & SYM_USED) {
            sb_addf(&b, "name '%s' is used prior to %s declaration", name, word);
        } else if (s && s->flags & SYM_BOUND) {
            sb_addf(&b, "name '%s' is assigned to before %s declaration", name, word);
        } else if (s && s->flags & (SYM_GLOBAL | SYM_NONLOCAL) && !(s->flags & flag)) {
            sb_addf(&b, "name '%s' is nonlocal and global", name);
        }
        if (b.n) fail_at(w, x, "%s", sb_text(&b));
        sb_clear(&b);
        add(w->t, w->s, names.at[i].at, flag)->declared = x;
        if (flag == SYM_GLOBAL) {
            scope *top = w->s;
            while (top->parent) top = top->parent;
            add(w->t, top, names.at[i].at, 0);
        }
    }
}

static void check_yield(walk *w, const ast *x, const char *what)
{
    scope *s = w->s;
    if (s->kind == SCOPE_COMP) {
        const char *kind = s->node->kind == N_ListComp   ? "list comprehension"
                           : s->node->kind == N_SetComp  ? "set comprehension"
                           : s->node->kind == N_DictComp ? "dict comprehension"
                                                         : "generator expression";
        strbuf b = {0};
        sb_addf(&b, "'%s' inside %s", what, kind);
        fail_at(w, x, "%s", sb_text(&b));
        sb_clear(&b);
    } else if (s->kind != SCOPE_FUNCTION)
        fail_at(w, x, "'%s' outside function", what);
    else
        s->generator = true;
}

static void check_await(walk *w, const ast *x, const char *what)
{
    scope *s = w->s;
    while (s->kind == SCOPE_COMP) {
        s->coroutine = true;
        s = s->parent;
    }
    if (s->kind == SCOPE_MODULE && w->t->top_await)
        s->coroutine = true;
    else if (s->kind != SCOPE_FUNCTION)
        fail_at(w, x, "'%s' outside function", what);
    else if (s->node->kind != N_AsyncFunctionDef)
        fail_at(w, x, "'%s' outside async function", what);
}

static void import_names(walk *w, ast_list names, bool from)
{
    for (size_t i = 0; i < names.n; i++) {
        ast_text name = names.at[i]->alias.name, as = names.at[i]->alias.asname;
        if (as.at)
            bind(w, as.at, 0);
        else if (from) {
            if (strcmp(name.at, "*") != 0)
                bind(w, name.at, 0);
            else if (w->s->kind != SCOPE_MODULE) {
                fail_at(w, names.at[i], "import * only allowed at module level%s", "");
            }
        } else
            bind(w, arena_dup(w->t->mem, name.at, strcspn(name.at, ".")), 0);
    }
}

static void visit_name(walk *w, const ast *x)
{
    const char *name = x->Name.id.at;
    uint32_t flags = x->ctx == CTX_LOAD ? SYM_USED : SYM_BOUND;
    if (x->ctx == CTX_DEL) flags |= SYM_DEL;
    add(w->t, w->s, name, flags);
    bool in_function = w->s->kind == SCOPE_FUNCTION || w->s->kind == SCOPE_COMP;
    if (x->ctx == CTX_LOAD && in_function && strcmp(name, "super") == 0) {
        add(w->t, w->s, "__class__", SYM_USED);
    }
}

static void function_def(walk *w, const ast *x)
{
    visit_list(w, x->FunctionDef.decorator_list);
    if (x->FunctionDef.returns) visit(w, x->FunctionDef.returns);
    bind(w, x->FunctionDef.name.at, 0);
    function(w, x, x->FunctionDef.args, x->FunctionDef.body, NULL);
}

static void async_function_def(walk *w, const ast *x)
{
    visit_list(w, x->AsyncFunctionDef.decorator_list);
    if (x->AsyncFunctionDef.returns) visit(w, x->AsyncFunctionDef.returns);
    bind(w, x->AsyncFunctionDef.name.at, 0);
    function(w, x, x->AsyncFunctionDef.args, x->AsyncFunctionDef.body, NULL);
}

static void visit(walk *w, const ast *x)
{
    if (w->t->failed) return;
    switch (x->kind) {
    case N_FunctionDef: function_def(w, x); return;
    case N_AsyncFunctionDef: async_function_def(w, x); return;
    case N_Lambda: function(w, x, x->Lambda.args, (ast_list){0}, x->Lambda.body); return;
    case N_ClassDef: class_def(w, x); return;
    case N_ListComp: comprehension(w, x, x->ListComp.generators, x->ListComp.elt, NULL); return;
    case N_SetComp: comprehension(w, x, x->SetComp.generators, x->SetComp.elt, NULL); return;
    case N_GeneratorExp:
        comprehension(w, x, x->GeneratorExp.generators, x->GeneratorExp.elt, NULL);
        return;
    case N_DictComp:
        comprehension(w, x, x->DictComp.generators, x->DictComp.key, x->DictComp.value);
        return;
    case N_NamedExpr: walrus(w, x); return;
    case N_Global: declare(w, x, x->Global.names, SYM_GLOBAL); return;
    case N_Nonlocal: declare(w, x, x->Nonlocal.names, SYM_NONLOCAL); return;
    case N_Name: visit_name(w, x); return;
    case N_Import: import_names(w, x->Import.names, false); return;
    case N_ImportFrom: import_names(w, x->ImportFrom.names, true); return;
    case N_Yield: check_yield(w, x, "yield"); break;
    case N_YieldFrom:
        check_yield(w, x, "yield from");
        if (w->s->coroutine && w->s->kind == SCOPE_FUNCTION) {
            fail_at(w, x, "'yield from' inside async function%s", "");
        }
        break;
    case N_Await: check_await(w, x, "await"); break;
    case N_AsyncFor: check_await(w, x, "async for"); break;
    case N_AsyncWith: check_await(w, x, "async with"); break;
    case N_ExceptHandler:
        if (x->ExceptHandler.name.at) bind(w, x->ExceptHandler.name.at, SYM_DEL);
        break;
    case N_AnnAssign:
        w->s->has_annotations = true;
        if (x->AnnAssign.target->kind == N_Name && x->AnnAssign.simple) {
            bind(w, x->AnnAssign.target->Name.id.at, SYM_ANNOT);
        }
        break;
    case N_MatchAs:
        if (x->MatchAs.name.at) bind(w, x->MatchAs.name.at, 0);
        break;
    case N_MatchStar:
        if (x->MatchStar.name.at) bind(w, x->MatchStar.name.at, 0);
        break;
    case N_MatchMapping:
        if (x->MatchMapping.rest.at) bind(w, x->MatchMapping.rest.at, 0);
        break;
    default: break;
    }
    ast_each(x, visit_child, w);
}

/* ---- the second walk ---- */

static bool is_function(const scope *s)
{
    return s->kind == SCOPE_FUNCTION || s->kind == SCOPE_COMP;
}

/* Finds the function around s that owns the name; marks its cell and the way to it. */
static bool find_outside(symtab *t, scope *s, const char *name)
{
    scope *p = s->parent;
    if (!p || p->kind == SCOPE_MODULE) return false;
    symbol *own = scope_find(p, name);
    if (p->kind == SCOPE_CLASS && strcmp(name, "__class__") == 0) {
        p->class_cell = true;
        return true;
    }
    if (is_function(p) && own) {
        if (own->flags & SYM_GLOBAL) return false;
        if (own->flags & SYM_BOUND && !(own->flags & SYM_NONLOCAL)) {
            own->flags |= SYM_CELL;
            return true;
        }
    }
    if (!find_outside(t, p, name)) return false;
    if (p->n == p->cap) grow(t, p);
    add(t, p, name, SYM_FREE);
    return true;
}

static void resolve(symtab *t, scope *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        symbol *y = s->sym[i];
        if (y->flags & SYM_GLOBAL) {
            if (y->flags & SYM_BOUND) s->writes_outside = true;
            continue;
        }
        bool own = y->flags & SYM_BOUND && !(y->flags & SYM_NONLOCAL);
        if (own && s->kind != SCOPE_CLASS) continue;
        if (own && s->kind == SCOPE_CLASS) {
            continue; /* its own name; an outer function's one is read when it is unbound */
        }
        if (!(y->flags & (SYM_USED | SYM_NONLOCAL)) || s->kind == SCOPE_MODULE) continue;
        if (find_outside(t, s, y->name)) {
            y->flags |= SYM_FREE;
            if (y->flags & SYM_BOUND || (y->flags & SYM_NONLOCAL && s->kind == SCOPE_COMP)) {
                s->writes_outside = true;
            }
        } else if (y->flags & SYM_NONLOCAL) {
            syntax_at(t->why, t->mem, t->filename, y->declared ? y->declared : s->node,
                      "no binding for nonlocal '%s' found", y->name);
            t->failed = true;
        }
    }
}

bool symtab_build(symtab *t, const ast *root)
{
    t->top = scope_new(t, NULL, SCOPE_MODULE, root);
    walk w = {t, t->top};
    ast_each(root, visit_child, &w);
    for (size_t i = 0; i < sizeof t->scopes / sizeof *t->scopes; i++) {
        for (scope *s = t->scopes[i]; s && !t->failed; s = s->next) resolve(t, s);
    }
    return !t->failed;
}
