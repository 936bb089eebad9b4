/* engine/expr/expr.h - a lazy array: what to compute, not yet how.
 *
 * An expr is a view of a layer of the logical graph: the layer's blocks, their grid and dtype,
 * exactly Dask's (graph, name, chunks, meta).  Constructors infer dtype and chunks, report every
 * mistake that can be known without data in NumPy's or Dask's words, and build the one or more
 * layers Dask would build.  Parameters are borrowed, results are owned by the caller, NULL
 * operands give NULL (so calls chain).  Exprs are immutable; any thread may hold them. */
#pragma once

#include "engine/graph/layer.h"
#include "engine/kernels/index.h"
#include "engine/kernels/random.h"
#include "engine/kernels/reduce.h"
#include "engine/kernels/scan.h"
#include "engine/kernels/ufunc.h"

typedef struct expr {
    datum hdr;
    layer *of;
    grid *chunks; /* = of->grid */
    dtype_of type;
    datum *meta; /* stdlib's, when blocks are not plain arrays (masked ...); else NULL */
} expr;

extern const datum_kind expr_datum;

static inline expr *expr_ref(const expr *x)
{
    return datum_ref((expr *)(uintptr_t)x);
}
static inline const char *expr_name(const expr *x)
{
    return x->of->name;
}
static inline int expr_ndim(const expr *x)
{
    return x->chunks->ndim;
}
static inline expr *as_expr(const datum *d)
{
    return d && d->kind == &expr_datum ? (expr *)(uintptr_t)d : NULL;
}
/* Takes the layer (which must have a grid). */
expr *expr_of_layer(layer *l);
expr *expr_with_meta(const expr *x, datum *meta); /* counts meta */
/* same layer and keys, other chunk sizes (compute_chunk_sizes) */
expr *expr_with_chunks(const expr *x, grid *g, err *e);
void expr_shape(const expr *x, int64_t shape[GRID_MAXDIM]); /* -1: unknown */
/* "(4, 4)", "(nan, 3)" */
char *expr_shape_text(const expr *x);

/* How the layer is called.  name: the whole name; else prefix + token; else the default prefix. */
typedef struct label {
    const char *prefix, *name;
} label;

/* --- sources (source.c, array.c, random.c) --- */

/* Every element is `value` (0-d); NULL: Dask's empty.  Default prefix ones/zeros/full/empty is the
 * caller's choice ("ones_like" is what Dask shows). */
expr *expr_full(label l, grid *g, dtype_of t, const nd *value, err *e);
/* number of elements is the grid's; start and step: LIT_INT or LIT_FLOAT */
expr *expr_arange(label l, lit start, lit step, grid *g, dtype_of t, err *e);
expr *expr_linspace(label l, double start, double stop, bool endpoint, grid *g, dtype_of t, err *e);
expr *expr_eye(label l, int64_t k, grid *g, dtype_of t, err *e);

/* Something that regions can be read from: an array of the language, a dataset of a file. */
typedef struct source source;
typedef struct source_kind {
    const char *name;
    /* shape/dtype are the expr's.  start, count per axis; a fresh block or a view. */
    nd *(*read)(const source *s, const int64_t *start, const int64_t *count, err *e);
    /* What a run reads from, taken on the thread that starts it (an eager array may have changed
     * since the expr was built, and may change again while tasks run).  NULL: itself. */
    source *(*snapshot)(source *s, err *e);
    void (*drop)(source *s);
    /* Do its blocks lie in memory in C order (gaps allowed)?  NULL: if they are fresh. */
    bool (*c_order)(const source *s);
    bool divisible; /* reads may be split into smaller pieces (cheap random access) */
    /* Into a C-ordered block that is the caller's; NULL: read() may answer with a view. */
    bool (*read_into)(const source *s, const int64_t *start, const int64_t *count, const nd *out,
                      err *e);
    bool home; /* only the thread that called compute() may read */
    /* What it reads, borrowed: from this another process makes such a source. NULL: none can. */
    datum *(*of)(const source *s);
} source_kind;
struct source {
    datum hdr;
    const source_kind *kind;
    bool whole; /* this one is not divisible after all (compressed chunks) */
};
extern const datum_kind source_datum;
void source_init(source *s, const source_kind *kind);
source *source_nd(const nd *x); /* an immutable block */
/* The nd behind a source_nd, or NULL. Borrowed. */
const nd *source_peek(const source *s);
/* What a run reads instead of each source. */
typedef struct snapshots {
    uint32_t n;
    struct snapshot {
        source *of, *now; /* now is owned */
    } * at;
} snapshots;
/* The source whose regions the tasks of `l` read, or NULL: another kind of layer. Borrowed. */
source *layer_source(const layer *l);

