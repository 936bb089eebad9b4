/* engine/graph/fn.h - what a task runs: callables, their arguments, their inputs.
 *
 * A fn is a counted, immutable datum: one of our block operations, or a frozen function of the
 * language (stdlib supplies that kind).  A task is a fn, a list of arguments and the datums its
 * inputs have become.  Arguments are literals; where one stands for an input it says which
 * (LIT_IN), alone or inside nested lists, exactly as Dask's task tuples show it. */
#pragma once

#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "engine/data/nd.h"

typedef struct fn fn;
typedef struct layer layer;
typedef struct worker worker;
struct task_view;

enum lit_kind {
    LIT_NONE,
    LIT_BOOL,
    LIT_INT,
    LIT_FLOAT,
    LIT_STR,
    LIT_DTYPE,
    LIT_SLICE, /* start, stop, step: INT64_MIN is None */
    LIT_LIST,
    LIT_TUPLE,
    LIT_CALL, /* the result of calling item[0], a fn of the language, with the others: a task within
                 a task, made where the outer one runs */
    LIT_DATUM, /* any datum: a block, a fn, a value of the language; n = 1: a 0-d block that users
                  wrote as a plain number */
    LIT_IN,    /* the i-th input of the task */
};

typedef struct lit {
    uint8_t kind;
    uint32_t n; /* LIT_LIST, LIT_TUPLE, LIT_CALL: items */
    union {
        int64_t i;
        double f;
        const char *s;
        dtype_of t;
        struct {
            int64_t start, stop, step;
        } slice;
        const struct lit *item;
        datum *d; /* borrowed from whoever holds the literal */
    };
} lit;

static inline lit lit_int(int64_t i)
{
    return (lit){.kind = LIT_INT, .i = i};
}
static inline lit lit_float(double f)
{
    return (lit){.kind = LIT_FLOAT, .f = f};
}
static inline lit lit_in(int64_t i)
{
    return (lit){.kind = LIT_IN, .i = i};
}
static inline lit lit_dtype(dtype_of t)
{
    return (lit){.kind = LIT_DTYPE, .t = t};
}
static inline lit lit_str(const char *s)
{
    return (lit){.kind = LIT_STR, .s = s};
}
static inline lit lit_datum(const void *d)
{
    return (lit){.kind = LIT_DATUM, .d = (datum *)(uintptr_t)d};
}
static inline lit lit_slice(int64_t start, int64_t stop, int64_t step)
{
    return (lit){.kind = LIT_SLICE, .slice = {start, stop, step}};
}
static inline lit lit_bool(bool b)
{
    return (lit){.kind = LIT_BOOL, .i = b};
}
static inline bool lit_has_items(const lit *x)
{
    return x->kind == LIT_LIST || x->kind == LIT_TUPLE || x->kind == LIT_CALL;
}
static inline lit lit_items(enum lit_kind kind, uint32_t n, const lit *item)
{
    return (lit){.kind = (uint8_t)kind, .n = n, .item = item};
}
/* a tuple of ints, in the arena */
lit lit_ints(arena *a, int n, const int64_t *i);

/* A literal that travels as a value (a task that is data): owns a deep copy. */
typedef struct litbox {
    datum hdr;
    arena mem;
    lit value;
} litbox;
extern const datum_kind litbox_kind;
litbox *litbox_new(const lit *value);

/* Several datums under one name each, what Dask hands between tasks as a dict or tuple (the n and
 * total of a mean, the values and indices of an argmin). */
typedef struct pack {
    datum hdr;
    uint32_t n;
    const char *const *name; /* constants; NULL: a tuple */
    datum *item[];
} pack;
extern const datum_kind pack_kind;
pack *pack_new(uint32_t n, const char *const *name, datum *const *item); /* takes the items */
static inline pack *as_pack(datum *d)
{
    return d && d->kind == &pack_kind ? (pack *)d : NULL;
}
static inline nd *as_nd(const datum *d)
{
    return d && d->kind == &nd_kind ? (nd *)(uintptr_t)d : NULL;
}

/* One call of a fn. */
typedef struct call {
    datum *const *in; /* borrowed */
    uint32_t nin, narg;
    const lit *arg;
    const layer *of; /* the task's place in the logical graph; NULL when called by hand */
    uint64_t index;
    worker *worker;    /* whose thread this is; NULL: not a worker of a pool */
    nd *into;          /* elementwise: where the result may go, if it has this type; or NULL */
    nd *const *places; /* fn_kind.heirs: where each item of the tuple may go, or NULL; or NULL */
    bool *go_home; /* a worker's fn that finds it may only run on the calling thread sets this and
                      answers NULL: the task is run again there. NULL: already there */
    const struct snapshots *snap; /* eager sources as they were when the run started, or NULL */
} call;

