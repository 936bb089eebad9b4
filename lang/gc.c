/* lang/gc.c - memory of objects: small blocks by size, release without recursion, cycle sweep.
 *
 * obj_free releases what an object holds at most FREE_DEPTH deep on the C stack; deeper
 * ones wait in `trash`, and so do all that are inside another while somebody waits for the prompt.
 * The sweep is trial deletion: counts minus references from inside the ring of containers; what is
 * left with none and unreachable is garbage.  While it runs, gc_head.prev holds the trial count. */
#include <malloc.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "lang/bin.h"
#include "lang/exc.h"
#include "lang/signals.h"
#include "lang/threads.h"
#include "lang/types/klass.h"
#include "lang/types/weak.h"

enum { FREE_DEPTH = 48, GC_MIN = 20000 };
static const _Atomic int never = 0, always = 1; /* what interp.poll may point at, or the host's */

/* ---- blocks ---- */

static inline void *block_get(interp *in, size_t n)
{
#ifdef DSK_SANITIZE
    return block_more(in, n); /* each by itself, so that it is watched */
#else
    size_t k = (n + POOL_STEP - 1) / POOL_STEP;
    void *at = n <= POOL_MAX ? in->pool.free[k] : NULL;
    if (!at) return block_more(in, n);
    memcpy(&in->pool.free[k], at, sizeof(void *));
    return at;
#endif
}

void block_free(interp *in, void *at, size_t n)
{
#ifdef DSK_SANITIZE
    (void)in, (void)n;
    mem_free(at);
#else
    if (n > POOL_MAX) {
        mem_free(at);
        return;
    }
    size_t k = (n + POOL_STEP - 1) / POOL_STEP;
    memcpy(at, &in->pool.free[k], sizeof(void *));
    in->pool.free[k] = at;
#endif
}

static inline bool pooled(size_t n)
{
    return n <= POOL_MAX;
}

void *items_grow(interp *in, void *p, size_t had, size_t want)
{
    if (p && !pooled(had) && !pooled(want)) return block_grow(in, p, had, want);
    void *at = pooled(want) ? block_get(in, want) : block_grow(in, NULL, 0, want);
    if (!at) return NULL;
    if (p) memcpy(at, p, had < want ? had : want);
    items_free(in, p, had);
    return at;
}

void items_free(interp *in, void *p, size_t had)
{
    if (!pooled(had))
        mem_free(p);
    else if (p)
        block_free(in, p, had);
}

/* ---- objects ---- */

static inline gc_head *head_of(obj *o)
{
    char *p = (char *)o - (o->flags & OBJ_DICT ? sizeof(dict_head) : 0);
    return (gc_head *)(void *)p - 1;
}

static inline obj *obj_of(gc_head *h)
{
    /* the flags of the object tell whether a dict_head follows: try the plain place first */
    uintptr_t tag = ((uintptr_t)h->next) & 1;
    return (obj *)(void *)((char *)(h + 1) + (tag ? sizeof(dict_head) : 0));
}

/* The low bit of head->next says that a dict_head follows. */
static inline gc_head *next_of(const gc_head *h)
{
    return (gc_head *)((uintptr_t)h->next & ~(uintptr_t)1);
}

static inline void set_next(gc_head *h, gc_head *to)
{
    h->next = (gc_head *)((uintptr_t)to | ((uintptr_t)h->next & 1));
}

static size_t prefix_size(unsigned flags)
{
    return (flags & OBJ_GC ? sizeof(gc_head) : 0) + (flags & OBJ_DICT ? sizeof(dict_head) : 0);
}

/* Small blocks are a whole number of steps.  The barrier keeps the compiler from making a string
 * instruction of the loop, which takes longer to start than this takes. */
static inline void clear_block(char *p, size_t n)
{
#ifdef DSK_SANITIZE
    memset(p, 0, n);
    return;
#endif
    for (char *end = p + n; p < end; p += POOL_STEP) {
        memcpy(p, (const uint64_t[2]){0, 0}, POOL_STEP);
        __asm__ volatile("" ::: "memory");
    }
}

