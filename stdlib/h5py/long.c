/* stdlib/h5py/long.c - calls of the library that may take long, aside: Ctrl-C need not wait.
 *
 * A call that was left alone ends by itself, and what came of it goes: a file is closed again. */
#include <string.h>
#include <sys/stat.h>

#include "engine/base/mem.h"
#include "lang/aside.h"
#include "stdlib/h5py/h5py.h"

enum { LONG = 8 << 20 }; /* bytes: less is moved within some milliseconds */

typedef struct h5_call {
    bool (*f)(struct h5_call *c, err *e);
    h5obj *x; /* what it works on; of opening, what came of it */
    char *path, *mode;
    h5opening how;
    region r;
    nd *block; /* to read into, to write; of h5_read, what came of it */
    bool ok;
    err e;
} h5_call;

static void work(void *ctx)
{
    h5_call *c = ctx;
    c->ok = c->f(c, &c->e);
}

static void drop(void *ctx)
{
    h5_call *c = ctx;
    datum_unref(c->x);
    datum_unref(c->block);
    mem_free(c->path);
    mem_free(c->mode);
    err_clear(&c->e);
    mem_free(c);
}

/* The program has gone on without it: what it held is not to be kept for reuse. */
static void give_up(void *ctx)
{
    drop(ctx);
    buf_pool_give_up();
}

/* The call, its answer in e; NULL: it was left alone, KeyboardInterrupt is pending. */
static h5_call *done(interp *in, h5_call made, err *e)
{
    h5_call *c = mem_alloc(sizeof *c);
    *c = made;
    if (c->r.p) {
        c->r.p = &c->r.r;
        c->r.r = (h5region){c->r.n, c->r.start, c->r.step, c->r.count};
    }
    if (!interp_aside(in, work, give_up, c)) return NULL;
    err_move(e, &c->e);
    return c;
}

/* ---- opening ---- */

static bool open_it(h5_call *c, err *e)
{
    return (c->x = h5_open_as(c->path, c->mode, &c->how, e)) != NULL;
}

/* What is cut off may still be on its way to the disk. */
static bool empties_much(const char *path, const char *mode)
{
    struct stat st;
    return strcmp(mode, "w") == 0 && stat(path, &st) == 0 && st.st_size >= LONG;
}

h5obj *long_open(interp *in, const char *path, const char *mode, const h5opening *how, err *e)
{
    if (!empties_much(path, mode)) return h5_open_as(path, mode, how, e);
    h5_call made = {.f = open_it, .path = mem_dup(path), .mode = mem_dup(mode), .how = *how};
    h5_call *c = done(in, made, e);
    if (!c) return NULL;
    h5obj *x = c->x;
    c->x = NULL;
    drop(c);
    return x;
}

/* ---- moving ---- */

static bool read_it(h5_call *c, err *e)
{
    return (c->block = h5_read(c->x, c->r.p, e)) != NULL;
}

static bool read_into(h5_call *c, err *e)
{
    return h5_read_into(c->x, c->r.p, c->block, e);
}

static bool write_it(h5_call *c, err *e)
{
    return h5_write(c->x, c->r.p, c->block, e);
}

static bool is_long(const h5info *i, const region *r)
{
    int64_t n = r->p ? shape_count(r->n, r->count) : shape_count(i->ndim, i->shape);
    return n >= LONG / (int64_t)(i->type.t.size ? i->type.t.size : 1);
}

nd *long_read(interp *in, h5obj *x, const h5info *i, const region *r, err *e)
{
    if (i->empty || !is_long(i, r)) return h5_read(x, r->p, e);
    h5_call *c = done(in, (h5_call){.f = read_it, .x = datum_ref(x), .r = *r}, e);
    if (!c) return NULL;
    nd *block = c->block;
    c->block = NULL;
    drop(c);
    return block;
}

static bool move(interp *in, h5_call made, const nd *block, err *e)
{
    if (nd_bytes(block) < LONG) {
        made.block = (nd *)(uintptr_t)block;
        return made.f(&made, e);
    }
    datum_ref(made.x);
    made.block = nd_view(block->b, block->at, nd_type(block), block->ndim, nd_shape(block),
                         nd_strides(block));
    h5_call *c = done(in, made, e);
    if (!c) return false;
    const bool ok = c->ok;
    drop(c);
    return ok;
}

bool long_read_into(interp *in, h5obj *x, const region *r, const nd *to, err *e)
{
    return move(in, (h5_call){.f = read_into, .x = x, .r = *r}, to, e);
}

bool long_write(interp *in, h5obj *x, const region *r, const nd *from, err *e)
{
    return move(in, (h5_call){.f = write_it, .x = x, .r = *r}, from, e);
}

/* ---- closing ---- */

static bool close_it(h5_call *c, err *e)
{
    return h5_close(c->x, e);
}

bool long_close(interp *in, h5obj *x, err *e)
{
    struct stat st;
    if (!h5_is_open(x) || stat(h5_path(x), &st) || st.st_size < LONG || !h5_is_writable(x))
        return h5_close(x, e);
    h5_call *c = done(in, (h5_call){.f = close_it, .x = datum_ref(x)}, e);
    if (!c) return false;
    const bool ok = c->ok;
    drop(c);
    return ok;
}
