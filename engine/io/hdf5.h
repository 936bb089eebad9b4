/* engine/io/hdf5.h - HDF5 files: groups, datasets, attributes; regions in and out of blocks.
 *
 * An h5obj is a datum: an open file, group, dataset or named type.  It may be held and read from
 * any thread.  Closing the file makes every h5obj of it stale: whatever is asked of it then fails
 * with h5py's sentence.  All sentences and error kinds are those h5py 3.7 gives.
 *
 * Threads: calls are safe from any thread.  The HDF5 library works one call at a time; reads of
 * contiguous data and of chunks stored plain or with shuffle, deflate, lzf and fletcher32 do not
 * need it (hdf5_read.c).
 *
 * The library is opened on the first call (OSError when it is not there). */
#pragma once

#include "engine/data/nd.h"

typedef struct h5obj h5obj;
extern const datum_kind h5_kind; /* an h5obj's datum kind */

enum h5_what { H5_FILE, H5_GROUP, H5_DATASET, H5_NAMEDTYPE };

/* --- element types --- */

enum h5_text {
    H5_NOT_TEXT,
    H5_FIXED,    /* fixed-length strings: blocks of dtype S<n> */
    H5_VARIABLE, /* variable-length strings: travel as h5texts, t is DT_object */
    H5_OTHER     /* no counterpart here: t is S<bytes of an element>, which cannot be moved */
};

enum { H5_MAXSUB = 4 };
enum h5_special { H5_ORDINARY, H5_REFERENCE, H5_SEQUENCE, H5_REFERENCES /* a sequence of them */ };

typedef struct h5type {
    dtype_of t;        /* as h5py shows it; `swapped` for big-endian files (blocks are native) */
    uint8_t text;      /* enum h5_text */
    bool utf8;         /* the character set of a text type, else ASCII */
    const char *other; /* of H5_OTHER: "compound", "reference" ... */
    bool named;        /* integers that have names in the file: h5_enum_names */
    uint8_t special;   /* enum h5_special: of H5_OTHER, moved as h5cells */
    dtype_of base;     /* of H5_SEQUENCE */
    uint8_t nsub;      /* members of compounds: each is an array of these extents */
    uint32_t sub[H5_MAXSUB];
} h5type;

static inline h5type h5_type_of(dtype_of t)
{
    return (h5type){.t = t, .text = t.dt == DT_bytes ? H5_FIXED : H5_NOT_TEXT};
}
static inline h5type h5_type_text(bool utf8)
{
    return (h5type){.t = dtype_plain(DT_object), .text = H5_VARIABLE, .utf8 = utf8};
}

/* n texts end to end: text i is bytes[start[i] .. start[i + 1]) */
typedef struct h5texts {
    size_t n;
    char *bytes;   /* owned */
    size_t *start; /* owned, n + 1 of them */
} h5texts;
void h5_texts_clear(h5texts *t);

/* Elements that point elsewhere: references to objects (one a cell), sequences (of any length). */
typedef struct h5cells {
    size_t n;
    size_t *start;          /* owned, n + 1: where the objects of a cell begin */
    struct h5obj **objects; /* owned and counted; NULL inside: refers to nothing */
    struct nd **arrays;     /* owned and counted, n blocks of one axis: of H5_SEQUENCE */
} h5cells;
void h5_cells_clear(h5cells *c);

/* --- files --- */

/* mode: "r", "r+", "w", "w-" / "x", "a"; ValueError otherwise */
h5obj *h5_open(const char *path, const char *mode, err *e);
typedef struct h5opening { /* {.high = 2} is as h5_open() does it */
    int64_t userblock;     /* bytes in front that are somebody else's; new files only */
    bool track_order;      /* names in the order of creation; new files only */
    bool swmr;             /* to be read while another process writes */
    int low, high;         /* formats allowed: 0 earliest, 1 v108, 2 v110 */
} h5opening;
h5obj *h5_open_as(const char *path, const char *mode, const h5opening *how, err *e);
bool h5_about(h5obj *file, h5opening *out, err *e);
bool h5_start_swmr(h5obj *file, err *e); /* others may read from now on */
bool h5_refresh(h5obj *dataset, err *e); /* what others wrote shows */
bool h5_close(h5obj *file, err *e);      /* closes everything opened through it; again is fine */
/* The same for who cannot wait: when a long call of the library is under way, after it. */
void h5_close_soon(h5obj *file);
void h5_settle(void); /* waits until all that was to be closed soon is */
bool h5_flush(h5obj *file, err *e);
bool h5_is_open(const h5obj *x);
bool h5_is_writable(const h5obj *x); /* h5py shows mode "r+" then, else "r" */
const char *h5_path(const h5obj *x); /* lends: the path given to h5_open */
h5obj *h5_file(h5obj *x);            /* lends the file x was opened through */
enum h5_what h5_what(const h5obj *x);
char *h5_name(h5obj *x, err *e);  /* "/group/data" (mem_free); "" when it has none */
bool h5_same(h5obj *a, h5obj *b); /* the same object of the same file */
/* Which object it is: the number of its open file, and its address there. */
bool h5_key(h5obj *x, uint64_t out[2], err *e);
uint64_t h5_version(const h5obj *x); /* changes whenever the file is written by this process */

