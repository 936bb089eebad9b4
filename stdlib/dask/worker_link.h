/* stdlib/dask/worker_link.h - between a process and its worker: the messages and their transport.
 *
 * Each message is one wire message (engine/base/wire.h) whose body begins with its kind.  Large
 * blocks are not in it: the memory they lie in goes along (engine/data/share.h).  A worker
 * is this program again, started as `dsk --worker FD`, at the other end of a socket pair: when one
 * end closes, the other one ends, too. */
#pragma once

#include "stdlib/wire.h"

enum message {
    /* to the worker */
    MSG_HELLO,  /* number, threads, fresh, alone, limit, name, limits, sys.path, sys.argv: a capsule
                 */
    MSG_RUN,    /* id, key, function number, function (once), args, inputs */
    MSG_CALL,   /* a fn, its literals and inputs: what MSG_RESULT or MSG_FAILED answers */
    MSG_PUT,    /* id, value */
    MSG_FETCH,  /* id */
    MSG_DROP,   /* id */
    MSG_CANCEL, /* id; back: it had not begun */
    MSG_ANSWER, /* ask, raised, value */
    MSG_FORGET, /* function number */
    /* from it */
    MSG_UP,     /* pid */
    MSG_DONE,   /* id, class, bytes, begin, end, the result when it is small */
    MSG_RESULT, /* id (0), value */
    MSG_FAILED, /* id, kind, traceback, exception: what is small comes first, and is read by all
                   means */
    MSG_VALUE,  /* id, kind and text of why it is not there, value */
    MSG_SAID,   /* id, fd, text */
    MSG_ASKS,   /* id, ask, value */
};

enum { WORKER_FD = 3 }; /* a worker's end */

void link_reader(wire_in *r); /* ready for a message */

/* ---- blocking, for one thread at a time in each direction ---- */

bool link_send(int fd, wire_out *w, err *e); /* clears w */
/* The next message, to be cleared; 1, 0 the other end has closed, -1 failed. */
int link_receive(int fd, wire_in *r, err *e);

/* ---- in pieces, for who looks after many ---- */

typedef struct parcel { /* a message on its way out */
    wire_out w;
    strbuf head;
    wire_piece *piece;
    uint32_t n, at;
    size_t sent; /* of piece[at] */
    int *fd;     /* memory that goes along with the first byte */
    bool *own;   /* is it closed here? */
    uint32_t nfd;
    struct parcel *next;
} parcel;
parcel *parcel_new(wire_out *w); /* takes w's content */
void parcel_free(parcel *p);
/* As much as goes: 1 all, 0 later, -1 the other end is gone. */
int parcel_send(int fd, parcel *p);
/* Reads what is there: 1 a whole message, 0 not yet, -1 the end. */
int link_read(int fd, wire_in *r, err *e);

/* ---- processes ---- */

typedef struct process {
    int64_t pid; /* 0: none */
    int fd;      /* our end */
} process;

/* Starts this program as a worker. */
bool process_start(process *p, bool nonblocking, err *e);
/* Ends it and waits for it: how it died, as text ("killed by signal 9", "exited with status 1"). */
void process_end(process *p, char why[64]);
int64_t process_memory(int64_t pid); /* resident bytes; -1 unknown */
int64_t process_owned(int64_t pid);  /* without those of files */

/* What a worker has to know of the interpreter it works for. */
typedef struct greeting {
    int number, nthread;
    bool fresh, alone;
    size_t limit;
    const char *name;
    datum *setting; /* greeting_setting() */
} greeting;
datum *greeting_setting(interp *home, err *e);
bool greeting_apply(interp *in, datum *setting); /* false: not all of it, and no exception */
bool greeting_write(const greeting *g, wire_out *w, err *e);

/* ---- numbers to pointers ---- */

typedef struct idmap { /* {0} is empty; 0 is no key */
    struct idrow {
        uint64_t key;
        void *at;
    } * row;
    size_t n, used, cap;
} idmap;
void *idmap_get(const idmap *m, uint64_t key);
void *idmap_put(idmap *m, uint64_t key, void *at); /* what was there; at NULL: removes */
bool idmap_next(const idmap *m, size_t *i, uint64_t *key, void **at); /* from *i = 0 on */
void idmap_clear(idmap *m);
