/* lang/compile_func.c - calls; functions, lambdas, comprehensions and classes as nested units. */
#include "lang/compile_impl.h"

#define NONE_K(u) konst_of((u), (konst){.type = K_NONE})

/* ---- calls ---- */

static bool spreads(ast_list args, ast_list keywords)
{
    for (size_t i = 0; i < args.n; i++) {
        if (args.at[i]->kind == N_Starred) return true;
    }
    for (size_t i = 0; i < keywords.n; i++) {
        if (!keywords.at[i]->keyword.arg.at) return true;
    }
    return args.n + keywords.n > 60;
}

static void check_keywords(unit *u, ast_list l)
{
    for (size_t i = 0; i < l.n; i++) {
        for (size_t j = 0; j < i; j++) {
            const char *a = l.at[i]->keyword.arg.at, *b = l.at[j]->keyword.arg.at;
            if (a && b && strcmp(a, b) == 0)
                fail_at(u, l.at[i], "keyword argument repeated: %s", a);
        }
    }
}

static void keyword_dict(unit *u, ast_list l, unsigned t, const ast *at)
{
    bool merged = false; /* after a ** a name may be there already */
    temp(u);
    emit(u, I_DICT, 0, t, 0, t);
    for (size_t i = 0; i < l.n; i++) {
        u->top = t + 1;
        const ast *k = l.at[i];
        if (k->keyword.arg.at) {
            unsigned name = temp(u);
            load_konst(u, konst_str(u, k->keyword.arg.at), name);
            expr_temp(u, k->keyword.value);
            u->at = at;
            if (merged) {
                emit(u, I_DICT, 0, name, 1, name);
                emit(u, I_DICTEXT, 1, t, name, 0);
            } else
                emit(u, I_DICTADD, 0, t, name, 0);
        } else {
            merged = true;
            unsigned v = expr(u, k->keyword.value, ANY);
            u->at = at;
            emit(u, I_DICTEXT, 1, t, v, 0);
        }
    }
    u->top = t + 1;
}

static void call_spread(unit *u, unsigned base, ast_list args, ast_list keywords, unsigned already)
{
    const ast *at = u->at;
    unsigned t = base + 1;
    if (args.n == 1 && args.at[0]->kind == N_Starred && !already) {
        u->top = t;
        expr_temp(u, args.at[0]->Starred.value);
    } else {
        u->top = t + already;
        if (!already) temp(u);
        emit(u, I_LIST, 0, t, already, t);
        for (size_t i = 0; i < args.n; i++) {
            u->top = t + 1;
            bool star = args.at[i]->kind == N_Starred;
            unsigned v = expr(u, star ? args.at[i]->Starred.value : args.at[i], ANY);
            u->at = at;
            emit(u, star ? I_EXTEND : I_APPEND, star, t, v, 0);
        }
    }
    u->top = t + 1;
    bool kw = keywords.n > 0;
    if (keywords.n == 1 && !keywords.at[0]->keyword.arg.at)
        expr_temp(u, keywords.at[0]->keyword.value);
    else if (kw)
        keyword_dict(u, keywords, t + 1, at);
    u->at = at;
    emit(u, I_CALLX, kw, base, 0, base);
}

void call_arguments(unit *u, unsigned base, ast_list args, ast_list keywords, bool method,
                    unsigned already, unsigned dst)
{
    const ast *at = u->at;
    check_keywords(u, keywords);
    if (spreads(args, keywords)) {
        call_spread(u, base, args, keywords, already);
        if (dst != base) emit(u, I_TAKE, 0, base, 0, dst);
        return;
    }
    u->top = base + 1 + method + already;
    for (size_t i = 0; i < args.n; i++) expr_temp(u, args.at[i]);
    for (size_t i = 0; i < keywords.n; i++) expr_temp(u, keywords.at[i]->keyword.value);
    unsigned n = (unsigned)(args.n + keywords.n) + already;
    u->at = at;
    if (!keywords.n) {
        emit(u, method ? I_CALLM : I_CALL, 0, base, n, dst);
        return;
    }
    konst *names = arena_alloc(&u->code->mem, keywords.n * sizeof *names);
    for (size_t i = 0; i < keywords.n; i++) {
        ast_text s = keywords.at[i]->keyword.arg;
        names[i] = (konst){.type = K_STR, .n = s.n, .s = arena_dup(&u->code->mem, s.at, s.n)};
    }
    uint32_t k = konst_of(u, (konst){.type = K_TUPLE, .n = keywords.n, .items = names});
    if (k > 0xffff) fail_at(u, at, "too many constants");
    emit(u, I_CALLKW, method, base, n, k);
    if (dst != base) emit(u, I_TAKE, 0, base, 0, dst);
}

