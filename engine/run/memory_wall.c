/* engine/run/memory_wall.c - tasks that take more than they were thought to.
 *
 * Arrays of the whole process have a wall: who would go beyond it waits until others have spilled
 * or ended.  When all are there nobody will; then one fails, and runs again when it is alone. */
#include "engine/run/memory_impl.h"

#include <malloc.h>

#include "engine/base/stop.h"

/* Somebody is about to take so many bytes, and there is no room for them. */
static bool make_way_until(memory *m, size_t size, bool (*fits)(memory *m, size_t size))
{
    bool ok;
    pthread_mutex_lock(&m->lock);
    m->nwalled++;
    while (!(ok = fits(m, size)) && !stop_asked()) {
        err e = {0};
        bool some = memory_spill(m, size, &e);
        err_clear(&e);
        if (some || memory_take_kept(m, size, &e)) continue;
        err_clear(&e);
        if (m->nwalled >= m->nrunning) break;
        memory_wait(m);
    }
    m->refused |= !ok && m->nrunning > 1;
    m->nwalled--;
    pthread_cond_broadcast(&m->change);
    pthread_mutex_unlock(&m->lock);
    return ok;
}

static bool array_fits(memory *m, size_t size)
{
    (void)m;
    return buf_fits(size);
}

static bool make_way(void *ctx, size_t size)
{
    return make_way_until(ctx, size, array_fits);
}

/* ---- objects ---- */

static bool is_below(uint64_t ceiling, size_t size, uint64_t *left)
{
    const uint64_t own = memory_own();
    *left = own + size < ceiling ? ceiling - own - size : 0;
    mem_set_tight(*left < ceiling / 4);
    return *left > 0;
}

/* The same when what is only kept for later is given back; *trimmed: when that was done last. */
static bool is_below_now(uint64_t ceiling, size_t size, double *trimmed, uint64_t *left)
{
    const double period = 0.05;
    if (is_below(ceiling, size, left)) return true;
    buf_pool_clear();
#ifdef __GLIBC__
    if (run_clock() > *trimmed + period) {
        malloc_trim(0);
        *trimmed = run_clock();
    }
#endif
    return is_below(ceiling, size, left);
}

static size_t share_of(uint64_t left)
{
    enum { FEW = 1 << 20, SHARE = 32 };
    return left / SHARE > FEW ? left / SHARE : FEW;
}

static uint64_t ceiling_of(uint64_t limit)
{
    const uint64_t all = limit + limit / 16, small = memory_own() + limit / 8;
    return all > small ? all : small;
}

/* with the lock */
static bool object_fits(memory *m, size_t size)
{
    uint64_t left;
    return is_below_now(m->ceiling, size, &m->trimmed, &left);
}

/* mem_watch: how much more a task may take before it asks again */
static size_t room_for_objects(void *ctx, size_t size, err *e)
{
    memory *m = ctx;
    char used[32], limit[32];
    uint64_t left;
    if (is_below(m->ceiling, size, &left)) return share_of(left);
    if (make_way_until(m, size, object_fits)) return share_of(0);
    err_set(e, MemoryError,
            "a task makes objects that take too much: the process holds %s and memory_limit is "
            "%s: smaller partitions take less, or raise dask.config.set(memory_limit=...)",
            size_text(memory_own(), used), size_text(m->limit, limit));
    return 0;
}

/* mem_watch: the same for what has been computed and becomes objects of the program */
static size_t room_for_results(void *ctx, size_t size, err *e)
{
    results_watch *w = ctx;
    char used[32], limit[32];
    uint64_t left;
    if (is_below_now(w->ceiling, size, &w->trimmed, &left)) return share_of(left);
    err_set(e, MemoryError,
            "the results take too much: the process holds %s and memory_limit is %s: reduce or "
            "select before compute(), write them to files, or raise "
            "dask.config.set(memory_limit=...)",
            size_text(memory_own(), used), size_text(w->limit, limit));
    return 0;
}

void results_watch_begin(results_watch *w, uint64_t limit)
{
    if (!limit) limit = memory_default();
    *w = (results_watch){.limit = limit, .ceiling = ceiling_of(limit)};
    w->outer = mem_watch_set((mem_watch){w, room_for_results});
}

void results_watch_end(results_watch *w)
{
    mem_watch_set(w->outer);
    if (!w->outer.room) mem_set_tight(false);
}

void memory_watch(memory *m, bool on)
{
    mem_watch_set(on && m->ceiling ? (mem_watch){m, room_for_objects} : (mem_watch){0});
}

static uint64_t beside_arrays(void)
{
    uint64_t resident = memory_own(), arrays = buf_live() + buf_pool_kept();
    return resident > arrays ? resident - arrays : 0;
}

void memory_wall(memory *m, uint64_t bytes, uint64_t limit)
{
    m->limit = limit;
    m->ceiling = ceiling_of(limit);
    m->base = beside_arrays();
    m->wall = bytes;
    m->looked = run_clock();
    buf_set_wall(&(buf_wall){m, make_way, bytes}, m);
}

bool memory_look_around(memory *m)
{
    enum { USUAL = 8 << 20, FEW = 48 << 20 }; /* modules and interpreters take some */
    const double period = 0.02;
    double now = run_clock();
    if (!m->wall || now < m->looked + period) return true;
    uint64_t n = beside_arrays();
#ifdef __GLIBC__
    if (n > m->base + m->budget / 4 && malloc_trim(0)) n = beside_arrays();
#endif
    m->looked = run_clock();
    n = n > m->base ? n - m->base : 0;
    m->other = n > USUAL ? n - USUAL : 0;
    uint64_t wall = m->wall > m->other ? m->wall - m->other : 0, least = m->wall / 8;
    buf_set_wall(&(buf_wall){m, make_way, wall > least ? wall : least}, m);
    return m->other < m->budget + FEW;
}

bool memory_may_repeat(memory *m, tid t, uint64_t *reserved)
{
    pthread_mutex_lock(&m->lock);
    bool again = m->refused && !m->at[t].alone;
    if (again) {
        m->at[t].alone = true;
        m->running -= *reserved;
        *reserved = 0;
        m->nalone++;
        m->nrunning--;
        pthread_cond_broadcast(&m->change);
    }
    pthread_mutex_unlock(&m->lock);
    return again;
}

bool memory_wait_alone(memory *m, _Atomic int *stop)
{
    pthread_mutex_lock(&m->lock);
    while (m->nrunning && !atomic_load(stop)) memory_wait(m);
    m->nrunning++;
    pthread_mutex_unlock(&m->lock);
    return !atomic_load(stop);
}