/* da.from_array.  `token`: hash of the content (or of path and name); `original`: Dask adds the
 * layer "original-<name>" for everything but NumPy arrays. */
expr *expr_array(label l, source *s, hash128 content, bool original, grid *g, dtype_of t, err *e);
/* A small constant as an expr of one block: what Dask's asarray() makes of NumPy operands. */
expr *expr_constant(const nd *x);

/* --- elementwise (map.c) --- */

/* An operand: a lazy array, or a block.  `weak` marks numbers of the language (promotion by value,
 * shown as numbers). NumPy blocks of one dimension or more become arrays first, as in Dask. */
typedef struct term {
    const expr *x;   /* or */
    const nd *block; /* or */
    datum *other;    /* any value of the language, passed through */
    bool weak;
} term;

/* ufunc(operands) with broadcasting; `want` DT_none: NumPy's choice.  For ufuncs with two results
 * `out` picks one of them (modf, divmod, frexp). Default prefix: the ufunc's NumPy name; Dask's
 * operators use Python's names ("sub", "truediv"), given by the label. */
expr *expr_map(label l, const ufunc *f, int n, const term *x, dtype_of want, int out, err *e);
expr *expr_pow(label l, const term x[2], err *e); /* x[0] ** x[1], as the operator */
/* Any fn applied block by block after broadcasting chunk against chunk (Dask's elemwise). */
expr *expr_elemwise(label l, const fn *f, int n, const term *x, dtype_of t, err *e);

/* --- fns for elementwise and other block operations (blockops.c) --- */
fn *fn_pow(void); /* the operator ** */
fn *fn_ufunc(const ufunc *f, dtype_of want, int out, const char *name);
fn *fn_cast(dtype_of t, char casting); /* astype */
fn *fn_view(dtype_of t, char order);
fn *fn_round(int decimals);
fn *fn_clip(void); /* (x, lo, hi); none for absent */
fn *fn_where(void);
fn *fn_getitem(void);       /* (x, index tuple) */
fn *fn_getitem_part(void);  /* likewise; what is half of x at most is a copy in C order (Dask's) */
fn *fn_getitem_piece(void); /* the same, when all of x is taken piece by piece */
fn *fn_transpose(int ndim, const int *perm);
fn *fn_reshape(int ndim, const int64_t *shape);
/* (name, bound datum) of a pack: getitem of dicts and tuples between tasks */
fn *fn_item(uint32_t i);

/* --- blockwise (blockwise.c) --- */

typedef struct bw_arg {
    const expr *x; /* NULL: a literal */
    lit literal;
    const int *index; /* one letter (any small int) per axis of x */
} bw_arg;

enum bw_concatenate { BW_LISTS, BW_CONCATENATE };

typedef struct blockwise {
    label l;
    const fn *f;
    dtype_of type;
    int nout, narg;
    const int *out;
    const bw_arg *arg;
    enum bw_concatenate concatenate; /* of blocks along letters that are not in `out` */
    bool no_align;                   /* trust the chunks as they are */
    int nnew;                        /* new axes: letters and their chunks */
    const int *new_letter;
    cuts *const *new_axis;
    int nadjust; /* chunks that f changes: letters of out, and the result */
    const int *adjust_letter;
    cuts *const *adjust_axis;
    bool materialized; /* not shown as a Blockwise layer */
} blockwise;

