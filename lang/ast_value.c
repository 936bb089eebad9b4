/* lang/ast_value.c - a syntax tree as objects of the library module ast: every node is handed to a
 * function of it, children first. */
#include "lang/ast_value.h"

#include <string.h>

#include "engine/base/mem.h"
#include "lang/compile_impl.h"
#include "lang/run.h"
#include "lang/types/dunder.h"

#define OBJ(p) ((value){.kind = V_OBJ, .o = &(p)->hdr})

typedef struct builder {
    interp *in;
    arena *mem;
    value make; /* make(kind, fields, line, col, end_line, end_col) */
    dict *fields;
} builder;

static value node(const builder *outer, const ast *x);

static value text_value(interp *in, const ast_text *s)
{
    return s->at ? v_obj(str_new(in, s->at, s->n)) : NONE;
}

static value operator_value(const builder *b, enum ast_op op)
{
    value name = v_str(b->in, ast_op_name(op));
    value r = is_fail(name) ? FAIL : call_n(b->in, b->make, 1, name);
    value_unref(b->in, name);
    return r;
}

static value list_value(const builder *b, enum ast_field kind, const void *at)
{
    const ast_list *nodes = at;
    const ast_texts *texts = at;
    const ast_ops *ops = at;
    list *l = list_new(b->in, 0);
    const size_t n = kind == F_TEXTS ? texts->n : kind == F_OPS ? ops->n : nodes->n;
    for (size_t i = 0; l && i < n; i++) {
        value v = kind == F_TEXTS ? text_value(b->in, &texts->at[i])
                  : kind == F_OPS ? operator_value(b, (enum ast_op)ops->at[i])
                  : nodes->at[i]  ? node(b, nodes->at[i])
                                  : NONE;
        if (list_add(b->in, l, v)) continue;
        obj_unref(b->in, l);
        l = NULL;
    }
    return v_obj(l);
}

static void add_field(void *data, enum ast_field kind, const char *name, const void *at)
{
    builder *b = data;
    const ast *child;
    value v = NONE;
    if (throwing(b->in)) return;
    switch (kind) {
    case F_NODE:
    case F_OPT:
        child = *(ast *const *)at;
        if (child) v = node(b, child);
        break;
    case F_TEXT: v = text_value(b->in, at); break;
    case F_OP: v = operator_value(b, (enum ast_op) * (const uint8_t *)at); break;
    case F_INT: v = v_int(*(const int *)at); break;
    case F_LIST:
    case F_HOLES:
    case F_TEXTS:
    case F_OPS: v = list_value(b, kind, at); break;
    }
    dict_put(b->in, b->fields, name, v);
}

static value node(const builder *outer, const ast *x)
{
    interp *in = outer->in;
    builder b = *outer;
    if (!check_stack(in) || !(b.fields = dict_new(in))) return FAIL;
    value kind = v_str(in, ast_name((enum ast_kind)x->kind)), r = FAIL;
    if (x->kind == N_Constant) {
        dict_put(in, b.fields, "value", v_str(in, expr_text(b.mem, x)));
        dict_put(in, b.fields, "kind", x->Constant.u ? v_str(in, "u") : NONE);
    } else
        ast_visit(x, add_field, &b);
    if (!throwing(in))
        r = call_n(in, b.make, 7, kind, OBJ(b.fields), v_int(x->line), v_int(x->col),
                   v_int(x->end_line), v_int(x->end_col), v_int(x->ctx));
    value_unref(in, kind);
    obj_unref(in, b.fields);
    return r;
}

value syntax_tree(interp *in, const value *arg)
{
    str *text = as_str(arg[0]), *filename = as_str(arg[1]), *mode = as_str(arg[2]);
    if (!text || !filename || !mode) return throw(in, TypeError, "ast.parse() takes texts");
    const bool eval = str_is(mode, "eval");
    arena a = {0};
    syntax_error why = {0};
    ast *tree =
        parse(&a, text->at, text->nbyte, filename->at, eval ? PARSE_EVAL : PARSE_FILE, &why);
    value r = FAIL;
    if (tree) {
        builder b = {.in = in, .mem = &a, .make = arg[3]};
        r = node(&b, tree);
    } else { /* says what is wrong */
        code_unref(compile_text(in, text->at, text->nbyte, filename->at, eval ? 'e' : 'f', 0));
    }
    arena_clear(&a);
    return r;
}
