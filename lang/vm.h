/* lang/vm.h - the slow halves of instructions, called by the loop in vm.c. */
#pragma once

#include "lang/exc.h"
#include "lang/frame.h"
#include "lang/types/func.h"
#include "lang/types/klass.h"
#include "lang/types/module.h"

enum site_how {
    SITE_NONE,
    SITE_FIELD,
    SITE_MODULE,
    SITE_METHOD,
    SITE_GLOBAL,
    SITE_BUILTIN,
    SITE_DESCRIPTOR,
    SITE_CLASS
};

static inline uint64_t type_version(const type *t)
{
    return t->flags & TYPE_HEAP ? ((const klass *)(const void *)t)->version : 0;
}

/* attributes (vm_attr.c) */
/* Where a module keeps what a site last found in it; NULL: somewhere else by now. */
static inline const value *module_place(const site *s, value v)
{
    if (s->how != SITE_MODULE || v.kind != V_OBJ || v.o->type != &T_module) return NULL;
    const dict *d = ((const module *)(void *)v.o)->dict;
    return s->version2 == d->version ? &d->entry[s->hint].val : NULL;
}
value attr_load(interp *in, site *s, value v);
bool attr_store(interp *in, site *s, value v, value to);
/* *self FAIL: *f is the attribute itself; else *f is a function to be called with it first. Owned.
 */
bool attr_method(interp *in, site *s, value v, value *f, value *self);

/* The call that METHODC or GLOBALC at f->ip begins, done, if it is of a C function; then f->ip is
 * the instruction of the call, else nothing has happened (vm_load.c). */
value call_loaded_method(interp *in, frame *f);
value call_loaded_builtin(interp *in, frame *f);

/* names (vm_name.c) */
value global_load(interp *in, site *s, frame *f);
bool global_store(interp *in, site *s, frame *f, value v);
bool global_delete(interp *in, site *s, frame *f);
value name_load(interp *in, site *s, frame *f, bool in_free, uint32_t free_index);
bool name_store(interp *in, site *s, frame *f, value v); /* FAIL: del */
void throw_unbound(interp *in, frame *f, uint32_t reg);
void throw_empty_cell(interp *in, const char *name, bool free);
bool setup_annotations(interp *in, frame *f);

/* data (vm_data.c) */
/* s += t in the register that holds the only reference to a long s */
bool str_append(interp *in, value *at, value t);
/* v[at[0]:at[1]:at[2]] of a builtin sequence */
value slice_item(interp *in, value v, const value *at);
static inline bool is_sliced(value v)
{
    return v.kind == V_OBJ &&
           (v.o->type == &T_list || v.o->type == &T_str || v.o->type == &T_tuple);
}
static inline bool is_class(value v)
{
    return v.kind == V_OBJ && v.o->type == &T_type && ((const type *)v.o)->flags & TYPE_HEAP;
}
bool unpack(interp *in, value v, uint32_t n, value *out);
bool unpack_star(interp *in, value v, uint32_t before, uint32_t after, value *out);
value build_set(interp *in, value *at, uint32_t n, bool constants);
value build_dict(interp *in, value *at, uint32_t n);
bool extend_words(interp *in, list *l, value v, const value *f);
bool merge_keywords(interp *in, dict *d, value v, const value *f);
value call_words(interp *in, const value *w, bool kw);
value format_value(interp *in, value v, const value *spec, int conversion);
value join_strs(interp *in, const value *at, uint32_t n);
int exc_fits(interp *in, value x, value types);
bool raise_value(interp *in, value x, const value *cause);
value enter_context(interp *in, value m, bool async);
value exit_context(interp *in, value m, value x, bool async);
value func_make(interp *in, frame *f, const insn *i);
value match_keys(interp *in, value subject, value keys);
value match_class(interp *in, value subject, value cls, value names, uint32_t npos);
value match_rest(interp *in, value subject, value keys);
int match_kind(interp *in, value v, bool mapping);
value yield_iter(interp *in, value v, frame *f);
value await_iter(interp *in, value v, int kind);
value async_iter(interp *in, value v);
value async_next(interp *in, value it);
/* One step of a delegate that is no generator: as gen_send. */
int iter_send(interp *in, value it, value send, value *out);

/* generators (vm_gen.c) */
struct gen;
void gen_finish(interp *in, frame *f);
void gen_convert_stop(interp *in, const struct gen *g);
/* Puts a suspended generator on top, ready to continue with what is sent. False: exception. */
bool gen_resume(interp *in, struct gen *g, value send, unsigned flags);

/* modules and classes (import.c, class.c) */
value import_name(interp *in, frame *f, str *name, value names, int64_t level, bool leaf);
value import_from(interp *in, value m, str *name);
/* Is there a module of that name in the program itself?  0 no, 1 yes, 2 a package */
int import_kind(interp *in, const char *name);
bool import_star(interp *in, frame *f, value m);
value build_class_function(interp *in);
extern const builtin build_class_row;