expr *expr_blockwise(const blockwise *b, err *e);
/* Rechunks exprs so that equal letters have equal chunks; x[k] is replaced in place (ownership of
 * the old one passes out as the new one). */
bool exprs_unify(int n, expr **x, const int *const *index, err *e);

/* A companion layer whose tasks are f((i, j ...)), or the tuples themselves when f is NULL: the
 * block-id- and block-info- layers of map_blocks. */
expr *expr_block_ids(label l, const fn *f, grid *g, err *e);

/* --- block by block, and all at once (byblock.c) --- */

typedef struct by_block {
    const char *name;
    const fn *f;
    int narg;
    const struct block_arg {
        const expr *x; /* NULL: a literal */
        lit literal;
    } * arg;
    grid *chunks;
    dtype_of type;
    bool blockwise; /* shown as a Blockwise layer */
} by_block;

/* Block i of the result is f of the arguments, arrays standing for their blocks i (or
 * only blocks). */
expr *expr_by_block(const by_block *b, err *e);
/* The only block is f of the arguments, the first array standing for the list of all its blocks.
 * merge (or NULL) makes of a list of some of them, `most` of them at once, what f takes as one. */
expr *expr_gather(const by_block *b, const fn *merge, uint64_t most, err *e);

/* --- reductions (reduce.c) --- */

typedef struct reduce_tree {
    label l; /* prefix of the final layer: "sum" -> "sum-aggregate" */
    const char *chunk_prefix, *combine_prefix; /* "sum"; "sum" -> "sum-partial" */
    const expr *x;
    uint32_t axes; /* bits; ALL_AXES */
    bool keepdims;
    dtype_of type;
    const fn *chunk, *combine, *aggregate; /* chunk NULL: x is what it gave; combine: aggregate */
    bool lists;                            /* combine gets nested lists, not joined blocks */
    int64_t split_every;                   /* 0: Dask's 16 (config), else total */
    const int64_t *split_axis;             /* or one per axis (dict form) */
    int64_t output_size;                   /* of the reduced axes with keepdims; 0: 1 */
    const expr *weights;
} reduce_tree;
expr *expr_reduce_tree(const reduce_tree *r, err *e);

typedef struct reduce_args {
    label l;
    uint32_t axes;
    uint64_t turn; /* the axes in another than ascending order, 4 bits each; or 0 */
    bool keepdims;
    dtype_of want; /* DT_none: NumPy's */
    double ddof;
    int order; /* moment */
    int64_t split_every;
    const int64_t *split_axis;
} reduce_args;
/* sum prod min max any all mean var std moment, their nan variants, argmin argmax nanarg*; by
 * NumPy name. */
expr *expr_reduce(const char *name, const expr *x, const reduce_args *a, err *e);
expr *expr_topk(label l, const expr *x, int64_t k, int axis, int64_t split_every, bool arg, err *e);

/* A 1-d array in ascending order, NaN last, in the same chunks (sort.c). Not Dask's. */
expr *expr_sort(const expr *x, err *e);

/* What makes the distinct elements of a block, and of a list of several blocks' (unique.c): packs
 * of "values", and "index" and "counts" by `want` (UNIQUE_*); bare: values alone. */
fn *fn_unique(unsigned want);
fn *fn_unique_merge(unsigned want, bool bare);
fn *fn_unique_item(void); /* (pack, name) */
/* (block, all distinct elements in order): where the block's are among them (unique_inverse.c) */
fn *fn_unique_inverse(void);

/* method: 's'equential, 'b'lelloch */
expr *expr_scan(label l, const scan *s, const expr *x, int axis, dtype_of want, char method,
                err *e);

/* --- indexing (index.c, take.c, setitem.c) --- */

