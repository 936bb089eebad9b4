/* lang/types/module.h - modules as objects. */
#pragma once

#include "lang/embedded.h"
#include "lang/interp.h"

struct module {
    obj hdr;
    dict *dict;
    str *name;
    const embedded_module *lazy; /* its defs compile when they are first asked for */
};

static inline module *as_module(value v)
{
    return v.kind == V_OBJ && v.o->type == &T_module ? (module *)(void *)v.o : NULL;
}

module *module_new(interp *in, const char *name);
/* Compiles and runs the embedded def of a name into a module's namespace: 1 done, 0 there is
 * none, -1 failed. */
int module_define(interp *in, dict *globals, str *name);
bool module_define_all(interp *in, module *m);
/* What the module's own __dir__ answers, with the defs that wait; NULL without an exception when
 * it has none. */
list *module_dir(interp *in, module *m);
/* Runs a code of an embedded module (its place in the pack) in its namespace. */
bool module_run(interp *in, module *m, uint32_t code);
