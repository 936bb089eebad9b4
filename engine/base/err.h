/* engine/base/err.h - how failure travels.
 *
 * One rule everywhere: falsy means failed, the reason is in `err`.  The first
 * cause recorded wins; an err is untouched on success, so calls chain. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

#include "engine/base/datum.h"

enum err_kind {
    NO_ERR,
    BaseException,
#define ERR(name, base, module, doc)         name,
#define ERR2(name, base, base2, module, doc) name,
#include "engine/base/err.def"
#undef ERR
#undef ERR2
    NERR
};

typedef struct err { /* {0} is "no error" */
    enum err_kind kind;
    char *msg;  /* owned; the sentence shown to the user */
    datum *exc; /* owned; a frozen exception of the language, when that is what failed */
} err;

/* Records the failure unless one is already recorded.  Returns NULL, so that a
 * function returning a pointer or bool may say `return err_set(...)`. */
void *err_set(err *e, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void *err_setv(err *e, enum err_kind kind, const char *fmt, va_list ap);
/* MemoryError naming the size that could not be had. */
void *err_nomem(err *e, size_t bytes);
/* OSError (or the subclass that fits errno) "[Errno n] text: 'path'". */
void *err_errno(err *e, int code, const char *path);
/* Moves src into dst unless dst already holds one (then src is cleared). */
void err_move(err *dst, err *src);
void err_clear(err *e);
const char *err_name(enum err_kind kind);
/* The kind that an errno value stands for (ENOENT: FileNotFoundError, ...). */
enum err_kind err_of_errno(int code);

/* Leaves the enclosing function when `ok` is false.  Only where it owns nothing yet. */
#define TRY(ok)                                                                                    \
    do {                                                                                           \
        if (!(ok)) return 0;                                                                       \
    } while (0)