/* A container gets into the ring; tag: as in next. */
static inline void enlist(interp *in, gc_head *h, uintptr_t tag)
{
    gc_head *ring = &in->gc, *first = next_of(ring);
    h->next = (gc_head *)((uintptr_t)first | tag);
    h->prev = ring;
    first->prev = h;
    ring->next = h;
    if (++in->ngc >= in->gc_at && !in->gc_off) in->poll = &always;
}

#ifndef DSK_SANITIZE
/* A small container of a builtin type, in a block that has been one; NULL: it is not so simple. */
static inline void *small_container(interp *in, const type *t, size_t extra)
{
    size_t all = t->size + extra + sizeof(gc_head), k = (all + POOL_STEP - 1) / POOL_STEP;
    if ((t->flags & (TYPE_HEAP | TYPE_DICT | TYPE_GC)) != TYPE_GC || extra > POOL_MAX ||
        all > POOL_MAX || !in->pool.free[k]) {
        return NULL;
    }
    char *p = in->pool.free[k];
    memcpy(&in->pool.free[k], p, sizeof(void *));
    clear_block(p + sizeof(gc_head) + sizeof(obj), k * POOL_STEP - sizeof(gc_head) - sizeof(obj));
    obj *o = (obj *)(void *)(p + sizeof(gc_head));
    *o = (obj){.type = t, .rc = 1, .flags = OBJ_GC, .gc = (uint16_t)k};
    enlist(in, (gc_head *)(void *)p, 0);
    return o;
}
#endif

void *obj_new(interp *in, const type *t, size_t extra)
{
#ifndef DSK_SANITIZE
    void *quick = small_container(in, t, extra);
    if (quick) return quick;
#endif
    bool heap = t->flags & TYPE_HEAP;
    unsigned flags = 0;
    if (heap ? !(t->flags & TYPE_NODICT) : (t->flags & TYPE_DICT) != 0) flags |= OBJ_DICT;
    if (heap || t->flags & TYPE_GC) flags |= OBJ_GC;
    size_t size = t->size + extra, head = prefix_size(flags), all = size + head;
    char *p = all < size ? NULL : all > POOL_MAX ? block_big(in, all, true) : block_get(in, all);
    if (!p) return no_room(in), NULL;
    if (all <= POOL_MAX) clear_block(p, all);
    obj *o = (obj *)(void *)(p + head);
    o->type = heap ? obj_ref((void *)(uintptr_t)t) : t;
    o->rc = 1;
    o->flags = (uint16_t)flags;
    o->gc = all > POOL_MAX ? 0 : (uint16_t)((all + POOL_STEP - 1) / POOL_STEP);
    if (flags & OBJ_GC) {
        enlist(in, (gc_head *)(void *)p, flags & OBJ_DICT ? 1 : 0);
    }
    return o;
}

void *obj_flat(interp *in, const type *t, size_t size)
{
    obj *o = block_get(in, size);
    if (!o) return no_room(in), NULL;
    *o = (obj){.type = t, .rc = 1};
    o->gc = size > POOL_MAX ? 0 : (uint16_t)((size + POOL_STEP - 1) / POOL_STEP);
    return o;
}

void *obj_grow(interp *in, obj *o, size_t size)
{
    (void)in;
    if (o->gc != 0 || o->flags & (OBJ_GC | OBJ_DICT | OBJ_FROZEN)) return NULL;
    if (malloc_usable_size(o) >= size) return o;
    err e = {0};
    const bool may = mem_may_take(size + size / 2 - malloc_usable_size(o), &e);
    void *p = may ? try_grow(o, size + size / 2, &e) : NULL;
    err_clear(&e);
    return p;
}

