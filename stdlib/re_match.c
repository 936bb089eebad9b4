/* stdlib/re_match.c - Match: groups, spans, expand.  Offsets become code points here. */
#include <string.h>

#include "engine/base/mem.h"
#include "lang/types/bytes.h"
#include "stdlib/re_parts.h"

/* byte offset -> what Python counts */
static value offset(const match *m, size_t at)
{
    str *s = as_str(m->text);
    if (at == SIZE_MAX) return v_int(-1);
    if (!s || str_ascii(s)) return v_int((int64_t)at);
    return v_int((int64_t)utf8_count(s->at, at));
}

static match *self_match(const value *arg)
{
    return (match *)arg[0].o;
}

static void match_drop(interp *in, obj *o)
{
    obj_unref(in, ((match *)o)->re);
    value_unref(in, ((match *)o)->text);
}

int pattern_group_named(const pattern *p, const char *name)
{
    for (uint32_t i = 1; i <= p->ngroup; i++) {
        if (p->name[i] && !strcmp(p->name[i], name)) return (int)i;
    }
    return -1;
}

int match_index(interp *in, const match *m, value v)
{
    value n;
    int i = -1;
    if (as_str(v))
        i = pattern_group_named(m->re, as_str(v)->at);
    else {
        int found = int_index(in, v, &n);
        if (found < 0) return -1;
        if (found && n.kind == V_INT && n.i >= 0 && n.i <= m->re->ngroup) i = (int)n.i;
        if (found) value_unref(in, n);
    }
    return i >= 0 ? i : THROWN(in, IndexError, "no such group");
}

static value match_item(interp *in, const match *m, value key)
{
    int i = match_index(in, m, key);
    return i < 0 ? FAIL : match_group(in, m, (uint32_t)i, NONE);
}

static value method_group(interp *in, const value *arg)
{
    match *m = self_match(arg);
    tuple *keys = as_tuple(arg[1]);
    if (keys->n == 0) return match_group(in, m, 0, NONE);
    if (keys->n == 1) return match_item(in, m, keys->at[0]);
    tuple *t = tuple_new(in, keys->n);
    for (int64_t i = 0; t && i < keys->n; i++) {
        value v = match_item(in, m, keys->at[i]);
        if (is_fail(v)) {
            obj_unref(in, t);
            return FAIL;
        }
        t->at[i] = v;
    }
    return v_obj(t);
}

static value method_groups(interp *in, const value *arg)
{
    match *m = self_match(arg);
    tuple *t = tuple_new(in, m->re->ngroup);
    for (uint32_t i = 1; t && i <= m->re->ngroup; i++) {
        value v = match_group(in, m, i, arg[1]);
        if (is_fail(v)) {
            obj_unref(in, t);
            return FAIL;
        }
        t->at[i - 1] = v;
    }
    return v_obj(t);
}

static value method_groupdict(interp *in, const value *arg)
{
    match *m = self_match(arg);
    dict *d = dict_new(in);
    bool ok = d != NULL;
    for (uint32_t i = 1; ok && i <= m->re->ngroup; i++) {
        if (m->re->name[i]) {
            ok = dict_put(in, d, m->re->name[i], match_group(in, m, i, arg[1]));
        }
    }
    if (ok) return v_obj(d);
    obj_unref(in, d);
    return FAIL;
}

static value edge(interp *in, const value *arg, int which)
{
    int i = match_index(in, self_match(arg), arg[1]);
    return i < 0 ? FAIL : offset(self_match(arg), self_match(arg)->at[2 * i + which]);
}

static value method_start(interp *in, const value *arg)
{
    return edge(in, arg, 0);
}

static value method_end(interp *in, const value *arg)
{
    return edge(in, arg, 1);
}

static value method_span(interp *in, const value *arg)
{
    value from = edge(in, arg, 0);
    return is_fail(from) ? FAIL : v_obj(tuple_pack(in, 2, from, edge(in, arg, 1)));
}

static value method_expand(interp *in, const value *arg)
{
    match *m = self_match(arg);
    re_template t;
    if (!template_parse(in, m->re, arg[1], &t)) return FAIL;
    strbuf b = {0};
    template_fill(&t, m, &b);
    template_clear(&t);
    size_t n;
    char *text = sb_take(&b, &n);
    if (as_str(m->text)) return v_obj(str_take(in, text, n));
    value out = v_obj(bytes_new(in, text ? text : "", n));
    mem_free(text);
    return out;
}