/* --- groups: `at` is a file or group, `name` a path from it ("a/b", "/a/b") --- */

h5obj *h5_child(h5obj *at, const char *name, err *e); /* follows links; KeyError */
h5obj *h5_create_group(h5obj *at, const char *name, bool track_order, err *e); /* and parents */
h5obj *h5_create_anonymous(h5obj *at, err *e);                                 /* a group */
int h5_contains(h5obj *at, const char *name, err *e); /* 1 yes, 0 no, -1 failed */
int64_t h5_count(h5obj *at, err *e);                  /* members; -1 failed */
char **h5_names(h5obj *at, size_t *n, err *e);        /* h5_names_free; h5py's order */
void h5_names_free(char **names, size_t n);
bool h5_delete(h5obj *at, const char *name, err *e);
bool h5_move(h5obj *at, const char *from, const char *to, err *e);
/* how: H5O_COPY_* flags */
bool h5_copy(h5obj *from_at, const char *from, h5obj *to_at, const char *to, unsigned how, err *e);

enum h5_link { H5_HARD, H5_SOFT, H5_EXTERNAL };
typedef struct h5link {
    enum h5_link kind;
    char *path, *file; /* owned; of soft and external links, file only of external ones */
} h5link;
bool h5_link_get(h5obj *at, const char *name, h5link *out, err *e);
void h5_link_clear(h5link *l);
bool h5_link_hard(h5obj *at, const char *name, h5obj *target, err *e);
bool h5_link_soft(h5obj *at, const char *name, const char *path, err *e);
bool h5_link_external(h5obj *at, const char *name, const char *file, const char *path, err *e);

/* --- datasets --- */

enum { H5_SZIP_EC = 256 }; /* entropy coding, else nearest neighbour first */

/* A part of a virtual dataset that lies in another one; regions as in h5region. */
typedef struct h5virtual {
    const char *file, *name;
    int64_t start[ND_MAXDIM], step[ND_MAXDIM], count[ND_MAXDIM]; /* of the virtual dataset */
    int ndim;                                                    /* of the other one */
    int64_t shape[ND_MAXDIM], from[ND_MAXDIM], by[ND_MAXDIM], of[ND_MAXDIM];
} h5virtual;

typedef struct h5member { /* of a compound */
    char *name;
    h5type type;
    size_t offset;
} h5member;

typedef struct h5name { /* of a value of an enumeration */
    char *name;
    int64_t value;
} h5name;

typedef struct h5spec {
    h5type type;
    const h5name *names; /* NULL: no enumeration of integers of that type */
    size_t nname;
    const h5member *members; /* NULL: no compound; type.t.size: the bytes of one */
    size_t nmember;
    int ndim;
    const int64_t *shape;
    bool empty;              /* no elements at all: h5py.Empty */
    const int64_t *maxshape; /* NULL: as shape; -1: unlimited */
    int nmax;                /* length of maxshape */
    const int64_t *chunks;   /* NULL: contiguous, or guessed when something needs chunks */
    int nchunks;             /* length of chunks */
    bool guess;              /* chunks=True */
    const char *compression; /* "gzip", "lzf", "szip" or NULL */
    int level;       /* of gzip: 0..9; -1 for the default (4); of szip: pixels | H5_SZIP_EC */
    int scaleoffset; /* 1 + digits, or bits (0: as many as needed) of integers; 0: none */
    bool shuffle, fletcher32, track_order;
    const nd *fill;         /* 0-d; NULL: zero */
    const h5virtual *parts; /* of a virtual dataset; NULL: it has elements of its own */
    size_t npart;
} h5spec;

/* name NULL: anonymous.  Intermediate groups are created. */
h5obj *h5_create(h5obj *at, const char *name, const h5spec *spec, err *e);
/* chunks=True as h5py guesses them */
bool h5_guess_chunk(int ndim, const int64_t *shape, size_t size, int64_t *chunk, err *e);

typedef struct h5info {
    h5type type;
    int ndim;
    bool empty;
    int64_t shape[ND_MAXDIM], maxshape[ND_MAXDIM]; /* -1: unlimited */
    bool chunked;
    int64_t chunk[ND_MAXDIM];
    const char *compression; /* "gzip", "lzf", "szip", a filter's number unknown here: NULL */
    int level;               /* of gzip, of szip as in h5spec */
    int scaleoffset;         /* -1: none */
    bool shuffle, fletcher32, is_virtual;
} h5info;
bool h5_info(h5obj *dataset, h5info *out, err *e);
/* Two names a part: the file, the dataset in it; h5_names_free. */
char **h5_virtual_sources(h5obj *dataset, size_t *n, err *e);
bool h5_resize(h5obj *dataset, int ndim, const int64_t *shape, err *e);
bool h5_is_packed(h5obj *d);         /* its chunks go through filters */
nd *h5_fill(h5obj *dataset, err *e); /* fillvalue, 0-d; of variable text: b"" as S1 */
/* A type under a name. */
h5obj *h5_commit(h5obj *at, const char *name, const h5type *t, err *e);
bool h5_type_of_named(h5obj *type, h5type *out, err *e);

