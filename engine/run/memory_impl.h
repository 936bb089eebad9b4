/* engine/run/memory_impl.h - the inside of memory objects: results, and the groups that share a
 * buffer. */
#pragma once

#include <pthread.h>

#include "engine/run/memory.h"
#include "engine/run/spill.h"

enum where { NOWHERE, HERE, LEAVING, AWAY, COMING };

enum {
    NBUCKET = 1 << 12,
    NO_GROUP = -1,
    WAIT_MS = 20,
    LEAST = 1 << 16 /* worth a place in the file */
};

typedef struct slot { /* a task's result */
    uint8_t where;
    bool done;     /* the task has run */
    bool claimed;  /* the task is somebody's next */
    bool alone;    /* the task runs again, beside no other */
    uint32_t pins; /* running tasks that read it */
    uint32_t next; /* successors before it have run */
    int32_t group;
    tid sibling, elder; /* the next of its group, and the one before: many share one buffer */
    datum *copy;        /* HERE: in the file, too; leaving again costs nothing */
} slot;

typedef struct group {
    const buf *of; /* NULL: something that is not one array: */
    bool parts;    /* several, in one result */
    uint64_t bytes;
    uint32_t nresult, npinned;
    tid first;
    int32_t next; /* in its bucket, or of the free ones */
    bool leaving;
} group;

struct memory {
    plan *p;
    costs *costs;
    spill *file;
    char *dir;
    bool near, keeps;
    larder *kept;  /* what earlier runs left, which may leave memory, */
    uint64_t held; /* and so many bytes of it still are beside the budget */
    uint64_t budget, live, running, idle, leaving, peak, least;
    uint64_t most;      /* that running tasks had together, */
    uint64_t surplus;   /* bytes of wanted results that were not known before */
    uint64_t announced; /* bytes of wanted results of functions of users, by grids; */
    uint32_t nas_said;  /* so many that are there are as large, */
    bool other_sizes;   /* some are not */
    uint64_t seen;      /* the largest result of a task that no grid tells about */
    uint32_t nrunning, nclaimed, nleft; /* tasks that run, that are taken, that have not run */
    uint32_t nwalled, nalone; /* running tasks that wait for room; that run alone, or wait to */
    bool refused;             /* one of them did not get it while others ran */
    uint64_t base, other;     /* bytes that are not in arrays: when the run began, more since */
    uint64_t wall;            /* bytes of arrays that the whole process may have; 0: any */
    double looked;            /* when that was seen */
    uint64_t limit, ceiling;  /* of the process; beyond it tasks get no more; 0: any */
    double trimmed;           /* when unused memory was last given back */
    pthread_mutex_t lock;
    pthread_cond_t change;
    slot *at;
    group *group;
    int32_t ngroup, capgroup, unused;
    int32_t bucket[NBUCKET];
};

/* --- with the lock, which the first two let go of meanwhile --- */

/* Results leave, about so many bytes of them.  False: nothing can, or the error. */
bool memory_spill(memory *m, uint64_t bytes, err *e);
/* Of what earlier runs left about so many bytes leave, and are there for this one.  False: none. */
bool memory_take_kept(memory *m, uint64_t bytes, err *e);
void memory_wait(memory *m); /* for a change, a moment at most */
/* What tasks made of objects of the language is seen in the size of the process only.  False: it is
 * too much. */
bool memory_look_around(memory *m);
/* The task that this thread runs asks m before it takes more memory for objects, or not any more.
 */
void memory_watch(memory *m, bool on);

/* --- memory_groups.c; with the lock --- */

int32_t group_find(const memory *m, const buf *b); /* NO_GROUP: b has none */
bool group_may_idle(const group *g);               /* nobody needs it just now */
void group_count_idle(memory *m, const group *g, int sign);
void memory_note_peak(memory *m);
void result_add(memory *m, tid t, const datum *d); /* t's result is in memory, */
void result_remove(memory *m, tid t);              /* and not any more */
/* t's result is gone: what was taken out of it and looked into its buffers is now alone there. */
void result_heirs(memory *m, tid t);
/* Running tasks read the inputs of k, or not any more. */
void inputs_pin(memory *m, const task *k, bool on);
