/* engine/run/memory_wall.c - tasks that take more than they were thought to.
 *
 * Arrays of the whole process have a wall: who would go beyond it waits until others have spilled
 * or ended.  When all are there nobody will; then one fails, and runs again when it is alone. */
#include "engine/run/memory_impl.h"

#include <malloc.h>

#include "engine/base/stop.h"

/* Somebody is about to make an array of so many bytes, and there is no room for it. */
static bool make_way(void *ctx, size_t size)
{
    memory *m = ctx;
    bool ok;
    pthread_mutex_lock(&m->lock);
    m->nwalled++;
    while (!(ok = buf_fits(size)) && !stop_asked()) {
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

static uint64_t beside_arrays(void)
{
    uint64_t resident = memory_own(), arrays = buf_live() + buf_pool_kept();
    return resident > arrays ? resident - arrays : 0;
}

void memory_wall(memory *m, uint64_t bytes)
{
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
