/* engine/base/err.c - recording and moving failures. */
#include "engine/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"

static const char *const names[NERR] = {
    [NO_ERR] = "no error",
    [BaseException] = "BaseException",
#define ERR(name, base, module, doc)         [name] = #name,
#define ERR2(name, base, base2, module, doc) [name] = #name,
#include "engine/base/err.def"
#undef ERR
#undef ERR2
};

const char *err_name(enum err_kind kind)
{
    return names[kind];
}

void *err_setv(err *e, enum err_kind kind, const char *fmt, va_list ap)
{
    if (e->kind != NO_ERR) return NULL;
    strbuf b = {0};
    sb_addv(&b, fmt, ap);
    e->kind = kind;
    e->msg = b.at ? sb_take(&b, NULL) : mem_dup("");
    return NULL;
}

void *err_set(err *e, enum err_kind kind, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err_setv(e, kind, fmt, ap);
    va_end(ap);
    return NULL;
}

void *err_nomem(err *e, size_t bytes)
{
    return err_set(e, MemoryError, "cannot allocate %zu bytes", bytes);
}

enum err_kind err_of_errno(int code)
{
    switch (code) {
    case ENOENT: return FileNotFoundError;
    case EEXIST: return FileExistsError;
    case EACCES:
    case EPERM: return PermissionError;
    case EISDIR: return IsADirectoryError;
    case ENOTDIR: return NotADirectoryError;
    case EPIPE: return BrokenPipeError;
    case ECHILD: return ChildProcessError;
    case ESRCH: return ProcessLookupError;
    case ETIMEDOUT: return TimeoutError;
    case ECONNREFUSED: return ConnectionRefusedError;
    case ECONNRESET: return ConnectionResetError;
    case ECONNABORTED: return ConnectionAbortedError;
    case EINTR: return InterruptedError;
    case EAGAIN: return BlockingIOError;
    default: return OSError;
    }
}

void *err_errno(err *e, int code, const char *path)
{
    enum err_kind kind = err_of_errno(code);
    if (!path) return err_set(e, kind, "[Errno %d] %s", code, strerror(code));
    return err_set(e, kind, "[Errno %d] %s: '%s'", code, strerror(code), path);
}

void err_move(err *dst, err *src)
{
    if (dst->kind != NO_ERR) {
        err_clear(src);
        return;
    }
    *dst = *src;
    *src = (err){0};
}

void err_clear(err *e)
{
    mem_free(e->msg);
    datum_unref(e->exc);
    *e = (err){0};
}
