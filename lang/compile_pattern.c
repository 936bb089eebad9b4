/* lang/compile_pattern.c - what a pattern may not do, said before code is made of it: bind a name
 * twice, bind different names in its alternatives, or leave nothing to those behind it. */
#include "lang/compile_impl.h"

typedef struct bindings { /* names that a pattern binds, in the order it does */
    unit *u;
    vec names;     /* const char * */
    const ast *at; /* the pattern looked at last */
} bindings;

static bool is_bound(const bindings *b, const char *name, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(VEC_AT(&b->names, const char *)[i], name) == 0) return true;
    }
    return false;
}

static bool check_name(bindings *b, const ast *p, ast_text name)
{
    if (!name.at) return true;
    if (is_bound(b, name.at, b->names.n)) {
        return fail_at(b->u, p, "multiple assignments to name '%s' in pattern", name.at);
    }
    *VEC_ADD(b->u, &b->names, const char *) = name.at;
    return true;
}

static bool check(bindings *b, const ast *p, bool last);

static bool check_all(bindings *b, ast_list l)
{
    for (size_t i = 0; i < l.n; i++) {
        if (!check(b, l.at[i], true)) return false;
    }
    return true;
}

/* Every alternative binds the names of the first one. */
static bool check_alternatives(bindings *b, ast_list l, bool last)
{
    const uint32_t before = b->names.n;
    vec first = {0};
    for (size_t i = 0; i < l.n; i++) {
        b->names.n = before;
        if (!check(b, l.at[i], last && i + 1 == l.n)) return false;
        bool same = i == 0 || first.n == b->names.n - before;
        for (uint32_t k = 0; i && same && k < first.n; k++) {
            same = is_bound(b, VEC_AT(&first, const char *)[k], b->names.n);
        }
        if (!same) return fail_at(b->u, b->at, "alternative patterns bind different names");
        for (uint32_t k = before; i == 0 && k < b->names.n; k++) {
            *VEC_ADD(b->u, &first, const char *) = VEC_AT(&b->names, const char *)[k];
        }
    }
    return true;
}

static bool check_sequence(bindings *b, const ast *p)
{
    ast_list l = p->MatchSequence.patterns;
    int stars = 0;
    for (size_t i = 0; i < l.n; i++) stars += l.at[i]->kind == N_MatchStar;
    if (stars > 1) return fail_at(b->u, p, "multiple starred names in sequence pattern");
    return check_all(b, l);
}

static bool same_key(const ast *a, const ast *b)
{
    if (a->kind != N_Constant || b->kind != N_Constant) return false;
    if (a->Constant.type != b->Constant.type) return false;
    if (a->Constant.type == C_INT) return a->Constant.i == b->Constant.i;
    if (a->Constant.type != C_STR && a->Constant.type != C_BYTES) {
        return a->Constant.type < C_ELLIPSIS;
    }
    return a->Constant.s.n == b->Constant.s.n &&
           !memcmp(a->Constant.s.at, b->Constant.s.at, a->Constant.s.n);
}

static bool check_mapping(bindings *b, const ast *p)
{
    ast_list keys = p->MatchMapping.keys;
    for (size_t i = 0; i < keys.n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (!same_key(keys.at[i], keys.at[j])) continue;
            return fail_at(b->u, p, "mapping pattern checks duplicate key (%s)",
                           expr_text(b->u->c->mem, keys.at[i]));
        }
    }
    return check_all(b, p->MatchMapping.patterns) && check_name(b, p, p->MatchMapping.rest);
}

static bool check_class(bindings *b, const ast *p)
{
    ast_texts names = p->MatchClass.kwd_attrs;
    for (size_t i = 0; i < names.n; i++) {
        for (size_t j = i + 1; j < names.n; j++) {
            if (strcmp(names.at[i].at, names.at[j].at) != 0) continue;
            return fail_at(b->u, p->MatchClass.kwd_patterns.at[j],
                           "attribute name repeated in class pattern: %s", names.at[i].at);
        }
    }
    return check_all(b, p->MatchClass.patterns) && check_all(b, p->MatchClass.kwd_patterns);
}

/* last: it may fit everything */
static bool check(bindings *b, const ast *p, bool last)
{
    b->at = p;
    switch (p->kind) {
    case N_MatchSequence: return check_sequence(b, p);
    case N_MatchMapping: return check_mapping(b, p);
    case N_MatchClass: return check_class(b, p);
    case N_MatchOr: return check_alternatives(b, p->MatchOr.patterns, last);
    case N_MatchStar: return check_name(b, p, p->MatchStar.name);
    case N_MatchAs: break;
    default: return true;
    }
    if (p->MatchAs.pattern)
        return check(b, p->MatchAs.pattern, last) && check_name(b, p, p->MatchAs.name);
    if (!last && p->MatchAs.name.at) {
        return fail_at(b->u, p, "name capture '%s' makes remaining patterns unreachable",
                       p->MatchAs.name.at);
    }
    if (!last) return fail_at(b->u, p, "wildcard makes remaining patterns unreachable");
    return check_name(b, p, p->MatchAs.name);
}

bool check_pattern(unit *u, const ast *p, bool last)
{
    return check(&(bindings){.u = u}, p, last);
}
