/* stdlib/archive.c - the module _archive: whole buffers through libbz2 and liblzma, which are
 * opened when first asked for.  What is declared here is their stable binary interface. */
#include <dlfcn.h>
#include <limits.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/base/str.h"
#include "lang/aside.h"
#include "lang/types/bytes.h"
#include "lang/types/memview.h"
#include "stdlib/stdlib.h"

typedef struct bz_stream {
    char *next_in;
    unsigned avail_in, total_in[2];
    char *next_out;
    unsigned avail_out, total_out[2];
    void *state, *alloc, *release, *opaque;
} bz_stream;

typedef struct xz_stream {
    const void *next_in;
    size_t avail_in;
    uint64_t total_in;
    void *next_out;
    size_t avail_out;
    uint64_t total_out;
    void *allocator, *internal, *reserved[4];
    uint64_t more[4];
    int last[2];
} xz_stream;

typedef struct flow { /* what is left to read, and room for what comes out */
    const char *in;
    size_t nin;
    char *out;
    size_t nout;
} flow;

typedef struct library {
    int (*bz_begin_pack)(bz_stream *, int, int, int);
    int (*bz_pack)(bz_stream *, int);
    int (*bz_begin_unpack)(bz_stream *, int, int);
    int (*bz_unpack)(bz_stream *);
    int (*bz_end[2])(bz_stream *);
    int (*xz_begin)(xz_stream *, uint32_t, int);
    unsigned char (*xz_preset)(void *, uint32_t);
    int (*xz_begin_alone)(xz_stream *, const void *);
    int (*xz_begin_unpack)(xz_stream *, uint64_t, uint32_t);
    int (*xz_step)(xz_stream *, int);
    void (*xz_end)(xz_stream *);
} library;

enum kind { BZ2, XZ, ALONE };
enum way { PACK, UNPACK };
enum { AT_ONCE = 64 * 1024 };    /* bytes between two questions whether to go on */
enum { ENDED = 1, GOES_ON = 0 }; /* anything else: what the library says of a mistake */

typedef struct job {
    enum kind kind;
    enum way way;
    library lib;
    bz_stream bz;
    xz_stream xz;
} job;

/* ---- the libraries ---- */

typedef struct symbol {
    const char *name;
    void *slot;
} symbol;

static bool open_symbols(interp *in, const char *soname, const symbol *s, size_t n)
{
    void *handle = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    bool ok = handle != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        void *at = dlsym(handle, s[i].name);
        ok = at != NULL;
        memcpy(s[i].slot, &at, sizeof at);
    }
    if (!ok) throw(in, OSError, "%s cannot be opened: is its Debian package installed?", soname);
    return ok;
}

static bool open_library(interp *in, enum kind kind, library *l)
{
    const symbol bz[] = {
        {"BZ2_bzCompressInit", &l->bz_begin_pack}, {"BZ2_bzDecompressInit", &l->bz_begin_unpack},
        {"BZ2_bzCompress", &l->bz_pack},           {"BZ2_bzDecompress", &l->bz_unpack},
        {"BZ2_bzCompressEnd", &l->bz_end[PACK]},   {"BZ2_bzDecompressEnd", &l->bz_end[UNPACK]}};
    const symbol xz[] = {{"lzma_easy_encoder", &l->xz_begin},
                         {"lzma_lzma_preset", &l->xz_preset},
                         {"lzma_alone_encoder", &l->xz_begin_alone},
                         {"lzma_auto_decoder", &l->xz_begin_unpack},
                         {"lzma_code", &l->xz_step},
                         {"lzma_end", &l->xz_end}};
    return kind == BZ2 ? open_symbols(in, "libbz2.so.1.0", bz, sizeof bz / sizeof *bz)
                       : open_symbols(in, "liblzma.so.5", xz, sizeof xz / sizeof *xz);
}

/* ---- one stream ---- */

static int bz_step(job *j, flow *f)
{
    enum { FINISH = 2, OK = 0, RUN_OK = 1, FINISH_OK = 3, STREAM_END = 4 };
    unsigned take = f->nin > AT_ONCE ? AT_ONCE : (unsigned)f->nin, room = (unsigned)f->nout;
    j->bz.next_in = (char *)(uintptr_t)f->in;
    j->bz.avail_in = take;
    j->bz.next_out = f->out;
    j->bz.avail_out = room;
    int code = j->way == UNPACK ? j->lib.bz_unpack(&j->bz)
                                : j->lib.bz_pack(&j->bz, take == f->nin ? FINISH : 0);
    f->in += take - j->bz.avail_in;
    f->nin -= take - j->bz.avail_in;
    f->nout = j->bz.avail_out;
    return code == STREAM_END                                  ? ENDED
           : code == OK || code == RUN_OK || code == FINISH_OK ? GOES_ON
                                                               : code;
}

