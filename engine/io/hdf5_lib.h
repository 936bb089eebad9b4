/* engine/io/hdf5_lib.h - libhdf5 behind a table of functions, and what is shared inside io/hdf5*.
 *
 * h5_enter() opens the library on the first call, takes the one lock of this module and lends
 * the table; h5_leave() gives the lock back.  Under the lock nothing else is called that could
 * wait. The lock order is: a share's rwlock, an object's mutex, then this one. */
#pragma once

#include <hdf5.h>
#include <pthread.h>
#include <sys/types.h>

#include "engine/io/hdf5.h"

typedef struct h5_lib {
#define HDF5_CALL(name) __typeof__(&H5##name) name;
#define HDF5_ID(name)   hid_t name;
#include "engine/io/hdf5_lib.def"
#undef HDF5_CALL
#undef HDF5_ID
    hid_t f16, boolean, complex64, complex128, text_utf8, text_ascii; /* h5py's own types */
} h5_lib;

enum {
    H5_RDONLY = 0,
    H5_RDWR = 1,
    H5_TRUNC = 2,
    H5_EXCL = 4,
    H5_SWMR_WRITE = 32,
    H5_SWMR_READ = 64
};                       /* H5F_ACC_* */
enum { H5_LZF = 32000 }; /* the filter's registered number */

const h5_lib *h5_enter(err *e); /* NULL: no library, and no lock taken */
void h5_leave(void);
/* f(table, arg) under the lock: soon, or when a long call that has it now has ended. */
void h5_when_free(void (*f)(const h5_lib *h, void *arg), void *arg);
void h5_lose(void); /* with the lock: a file could not be closed */
/* Records the library's last failure in h5py's words.  NULL. */
void *h5_fail(const h5_lib *h, err *e);

/* One underlying file, however often it is open here. */
typedef struct h5share {
    struct h5share *next;
    uint32_t users;       /* under h5_enter's lock */
    unsigned long fileno; /* the library's number for it */
    uint32_t nopen;       /* h5obj files not yet closed; same lock */
    dev_t dev;
    ino_t ino;
    int fd;                /* our own, for reading data; -1: none */
    _Atomic bool writable; /* open for writing by some h5obj */
    _Atomic bool dirty;    /* written to since the last flush */
    _Atomic uint64_t version;
    pthread_rwlock_t lock; /* writable files: held shared while reading by fd, else by writers */
} h5share;

/* The list of shares; only under h5_enter's lock. */
h5share *h5_share_open(const char *path, bool writable);
void h5_share_close(h5share *s);
h5share *h5_share_ref(h5share *s);
void h5_share_unref(h5share *s);

struct h5obj {
    datum hdr;
    enum h5_what what;
    bool foreign;        /* lives in another file, reached by an external link */
    _Atomic bool closed; /* files */
    h5obj *file;         /* counted; NULL for a file itself */
    h5share *share;
    hid_t id;
    char *path;           /* files */
    pthread_mutex_t lock; /* guards map */
    struct h5map *map;    /* datasets: where the data lies; hdf5_read.c */
};

/* Wraps an open id; takes it even on failure.  Under the lock. */
h5obj *h5_wrap(const h5_lib *h, h5obj *file, hid_t id, err *e);
/* A link creation list that makes intermediate groups; the caller closes it.  Under the lock. */
hid_t h5_link_plist(const h5_lib *h, const char *name);
/* Before and after anything that changes the file. */
void h5_write_begin(h5obj *x);
void h5_write_end(h5obj *x);

/* hdf5_type.c: types there and here.  The ids made are owned by the caller. */
hid_t h5_type_make(const h5_lib *h, const h5type *t, err *e);   /* in a file; -1 */
hid_t h5_type_memory(const h5_lib *h, const h5type *t, err *e); /* of native blocks; -1 */
/* hdf5_enum.c: the enumeration that a spec describes; -1 */
hid_t h5_type_enum(const h5_lib *h, const h5spec *s, err *e);
/* memory (taken), which are integers, as an enumeration if the file has them as one */
hid_t h5_memory_enum(const h5_lib *h, hid_t file, hid_t memory);
/* hdf5_member.c: the compound that a spec describes; -1 */
hid_t h5_type_compound(const h5_lib *h, const h5spec *s, err *e);
/* of the compound `id`, if it is one; h5_members_free */
void h5_type_members(const h5_lib *h, hid_t id, size_t *n, h5member **out);
bool h5_type_read(const h5_lib *h, hid_t id, h5type *out); /* always true */
/* Texts as the array of char * (owned: mem_free) that the library wants, and back. */
char **h5_texts_pointers(const h5texts *t, err *e);
bool h5_texts_take(h5texts *t, size_t n, char *const *text, err *e);

/* hdf5_cells.c: cells as what the library moves, and back; under the lock. */
size_t h5_cell_size(const h5type *t);
/* Owned (mem_free): valid as long as the cells. */
void *h5_cells_raw(const h5_lib *h, const h5type *t, const h5cells *c, err *e);
/* Frees what the library allocated for n cells of raw. */
bool h5_cells_take(const h5_lib *h, h5obj *at, const h5type *t, size_t n, void *raw, h5cells *out,
                   err *e);
/* hdf5_transfer.c: moves elements as they are. r NULL: all.  field: of each compound that member,
 * NULL: all of it. */
bool h5_move_raw(h5obj *d, const h5region *r, const h5type *t, const char *field, bool write,
                 void *data, err *e);

/* hdf5_read.c: the short way.  False, nothing recorded: not possible, ask the library. */
bool h5_read_direct(h5obj *d, const h5region *r, const nd *out);
void h5_map_unref(struct h5map *m);

/* hdf5_lzf.c */
/* `to` has room for n bytes.  0: it would not become shorter, and must: the library does not note
 * that a filter was left out when a chunk is replaced by one of the same size. */
size_t lzf_pack(const void *from, size_t n, void *to);
size_t lzf_unpack(const void *from, size_t n, void *to, size_t room);
bool lzf_register(const h5_lib *h);
