/* lang/freeze_impl.h - the form of a capsule, between freeze.c, thaw.c and capsule.c.
 *
 * text: one record per object, found through off[id].  A record: its kind, its class (only
 * instances of user classes), its instance dict, then what the kind needs.  A value is a tag and
 * its bytes; an object is its id (texts and small tuples of one holder: their content). */
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
    VT_ELLIPSIS,
    VT_STR,  /* in place: nobody else has it */
    VT_TUPLE /* likewise: how many items, in a byte, then they */
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
    RK_CORE,   /* a class of the language itself: its number in core_types */
    RK_REDUCE, /* what __reduce__ gave: callable, arguments, state, items, pairs, setter */
    RK_ENUM,   /* a member: class and name, then the record of its instance */
    RK_INPUT,  /* the result of a task, put in by whoever thaws */
};
enum { NKIND = RK_INPUT + 1, REDUCED_PARTS = 6 };
extern const type *const core_types[]; /* ends with NULL */

typedef struct mailbox { /* capsules that died away from home wait here; outlives the interpreter */
    _Atomic uint32_t rc;
    _Atomic(capsule *) head;
} mailbox;

struct capsule {
    datum hdr;
    char *text; /* NULL: it is elsewhere */
    size_t n;
    uint64_t *off;               /* of each object's record */
    datum *held_text, *held_off; /* blobs with text and off, or what stands for them */
    uint32_t nobj;
    size_t root; /* where the root value stands */
    datum **held;
    uint32_t nheld;
    bool home_only;
    bool portable; /* no pointers in it: may travel as bytes */
    interp *home;  /* only compared, except on its own thread */
    mailbox *box;  /* counted */
    value root_home;
    value *origin; /* the objects themselves, by id; counted at home */
    capsule *next; /* in the mailbox */
};

typedef struct thawed { /* a capsule's objects in one interpreter */
    capsule *c;         /* counted */
    value root;
    value *at;     /* by id; FAIL: not made */
    bool *own;     /* by id: frozen by us, not an object of another capsule in this one */
    uint64_t turn; /* the how manieth of its interpreter: what it refers to came before */
} thawed;

typedef struct origin { /* where a frozen object of this interpreter came from */
    obj *o;
    capsule *c;
    uint32_t id;
} origin;

typedef struct crossings { /* in->ext */
    mailbox *box;
    thawed **thawed; /* open addressing by capsule */
    uint32_t nthawed, capthawed;
    uint64_t nturn; /* capsules ever thawed */
    uint32_t ntrim; /* tasks since it was last looked for what can go */
    origin *origin; /* open addressing by address */
    uint32_t norigin, cap;
} crossings;

/* ---- freezing: freeze.c, freeze_write.c, freeze_class.c, freeze_name.c ---- */

#define OBJ(p) ((value){.kind = V_OBJ, .o = &(p)->hdr})

extern const type T_input;
typedef struct input_obj {
    obj hdr;
    uint64_t id;
} input_obj;

typedef struct globals { /* of functions being frozen: only the names they use */
    uint32_t id;
    dict *d;
    dict *names; /* name -> True */
    bool changed;
} globals;

struct freezer {
    interp *in;
    strbuf out;
    obj **obj; /* by id, counted */
    uint64_t *off;
    uint32_t nobj, cap, done;
    uint32_t *memo; /* id + 1, open addressing by address */
    uint32_t memo_cap, nmemo;
    datum **held;
    uint32_t nheld, cap_held;
    globals *g;
    uint32_t ng;
    bool copy; /* as pickle does it: to be read by another process */
    bool home_only, pointers;
    size_t asked; /* bytes of `out` that there was room for */
};

void freeze_byte(freezer *f, unsigned b);
void freeze_u32(freezer *f, uint32_t u);
void freeze_text(freezer *f, const char *s, size_t n);
void freeze_obj(freezer *f, void *o);   /* NULL: FAIL */
uint32_t freeze_id(freezer *f, obj *o); /* the one it has, or a new one */
void freeze_item(freezer *f, value v);  /* one that its holder may have for itself */
bool freeze_refuse(freezer *f, const obj *o);
/* By the name it has in a module: false, nothing written, when it has none. */
bool freeze_named(freezer *f, value v, const char *home, const char *path);
/* The module that goes by name and has this namespace, or NULL. */
module *freeze_module_of(freezer *f, dict *ns);
/* Under that name in some module of the library; under any name; under its own. */
bool freeze_held(freezer *f, value v, str *under);
bool freeze_found(freezer *f, value v);
bool freeze_by_name(freezer *f, obj *o);
bool freeze_is_library(interp *in, const char *name);
bool freeze_class(freezer *f, const type *t);
/* What __reduce__ and its kin say about o: 1 written, 0 they say nothing, -1 failed. */
int freeze_reduced(freezer *f, obj *o);
/* Is o a member of an Enum, known by its class? Writes which. */
bool freeze_member(freezer *f, obj *o);
static inline value class_value(const type *t) /* borrowed */
{
    return (value){.kind = V_OBJ, .o = (obj *)(uintptr_t)&t->hdr};
}

/* ---- */

/* As bytes (capsule_wire.c). */
bool capsule_save(const datum *d, struct wire_out *w, err *e);
void *capsule_load(struct wire_in *r, err *e);

crossings *crossings_of(interp *in);
void mailbox_empty(interp *in, mailbox *b);
mailbox *mailbox_ref(mailbox *b);
capsule *capsule_new(interp *in);
/* Where its records are: takes both. */
void capsule_lies(capsule *c, datum *text, datum *off);
const origin *origin_find(interp *in, const obj *o);
bool origin_add(interp *in, obj *o, capsule *c, uint32_t id);
/* Builds the objects of c. frozen: marks them. NULL: exception. */
thawed *thaw_build(interp *in, capsule *c, bool frozen, const thaw_inputs *inputs);
thawed *thaw_shared(interp *in, capsule *c); /* lends the one of this interpreter */
void thawed_free(interp *in, thawed *t);
void crossings_close(interp *in);