typedef struct expr_item {
    index_item item;
    const expr *lazy; /* an int or bool expr instead of the item, or NULL */
} expr_item;
expr *expr_index(const expr *x, int n, const expr_item *items, err *e);
expr *expr_blocks(const expr *x, int n, const index_item *items, err *e);
/* pointwise: all arrays broadcast together */
expr *expr_vindex(const expr *x, int n, const index_item *items, err *e);
expr *expr_take(const expr *x, const nd *indices, int axis, err *e);
/* x with x[items] = value; value: expr or block */
expr *expr_setitem(const expr *x, int n, const expr_item *items, const term *value, err *e);

/* --- moving (rechunk.c, reshape.c, join.c, transpose in blockwise.c) --- */

expr *expr_transpose(label l, const expr *x, const int *perm, err *e);
/* threshold and limit 0: Dask's 4 and array.chunk-size */
expr *expr_rechunk(const expr *x, grid *to, int64_t threshold, int64_t limit, err *e);
expr *expr_reshape(const expr *x, int ndim, const int64_t *shape, bool merge_chunks, err *e);
expr *expr_concat(int n, const expr *const *x, int axis, bool allow_unknown, err *e);
expr *expr_stack(int n, const expr *const *x, int axis, bool allow_unknown, err *e);
/* chunks NULL: Dask's choice */
expr *expr_broadcast_to(const expr *x, int ndim, const int64_t *shape, grid *chunks, err *e);

/* --- products (contract.c) --- */
expr *expr_tensordot(const expr *x, const expr *y, int n, const int *xaxes, const int *yaxes,
                     err *e);
expr *expr_matmul(const expr *x, const expr *y, err *e);
expr *expr_einsum(const char *subscripts, int n, const expr *const *x, dtype_of want, err *e);

/* --- neighbours (overlap.c) --- */
enum boundary_kind { EDGE_NONE, EDGE_REFLECT, EDGE_PERIODIC, EDGE_NEAREST, EDGE_VALUE };
typedef struct boundary {
    enum boundary_kind kind;
    const nd *value;
} boundary;
/* depth[2*i], depth[2*i+1]: before and after on axis i */
expr *expr_overlap(const expr *x, const int64_t *depth, const boundary *edge, err *e);
expr *expr_trim(const expr *x, const int64_t *depth, const boundary *edge, err *e);

/* --- random (random.c) --- */

enum draw_kind { DRAW_DIST, DRAW_INTEGERS, DRAW_CHOICE };
typedef struct drawing {
    label l; /* default prefix: the distribution's name */
    enum draw_kind kind;
    bool old;                 /* RandomState's algorithms (da.random's), else Generator's */
    const distribution *dist; /* DRAW_DIST */
    int nparam;
    term param[RANDOM_MAXPARAM]; /* numbers, blocks or exprs, broadcast to the result */
    dtype_of type;               /* of the result */
    rng_i128 low, high;          /* DRAW_INTEGERS */
    bool closed;
    int64_t population;  /* DRAW_CHOICE: from range(population), or the elements of from */
    const expr *from;    /* 1-d, one block; or NULL */
    const expr *weights; /* 1-d float64, one block; or NULL */
    bool replace;
} drawing;
/* One stream per block, seeded with 624 words each from `parent` (which moves on). */
expr *expr_random(const drawing *d, rng *parent, grid *g, err *e);

/* --- sinks (store.c) --- */
typedef struct sink sink;
typedef struct sink_kind {
    const char *name;
    bool (*write)(sink *s, const int64_t *start, const nd *block, err *e); /* disjoint regions */
    void (*drop)(sink *s);
} sink_kind;
struct sink {
    datum hdr;
    const sink_kind *kind;
    uint8_t copies; /* of a block that writing it may take: put in order, packed */
};
extern const datum_kind sink_datum;
void sink_init(sink *s, const sink_kind *kind);
/* an expr of one task per block, each writing its block and yielding None */
expr *expr_store(const expr *x, sink *to, const int64_t *offset, err *e);

/* --- tables --- */
/* An expr whose blocks are the first tasks of a built graph. Takes the layer. */
expr *expr_table(layer *l);
/* Persisted: the same name and chunks over results; counts the datums. */
expr *expr_stored(const expr *x, datum *const *block);
