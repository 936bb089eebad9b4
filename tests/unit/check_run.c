/* tests/unit/check_run.c - exprs end to end: what compute() gives, and how the pool behaves. */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/engine.h"
#include "engine/run/pool.h"
#include "tests/unit/suite.h"

static const dtype_of none = {.dt = DT_none};

static expr *range(int64_t n, int64_t chunk, err *e)
{
    grid *g = grid_even(1, &n, &chunk);
    expr *x = expr_arange((label){0}, lit_int(0), lit_int(1), g, dtype_plain(DT_int64), e);
    datum_unref(g);
    return x;
}

static nd *compute(const expr *x, pool *p)
{
    err e = {0};
    nd *out = NULL;
    ck_assert_msg(exprs_compute(1, &x, p, NULL, NULL, &out, &e), "%s", e.msg);
    return out;
}

static expr *sum(const expr *x, uint32_t axes)
{
    err e = {0};
    expr *y = expr_reduce("sum", x, &(reduce_args){.axes = axes, .want = none}, &e);
    ck_assert_msg(y != NULL, "%s", e.msg);
    return y;
}

START_TEST(sum_of_a_range_is_exact)
{
    err e = {0};
    expr *x = range(1000000, 1000, &e), *y = sum(x, ALL_AXES);
    pool *p = pool_new(2, false, NULL);
    nd *out = compute(y, p);
    ck_assert_int_eq(*(int64_t *)out->at, 499999500000);
    ck_assert(!strncmp(expr_name(y), "sum-aggregate-", 14));
    datum_unref(out);
    datum_unref(x);
    datum_unref(y);
    pool_free(p);
}
END_TEST

START_TEST(elementwise_chains_become_one_program)
{
    err e = {0};
    expr *x = range(10, 5, &e);
    nd *one = nd_scalar(DT_int64, &(int64_t){1});
    term t[2] = {{.x = x}, {.block = one, .weak = true}};
    expr *y = expr_map((label){0}, &ufuncs[U_add], 2, t, none, 0, &e);
    t[0].x = y;
    expr *z = expr_map((label){.prefix = "mul"}, &ufuncs[U_multiply], 2, t, none, 0, &e);
    const expr *all[] = {z};
    plan *p = plan_exprs(1, all, NULL, &e);
    ck_assert_uint_eq(p->ntask, 2);
    ck_assert_uint_eq(p->nprog, 1);
    plan_free(p);
    nd *out = compute(z, NULL);
    for (int i = 0; i < 10; i++) ck_assert_int_eq(((int64_t *)out->at)[i], i + 1);
    datum_unref(out);
    datum_unref(one);
    datum_unref(x);
    datum_unref(y);
    datum_unref(z);
}
END_TEST

/* --- hand-written graphs of small functions --- */

typedef struct test_fn {
    fn base;
    pthread_t home;
    _Atomic int *count, *wrong, at_home;
    int sleep_ms, fail_at;
    bool only_home;
} test_fn;

/* adds up its inputs and one */
static datum *test_call(const fn *f, const call *c, err *e)
{
    const test_fn *t = (const test_fn *)f;
    int n = atomic_fetch_add(t->count, 1);
    bool home = pthread_equal(pthread_self(), t->home);
    if (home) atomic_fetch_add((_Atomic int *)(uintptr_t)&t->at_home, 1);
    if ((f->flags & FN_HOME) && !home) atomic_fetch_add(t->wrong, 1);
    if (t->only_home && c->go_home) {
        *c->go_home = true;
        return NULL;
    }
    if (t->only_home && !home) atomic_fetch_add(t->wrong, 1);
    if (t->sleep_ms) {
        if (c->worker) worker_blocking_begin(c->worker);
        nanosleep(&(struct timespec){.tv_nsec = t->sleep_ms * 1000000L}, NULL);
        if (c->worker) worker_blocking_end(c->worker);
    }
    if (t->fail_at && n >= t->fail_at) return err_set(e, ValueError, "task %d", n);
    int64_t sum = 1;
    for (uint32_t i = 0; i < c->nin; i++) sum += *(const int64_t *)((const nd *)c->in[i])->at;
    return (datum *)nd_scalar(DT_int64, &sum);
}