unsigned call(unit *u, const ast *x, int want)
{
    const ast *f = x->Call.func;
    unsigned base = u->top;
    bool method = f->kind == N_Attribute && !spreads(x->Call.args, x->Call.keywords);
    if (method) {
        unsigned a = expr(u, f->Attribute.value, ANY);
        u->top = base;
        temp(u);
        temp(u);
        u->at = f;
        const char *name = mangle(u->c->mem, u->s->private_class, f->Attribute.attr.at);
        emit(u, I_METHOD, 0, a, site_of(u, name), base);
    } else
        expr_temp(u, f);
    u->at = x;
    unsigned dst = want == ANY ? base : (unsigned)want;
    call_arguments(u, base, x->Call.args, x->Call.keywords, method, 0, dst);
    u->top = want == ANY ? base + 1 : base;
    return dst;
}

/* ---- function objects ---- */

static unsigned get_cells(unit *u, unit *inner, unsigned t)
{
    for (uint32_t i = 0; i < inner->nfree; i++) {
        const char *name = VEC_AT(&inner->free_names, const char *)[i];
        symbol *y = scope_find(u->s, name);
        unsigned r = temp(u);
        if (u->s->kind == SCOPE_CLASS && strcmp(name, "__class__") == 0) {
            emit(u, I_GETCELL, 0, u->code->class_cell, 0, r);
        } else if (y && y->flags & SYM_FREE)
            emit(u, I_GETCELL, 1, (unsigned)y->free, 0, r);
        else if (y)
            emit(u, I_GETCELL, 0, (unsigned)y->reg, 0, r);
    }
    emit(u, I_TUPLE, 0, t, inner->nfree, t);
    u->top = t + 1;
    return t;
}

static bool add_annotation(unit *u, const char *name, const ast *a)
{
    if (!a) return false;
    load_konst(u, konst_str(u, mangle(u->c->mem, u->s->private_class, name)), temp(u));
    expr_temp(u, a->kind == N_Starred ? a->Starred.value : a);
    return true;
}

static unsigned annotations(unit *u, const ast *args, const ast *returns)
{
    unsigned n = 0;
    const ast_list lists[3] = {args->arguments.posonlyargs, args->arguments.args,
                               args->arguments.kwonlyargs};
    for (int k = 0; k < 3; k++) {
        for (size_t i = 0; i < lists[k].n; i++) {
            const ast *a = lists[k].at[i];
            n += add_annotation(u, a->arg.arg.at, a->arg.annotation);
        }
        const ast *more = k == 1 ? args->arguments.vararg : k == 2 ? args->arguments.kwarg : NULL;
        if (more) n += add_annotation(u, more->arg.arg.at, more->arg.annotation);
    }
    if (returns) n += add_annotation(u, "return", returns);
    return n;
}