void obj_unlist(interp *in, obj *o)
{
    if (!(o->flags & OBJ_GC)) return;
    gc_head *h = head_of(o);
    set_next(h->prev, next_of(h));
    next_of(h)->prev = h->prev;
    set_next(h, h); /* a ring of its own, which it may leave */
    h->prev = h;
    (void)in;
}

static inline __attribute__((always_inline)) void release(interp *in, obj *o)
{
    const type *t = o->type;
    unsigned flags = o->flags;
    size_t head = prefix_size(flags), all = o->gc ? (size_t)o->gc * POOL_STEP : POOL_MAX + 1;
    if (flags & OBJ_GC) {
        gc_head *h = head_of(o);
        set_next(h->prev, next_of(h));
        next_of(h)->prev = h->prev;
        in->ngc--;
    }
    block_free(in, (char *)o - head, all);
    if (t->flags & TYPE_HEAP) obj_unref(in, (void *)(uintptr_t)t);
}

void obj_release(interp *in, obj *o)
{
    release(in, o);
}

static inline __attribute__((always_inline)) void obj_drop(interp *in, obj *o)
{
    if (o->flags & OBJ_DICT) {
        dict_head *h = obj_head(o);
        if (h->weak) weak_clear(in, o);
        dict *d = h->dict;
        h->dict = NULL;
        obj_unref(in, d);
    }
    if (o->type->drop) o->type->drop(in, o);
}

static void free_one(interp *in, obj *o)
{
    if (o->type->flags & TYPE_HEAP && !klass_finalize(in, o)) return;
    obj_drop(in, o);
    if (!(o->flags & OBJ_KEPT)) release(in, o);
}

static bool must_wait(const interp *in)
{
    if (in->freeing >= FREE_DEPTH || in->relink) return true;
    return safe_point_due(in) && hurries(in);
}

static void throw_away(interp *in, obj *o)
{
    if (in->ntrash == in->trash_cap) {
        in->trash_cap = in->trash_cap ? in->trash_cap * 2 : 256;
        in->trash = mem_grow(in->trash, in->trash_cap * sizeof *in->trash);
    }
    if (o->flags & OBJ_DICT && in->freeing < FREE_DEPTH) weak_clear(in, o); /* it may take long */
    in->trash[in->ntrash++] = o;
}

/* Frees what has waited, in the middle of obj_free, until somebody is in haste. */
static void trash_empty(interp *in, size_t most)
{
    for (size_t k = 0; in->ntrash && k < most; k++) {
        if (safe_point_due(in) && hurries(in)) break;
        in->freeing = FREE_DEPTH / 2; /* leave the trash room to be used again */
        free_one(in, in->trash[--in->ntrash]);
    }
    in->freeing = 1;
    if (in->ntrash) safe_point_ask(in);
}

void trash_some(interp *in)
{
    in->freeing = 1;
    trash_empty(in, PILE_LEAST);
    in->freeing = 0;
}

void obj_free(interp *in, obj *o)
{
    if (o->flags & OBJ_FLAT ||
        (!(o->flags & (OBJ_GC | OBJ_DICT)) && !o->type->drop && !(o->type->flags & TYPE_HEAP))) {
        if (o->gc) /* flat: holds nothing */
            block_free(in, o, (size_t)o->gc * POOL_STEP);
        else if (safe_point_due(in) && hurries(in)) /* giving gigabytes back takes its time */
            throw_away(in, o);
        else
            block_free(in, o, POOL_MAX + 1);
        return;
    }
    if ((in->freeing || in->relink) && must_wait(in)) {
        throw_away(in, o);
        return;
    }
    in->freeing++;
    free_one(in, o);
    if (in->freeing == 1 && in->ntrash) trash_empty(in, SIZE_MAX);
    in->freeing--;
}

/* ---- the sweep ---- */

static inline bool in_ring(value v)
{
    return v.kind == V_OBJ && (v.o->flags & (OBJ_GC | OBJ_FROZEN)) == OBJ_GC;
}

static inline void set_count(gc_head *h, intptr_t n)
{
    h->prev = (gc_head *)n;
}

