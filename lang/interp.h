/* lang/interp.h - what an interpreter consists of; for the files of lang only.
 *
 * Nothing in here is shared between threads except what is reached through `const`
 * pointers (types, tables) and counted datums (code). */
#pragma once

#include "lang/lang.h"

typedef struct frame frame;
typedef struct link link;
typedef struct klass klass;

/* ---- objects in memory (gc.c) ---- */

/* In front of an obj stand, from the outside in: gc_head when OBJ_GC, dict_head when OBJ_DICT. */
typedef struct gc_head {
    struct gc_head *next, *prev;
} gc_head;
typedef struct dict_head {
    struct weak *weak; /* weak references to the object */
    dict *dict;        /* instance dict, made on the first write */
} dict_head;

static inline dict_head *obj_head(obj *o) /* only when o->flags & OBJ_DICT */
{
    return (dict_head *)(void *)o - 1;
}

enum { POOL_STEP = 16, POOL_MAX = 512, POOL_CHUNK = 256 * 1024 };

typedef struct pool { /* free lists of small blocks, by size */
    void *free[POOL_MAX / POOL_STEP + 1];
    char *at, *end;
    void *chunks;
    size_t nchunk,
        nlooked; /* how many; how many were left when it was last looked for unused ones */
} pool;

/* ---- blocks.c ---- */

void *block_more(interp *in, size_t n);           /* there is no free block of that size */
void *block_big(interp *in, size_t n, bool zero); /* NULL: no memory, and perhaps an exception */
/* A block by itself; NULL: MemoryError */
void *block_grow(interp *in, void *p, size_t had, size_t want);
void blocks_close(interp *in);
void no_room(interp *in); /* MemoryError, unless that was said already */
/* At a safe point: false and MemoryError when small blocks were taken that should not have been. */
bool blocks_suffice(interp *in);

/* ---- gc.c ---- */

void block_free(interp *in, void *p, size_t n);
/* Storage that grows: p, of `had` bytes, as `want` bytes; small ones come from the pool. NULL with
 * MemoryError: p is as it was. */
void *items_grow(interp *in, void *p, size_t had, size_t want);
void items_free(interp *in, void *p, size_t had); /* NULL is fine */
/* An instance of a builtin type that is no container and has no dict; only its header is set.
 * NULL: MemoryError */
void *obj_flat(interp *in, const type *t, size_t size);
/* More room for a plain object in a big block, with some to spare; NULL: it is not one. */
void *obj_grow(interp *in, obj *o, size_t size);
void gc_open(interp *in);
void gc_close(interp *in); /* frees what still lives */
int64_t gc_collect(interp *in);
/* between two instructions: polls Ctrl-C, sweeps when many containers were made */
bool safe_point(interp *in);
void safe_point_ask(interp *in); /* there will be one soon */

/* ---- what the interpreter knows of one type ---- */

typedef struct typeinfo { /* of a builtin type: made on first use */
    const type *type;
    dict *attrs;
    const type **mro;
    uint32_t nmro;
} typeinfo;

typedef struct method_slot { /* one line of the lookup cache */
    const type *type;
    str *name;
    uint64_t version;
    value val; /* borrowed; FAIL: known to be absent */
} method_slot;
enum { NMETHOD = 256 };

/* names that the language itself looks up: in->name.__init__ */
// clang-format off
#define LANG_NAMES(X) \
    X(__init__) X(__new__) X(__del__) X(__call__) X(__dict__) X(__class__) X(__doc__) \
    X(__name__) X(__qualname__) X(__module__) X(__bases__) X(__mro__) X(__slots__) \
    X(__annotations__) X(__init_subclass__) X(__set_name__) X(__class_getitem__) \
    X(__classcell__) X(__prepare__) X(__getattr__) X(__getattribute__) X(__setattr__) \
    X(__delattr__) X(__get__) X(__set__) X(__delete__) X(__enter__) X(__exit__) X(__iter__) \
    X(__next__) X(__all__) X(__path__) X(__file__) X(__builtins__) X(__package__) X(__spec__) \
    X(__loader__) X(__notes__) X(__missing__) X(__mro_entries__) X(__instancecheck__) \
    X(__subclasscheck__) X(__await__) X(__aiter__) X(__anext__) X(__aenter__) X(__aexit__) \
    X(__match_args__) X(__class__cell) X(__hash__) X(__eq__) X(__len__) X(__bool__) \
    X(__reversed__) X(__length_hint__) X(__import__) X(__main__) X(builtins) X(metaclass) \
    X(send) X(close) X(keys) X(__isabstractmethod__) X(__abstractmethods__) X(__wrapped__) \
    X(__dir__) X(__getstate__)
// clang-format on

struct interp {
    /* hot: touched by every call or loop turn */
    frame *frame;            /* the one that runs; NULL outside Python code */
    value exc;               /* pending exception, FAIL when none */
    const _Atomic int *poll; /* not 0: a safe point is due (Ctrl-C, a sweep) */
    int32_t depth, limit;    /* Python calls in progress, and how many may be */
    int32_t quick_limit;     /* how many may be pushed quickly: limit, 0 under a profile */
    uint32_t nhandling;      /* frames that are inside an except clause */
    uint32_t freeing;        /* depth of obj_free */
    uint64_t version;        /* the last one given to a dict or class */
    value *stack_end;        /* of the register segment in use */
    char *c_limit;           /* the C stack must not reach below */
    pool pool;

