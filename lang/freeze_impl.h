/* lang/freeze_impl.h - the form of a capsule, between freeze.c, thaw.c and capsule.c.
 *
 * text: one record per object, found through off[id].  A record: its kind, its class (only
 * instances of user classes), its instance dict, then what the kind needs.  A value is a tag and
 * its bytes; an object is its id. */
#pragma once

#include <stdatomic.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/freeze.h"
#include "lang/interp.h"

enum value_tag {
    VT_FAIL,
    VT_NONE,
    VT_BOOL,
    VT_INT,
    VT_FLOAT,
    VT_SCALAR,
    VT_OBJ,
    VT_NOTIMPL,
    VT_ELLIPSIS
};
enum record_kind {
    RK_PLAIN, /* an instance of object */
    RK_STR,
    RK_BYTES,
    RK_BYTEARRAY,
    RK_BIGINT,
    RK_COMPLEX,
    RK_BOXED,
    RK_TUPLE,
    RK_LIST,
    RK_DICT,
    RK_SET,
    RK_RANGE,
    RK_SLICE,
    RK_CELL,
    RK_FUNC,
    RK_CODE,
    RK_METHOD,
    RK_WRAPPER,
    RK_PROPERTY,
    RK_CFUNC,
    RK_CLASS,
    RK_TYPE,
    RK_MODULE,
    RK_NAMED,
    RK_EXC,
    RK_GLOBALS,
    RK_ORIGIN,
    RK_CROSS,
    RK_MEMBER,
    RK_GETATTR,
};

typedef struct mailbox { /* capsules that died away from home wait here; outlives the interpreter */
    _Atomic uint32_t rc;
    _Atomic(capsule *) head;
} mailbox;

struct capsule {
    datum hdr;
    char *text;
    size_t n;
    uint64_t *off; /* of each object's record */
    uint32_t nobj;
    size_t root; /* where the root value stands */
    datum **held;
    uint32_t nheld;
    bool home_only;
    interp *home; /* only compared, except on its own thread */
    mailbox *box; /* counted */
    value root_home;
    value *origin; /* the objects themselves, by id; counted at home */
    capsule *next; /* in the mailbox */
};

typedef struct thawed { /* a capsule's objects in one interpreter */
    capsule *c;         /* counted */
    value root;
    value *at; /* by id; FAIL: not made */
    struct thawed *next;
} thawed;

typedef struct origin { /* where a frozen object of this interpreter came from */
    obj *o;
    capsule *c;
    uint32_t id;
} origin;

typedef struct crossings { /* in->ext */
    mailbox *box;
    thawed *thawed;
    origin *origin; /* open addressing by address */
    uint32_t norigin, cap;
} crossings;

crossings *crossings_of(interp *in);
void mailbox_empty(interp *in, mailbox *b);
mailbox *mailbox_ref(mailbox *b);
capsule *capsule_new(interp *in);
const origin *origin_find(interp *in, const obj *o);
bool origin_add(interp *in, obj *o, capsule *c, uint32_t id);
void origins_forget(interp *in, const capsule *c);
/* Builds the objects of c. frozen: marks them. NULL: exception. */
thawed *thaw_build(interp *in, capsule *c, bool frozen);
thawed *thaw_shared(interp *in, capsule *c); /* lends the one of this interpreter */
void thawed_free(interp *in, thawed *t);
void crossings_close(interp *in);
