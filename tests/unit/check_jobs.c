/* The queue of a worker process: stdlib/dask/worker_impl.h. */
#include <check.h>
#include <semaphore.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "stdlib/dask/worker_impl.h"
#include "tests/unit/suite.h"

/* The lock may be taken again by who has it: a test that holds it lets several things happen before
 * a thread that was woken sees any. */
static void server_open(server *s)
{
    pthread_mutexattr_t again;
    *s = (server){0};
    pthread_mutexattr_init(&again);
    pthread_mutexattr_settype(&again, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&s->lock, &again);
    pthread_mutexattr_destroy(&again);
    pthread_cond_init(&s->work, NULL);
    pthread_cond_init(&s->work_spare, NULL);
    store_init(&s->held);
}

static void add(server *s, uint64_t id)
{
    job *j = mem_zero(sizeof *j);
    j->id = id;
    job_add(s, j);
}

static void wait_for_idle(server *s, int n)
{
    for (bool there = false; !there; usleep(100)) {
        pthread_mutex_lock(&s->lock);
        there = s->idle == n;
        pthread_mutex_unlock(&s->lock);
    }
}

/* A thread that takes a job each time it is told to, and ends with the job 0. */
typedef struct taker {
    server *s;
    bool spare;
    sem_t go, took;
    uint64_t last; /* that it took */
    pthread_t thread;
} taker;

static void *take_jobs(void *arg)
{
    taker *t = arg;
    do {
        sem_wait(&t->go);
        job *j = job_next(t->s, t->spare, false);
        t->last = j->id;
        job_free(j);
        sem_post(&t->took);
    } while (t->last);
    return NULL;
}

static void taker_start(taker *t, server *s, bool spare)
{
    *t = (taker){.s = s, .spare = spare};
    sem_init(&t->go, 0, 0);
    sem_init(&t->took, 0, 0);
    pthread_create(&t->thread, NULL, take_jobs, t);
}

static void taker_end(taker *t)
{
    sem_post(&t->go);
    add(t->s, 0);
    pthread_join(t->thread, NULL);
}

static uint64_t taken(taker *t)
{
    sem_wait(&t->took);
    return t->last;
}

START_TEST(a_job_taken_back_leaves_the_thread_free_that_was_woken_for_it)
{
    server s;
    taker a;
    server_open(&s);
    taker_start(&a, &s, false);
    sem_post(&a.go);
    wait_for_idle(&s, 1);
    pthread_mutex_lock(&s.lock);
    add(&s, 1);
    ck_assert(job_cancel(&s, 1));
    pthread_mutex_unlock(&s.lock);
    usleep(1000); /* it has looked, and found nothing */
    add(&s, 2);
    ck_assert_uint_eq(taken(&a), 2);
    taker_end(&a);
}
END_TEST

START_TEST(a_spare_leaves_a_job_to_the_thread_that_was_woken_for_it)
{
    server s;
    taker a, b;
    server_open(&s);
    taker_start(&a, &s, false);
    taker_start(&b, &s, true);
    for (uint64_t i = 1; i <= 100; i += 2) {
        sem_post(&a.go);
        wait_for_idle(&s, 1);
        pthread_mutex_lock(&s.lock);
        sem_post(&b.go);
        usleep(1000); /* it stands at the lock, most often */
        add(&s, i);
        pthread_mutex_unlock(&s.lock);
        ck_assert_uint_eq(taken(&a), i);
        add(&s, i + 1); /* nobody else is there for it */
        ck_assert_uint_eq(taken(&b), i + 1);
    }
    taker_end(&a);
    taker_end(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("jobs");
    TCase *c = tcase_create("jobs");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_job_taken_back_leaves_the_thread_free_that_was_woken_for_it);
    tcase_add_test(c, a_spare_leaves_a_job_to_the_thread_that_was_woken_for_it);
    suite_add_tcase(s, c);
    return suite_run(s);
}