/* The group that closed last, 0 when none matched. */
static uint32_t last_group(const match *m)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i <= m->re->ngroup; i++) {
        if (m->at[2 * i] == SIZE_MAX) continue;
        if (!best || m->at[2 * i + 1] > m->at[2 * best + 1] ||
            (m->at[2 * i + 1] == m->at[2 * best + 1] && m->re->closes[i] > m->re->closes[best])) {
            best = i;
        }
    }
    return best;
}

static value match_lastindex(interp *in, const value *arg)
{
    (void)in;
    uint32_t i = last_group(self_match(arg));
    return i ? v_int(i) : NONE;
}

static value match_lastgroup(interp *in, const value *arg)
{
    match *m = self_match(arg);
    const char *name = m->re->name[last_group(m)];
    return name ? v_str(in, name) : NONE;
}

static value match_re(interp *in, const value *arg)
{
    (void)in;
    return v_obj(obj_ref(self_match(arg)->re));
}

static value match_string(interp *in, const value *arg)
{
    (void)in;
    return value_ref(self_match(arg)->text);
}

static value match_pos(interp *in, const value *arg)
{
    (void)in;
    return offset(self_match(arg), self_match(arg)->pos);
}

static value match_endpos(interp *in, const value *arg)
{
    (void)in;
    return offset(self_match(arg), self_match(arg)->endpos);
}

static value match_regs(interp *in, const value *arg)
{
    match *m = self_match(arg);
    tuple *t = tuple_new(in, m->re->ngroup + 1);
    for (uint32_t i = 0; t && i <= m->re->ngroup; i++) {
        t->at[i] = method_span(in, (value[]){arg[0], v_int(i)});
    }
    return v_obj(t);
}

static value match_repr(interp *in, value self)
{
    match *m = (match *)self.o;
    value v = match_group(in, m, 0, NONE);
    str *shown = is_fail(v) ? NULL : value_repr(in, v);
    value_unref(in, v);
    if (!shown) return FAIL;
    str *cut = str_cut(in, shown, 0, shown->nchar < 50 ? shown->nchar : 50);
    obj_unref(in, shown);
    if (!cut) return FAIL;
    str *s = str_fmt(in, "<re.Match object; span=(%lld, %lld), match=%s>",
                     (long long)offset(m, m->at[0]).i, (long long)offset(m, m->at[1]).i, cut->at);
    obj_unref(in, cut);
    return v_obj(s);
}

static value match_getitem(interp *in, value self, value key)
{
    return match_item(in, (match *)self.o, key);
}

static value match_copy(interp *in, const value *arg)
{
    (void)in;
    return value_ref(arg[0]);
}

static const builtin match_table[] = {
    {"group(self, /, *groups)", method_group,
     "The text of a group, by number or name, or a tuple of several; 0 is all of the match."},
    {"groups(self, /, default=None)", method_groups,
     "The texts of all groups; default for those that took no part."},
    {"groupdict(self, /, default=None)", method_groupdict,
     "The texts of the groups that have names, by these."},
    {"start(self, group=0, /)", method_start, "Where a group, or all of the match, begins."},
    {"end(self, group=0, /)", method_end, "Where a group, or all of the match, ends."},
    {"span(self, group=0, /)", method_span, "Where a group, or all of the match, begins and ends."},
    {"expand(self, /, template)", method_expand,
     "A text in which \\1 and \\g<name> are replaced by groups, as sub() does."},
    {"__copy__(self, /)", match_copy, NULL},
    {"__deepcopy__(self, memo, /)", match_copy, NULL},
    {"@property lastindex", match_lastindex, "The number of the last group that took part."},
    {"@property lastgroup", match_lastgroup, "The name of the last group that took part."},
    {"@property re", match_re, "The pattern that matched."},
    {"@property string", match_string, "The text that was searched."},
    {"@property pos", match_pos, "Where the search began."},
    {"@property endpos", match_endpos, "Where the search had to end."},
    {"@property regs", match_regs, NULL},
    {0},
};

const type T_match = {
    TYPE_HEAD,
    .name = "Match",
    .module = "re",
    .doc = "Where a pattern fits a text; always true.",
    .size = sizeof(match),
    .table = match_table,
    .drop = match_drop,
    .repr = match_repr,
    .getitem = match_getitem,
};