/* --- chunks as they lie in the file (hdf5_chunk.c) --- */

typedef struct h5chunk {
    int64_t offset[ND_MAXDIM];
    unsigned mask;   /* filters that were left out */
    int64_t address; /* -1: not there */
    int64_t size;
} h5chunk;
int64_t h5_chunk_count(h5obj *dataset, err *e); /* that are in the file; -1 failed */
bool h5_chunk_number(h5obj *dataset, int64_t i, h5chunk *out, err *e);
bool h5_chunk_at(h5obj *dataset, int ndim, const int64_t *offset, h5chunk *out, err *e);
/* The bytes in the file, filters and all. */
buf *h5_chunk_read(h5obj *d, int ndim, const int64_t *offset, size_t *n, unsigned *mask, err *e);
bool h5_chunk_write(h5obj *d, int ndim, const int64_t *offset, unsigned mask, const void *at,
                    size_t n, err *e);

int64_t h5_storage_size(h5obj *dataset, err *e); /* bytes in the file; -1 failed */

/* count[i] elements from start[i] with steps step[i] >= 1, all within the shape */
typedef struct h5region {
    int ndim;
    const int64_t *start, *step, *count;
} h5region;

/* What the values of an enumeration are called, owned: h5_enum_clear. None: it is no enumeration.
 */
bool h5_enum_names(h5obj *d, size_t *n, h5name **out, err *e);
void h5_enum_clear(h5name *names, size_t n);
/* The members of a compound type, owned: h5_members_free. */
bool h5_members(h5obj *dataset, size_t *n, h5member **out, err *e);
void h5_members_free(h5member *m, size_t n);
/* One member of the elements of a compound dataset; ValueError when there is none of that name. */
nd *h5_read_field(h5obj *dataset, const h5region *r, const char *name, err *e);
bool h5_read_field_texts(h5obj *dataset, const h5region *r, const char *name, h5texts *out, err *e);
/* x has the region's shape, with the member's own extents behind it; others stay as they are. */
bool h5_write_field(h5obj *dataset, const h5region *r, const char *name, const nd *x, err *e);
bool h5_write_field_texts(h5obj *dataset, const h5region *r, const char *name, const h5texts *x,
                          err *e);
/* A fresh C-ordered block of shape r->count in the dataset's own (native) dtype.  r NULL: all of
 * it. */
nd *h5_read(h5obj *dataset, const h5region *r, err *e);
/* Into the elements of `out` (its shape has r->count; HDF5 converts to its dtype). */
bool h5_read_into(h5obj *dataset, const h5region *r, const nd *out, err *e);
/* From x, whose shape is r->count (axes of step 0 repeat); HDF5 converts the elements. */
bool h5_write(h5obj *dataset, const h5region *r, const nd *x, err *e);
/* Texts, in C order of the region. */
bool h5_read_texts(h5obj *dataset, const h5region *r, h5texts *out, err *e);
bool h5_write_texts(h5obj *dataset, const h5region *r, const h5texts *x, err *e);

/* Of datasets whose type is special. */
bool h5_read_cells(h5obj *dataset, const h5region *r, h5cells *out, err *e);
bool h5_write_cells(h5obj *dataset, const h5region *r, const h5cells *x, err *e);

/* --- scales of dimensions (hdf5_scale.c) --- */

bool h5_scale_make(h5obj *dataset, const char *name, err *e);
/* tie: attaches scale to an axis of dataset, else detaches it. */
bool h5_scale_tie(h5obj *dataset, h5obj *scale, int axis, bool tie, err *e);

/* --- attributes of any object --- */

typedef struct h5value {
    h5type type;
    int ndim;
    int64_t shape[ND_MAXDIM];
    bool empty;        /* h5py.Empty */
    nd *x;             /* owned; unless variable text or empty */
    h5texts texts;     /* owned; variable text, in C order */
    h5cells cells;     /* owned; of special types, in C order */
    h5member *members; /* of compounds, whose bytes are in x; owned: h5_members_free */
    size_t nmember;
} h5value;
void h5_value_clear(h5value *v);

char **h5_attr_names(h5obj *x, size_t *n, err *e); /* h5_names_free */
int64_t h5_attr_count(h5obj *x, err *e);
int h5_attr_contains(h5obj *x, const char *name, err *e);
bool h5_attr_get(h5obj *x, const char *name, h5value *out, err *e);     /* KeyError */
bool h5_attr_set(h5obj *x, const char *name, const h5value *v, err *e); /* replaces */
bool h5_attr_delete(h5obj *x, const char *name, err *e);
