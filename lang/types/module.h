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

module *module_new(interp *in, const char *name);
/* Compiles and runs the embedded def of a name into a module's namespace: 1 done, 0 there is
 * none, -1 failed. */
int module_define(interp *in, dict *globals, str *name);