unsigned make_function(unit *u, unit *inner, const ast *args, const ast *returns, int want)
{
    unsigned t = u->top, x = 0;
    const ast *at = u->at;
    if (args && args->arguments.defaults.n) {
        for (size_t i = 0; i < args->arguments.defaults.n; i++)
            expr_temp(u, args->arguments.defaults.at[i]);
        emit(u, I_TUPLE, 0, t, (unsigned)args->arguments.defaults.n, t);
        u->top = t + 1;
        x |= 1;
    }
    unsigned k = u->top, n = 0;
    for (size_t i = 0; args && i < args->arguments.kw_defaults.n; i++) {
        const ast *d = args->arguments.kw_defaults.at[i];
        if (!d) continue;
        const char *name = args->arguments.kwonlyargs.at[i]->arg.arg.at;
        load_konst(u, konst_str(u, mangle(u->c->mem, u->s->private_class, name)), temp(u));
        expr_temp(u, d);
        n++;
    }
    if (n) {
        emit(u, I_DICT, 0, k, n, k);
        u->top = k + 1;
        x |= 2;
    }
    unsigned a = u->top;
    n = args ? annotations(u, args, returns) : 0;
    if (n) {
        emit(u, I_DICT, 0, a, n, a);
        u->top = a + 1;
        x |= 4;
    }
    if (inner->nfree) {
        get_cells(u, inner, u->top);
        x |= 8;
    }
    bytecode *b = unit_close(inner);
    *VEC_ADD(u, &u->sub, bytecode *) = b;
    u->top = t;
    u->at = at;
    unsigned c = dest(u, want);
    emit(u, I_FUNC, x, u->sub.n - 1, t, c);
    return c;
}

const ast *docstring(ast_list body)
{
    if (body.n == 0 || body.at[0]->kind != N_Expr) return NULL;
    const ast *v = body.at[0]->Expr.value;
    return v->kind == N_Constant && v->Constant.type == C_STR && !v->parens ? v : NULL;
}

static void end_function(unit *in)
{
    emit_return(in, I_RETURNK, NONE_K(in));
}

static unit *function_unit(unit *u, const ast *x, const char *name, const ast *args, ast_list body)
{
    unit *in = unit_open(u->c, u, symtab_scope(&u->c->table, x), name);
    const ast *doc = docstring(body);
    if (doc) {
        in->code->doc = arena_dup(&in->code->mem, doc->Constant.s.at, doc->Constant.s.n);
        in->code->doc_n = doc->Constant.s.n;
    }
    in->at = x;
    unit_params(in, args);
    statements(in, body);
    end_function(in);
    return in;
}

unsigned lambda(unit *u, const ast *x, int want)
{
    unit *in = unit_open(u->c, u, symtab_scope(&u->c->table, x), "<lambda>");
    unit_params(in, x->Lambda.args);
    unsigned r = expr(in, x->Lambda.body, ANY);
    emit_return(in, I_RETURN, r);
    u->at = x;
    return make_function(u, in, x->Lambda.args, NULL, want);
}

/* Evaluates the decorators to temporaries; they are called innermost first afterwards. */
static void decorate(unit *u, ast_list l, unsigned t)
{
    for (size_t i = l.n; i-- > 0;) {
        u->at = l.at[i];
        emit(u, I_CALL, 0, t + (unsigned)i, 1, t + (unsigned)i);
    }
}

void function_def(unit *u, const ast *x)
{
    bool async = x->kind == N_AsyncFunctionDef;
    const ast *args = async ? x->AsyncFunctionDef.args : x->FunctionDef.args;
    const ast *returns = async ? x->AsyncFunctionDef.returns : x->FunctionDef.returns;
    const char *name = async ? x->AsyncFunctionDef.name.at : x->FunctionDef.name.at;
    ast_list body = async ? x->AsyncFunctionDef.body : x->FunctionDef.body;
    ast_list decorators =
        async ? x->AsyncFunctionDef.decorator_list : x->FunctionDef.decorator_list;
    uint32_t top = u->top;
    for (size_t i = 0; i < decorators.n; i++) expr_temp(u, decorators.at[i]);
    unit *in = function_unit(u, x, name, args, body);
    if (decorators.n) in->code->line = decorators.at[0]->line;
    u->at = x;
    unsigned f = make_function(u, in, args, returns, ANY);
    decorate(u, decorators, top);
    u->at = x;
    store_name(u, name, decorators.n ? top : f);
    top_to(u, top);
}

/* ---- classes ---- */

