/* stdlib/dask/worker_jobs.c - tasks of a worker process that wait: for their inputs, then for a
 * thread, in the order in which they were sent. */
#include "stdlib/dask/worker_impl.h"

void job_free(job *j)
{
    for (uint32_t i = 0; j->input && i < j->nin; i++) datum_unref(j->input[i]);
    for (uint32_t i = 0; j->arg && i < j->narg; i++) lit_release(&j->arg[i]);
    datum_unref(j->func);
    datum_unref(j->args);
    mem_free(j->in);
    mem_free(j->input);
    arena_clear(&j->mem);
    mem_free(j);
}

/* With the lock held: all inputs are here, and now the job's. */
static bool gather(server *s, job *j)
{
    for (uint32_t i = 0; !j->is_call && i < j->nin; i++)
        if (!j->input[i]) j->input[i] = store_get(&s->held, j->in[i]);
    for (uint32_t i = 0; !j->is_call && i < j->nin; i++)
        if (!j->input[i]) return false;
    return true;
}

/* With the lock held: n task threads shall be free, as far as tasks gave up their places. */
static void want_free(server *s, int n)
{
    if (s->idle + s->spare < n && s->nspare < s->lent && hand_spare(s)) s->nspare++;
}

/* With the lock held: there may be more jobs than threads that come for them.  Who has been woken
 * and who comes by itself is not told apart: either looks at what is there then. */
static void call_spare(server *s)
{
    if (s->nready <= s->idle) return;
    pthread_cond_signal(&s->work_spare);
    want_free(s, s->nready);
}

static void push(server *s, job *j)
{
    j->next = NULL;
    if (s->ready)
        s->last->next = j;
    else
        s->ready = j;
    s->last = j;
    s->nready++;
    pthread_cond_signal(&s->work);
    call_spare(s);
}

void job_add(server *s, job *j)
{
    pthread_mutex_lock(&s->lock);
    if (gather(s, j)) {
        push(s, j);
    } else {
        j->next = s->waiting;
        s->waiting = j;
    }
    pthread_mutex_unlock(&s->lock);
}

/* Something has come: which jobs had waited for it?  In the order in which they were sent. */
static void wake_jobs(server *s)
{
    job *left = NULL, *go = NULL;
    for (job *j = s->waiting, *next; j; j = next) {
        next = j->next;
        job **to = gather(s, j) ? &go : &left;
        j->next = *to;
        *to = j;
    }
    s->waiting = NULL;
    for (job *j = left, *next; j; j = next) {
        next = j->next;
        j->next = s->waiting;
        s->waiting = j;
    }
    for (job *j = go, *next; j;
         j = next) { /* the list stood newest first, so this is oldest first */
        next = j->next;
        push(s, j);
    }
}

static job *unlink_job(job **at, uint64_t id)
{
    for (; *at; at = &(*at)->next) {
        job *j = *at;
        if (j->id != id || j->is_call) continue;
        *at = j->next;
        return j;
    }
    return NULL;
}

bool job_cancel(server *s, uint64_t id)
{
    pthread_mutex_lock(&s->lock);
    job *j = unlink_job(&s->ready, id);
    s->nready -= j != NULL;
    if (!j) j = unlink_job(&s->waiting, id);
    for (s->last = s->ready; s->last && s->last->next;) s->last = s->last->next;
    pthread_mutex_unlock(&s->lock);
    if (!j) return false; /* it runs, or has run */
    job_free(j);
    return true;
}

void job_soon(server *s, bool spare)
{
    pthread_mutex_lock(&s->lock);
    ++*(spare ? &s->spare : &s->idle);
    pthread_mutex_unlock(&s->lock);
}

void job_not_soon(server *s, bool spare)
{
    pthread_mutex_lock(&s->lock);
    --*(spare ? &s->spare : &s->idle);
    call_spare(s);
    pthread_mutex_unlock(&s->lock);
}

/* What it waits for may be a job that is here, or the next. */
void job_lend(server *s)
{
    pthread_mutex_lock(&s->lock);
    s->lent++;
    want_free(s, s->nready + 1);
    pthread_mutex_unlock(&s->lock);
}

void job_unlend(server *s)
{
    pthread_mutex_lock(&s->lock);
    s->lent--;
    pthread_mutex_unlock(&s->lock);
}

void job_no_spare(server *s)
{
    pthread_mutex_lock(&s->lock);
    s->nspare--;
    pthread_mutex_unlock(&s->lock);
}

job *job_next(server *s, bool spare, bool soon)
{
    int *waiting = spare ? &s->spare : &s->idle;
    pthread_mutex_lock(&s->lock);
    *waiting += !soon;
    while (s->nready <= (spare ? s->idle : 0))
        pthread_cond_wait(spare ? &s->work_spare : &s->work, &s->lock);
    --*waiting;
    s->nready--;
    job *j = s->ready;
    s->ready = j->next;
    pthread_mutex_unlock(&s->lock);
    return j;
}

void server_keep(server *s, uint64_t id, datum *d)
{
    store_keep(&s->held, id, d);
    pthread_mutex_lock(&s->lock);
    wake_jobs(s);
    pthread_mutex_unlock(&s->lock);
}