static const fn_kind test_kind = {.name = "test", .version = 1, .call = test_call};

static test_fn *test_new(_Atomic int *count, _Atomic int *wrong, uint32_t flags)
{
    test_fn *f = fn_new(sizeof *f, &test_kind, "inc");
    f->base.flags = flags;
    f->home = pthread_self();
    f->count = count;
    f->wrong = wrong;
    return f;
}

/* n independent tasks and one that reads them all */
static plan *fan_plan(int64_t n, const fn *leaf, const fn *top, layer **l)
{
    err e = {0};
    graph_builder *b = graph_builder_new("fan");
    ref *in = malloc((size_t)n * sizeof *in);
    for (int64_t i = 0; i < n; i++) {
        in[i] = (ref){NULL, graph_add_key(b, NULL, 1, &i)};
        graph_set_task(b, in[i].i, leaf, 0, NULL, 0, NULL);
    }
    graph_set_task(b, graph_add_key(b, NULL, 1, &n), top, 0, NULL, (uint32_t)n, in);
    free(in);
    *l = graph_build(b, NULL, none, &e);
    ck_assert(*l != NULL);
    plan *p = plan_refs(1, &(ref){*l, (uint64_t)n}, NULL, &e);
    ck_assert_msg(p != NULL, "%s", e.msg);
    return p;
}

static int64_t fan(int64_t n, test_fn *leaf, test_fn *top, pool *p, err *e)
{
    layer *l;
    plan *pl = fan_plan(n, &leaf->base, &top->base, &l);
    bool ok = plan_run(pl, p, NULL, NULL, e);
    int64_t sum = ok ? *(const int64_t *)((const nd *)plan_result(pl, 0))->at : -1;
    plan_free(pl);
    datum_unref(l);
    return sum;
}

START_TEST(every_task_of_a_graph_runs_once)
{
    _Atomic int count = 0, wrong = 0;
    err e = {0};
    pool *p = pool_new(3, false, NULL);
    test_fn *f = test_new(&count, &wrong, 0);
    for (int k = 0; k < 20; k++) {
        atomic_store(&count, 0);
        ck_assert_int_eq(fan(1000, f, f, p, &e), 1001);
        ck_assert_int_eq(atomic_load(&count), 1001);
    }
    pool_free(p);
    datum_unref(f);
}
END_TEST

START_TEST(home_tasks_run_on_the_calling_thread)
{
    _Atomic int count = 0, wrong = 0;
    err e = {0};
    pool *p = pool_new(2, false, NULL);
    test_fn *home = test_new(&count, &wrong, FN_HOME | FN_FOREIGN);
    test_fn *any = test_new(&count, &wrong, FN_FOREIGN);
    ck_assert_int_eq(fan(200, home, any, p, &e), 201);
    ck_assert_int_eq(fan(200, any, home, p, &e), 201);
    ck_assert_int_eq(atomic_load(&wrong), 0);
    pool_free(p);
    datum_unref(home);
    datum_unref(any);
}
END_TEST

START_TEST(a_task_may_ask_to_run_at_home)
{
    _Atomic int count = 0, wrong = 0;
    err e = {0};
    pool *p = pool_new(2, false, NULL);
    test_fn *f = test_new(&count, &wrong, FN_FOREIGN);
    f->only_home = true;
    ck_assert_int_eq(fan(100, f, f, p, &e), 101);
    ck_assert_int_eq(atomic_load(&wrong), 0);
    pool_free(p);
    datum_unref(f);
}
END_TEST

START_TEST(the_first_error_stops_the_rest_and_names_its_task)
{
    _Atomic int count = 0, wrong = 0;
    err e = {0};
    pool *p = pool_new(2, false, NULL);
    test_fn *f = test_new(&count, &wrong, FN_FOREIGN);
    f->fail_at = 100;
    layer *l;
    plan *pl = fan_plan(100000, &f->base, &f->base, &l);
    tid failed;
    ck_assert(!plan_run(pl, p, NULL, &failed, &e));
    ck_assert_int_eq(e.kind, ValueError);
    ck_assert(failed < pl->ntask);
    ck_assert_int_lt(atomic_load(&count), 1000);
    plan_free(pl);
    err_clear(&e);
    pool_free(p);
    datum_unref(l);
    datum_unref(f);
}
END_TEST

