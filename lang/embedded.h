/* lang/embedded.h - the library modules written in dsk, as they were embedded at build time.
 *
 * `source` is the whole text.  What an import executes is the code `body`: the text without its
 * top-level defs and classes (and their decorators).  `defs` lists what was left out, in order; a
 * name may occur twice, then the later one counts.  All of it was compiled when the program was
 * built: `pack` holds the codes (lang/pack.h).
 * Modules are sorted by name (strcmp).  All of it is constant. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct embedded_def {
    const char *name;
    uint32_t code; /* runs the definition: its place in the pack */
} embedded_def;

typedef struct embedded_module {
    const char *name; /* "dask.array" */
    const char *source;
    uint32_t size;
    const embedded_def *defs;
    uint32_t ndef;
    bool package; /* an __init__.dsk, or a folder of modules stands beside it */
    const char *pack;
    uint32_t body; /* place in the pack */
} embedded_module;

extern const embedded_module embedded_modules[];
extern const size_t nembedded_modules;
