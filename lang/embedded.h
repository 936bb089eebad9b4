/* lang/embedded.h - the library modules written in dsk, as they were embedded at build time.
 *
 * `source` is the whole text.  `body` is the same text with every top-level def and class (and
 * its decorators) reduced to its newlines: what an import executes, line numbers kept.  `defs`
 * lists what was left out, in order; a name may occur twice, then the later one counts.
 * Modules are sorted by name (strcmp).  All of it is constant. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct embedded_def {
    const char *name;
    uint32_t offset, size; /* bytes of source, first decorator to last line with its newline */
    uint32_t line;         /* of its first byte, counted from 1 */
} embedded_def;

typedef struct embedded_module {
    const char *name; /* "dask.array" */
    const char *source;
    uint32_t size;
    const embedded_def *defs;
    uint32_t ndef;
    bool package; /* an __init__.dsk, or a folder of modules stands beside it */
    const char *body;
    uint32_t body_size;
} embedded_module;

extern const embedded_module embedded_modules[];
extern const size_t nembedded_modules;