enum fn_flags {
    FN_HOME = 1,   /* only the thread that called compute() may run it */
    FN_IMPURE = 2, /* has side effects: never run twice, never skipped */
    FN_FOREIGN =
        4, /* runs code of the language: not fused, may sleep, needs a worker's user slot */
};

/* What a call takes beside its inputs and its result; see plan/cost.h. */
typedef struct fn_cost {
    bool view;      /* the result looks into the first input, or needs no memory at all */
    bool nothing;   /* the result is not worth counting */
    bool streams;   /* fetches inputs that are not in memory (datum_kind.fetch) one at a time, */
    bool parts;     /* and only what it uses of them (fetch_part) */
    bool merges;    /* each element of what it is given is in the result once at most */
    bool joins;     /* several inputs become one block first, */
    bool folds;     /* unless they can be added up one after the other, and stream (expr/fold.h) */
    uint8_t joined; /* blocks of that size that it makes meanwhile; 0: one */
    uint8_t items;  /* blocks that the result consists of; 0: one */
    uint8_t maybe;  /* copies more that it may make, for all we know */
    uint8_t copies; /* blocks as large as its largest input that it makes meanwhile */
    bool exact;     /* what it is given beside its first input does not tell the result's size */
    bool picks;     /* the result is elements of what it is given: no more of them than these */
    bool product;   /* of its first two inputs, as matrices */
    float ns;       /* for an element of its largest block, on one thread; 0: a simple loop's */
} fn_cost;

/* A parameter of a fn as it travels. */
typedef struct fn_field {
    enum { FIELD_END, FIELD_RAW, FIELD_COUNTED, FIELD_STRING, FIELD_IN } kind;
    uint32_t at, size;
    const void *row; /* FIELD_IN: it points at one of n rows of a constant table */
    uint32_t n, step;
} fn_field;
// clang-format off
#define PARAM(T, m)         {.kind = FIELD_RAW, .at = offsetof(T, m), .size = sizeof(((T *)0)->m)}
#define PARAMS_FROM(T, m)   {.kind = FIELD_RAW, .at = offsetof(T, m), \
                             .size = sizeof(T) - offsetof(T, m)} /* all to the end, no pointers */
#define PARAM_DATUM(T, m)   {.kind = FIELD_COUNTED, .at = offsetof(T, m)}
#define PARAM_TEXT(T, m)    {.kind = FIELD_STRING, .at = offsetof(T, m)} /* owned */
#define PARAM_ROW(T, m, table, count) \
    {.kind = FIELD_IN, .at = offsetof(T, m), .row = table, .n = count, .step = sizeof *(table)}
// clang-format on

typedef struct fn_kind {
    const char *name; /* of the operation; with `version` the same everywhere and for ever */
    uint32_t version;
    /* The result is owned by the caller; NULL: failed. */
    datum *(*call)(const fn *f, const call *c, err *e);
    void (*drop)(fn *f);          /* releases what f holds, not f; may be NULL */
    const struct tile_kind *tile; /* how it runs on a piece of a block; NULL: whole blocks only */
    /* What it takes, a letter for each argument, since users call it with what they like: 'x' a
     * block, 'X' a block or (nested lists of) blocks, 'n' a number, 'f' a float, 'i' an int, 't' a
     * dtype, 's' a shape, 'k' an index, 'l' a list or tuple, '.' anything (call looks itself).  '?'
     * after a letter: may be missing; at the end '+': any number more, as the last letter says;
     * '*': any number more of anything.     * NULL: call looks itself.  Blocks must have as many
     * axes as fn.rank says. */
    const char *takes;
    /* Told of every task of it that a plan takes up, on the thread that makes the plan; may be
     * NULL. */
    void (*prepare)(const fn *f, const struct task_view *v);
    /* The same for a task that runs later, on any thread: what f reads and others may change
     * meanwhile is as it is now.  Owned; NULL: itself. */
    fn *(*settle)(const fn *f, err *e);
    /* Of a fn that gives tuples: one that makes only the items of the set (bit i: item i) and
     * anything at all for the others, or NULL: it saves nothing.  Owned.  On the thread that makes
     * the plan; may be NULL. */
    fn *(*items)(const fn *f, uint64_t set);
    /* Of a fn that gives tuples of blocks: item i may take the place of argument heirs + i, an
     * input that nobody else looks at (call.places).  0: no. */
    uint8_t heirs;
    fn_cost cost;
    /* cost.parts: how tasks of it cut block i of what they read, a grid over the block, so that it
     * can be kept as they will ask for it; may be NULL, and answer NULL. */
    struct grid *(*tiles)(const fn *f, uint64_t i);
    /* How it travels to other processes (fn_wire.c): size 0, not at all. */
    size_t size;                   /* of the whole fn */
    const struct fn_field *fields; /* its own parameters; NULL: none */
    /* What fields cannot say, behind them.  load finds it zeroed; what it has set when it fails,
     * drop lets go of. */
    bool (*save)(const fn *f, struct wire_out *w, err *e);
    bool (*load)(fn *f, struct wire_in *r, err *e);
} fn_kind;