static unit *class_unit(unit *u, const ast *x)
{
    unit *in = unit_open(u->c, u, symtab_scope(&u->c->table, x), x->ClassDef.name.at);
    in->at = x;
    unit_params(in, NULL);
    unsigned t = temp(in);
    emit(in, I_NAME, 0, 0, site_of(in, "__name__"), t);
    emit(in, I_SETNAME, 0, t, site_of(in, "__module__"), 0);
    load_konst(in, konst_str(in, in->code->qualname), t);
    emit(in, I_SETNAME, 0, t, site_of(in, "__qualname__"), 0);
    in->top = t;
    if (in->s->has_annotations) emit(in, I_ANNOT, 0, 0, 0, 0);
    const ast *doc = docstring(x->ClassDef.body);
    if (doc) {
        in->at = doc;
        load_konst(in, konst_ast(in, doc), t);
        emit(in, I_SETNAME, 0, t, site_of(in, "__doc__"), 0);
    }
    statements(in, x->ClassDef.body);
    if (in->code->flags & CODE_CLASSCELL) {
        emit(in, I_GETCELL, 0, in->code->class_cell, 0, t);
        emit(in, I_SETNAME, 0, t, site_of(in, "__classcell__"), 0);
    }
    end_function(in);
    return in;
}

void class_def(unit *u, const ast *x)
{
    ast_list decorators = x->ClassDef.decorator_list;
    uint32_t top = u->top;
    for (size_t i = 0; i < decorators.n; i++) expr_temp(u, decorators.at[i]);
    unsigned base = temp(u);
    u->at = x;
    emit(u, I_CLASS, 0, 0, 0, base);
    unit *in = class_unit(u, x);
    if (decorators.n) in->code->line = decorators.at[0]->line;
    u->at = x;
    unsigned f = make_function(u, in, NULL, NULL, ANY);
    (void)f;
    load_konst(u, konst_str(u, x->ClassDef.name.at), temp(u));
    u->at = x;
    call_arguments(u, base, x->ClassDef.bases, x->ClassDef.keywords, false, 2, base);
    decorate(u, decorators, top);
    u->at = x;
    store_name(u, x->ClassDef.name.at, top);
    top_to(u, top);
}

/* ---- comprehensions ---- */

typedef struct comp {
    ast_list gens;
    const ast *x, *a, *b;
    enum opcode add;
    unsigned result; /* register of the list, set or dict; NOREG: a generator */
} comp;

static void comp_loop(unit *in, const comp *c, size_t i);

static void comp_item(unit *in, const comp *c)
{
    uint32_t top = in->top;
    if (c->result == NOREG) {
        unsigned v = expr(in, c->a, ANY);
        top_to(in, top);
        in->at = c->a;
        unsigned t = temp(in);
        emit(in, I_YIELD, 0, v, NOREG, t);
        emit(in, I_DROP, 0, t, 0, 0);
    } else if (c->b) {
        unsigned k = expr_temp(in, c->a);
        expr_temp(in, c->b);
        in->at = c->x;
        emit(in, I_DICTADD, 0, c->result, k, 0);
    } else {
        unsigned v = expr(in, c->a, ANY);
        in->at = c->a;
        emit(in, c->add, 0, c->result, v, 0);
    }
    top_to(in, top);
}

static void comp_body(unit *in, const comp *c, size_t i, vec *skip)
{
    const ast *g = c->gens.at[i];
    for (size_t k = 0; k < g->comprehension.ifs.n; k++) {
        jump_if(in, g->comprehension.ifs.at[k], false, skip);
    }
    if (i + 1 < c->gens.n)
        comp_loop(in, c, i + 1);
    else
        comp_item(in, c);
}

static void comp_target(unit *in, const ast *target, uint32_t *next, unsigned it)
{
    int r = target->kind == N_Name ? local_of(in, target->Name.id.at) : -1;
    unsigned t = r >= 0 ? (unsigned)r : temp(in);
    *next = emit(in, I_NEXT, 0, it, t, 0);
    if (r >= 0)
        set_bound(in, r, true);
    else
        store(in, target, t);
}