/* Tasks of the engine's own, all short: the caller is one of the workers. */
START_TEST(the_calling_thread_lends_a_hand)
{
    _Atomic int count = 0, wrong = 0;
    err e = {0};
    pool *p = pool_new(2, false, NULL);
    test_fn *f = test_new(&count, &wrong, 0), *foreign = test_new(&count, &wrong, FN_FOREIGN);
    ck_assert_int_eq(fan(20000, f, f, p, &e), 20001);
    ck_assert_int_eq(fan(200, foreign, foreign, p, &e), 201);
    ck_assert_int_gt(atomic_load(&f->at_home), 0);
    ck_assert_int_eq(atomic_load(&foreign->at_home), 0);
    pool_free(p);
    datum_unref(f);
    datum_unref(foreign);
}
END_TEST

/* What it has begun dies young: its inputs wait for it. */
START_TEST(what_the_calling_thread_offers_goes_before_new_leaves)
{
    enum { LEAVES = 3, OWN = 1, OFFERED = 2 };
    _Atomic int count = 0, wrong = 0;
    err e = {0};
    layer *l;
    pool *p = pool_new(2, false, NULL);
    test_fn *f = test_new(&count, &wrong, 0);
    plan *pl = fan_plan(LEAVES, &f->base, &f->base, &l);
    job *j = job_new(pl, p, &(run_opts){0}, &e);
    ck_assert_msg(j != NULL, "%s", e.msg);
    worker w = {.id = -1, .pool = p, .own = {.lock = ATOMIC_FLAG_INIT}};
    deque_push(&p->offered, OFFERED);
    deque_push(&w.own, OWN);
    ck_assert_uint_eq(job_find(j, &w), OWN);
    ck_assert_uint_eq(job_find(j, &w), OFFERED);
    for (int i = 0; i < LEAVES; i++) ck_assert_uint_eq(job_find(j, &w), j->leaf[i]);
    ck_assert_uint_eq(job_find(j, &w), NO_TASK);
    deque_clear(&w.own);
    job_unref(j);
    plan_free(pl);
    datum_unref(l);
    datum_unref(f);
    pool_free(p);
}
END_TEST

static bool is_brisk(int64_t n, const int64_t *sizes)
{
    err e = {0};
    cuts *c = cuts_of(n, sizes);
    grid *g = grid_new(1, &c);
    expr *x = expr_arange((label){0}, lit_int(0), lit_int(1), g, dtype_plain(DT_int64), &e);
    expr *y = sum(x, ALL_AXES);
    const expr *all[] = {y};
    plan *p = plan_exprs(1, all, NULL, &e);
    job *j = job_new(p, NULL, &(run_opts){0}, &e);
    ck_assert_msg(j != NULL, "%s", e.msg);
    bool brisk = job_is_brisk(j);
    job_unref(j);
    plan_free(p);
    datum_unref(y);
    datum_unref(x);
    datum_unref(g);
    datum_unref(c);
    return brisk;
}

/* The first tasks being short says nothing of chunks of other sizes. */
START_TEST(one_large_chunk_keeps_the_calling_thread_free)
{
    ck_assert(is_brisk(4, (int64_t[]){10, 10, 10, 7}));
    ck_assert(!is_brisk(4, (int64_t[]){10, 10, 1000000000, 10}));
    ck_assert(!is_brisk(2, (int64_t[]){1000000000, 10}));
}
END_TEST