    host host;
    const module_def *const *defs;
    sleep_hook on_sleep;
    interp *outer; /* current on this thread before it was opened */
    interp *home;  /* the interpreter this worker works for; NULL: it is one */

    gc_head gc;         /* ring of the containers */
    int64_t ngc, gc_at; /* how many; at how many the next sweep is due */
    bool gc_off, in_sweep;
    obj **trash; /* deep structures: waiting for their turn in obj_free */
    size_t ntrash, trash_cap;
    struct pile *bin; /* what waits for a better time to be dropped (bin.h) */
    size_t nbin, bin_cap;
    struct sweep *sweep; /* garbage that is being dropped */
    gc_head *relink;     /* a sweep was stopped: from here on `prev` is not set; else NULL */
    bool haste;          /* a Ctrl-C is on its way to the prompt */
    const obj *struck;   /* the exception that it became; only compared */
    bool patient;        /* nobody will ever wait again: the interpreter closes */

    str *empty; /* '' */
    str **intern;
    size_t nintern, intern_cap;
    typeinfo **types; /* open addressing by address */
    uint32_t ntypes, types_cap;
    uint32_t
        sure; /* tables of our own are made: not stopped, and memory comes or all ends (mem.h) */
    method_slot method[NMETHOD];
    struct sig_row **sigs; /* parsed signatures, open addressing by row */
    uint32_t nsigs, sigs_cap;
    link **links; /* linked code, open addressing by code */
    uint32_t nlinks, links_cap;
    const type *scalar[64];
    klass *klasses;                /* every user class */
    str **dunder;                  /* names of the rows of types/dunder.def */
    struct dunder_ids *dunder_ids; /* the same by name */

    dict *modules, *builtins, *main; /* sys.modules, namespaces */
    dict *begun; /* modules of the library that could not be imported, for the next time; NULL */
    list *path;  /* sys.path */
    list *argv;
    dict *warned;  /* warnings already shown */
    list *filters; /* of warnings */
    dict *sources; /* filename -> text, for tracebacks of what is in no file */
    struct segment *segment;
    frame *spare_frames;
    struct profile *profile; /* that counts calls now; NULL: none does */
    struct frame_block *frame_blocks;
    void *ext;           /* freeze.c: capsules held, the trap */
    int32_t digit_limit; /* of int <-> str; 0: Python's own, -1: none */
    value build_class;   /* what class statements call */
    value stop;       /* the value an exhausted iterator ended with (StopIteration.value); FAIL */
    value arithmetic; /* what decimal arithmetic goes by; FAIL: nobody has asked yet */
    value echo;       /* of a cell: its last expression statement */
    bool left_asides; /* a long call was left to itself (aside.c) */
    struct threads *threads; /* NULL: the program has started none */
    char *starved;           /* what MemoryError says at the next safe point; NULL: there is none */
    bool trapped;            /* a write to a frozen object: unwinds everything, no handler runs */
    struct {
#define X_NAME(n) str *n;
        LANG_NAMES(X_NAME)
#undef X_NAME
    } name;
};

/* Asked on every back-edge and return. */
static inline bool safe_point_due(const interp *in)
{
    return __builtin_expect(atomic_load_explicit(in->poll, memory_order_relaxed) != 0, 0);
}

/* KeyboardInterrupt: from here to the prompt, what takes long to drop is dropped later. */
void hurry(interp *in);
void haste_over(interp *in); /* the program has caught it, unless others are at it */

/* In turn k of a loop without calls that may be long: false and KeyboardInterrupt after Ctrl-C. */
static inline bool goes_on(interp *in, size_t k)
{
    enum { OFTEN = 1 << 14 };
    return k % OFTEN || !safe_point_due(in) || in->sure || check_interrupt(in);
}

static inline uint64_t next_version(interp *in)
{
    return ++in->version;
}

str *intern_find(interp *in, str *s); /* lends the interned twin of s, NULL if it has none */

/* ---- lookups (types/type.c) ---- */

dict *type_attrs(interp *in, const type *t); /* lends the class's own namespace */
const type *const *type_mro(interp *in, const type *t, uint32_t *n);
void types_changed(interp *in, const type *t);

/* ---- written by their files, opened and closed by interp.c ---- */

bool modules_open(interp *in);
void modules_close(interp *in);
void frames_close(interp *in);
void frames_give_back(interp *in); /* what a deep recursion took, once none are in use */
void links_close(interp *in);
void sigs_close(interp *in);
void types_close(interp *in);

/* AttributeError: 'int' object has no attribute 'x' */
value throw_attr(interp *in, value on, str *name);
/* An AttributeError that says neither, as one that __getattr__ raises, is about this name of v.
 * FAIL */
value attr_failed(interp *in, value v, str *name);
list *value_dir(interp *in, value v); /* dir(v); FAIL: of the frame that runs */

/* The write of a frozen object: in a worker unwinds to the caller (uncatchable), else TypeError. */
value trap(interp *in, obj *o);