static void async_loop(unit *in, const comp *c, size_t i, unsigned it)
{
    const ast *g = c->gens.at[i];
    uint32_t loop = here(in);
    block b;
    open_block(in, &b, B_TRY);
    unsigned v = temp(in);
    emit(in, I_ANEXT, 0, it, 0, v);
    await_value(in, v, 0);
    close_block(in, &b);
    store(in, g->comprehension.target, v);
    in->top = it + 1;
    vec skip = {0};
    comp_body(in, c, i, &skip);
    patch_all(in, &skip);
    jump_back(in, loop);
    add_ranges(in, &b, RANGE_CATCH, here(in), it + 1);
    in->top = it + 1;
    unsigned h = temp(in);
    temp(in);
    emit(in, I_HANDLE, 0, h, 0, 0);
    uint32_t end = emit(in, I_ENDASYNC, 0, h, it, 0);
    patch(in, end);
    in->top = it;
}

static void comp_loop(unit *in, const comp *c, size_t i)
{
    const ast *g = c->gens.at[i];
    uint32_t top = in->top;
    in->at = g->comprehension.iter;
    unsigned it;
    if (i == 0) {
        it = temp(in);
        emit(in, I_TAKE, 0, 0, 0, it); /* .0 */
    } else {
        it = expr_temp(in, g->comprehension.iter);
        emit(in, g->comprehension.is_async ? I_AITER : I_ITER, 0, it, 0, it);
    }
    if (g->comprehension.is_async) {
        async_loop(in, c, i, it);
        in->top = top;
        return;
    }
    uint32_t loop = here(in), next;
    comp_target(in, g->comprehension.target, &next, it);
    in->top = it + 1;
    vec skip = {0};
    comp_body(in, c, i, &skip);
    patch_all(in, &skip);
    jump_back(in, loop);
    patch(in, next);
    in->top = top;
}

unsigned comprehension(unit *u, const ast *x, int want)
{
    comp c = {.x = x, .result = NOREG, .add = I_APPEND};
    const char *name = "<genexpr>";
    enum opcode make = I_NOP;
    switch (x->kind) {
    case N_ListComp:
        c.gens = x->ListComp.generators;
        c.a = x->ListComp.elt;
        name = "<listcomp>";
        make = I_LIST;
        break;
    case N_SetComp:
        c.gens = x->SetComp.generators;
        c.a = x->SetComp.elt;
        c.add = I_SETADD;
        name = "<setcomp>";
        make = I_SET;
        break;
    case N_DictComp:
        c.gens = x->DictComp.generators;
        c.a = x->DictComp.key;
        c.b = x->DictComp.value;
        name = "<dictcomp>";
        make = I_DICT;
        break;
    default: c.gens = x->GeneratorExp.generators; c.a = x->GeneratorExp.elt;
    }
    unit *in = unit_open(u->c, u, symtab_scope(&u->c->table, x), name);
    in->at = x;
    unit_params(in, NULL);
    if (make != I_NOP) {
        c.result = temp(in);
        emit(in, make, 0, c.result, 0, c.result);
    }
    comp_loop(in, &c, 0);
    in->at = x;
    if (c.result == NOREG)
        end_function(in);
    else
        emit_return(in, I_RETURN, c.result);
    unsigned t = u->top;
    u->at = x;
    make_function(u, in, NULL, NULL, ANY);
    u->top = t + 1;
    const ast *first = c.gens.at[0];
    unsigned it = expr_temp(u, first->comprehension.iter);
    u->at = first->comprehension.iter;
    emit(u, first->comprehension.is_async ? I_AITER : I_ITER, 0, it, 0, it);
    u->at = x;
    bool coroutine = in->s->coroutine && c.result != NOREG;
    unsigned dst = want == ANY || coroutine ? t : (unsigned)want;
    emit(u, I_CALL, 0, t, 1, dst);
    u->top = t + 1;
    if (coroutine) {
        await_value(u, t, 0);
        dst = settle(u, t, want);
    }
    u->top = dst == t ? t + 1 : t;
    return dst;
}