static inline intptr_t count_of(const gc_head *h)
{
    return (intptr_t)h->prev;
}

static void visit_obj(obj *o, visitor f, void *ctx)
{
    const type *t = o->type;
    if (t->visit) t->visit(o, f, ctx);
    if (o->flags & OBJ_DICT && obj_head(o)->dict)
        f((value){.kind = V_OBJ, .o = &obj_head(o)->dict->hdr}, ctx);
    if (t->flags & TYPE_HEAP) f((value){.kind = V_OBJ, .o = (obj *)(uintptr_t)t}, ctx);
}

static void subtract(value v, void *ctx)
{
    (void)ctx;
    if (!in_ring(v)) return;
    gc_head *h = head_of(v.o);
    set_count(h, count_of(h) - 1);
}

typedef struct gc_stack {
    obj **at;
    size_t n, cap;
} gc_stack;

static void push(gc_stack *s, obj *o)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 1024;
        s->at = mem_grow(s->at, s->cap * sizeof *s->at);
    }
    s->at[s->n++] = o;
}

static inline bool is_alive(const gc_head *h) /* the trial count of what is reachable */
{
    return count_of(h) == INTPTR_MIN;
}

static void reach(value v, void *ctx)
{
    if (!in_ring(v)) return;
    gc_head *h = head_of(v.o);
    if (is_alive(h)) return;
    set_count(h, INTPTR_MIN);
    push(ctx, v.o);
}

/* Object k of a sweep: has nobody pressed Ctrl-C meanwhile? */
static inline bool sweeps_on(const interp *in, size_t k)
{
    enum { OFTEN = 1 << 14 };
    if (k % OFTEN || !in->host.signal) return true;
    return !atomic_load_explicit(in->host.signal, memory_order_relaxed);
}

/* Marks what can be reached; false: was stopped, and nothing is known. */
static bool mark_alive(interp *in, gc_stack *s)
{
    gc_head *ring = &in->gc;
    size_t k = 0;
    for (gc_head *h = next_of(ring); h != ring; h = next_of(h)) {
        set_count(h, (intptr_t)obj_of(h)->rc);
        if (!sweeps_on(in, ++k)) return false;
    }
    for (gc_head *h = next_of(ring); h != ring; h = next_of(h)) {
        visit_obj(obj_of(h), subtract, NULL);
        if (!sweeps_on(in, ++k)) return false;
    }
    for (gc_head *h = next_of(ring); h != ring; h = next_of(h)) {
        if (count_of(h) <= 0) continue; /* ALIVE is negative too */
        set_count(h, INTPTR_MIN);
        push(s, obj_of(h));
        while (s->n) {
            visit_obj(s->at[--s->n], reach, s);
            if (!sweeps_on(in, ++k)) return s->n = 0, false;
        }
    }
    return true;
}

/* Puts the unreachable containers on s, each with a reference of ours. */
static void find_garbage(interp *in, gc_stack *s)
{
    gc_head *ring = &in->gc, *prev = ring;
    bool known = mark_alive(in, s);
    size_t k = 0;
    for (gc_head *h = next_of(ring); known && h != ring; h = next_of(h)) {
        if (!is_alive(h)) push(s, obj_of(h));
        h->prev = prev;
        prev = h;
        known = sweeps_on(in, ++k);
    }
    if (!known) {
        s->n = 0;
        in->relink = prev;
        safe_point_ask(in);
        return;
    }
    ring->prev = prev;
    for (size_t i = 0; i < s->n; i++) s->at[i]->rc++;
}

/* Until this is done nobody can leave the ring: what dies meanwhile waits. */
void relink_some(interp *in)
{
    gc_head *h = in->relink, *next;
    for (int k = 0; k < 16 * PILE_LEAST && (next = next_of(h)) != &in->gc; k++, h = next)
        next->prev = h;
    in->relink = h;
    if (next_of(h) != &in->gc) return;
    in->gc.prev = h;
    in->relink = NULL;
}