START_TEST(nothing_of_a_failed_run_is_found_by_the_next)
{
    _Atomic int count = 0, wrong = 0;
    pool *p = pool_new(2, false, NULL);
    test_fn *good = test_new(&count, &wrong, 0), *bad = test_new(&count, &wrong, 0);
    for (int k = 0; k < 300; k++) {
        err e = {0};
        volatile int stop = k % 3 == 0;
        layer *l;
        plan *pl = fan_plan(500, &bad->base, &good->base, &l);
        atomic_store(&count, 0);
        bad->fail_at = stop ? 0 : 1 + k;
        bool ok = plan_run(pl, p, &(run_opts){.cancel = &stop}, NULL, &e);
        ck_assert(!ok || stop); /* it may have ended before anybody looked */
        if (!ok) ck_assert_int_eq(e.kind, stop ? KeyboardInterrupt : ValueError);
        err_clear(&e);
        plan_free(pl);
        datum_unref(l);
        ck_assert_int_eq(fan(100, good, good, p, &e), 101);
    }
    pool_free(p);
    datum_unref(good);
    datum_unref(bad);
}
END_TEST

START_TEST(sleeping_tasks_give_their_place_to_others)
{
    _Atomic int count = 0, wrong = 0;
    err e = {0};
    pool *p = pool_new(2, false, NULL);
    test_fn *f = test_new(&count, &wrong, FN_FOREIGN), *top = test_new(&count, &wrong, 0);
    f->sleep_ms = 200;
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    ck_assert_int_eq(fan(20, f, top, p, &e), 21);
    clock_gettime(CLOCK_MONOTONIC, &b);
    ck_assert_double_lt((double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec),
                        1.0);
    pool_free(p);
    datum_unref(f);
    datum_unref(top);
}
END_TEST

START_TEST(a_cancelled_run_ends_soon)
{
    _Atomic int count = 0, wrong = 0;
    err e = {0};
    volatile int stop = 1;
    pool *p = pool_new(2, true, NULL);
    test_fn *f = test_new(&count, &wrong, FN_FOREIGN);
    f->sleep_ms = 20;
    layer *l;
    plan *pl = fan_plan(1000, &f->base, &f->base, &l);
    ck_assert(!plan_run(pl, p, &(run_opts){.cancel = &stop}, NULL, &e));
    ck_assert_int_eq(e.kind, KeyboardInterrupt);
    ck_assert_int_lt(atomic_load(&count), 50);
    plan_free(pl);
    err_clear(&e);
    ck_assert_int_eq(fan(10, f, f, p, &e), 11);
    pool_free(p);
    datum_unref(l);
    datum_unref(f);
}
END_TEST

/* A task that does not end when the run is cancelled keeps its thread; the pool goes on without. */
START_TEST(a_pool_that_lost_its_worker_takes_offers)
{
    _Atomic int count = 0, wrong = 0;
    err e = {0};
    volatile int stop = 1;
    static pool *p; /* what was lost is left to the end of the process */
    p = pool_new(1, true, NULL);
    test_fn *home = test_new(&count, &wrong, FN_FOREIGN);
    test_fn *any = test_new(&count, &wrong, FN_FOREIGN);
    test_fn *slow = test_new(&count, &wrong, FN_FOREIGN), *brisk = test_new(&count, &wrong, 0);
    layer *l;
    slow->sleep_ms = 200;
    home->only_home = true;
    ck_assert_int_eq(fan(200, home, home, p, &e), 201);
    for (int k = 0; k < 3; k++) {
        plan *pl = fan_plan(10, &slow->base, &any->base, &l);
        ck_assert(!plan_run(pl, p, &(run_opts){.cancel = &stop}, NULL, &e));
        ck_assert_int_eq(e.kind, KeyboardInterrupt);
        err_clear(&e);
        plan_free(pl);
        datum_unref(l);
        nanosleep(&(struct timespec){.tv_nsec = 300000000L}, NULL); /* it ends after all */
        ck_assert_int_eq(fan(200, home, home, p, &e), 201);
        ck_assert_int_eq(fan(20000, brisk, brisk, p, &e), 20001);
    }
    pool_free(p);
    datum_unref(home);
    datum_unref(any);
    datum_unref(slow);
    datum_unref(brisk);
}
END_TEST

