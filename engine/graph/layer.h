/* engine/graph/layer.h - the logical graph, on demand.
 *
 * A layer is a node of the DAG that users see as x.dask: a name, the layers it reads, and a
 * number of tasks that are made only when somebody asks for one.  Tasks are numbered densely; the
 * first ones are the blocks of `grid` in C order, helpers (the splits of a rechunk) follow.
 * Layers are immutable; identical names mean identical content. */
#pragma once

#include "engine/data/grid.h"
#include "engine/graph/fn.h"

typedef struct ref { /* a task: the i-th of a layer */
    const layer *of;
    uint64_t i;
} ref;

typedef struct key { /* ("sum-<hash>", 0, 3); n < 0: the bare string */
    const char *name;
    const char *sub; /* ("cumsum-<hash>", "extra", 0, 3): a second string; NULL: none */
    int n;
    int64_t i[GRID_MAXDIM];
} key;

/* What a task is.  f: a call of f with arg[]; value: data; neither: another name for in[0].
 * Everything but the datums lives in the arena that was given. */
typedef struct task_view {
    const fn *f;
    datum *value; /* borrowed from the layer */
    uint32_t narg, nin;
    const lit *arg;
    const ref *in;
} task_view;

typedef struct layer_kind {
    const char *name;
    bool (*task)(const layer *l, uint64_t i, arena *a, task_view *out, err *e);
    void (*key)(const layer *l, uint64_t i, key *out);       /* NULL: (name, block ...) */
    bool (*find)(const layer *l, const key *k, uint64_t *i); /* NULL: likewise */
    void (*drop)(layer *l);                                  /* what the kind added; may be NULL */
    uint64_t (*bytes)(const layer *l,
                      uint64_t i); /* of what no grid tells; 0: not known. Or NULL */
    bool one_fn;                   /* that all its tasks call */
} layer_kind;

enum layer_flags {
    LAYER_BLOCKWISE = 1,  /* Dask shows it as Blockwise (else MaterializedLayer) */
    LAYER_DATA = 2,       /* users see the blocks themselves as its tasks: run one to show it */
    LAYER_LEAF = 4,       /* its tasks read no other task */
    LAYER_ONE_TO_ONE = 8, /* task i reads block i of each dependency and nothing else */
    LAYER_ONCE = 16,      /* each task reads one block, no block is read twice */
    LAYER_APART = 32,     /* built from several arrays, be they equal: shown before what it reads */
    LAYER_PLACE = 64,     /* numbers of blocks: shown before the other layers that are read */
    LAYER_MIXED = 128,    /* a table that holds keys of other names as well */
};

struct layer {
    datum hdr;
    const layer_kind *kind;
    char *name;       /* "sum-aggregate-<32 hex>", owned */
    hash128 id;       /* of the name */
    uint64_t count;   /* tasks */
    uint64_t nhidden; /* the last of them: parts of other tasks, without keys that users see */
    grid *grid;       /* chunks of its blocks; NULL: tasks are not blocks of an array */
    dtype_of type;
    uint32_t flags, depth;
    bool foreign; /* blocks are things of the language, not nds; so are those of what reads it */
    uint32_t ndep, nalso;
    layer **dep; /* ndep that it reads, then nalso that merely show beside it (Dask keeps u's
                    layers in s of an svd) */
    void *site;  /* the user's line that built it; stdlib's, may be NULL */
};

extern const datum_kind layer_datum;

/* `size` bytes, zeroed but for the layer.  `name` is copied.  Counts deps and grid. */
void *layer_new(size_t size, const layer_kind *kind, const char *name, grid *g, dtype_of t,
                uint32_t ndep, layer *const *dep);
void layer_also(layer *l, uint32_t n, layer *const *also); /* before anybody else sees l */

/* Is b another copy of a? */
static inline bool layer_same(const layer *a, const layer *b)
{
    return a == b || (hash128_eq(a->id, b->id) && a->kind == b->kind && a->count == b->count);
}

static inline uint64_t layer_shown(const layer *l)
{
    return l->count - l->nhidden;
}
void layer_key(const layer *l, uint64_t i, key *out);
bool key_same(const key *a, const key *b);
uint64_t key_hash(const key *k);              /* of keys without a second string */
bool layer_named(const layer *l, uint64_t i); /* has task i a key? */
bool layer_find(const layer *l, const key *k, uint64_t *i);
static inline bool layer_task(const layer *l, uint64_t i, arena *a, task_view *out, err *e)
{
    *out = (task_view){0};
    return l->kind->task(l, i, a, out, e);
}
/* Runs the very step of a task, given its inputs: what a callable in dict(x.dask) does. */
datum *layer_run(const layer *l, uint64_t i, uint32_t nin, datum *const *in, err *e);
/* "('sum-<hash>', 0, 3)"; mem_free it */
char *key_text(const key *k);

/* Every layer that the roots reach, each once: dependencies before dependents, in the order in
 * which Dask's HighLevelGraph prints them. */
typedef struct layers {
    uint32_t n;
    const layer **at; /* borrowed from the roots */
} layers;
layers layers_of(uint32_t n, layer *const *root);
uint64_t layers_count(const layers *l); /* len(x.dask) */
void layers_clear(layers *l);

/* --- names --- */

/* A name under construction: everything that decides the content, then the prefix. */
typedef struct token {
    strbuf b;
} token;
void token_add(token *t, const void *p, size_t n);
void token_int(token *t, int64_t i);
void token_text(token *t, const char *s);
void token_lit(token *t, const lit *x);
void token_grid(token *t, const grid *g);
void token_layer(token *t, const layer *l);
/* "prefix-<32 hex>", mem_free it; the token is empty again */
char *token_name(token *t, const char *prefix);
/* "prefix-xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx": never twice */
char *unique_name(const char *prefix);
/* "prefix-<32 hex>" likewise */
char *unique_token(const char *prefix);

/* --- layers without a rule: explicit tables --- */

/* Hand-written graphs, delayed, persisted results.  Ids are dense; add in any order, inputs may be
 * named before they are defined. */
typedef struct graph_builder graph_builder;
graph_builder *graph_builder_new(const char *name);
/* a key of this layer; coordinates NULL and n < 0: the bare string.  keyname NULL: the layer's.
 * Answers the id.  Keys need not be given when nobody asks for them (anonymous tasks). */
uint64_t graph_add_key(graph_builder *b, const char *keyname, int n, const int64_t *i);
/* A task within a task, after all keys: (f, (g, x)). */
uint64_t graph_add_part(graph_builder *b);
/* `in`: where LIT_IN k of the arguments comes from: (NULL, id) here, (layer, i) elsewhere.  f and
 * the arguments' datums are counted.  narg may be 0 with nin > 0: the inputs are the arguments. */
void graph_set_task(graph_builder *b, uint64_t id, const fn *f, uint32_t narg, const lit *arg,
                    uint32_t nin, const ref *in);
/* How much it gives, for forecasts: of tasks that are no blocks, when whoever builds them knows. */
void graph_set_bytes(graph_builder *b, uint64_t id, uint64_t bytes);
void graph_set_value(graph_builder *b, uint64_t id, datum *value); /* counts value */
void graph_set_alias(graph_builder *b, uint64_t id, ref target);
/* Ends the building.  g (may be NULL) makes the first tasks blocks of an array. RuntimeError
 * naming the keys when the graph has a cycle. */
layer *graph_build(graph_builder *b, grid *g, dtype_of t, err *e);
void graph_builder_free(graph_builder *b); /* only when not built */