static int xz_step(job *j, flow *f)
{
    enum { FINISH = 3, OK = 0, STREAM_END = 1, BUF_ERROR = 10 };
    size_t take = f->nin > AT_ONCE ? AT_ONCE : f->nin;
    j->xz.next_in = f->in;
    j->xz.avail_in = take;
    j->xz.next_out = f->out;
    j->xz.avail_out = f->nout;
    int code = j->lib.xz_step(&j->xz, j->way == PACK && take == f->nin ? FINISH : 0);
    f->in += take - j->xz.avail_in;
    f->nin -= take - j->xz.avail_in;
    f->nout = j->xz.avail_out;
    return code == STREAM_END ? ENDED : code == OK || code == BUF_ERROR ? GOES_ON : code;
}

static int begin(job *j, int level)
{
    enum { CRC64 = 4, OPTIONS = 512 };
    if (j->kind == BZ2 && j->way == PACK) return j->lib.bz_begin_pack(&j->bz, level, 0, 0);
    if (j->kind == BZ2) return j->lib.bz_begin_unpack(&j->bz, 0, 0);
    if (j->way == UNPACK) return j->lib.xz_begin_unpack(&j->xz, UINT64_MAX, 0);
    if (j->kind == XZ) return j->lib.xz_begin(&j->xz, (uint32_t)level, CRC64);
    _Alignas(16) char options[OPTIONS] = {0};
    if (j->lib.xz_preset(options, (uint32_t)level)) return -1;
    return j->lib.xz_begin_alone(&j->xz, options);
}

static void end(job *j)
{
    if (j->kind == BZ2)
        j->lib.bz_end[j->way](&j->bz);
    else
        j->lib.xz_end(&j->xz);
}

/* A whole call.  A block of bzip2 takes a tenth of a second: much data goes aside. */
typedef struct call {
    job j;
    int level, code;
    flow f;
    char *copy; /* of the data, where it goes aside */
    strbuf out;
    bool stopped;
} call;

static void flow_on(void *ctx)
{
    enum { STEP = 256 * 1024 };
    call *c = ctx;
    job *j = &c->j;
    flow *f = &c->f;
    if ((c->code = begin(j, c->level))) return;
    char *room = mem_alloc(STEP);
    for (size_t before = f->nin + 1; c->code == GOES_ON;) {
        f->out = room;
        f->nout = STEP;
        c->code = j->kind == BZ2 ? bz_step(j, f) : xz_step(j, f);
        sb_add(&c->out, room, STEP - f->nout);
        if (c->code != GOES_ON || (f->nout == STEP && !f->nin && before == f->nin)) break;
        before = f->nin;
        if ((c->stopped = stop_asked())) break;
    }
    end(j);
    mem_free(room);
}

static void call_drop(void *ctx)
{
    call *c = ctx;
    mem_free(c->copy);
    sb_clear(&c->out);
    mem_free(c);
}

/* (data, bytes used, has it ended), or the number of a mistake */
static value run(interp *in, const job *j, int level, const char *s, size_t n)
{
    enum { MUCH = 512 * 1024 };
    call *c = mem_zero(sizeof *c);
    *c = (call){.j = *j, .level = level, .f = {.in = s, .nin = n}};
    if (n >= MUCH) {
        err e = {0};
        if (!(c->copy = try_alloc(n, &e))) return call_drop(c), throw_err(in, &e);
        if (!memory_copy(in, c->copy, s, n)) return call_drop(c), FAIL;
        c->f.in = c->copy;
    }
    if (n < MUCH)
        flow_on(c);
    else if (!interp_aside(in, flow_on, call_drop, c))
        return FAIL;
    if (c->stopped && check_interrupt(in)) throw(in, KeyboardInterrupt, "%s", "");
    value v = throwing(in) ? FAIL
              : c->code != GOES_ON && c->code != ENDED
                  ? v_int(c->code)
                  : v_obj(tuple_pack(in, 3, v_obj(bytes_new(in, sb_text(&c->out), c->out.n)),
                                     v_int((int64_t)(n - c->f.nin)), v_bool(c->code == ENDED)));
    call_drop(c);
    return v;
}

static value work(interp *in, enum way way, value kind, value data, value level)
{
    size_t n;
    int64_t how = 0;
    str *name = as_str(kind);
    const char *s = buffer_peek(in, data, &n);
    job j = {.way = way, .kind = str_is(name, "bz2") ? BZ2 : str_is(name, "xz") ? XZ : ALONE};
    if (!s)
        return throw(in, TypeError, "a bytes-like object is required, not '%s'",
                     type_said(in, data));
    if (way == PACK && !to_int64(in, level, &how)) return FAIL;
    if (!open_library(in, j.kind, &j.lib)) return FAIL;
    return run(in, &j, (int)how, s, n);
}

static value pack(interp *in, const value *arg)
{
    return work(in, PACK, arg[0], arg[1], arg[2]);
}

static value unpack(interp *in, const value *arg)
{
    return work(in, UNPACK, arg[0], arg[1], NONE);
}

static const builtin table[] = {
    {"pack(kind, data, level)", pack, "(data, bytes used, True), or the number of a mistake"},
    {"unpack(kind, data)", unpack, "(data, bytes used, has it ended), or the number of a mistake"},
    {0},
};

const module_def archive_def = {.name = "_archive", .doc = "bzip2 and xz.", .table = table};