struct fn {
    datum hdr;
    const fn_kind *kind;
    char *name; /* as users see it: "add", "sum_chunk"; owned */
    hash128 id; /* kind and parameters: equal means interchangeable */
    uint32_t flags;
    float ns;                     /* see fn_cost; 0: as its kind says */
    uint8_t copies, maybe, items; /* more than its kind says */
    uint32_t share; /* so many results together have the size that grids give to each; 0: one */
    struct rank {   /* axes that blocks of argument 0, 1, and all others must have */
        uint8_t lo, hi;
    } rank[3];
};

extern const datum_kind fn_datum; /* datum kind of every fn */
static inline fn *as_fn(const datum *d)
{
    return d && d->kind == &fn_datum ? (fn *)(uintptr_t)d : NULL;
}
/* `size` bytes, zeroed, fn first. The caller fills the rest, then may fn_identify(). */
void *fn_new(size_t size, const fn_kind *kind, const char *name);
/* id from name, kind and `n` bytes of parameters */
void fn_identify(fn *f, const void *param, size_t n);
/* The blocks of argument `arg` (2: of all others) have between lo and hi axes. */
void fn_ranks(fn *f, int arg, int lo, int hi);
enum {
    FN_ELEMENTWISE = 8, /* element i of the result depends on elements i of the (broadcast)
                           arguments alone; axes lie in memory in NumPy's order 'K' */
    FN_VIEW = 16,       /* moves no element: the result shows argument 0's memory (almost always) */
    FN_ITEM = 32,       /* gives argument0[argument1] */
    FN_SQUARE = 64,     /* blocks are to be square matrices */
    FN_LIBRARY = 128,   /* of a library, not of the user: its name says what it does */
};
static inline bool fn_is_native(const fn *f)
{
    return !(f->flags & (FN_HOME | FN_IMPURE | FN_FOREIGN));
}
/* Do the arguments have the kinds and ranks that it takes? */
bool fn_takes(const fn *f, const call *c, err *e);
/* Objects of the language are counted without locks: only the thread that has them may see them. */
static inline bool call_meets_objects(const call *c)
{
    for (uint32_t k = 0; k < c->nin; k++) {
        const nd *x = as_nd(c->in[k]);
        if (x && x->dtype == DT_object) return true;
    }
    return false;
}
static inline datum *fn_call(const fn *f, const call *c, err *e)
{
    if (c->go_home && call_meets_objects(c)) return *c->go_home = true, NULL;
    if (f->kind->takes && !fn_takes(f, c, e)) return NULL;
    for (uint32_t k = 0; k < c->nin && fn_is_native(f); k++)
        if (c->in[k]->kind->apply) return (datum *)c->in[k]->kind->apply(f, c, e);
    return f->kind->call(f, c, e);
}

/* Deep copy of a literal into an arena; its datums are counted: lit_release() when the arena goes.
 */
lit lit_copy(arena *a, const lit *x);
void lit_release(const lit *x);
/* the bytes that identify it */
void lit_hash(strbuf *b, const lit *x);

/* A list or tuple of at most 32 extents, the product of which is no absurd number. */
bool lit_is_shape(const lit *x);
/* The nd that argument `x` stands for: an input or a literal block; NULL and TypeError otherwise.
 * Borrowed. */
nd *arg_nd(const call *c, const lit *x, err *e);
/* The datum likewise, whatever it is. */
datum *arg_datum(const call *c, const lit *x);