/* 0 an instance, 1 a class with a metaclass of its own, 2 any other class.  Asked before anything
 * is dropped: afterwards classes no longer know their bases. */
static unsigned char release_turn(obj *o)
{
    if (!as_type((value){.kind = V_OBJ, .o = o})) return 0;
    return o->type->flags & TYPE_HEAP ? 1 : 2;
}

/* Garbage on its way out.  All of it is dropped before any is released: it may hold each other. */
typedef struct sweep {
    gc_stack s; /* each with a reference of ours */
    unsigned char *turn;
    size_t next; /* to be dropped */
} sweep;

/* Instances before their classes, classes before their metaclasses. */
static void release_all(interp *in, sweep *w)
{
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < w->s.n; i++) {
            if (w->turn[i] == round) obj_release(in, w->s.at[i]);
        }
    }
}

static void sweep_begin(interp *in, gc_stack s)
{
    sweep *w = in->sweep = mem_zero(sizeof *w);
    w->s = s;
    w->turn = mem_alloc(s.n + 1);
    for (size_t i = 0; i < s.n; i++) w->turn[i] = release_turn(s.at[i]);
    safe_point_ask(in);
}

static void sweep_end(interp *in)
{
    sweep *w = in->sweep;
    in->sweep = NULL;
    release_all(in, w);
    mem_free(w->turn);
    mem_free(w->s.at);
    mem_free(w);
}

bool sweep_some(interp *in)
{
    sweep *w = in->sweep;
    in->in_sweep = true;
    if (w->next == w->s.n) sweep_end(in);
    for (int k = 0; in->sweep && w->next < w->s.n && k < PILE_LEAST; k++)
        obj_drop(in, w->s.at[w->next++]);
    in->in_sweep = false;
    return in->sweep;
}

int64_t gc_collect(interp *in)
{
    if (in->in_sweep || !bin_empty(in)) return 0;
    in->in_sweep = true;
    gc_stack s = {0};
    find_garbage(in, &s);
    bool revive = false;
    for (size_t i = 0; i < s.n; i++) {
        if (!klass_has_del(s.at[i]->type)) continue;
        klass_run_del(in, s.at[i]);
        revive = true;
    }
    if (revive) { /* what __del__ did may have changed everything: sweep the rest next time */
        for (size_t i = 0; i < s.n; i++) obj_unref(in, s.at[i]);
        s.n = 0;
        find_garbage(in, &s);
    }
    int64_t n = (int64_t)s.n;
    if (n)
        sweep_begin(in, s);
    else
        mem_free(s.at);
    in->in_sweep = false;
    bin_empty(in);
    in->gc_at = in->ngc + (in->ngc / 2 > GC_MIN ? in->ngc / 2 : GC_MIN);
    return n;
}

void safe_point_ask(interp *in)
{
    in->poll = &always;
}

bool safe_point(interp *in)
{
    if (in->haste && !in->freeing && !throwing(in) && is_fail(exc_handled(in))) in->haste = false;
    if (!in->home && !hurries(in)) haste_end();
    if (bin_waits(in)) bin_some(in);
    const bool again = threads_several(in) || bin_waits(in) || in->haste;
    const _Atomic int *flag = signals_listened(in) ? signals_flag(in) : in->host.signal;
    in->poll = again ? &always : flag ? flag : &never;
    if (in->ngc >= in->gc_at && !in->gc_off && in->freeing == 0) gc_collect(in);
    return blocks_suffice(in) && check_interrupt(in) && interp_attend(in) && threads_give_way(in);
}

void gc_open(interp *in)
{
    in->gc.next = in->gc.prev = &in->gc;
    in->gc_at = GC_MIN;
    in->poll = in->host.signal ? in->host.signal : &never;
}

void gc_close(interp *in)
{
    gc_collect(in);
    mem_free(in->trash);
    mem_free(in->bin);
    blocks_close(in);
}