START_TEST(without_threads_the_caller_does_it_all)
{
    _Atomic int count = 0, wrong = 0;
    err e = {0};
    pthread_attr_t was, huge; /* stacks that no system has */
    pthread_getattr_default_np(&was);
    pthread_getattr_default_np(&huge);
    pthread_attr_setstacksize(&huge, (size_t)1 << 48);
    ck_assert_int_eq(pthread_setattr_default_np(&huge), 0);
    pool *p = pool_new(2, false, NULL);
    test_fn *home = test_new(&count, &wrong, FN_FOREIGN);
    test_fn *any = test_new(&count, &wrong, FN_FOREIGN), *brisk = test_new(&count, &wrong, 0);
    home->only_home = true;
    ck_assert_int_eq(fan(200, brisk, brisk, p, &e), 201);
    ck_assert_int_eq(fan(200, home, home, p, &e), 201);
    ck_assert_int_eq(fan(200, any, any, p, &e), 201);
    pthread_setattr_default_np(&was);
    ck_assert_int_eq(fan(200, any, any, p, &e), 201);
    pool_free(p);
    datum_unref(home);
    datum_unref(any);
    datum_unref(brisk);
}
END_TEST

START_TEST(a_graph_with_a_cycle_is_refused)
{
    err e = {0};
    _Atomic int count = 0, wrong = 0;
    test_fn *f = test_new(&count, &wrong, 0);
    graph_builder *b = graph_builder_new("loop");
    for (int64_t i = 0; i < 2; i++) graph_add_key(b, NULL, 1, &i);
    graph_set_task(b, 0, &f->base, 0, NULL, 1, &(ref){NULL, 1});
    graph_set_task(b, 1, &f->base, 0, NULL, 1, &(ref){NULL, 0});
    ck_assert(!graph_build(b, NULL, none, &e));
    ck_assert_int_eq(e.kind, RuntimeError);
    err_clear(&e);
    datum_unref(f);
}
END_TEST

START_TEST(chains_of_many_tasks_need_no_stack)
{
    err e = {0};
    _Atomic int count = 0, wrong = 0;
    test_fn *f = test_new(&count, &wrong, 0);
    graph_builder *b = graph_builder_new("chain");
    const int64_t n = 200000;
    for (int64_t i = 0; i < n; i++) {
        graph_add_key(b, NULL, 1, &i);
        graph_set_task(b, (uint64_t)i, &f->base, 0, NULL, i > 0, &(ref){NULL, (uint64_t)i - 1});
    }
    layer *l = graph_build(b, NULL, none, &e);
    plan *pl = plan_refs(1, &(ref){l, (uint64_t)n - 1}, NULL, &e);
    pool *p = pool_new(2, false, NULL);
    ck_assert(plan_run(pl, p, NULL, NULL, &e));
    ck_assert_int_eq(*(const int64_t *)((const nd *)plan_result(pl, 0))->at, n);
    pool_free(p);
    plan_free(pl);
    datum_unref(l);
    datum_unref(f);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("run");
    TCase *t = tcase_create("run");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, sum_of_a_range_is_exact);
    tcase_add_test(t, elementwise_chains_become_one_program);
    tcase_add_test(t, every_task_of_a_graph_runs_once);
    tcase_add_test(t, home_tasks_run_on_the_calling_thread);
    tcase_add_test(t, a_task_may_ask_to_run_at_home);
    tcase_add_test(t, the_first_error_stops_the_rest_and_names_its_task);
    tcase_add_test(t, the_calling_thread_lends_a_hand);
    tcase_add_test(t, what_the_calling_thread_offers_goes_before_new_leaves);
    tcase_add_test(t, one_large_chunk_keeps_the_calling_thread_free);
    tcase_add_test(t, nothing_of_a_failed_run_is_found_by_the_next);
    tcase_add_test(t, sleeping_tasks_give_their_place_to_others);
    tcase_add_test(t, a_cancelled_run_ends_soon);
    tcase_add_test(t, a_pool_that_lost_its_worker_takes_offers);
    tcase_add_test(t, without_threads_the_caller_does_it_all);
    tcase_add_test(t, a_graph_with_a_cycle_is_refused);
    tcase_add_test(t, chains_of_many_tasks_need_no_stack);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return suite_run(suite());
}
