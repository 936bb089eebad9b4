/* The dynamic scheduler: engine/run/foreman.h. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/run/board.h"
#include "engine/run/foreman.h"
#include "tests/unit/suite.h"

static _Atomic int dropped;

static void drop(datum *d)
{
    dropped++;
    mem_free(d);
}

static const datum_kind kind = {.name = "thing", .drop = drop};

static datum *thing(void)
{
    datum *d = mem_zero(sizeof *d);
    datum_init(d, &kind);
    return d;
}

static errand *submit(foreman *f, const char *name, uint32_t nin, errand *const *in)
{
    errand_spec s = {.key = name, .nin = nin, .in = in};
    s.func = thing();
    s.args = thing();
    errand *e = foreman_submit(f, &s);
    datum_unref(s.func);
    datum_unref(s.args);
    return e;
}

/* Takes the next errand of a worker and finishes it; which it was, or NULL. */
static const char *step(foreman *f, int who, char *name)
{
    errand_run r;
    if (!foreman_take(f, who, 0, &r)) return NULL;
    strcpy(name, errand_key(r.e));
    foreman_done(f, &r, thing(), "thing", 8);
    return name;
}

static bool fail_one(foreman *f, int who)
{
    errand_run r;
    err e = {0};
    if (!foreman_take(f, who, 0, &r)) return false;
    err_set(&e, ValueError, "no");
    foreman_failed(f, &r, &e);
    return true;
}

START_TEST(tasks_run_in_the_order_of_priority_then_age)
{
    foreman *f = foreman_new(NULL, false);
    char name[32];
    errand *a = submit(f, "a", 0, NULL), *b = submit(f, "b", 0, NULL);
    errand_spec s = {.key = "c", .priority = 1};
    errand *c = foreman_submit(f, &s);
    ck_assert_int_eq(foreman_hire(f, 1), 0);
    ck_assert_str_eq(step(f, 0, name), "c");
    ck_assert_str_eq(step(f, 0, name), "a");
    ck_assert_str_eq(step(f, 0, name), "b");
    ck_assert_ptr_null(step(f, 0, name));
    errand_release(a);
    errand_release(b);
    errand_release(c);
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

START_TEST(a_task_waits_for_its_inputs_and_gets_their_values)
{
    foreman *f = foreman_new(NULL, false);
    char name[32];
    foreman_hire(f, 2);
    errand *a = submit(f, "a", 0, NULL), *b = submit(f, "b", 1, &a);
    ck_assert_int_eq(errand_state_of(b), ERRAND_WAITING);
    ck_assert_str_eq(step(f, 0, name), "a");
    ck_assert_int_eq(errand_state_of(b), ERRAND_READY);
    errand_run r;
    ck_assert(foreman_take(f, 0, 0, &r));
    ck_assert_uint_eq(r.nin, 1);
    ck_assert_ptr_nonnull(r.in[0]);
    ck_assert_uint_eq(r.in_id[0], errand_id(a));
    foreman_done(f, &r, thing(), "thing", 8);
    ck_assert_int_eq(errand_state_of(b), ERRAND_MEMORY);
    errand_release(a);
    errand_release(b);
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

START_TEST(results_die_when_nobody_holds_or_needs_them)
{
    dropped = 0;
    foreman *f = foreman_new(NULL, false);
    char name[32];
    foreman_hire(f, 1);
    errand *a = submit(f, "a", 0, NULL), *b = submit(f, "b", 1, &a);
    errand_release(a); /* b still needs it */
    step(f, 0, name);
    ck_assert_int_eq(dropped, 2); /* function and arguments of a */
    step(f, 0, name);
    ck_assert_int_eq(dropped, 5); /* its result, and those of b */
    ck_assert_ptr_null(foreman_find(f, "a"));
    errand_release(b);
    ck_assert_int_eq(dropped, 6);
    ck_assert_ptr_null(foreman_find(f, "b"));
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

START_TEST(a_task_that_nobody_wants_is_not_begun)
{
    foreman *f = foreman_new(NULL, false);
    char name[32];
    foreman_hire(f, 1);
    errand *a = submit(f, "a", 0, NULL), *b = submit(f, "b", 1, &a);
    errand_release(b);
    errand_release(a);
    ck_assert_ptr_null(step(f, 0, name));
    errand *c = submit(f, "c", 0, NULL);
    errand_forget_when_done(c);
    errand_release(c);
    ck_assert_str_eq(step(f, 0, name), "c");
    ck_assert_ptr_null(foreman_find(f, "c"));
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

START_TEST(a_key_that_is_known_gives_the_same_task)
{
    foreman *f = foreman_new(NULL, false);
    errand *a = submit(f, "a", 0, NULL), *b = submit(f, "a", 0, NULL);
    ck_assert_ptr_eq(a, b);
    errand_release(a);
    ck_assert_int_eq(errand_state_of(b), ERRAND_READY);
    errand_release(b);
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

START_TEST(an_error_reaches_all_that_depend_on_it)
{
    foreman *f = foreman_new(NULL, false);
    foreman_hire(f, 1);
    errand *a = submit(f, "a", 0, NULL), *b = submit(f, "b", 1, &a), *c = submit(f, "c", 1, &b);
    ck_assert(fail_one(f, 0));
    errand *late = submit(f, "d", 1, &c);
    errand *all[] = {a, b, c, late};
    for (int i = 0; i < 4; i++) {
        errand_view v;
        errand_look(all[i], &v);
        ck_assert_int_eq(v.state, ERRAND_ERRED);
        ck_assert_str_eq(v.msg, "no");
        errand_view_clear(&v);
        errand_release(all[i]);
    }
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

START_TEST(a_task_is_retried_as_often_as_it_may)
{
    foreman *f = foreman_new(NULL, false);
    char name[32];
    foreman_hire(f, 1);
    errand_spec s = {.key = "a", .retries = 2};
    errand *a = foreman_submit(f, &s), *b = submit(f, "b", 1, &a);
    ck_assert(fail_one(f, 0) && fail_one(f, 0));
    ck_assert_int_eq(errand_state_of(a), ERRAND_READY);
    ck_assert(fail_one(f, 0));
    ck_assert_int_eq(errand_state_of(b), ERRAND_ERRED);
    foreman_retry(f, &b, 1); /* from the root */
    ck_assert_int_eq(errand_state_of(a), ERRAND_READY);
    ck_assert_int_eq(errand_state_of(b), ERRAND_WAITING);
    ck_assert_str_eq(step(f, 0, name), "a");
    ck_assert_str_eq(step(f, 0, name), "b");
    ck_assert_int_eq(errand_state_of(b), ERRAND_MEMORY);
    errand_release(a);
    errand_release(b);
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

START_TEST(cancelling_takes_along_what_depends_on_it)
{
    foreman *f = foreman_new(NULL, false);
    char name[32];
    foreman_hire(f, 1);
    errand *a = submit(f, "a", 0, NULL), *b = submit(f, "b", 1, &a), *c = submit(f, "c", 1, &b);
    step(f, 0, name);
    errand_run r;
    ck_assert(foreman_take(f, 0, 0, &r)); /* b runs */
    foreman_cancel(f, &a, 1, false);
    ck_assert_int_eq(errand_state_of(a), ERRAND_CANCELLED);
    ck_assert_int_eq(errand_state_of(b), ERRAND_CANCELLED);
    ck_assert_int_eq(errand_state_of(c), ERRAND_CANCELLED);
    foreman_done(f, &r, thing(), "thing", 8); /* too late */
    ck_assert_int_eq(errand_state_of(b), ERRAND_CANCELLED);
    errand *again = submit(f, "a", 0, NULL);
    ck_assert_ptr_ne(again, a);
    ck_assert_str_eq(step(f, 0, name), "a");
    errand_release(a);
    errand_release(b);
    errand_release(c);
    errand_release(again);
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

START_TEST(restricted_tasks_wait_for_their_worker)
{
    foreman *f = foreman_new(NULL, false);
    char name[32];
    errand_spec s = {.key = "a", .only = 2};
    errand *a = foreman_submit(f, &s);
    foreman_hire(f, 1);
    ck_assert_ptr_null(step(f, 0, name));
    foreman_hire(f, 1);
    ck_assert_ptr_null(step(f, 0, name));
    ck_assert_str_eq(step(f, 1, name), "a");
    errand_view v;
    errand_look(a, &v);
    ck_assert_uint_eq(v.where, 2);
    errand_view_clear(&v);
    errand_release(a);
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

START_TEST(a_task_goes_where_its_input_is_and_others_are_taken_by_who_is_free)
{
    foreman *f = foreman_new(NULL, false);
    char name[32];
    foreman_hire(f, 1);
    foreman_hire(f, 1);
    errand_spec big = {.key = "big", .value = thing(), .bytes = 1 << 30, .only = 2};
    errand *a = foreman_submit(f, &big), *b = submit(f, "b", 1, &a);
    datum_unref(big.value);
    ck_assert_ptr_null(step(f, 0, name));
    ck_assert_str_eq(step(f, 1, name), "b");
    errand *many[8];
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "t%d", i);
        many[i] = submit(f, name, 0, NULL);
    }
    errand_run slow;
    int n = 0;
    ck_assert(foreman_take(f, 1, 0, &slow));
    while (step(f, 0, name)) n++;
    ck_assert_int_eq(n, 7);
    foreman_done(f, &slow, thing(), NULL, 0);
    for (int i = 0; i < 8; i++) errand_release(many[i]);
    errand_release(a);
    errand_release(b);
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

START_TEST(what_dies_with_a_worker_is_made_again)
{
    foreman *f = foreman_new(NULL, true);
    errand_run r;
    foreman_hire(f, 1);
    foreman_hire(f, 1);
    errand_spec s = {.key = "a", .func = thing(), .only = 1, .loose = true};
    errand *a = foreman_submit(f, &s), *b = submit(f, "b", 1, &a);
    datum_unref(s.func);
    ck_assert(foreman_take(f, 0, 0, &r));
    foreman_done(f, &r, NULL, "thing", 8); /* it lies at worker 0 */
    ck_assert_int_eq(errand_state_of(a), ERRAND_MEMORY);
    ck_assert_int_eq(errand_state_of(b), ERRAND_READY);
    foreman_dismiss(f, 0, "killed");
    ck_assert_int_eq(errand_state_of(a), ERRAND_READY);
    ck_assert_int_eq(errand_state_of(b), ERRAND_WAITING);
    ck_assert(foreman_take(f, 1, 0, &r));
    ck_assert_str_eq(errand_key(r.e), "a");
    foreman_done(f, &r, NULL, "thing", 8);
    ck_assert(foreman_take(f, 1, 0, &r));
    ck_assert_str_eq(errand_key(r.e), "b");
    foreman_done(f, &r, NULL, "thing", 8);
    errand_release(a);
    errand_release(b);
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

/* A value that a task is made from is not forgotten while the task may run again; one from outside
 * is, and with it the task. */
START_TEST(a_task_runs_again_with_the_values_that_are_part_of_it)
{
    for (int part = 0; part < 2; part++) {
        foreman *f = foreman_new(NULL, true);
        errand_run r;
        foreman_hire(f, 1);
        foreman_hire(f, 1);
        errand_spec s = {.key = "v", .value = thing(), .part = part};
        errand *v = foreman_submit(f, &s), *a = submit(f, "a", 1, &v);
        datum_unref(s.value);
        errand_release(v);
        dropped = 0;
        int who = foreman_take(f, 0, 0, &r) ? 0 : 1;
        ck_assert(who == 0 || foreman_take(f, 1, 0, &r));
        foreman_done(f, &r, NULL, "thing", 8);
        ck_assert_int_eq(dropped, !part);
        foreman_dismiss(f, who, "killed");
        ck_assert_int_eq(errand_state_of(a), part ? ERRAND_READY : ERRAND_CANCELLED);
        if (part) {
            ck_assert(foreman_take(f, !who, 0, &r));
            ck_assert_ptr_nonnull(r.in[0]);
            foreman_done(f, &r, NULL, "thing", 8);
        }
        errand_release(a);
        foreman_close(f);
        foreman_unref(f);
    }
}
END_TEST

START_TEST(an_input_that_is_nowhere_is_made_again)
{
    foreman *f = foreman_new(NULL, true);
    errand_run r;
    foreman_hire(f, 1);
    errand *a = submit(f, "a", 0, NULL), *b = submit(f, "b", 1, &a);
    ck_assert(foreman_take(f, 0, 0, &r));
    foreman_done(f, &r, NULL, "thing", 8);
    ck_assert(foreman_take(f, 0, 0, &r));
    foreman_missing(f, &r, errand_id(a));
    ck_assert_int_eq(errand_state_of(a), ERRAND_READY);
    ck_assert_int_eq(errand_state_of(b), ERRAND_WAITING);
    ck_assert(foreman_take(f, 0, 0, &r));
    foreman_done(f, &r, NULL, "thing", 8);
    ck_assert(foreman_take(f, 0, 0, &r));
    ck_assert_str_eq(errand_key(r.e), "b");
    foreman_done(f, &r, NULL, "thing", 8);
    errand_release(a);
    errand_release(b);
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

/* A lost input is being made again when nobody needs it any more; later somebody does. */
START_TEST(a_task_that_was_let_go_of_while_it_waited_keeps_its_inputs)
{
    foreman *f = foreman_new(NULL, true);
    errand_run r, last;
    foreman_hire(f, 1);
    errand *a = submit(f, "a", 0, NULL), *b = submit(f, "b", 1, &a);
    errand_spec s = {.key = "c", .func = thing(), .nin = 1, .in = &b, .only = 2};
    errand *c = foreman_submit(f, &s);
    datum_unref(s.func);
    errand_release(a);
    errand_release(b);
    for (int i = 0; i < 2; i++) {
        ck_assert(foreman_take(f, 0, 0, &r));
        foreman_done(f, &r, NULL, "thing", 8);
    }
    foreman_hire(f, 1);
    ck_assert(foreman_take(f, 1, 0, &last));
    ck_assert_str_eq(errand_key(last.e), "c");
    foreman_dismiss(f, 0, "killed"); /* b begins anew, and a before it */
    foreman_done(f, &last, NULL, "thing", 8);
    foreman_dismiss(f, 1, "killed");
    foreman_rehire(f, 1);
    const char *const order[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        ck_assert(foreman_take(f, 1, 0, &r));
        ck_assert_str_eq(errand_key(r.e), order[i]);
        ck_assert_uint_eq(r.nin, i > 0);
        foreman_done(f, &r, NULL, "thing", 8);
    }
    ck_assert_int_eq(errand_state_of(c), ERRAND_MEMORY);
    errand_release(c);
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

START_TEST(a_task_that_kills_its_workers_is_given_up)
{
    foreman *f = foreman_new(NULL, true);
    errand_run r;
    foreman_hire(f, 1);
    errand *a = submit(f, "a", 0, NULL);
    for (int i = 0; i < 4; i++) {
        ck_assert(foreman_take(f, 0, 0, &r));
        foreman_dismiss(f, 0, "killed");
        foreman_rehire(f, 0);
        foreman_again(f, &r); /* says nothing new */
    }
    errand_view v;
    errand_look(a, &v);
    ck_assert_int_eq(v.state, ERRAND_ERRED);
    ck_assert_str_eq(v.msg, "KilledWorker");
    errand_view_clear(&v);
    errand_release(a);
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

START_TEST(results_elsewhere_are_fetched_when_asked_for)
{
    foreman *f = foreman_new(NULL, true);
    errand_run r;
    foreman_hire(f, 1);
    errand *a = submit(f, "a", 0, NULL);
    watch *w = watch_new(f);
    watch_add(w, a, true, 7);
    ck_assert(foreman_take(f, 0, 0, &r));
    foreman_done(f, &r, NULL, "thing", 8);
    ck_assert(!watch_wait(w, 1, false, 0));
    errand *asked = foreman_wanted(f);
    ck_assert_ptr_eq(asked, a);
    foreman_deliver(f, asked, thing());
    errand_release(asked);
    uint64_t tag = 0;
    ck_assert(watch_wait(w, 1, false, 0));
    ck_assert(watch_next(w, &tag));
    ck_assert_uint_eq(tag, 7);
    watch_free(w);
    errand_release(a);
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

START_TEST(a_result_that_dies_after_it_was_asked_for_is_asked_for_again)
{
    foreman *f = foreman_new(NULL, true);
    errand_run r;
    foreman_hire(f, 1);
    errand *a = submit(f, "a", 0, NULL);
    ck_assert(foreman_take(f, 0, 0, &r));
    foreman_done(f, &r, NULL, "thing", 8);
    watch *w = watch_new(f);
    watch_add(w, a, true, 7);
    foreman_dismiss(f, 0, "killed");
    ck_assert_ptr_null(foreman_wanted(f));
    foreman_rehire(f, 0);
    ck_assert(foreman_take(f, 0, 0, &r));
    foreman_done(f, &r, NULL, "thing", 8);
    errand *asked = foreman_wanted(f);
    ck_assert_ptr_eq(asked, a);
    foreman_deliver(f, asked, thing());
    errand_release(asked);
    ck_assert(watch_wait(w, 1, false, 0));
    watch_free(w);
    errand_release(a);
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

static errand *submit_needy(foreman *f, const char *key, double n)
{
    double need[MAX_RESOURCES] = {n};
    errand_spec s = {.key = key, .func = thing(), .args = thing(), .need = need};
    errand *e = foreman_submit(f, &s);
    datum_unref(s.func);
    datum_unref(s.args);
    return e;
}

START_TEST(tasks_wait_for_what_others_use_up)
{
    foreman *f = foreman_new(NULL, false);
    errand_run r, q;
    const double has[MAX_RESOURCES] = {2};
    foreman_hire(f, 4);
    ck_assert_int_eq(foreman_resource(f, "GPU"), 0);
    ck_assert_int_eq(foreman_resource(f, "GPU"), 0);
    errand *a = submit_needy(f, "a", 2), *b = submit_needy(f, "b", 1), *c = submit(f, "c", 0, NULL);
    errand *never = submit_needy(f, "never", 3);
    foreman_equip(f, 0, has);
    ck_assert(foreman_take(f, 0, 0, &q));
    ck_assert(foreman_take(f, 0, 0, &r));
    ck_assert_int_eq(errand_state_of(a) == ERRAND_PROCESSING, true);
    ck_assert_int_eq(errand_state_of(c) == ERRAND_PROCESSING, true);
    errand_run x;
    ck_assert(!foreman_take(f, 0, 0, &x));
    foreman_done(f, &q, thing(), NULL, 0);
    foreman_done(f, &r, thing(), NULL, 0);
    ck_assert(foreman_take(f, 0, 0, &x));
    ck_assert_str_eq(errand_key(x.e), "b");
    foreman_done(f, &x, thing(), NULL, 0);
    ck_assert_int_eq(errand_state_of(never), ERRAND_READY);
    errand_release(a);
    errand_release(b);
    errand_release(c);
    errand_release(never);
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

START_TEST(watches_give_errands_as_they_end)
{
    foreman *f = foreman_new(NULL, false);
    errand_run r[3];
    foreman_hire(f, 3);
    errand *e[3] = {submit(f, "a", 0, NULL), submit(f, "b", 0, NULL), submit(f, "c", 0, NULL)};
    watch *w = watch_new(f);
    for (uint64_t i = 0; i < 3; i++) watch_add(w, e[i], false, i);
    for (int i = 0; i < 3; i++) ck_assert(foreman_take(f, 0, 0, &r[i]));
    uint64_t tag;
    const uint64_t order[] = {2, 0, 1};
    for (int i = 0; i < 3; i++) {
        ck_assert(!watch_next(w, &tag));
        for (int k = 0; k < 3; k++)
            if (r[k].e == e[order[i]]) foreman_done(f, &r[k], thing(), NULL, 0);
        ck_assert(watch_next(w, &tag));
        ck_assert_uint_eq(tag, order[i]);
    }
    watch_free(w);
    for (int i = 0; i < 3; i++) errand_release(e[i]);
    foreman_close(f);
    foreman_unref(f);
}
END_TEST

START_TEST(long_chains_need_no_stack)
{
    enum { LONG = 200000 };
    for (int remote = 0; remote < 2; remote++) {
        foreman *f = foreman_new(NULL, remote);
        char name[32];
        errand *last = submit(f, "0", 0, NULL);
        for (int i = 1; i < LONG; i++) {
            snprintf(name, sizeof name, "%d", i);
            errand *next = submit(f, name, 1, &last);
            errand_release(last);
            last = next;
        }
        foreman_hire(f, 1);
        if (remote) { /* one fails: all that follow do */
            ck_assert(fail_one(f, 0));
            ck_assert_int_eq(errand_state_of(last), ERRAND_ERRED);
        } else {
            while (step(f, 0, name)) continue;
            ck_assert_int_eq(errand_state_of(last), ERRAND_MEMORY);
        }
        errand_release(last);
        foreman_close(f);
        foreman_unref(f);
    }
}
END_TEST

/* ---- many threads ---- */

static void *drive(void *p)
{
    foreman *f = p;
    errand_run r;
    while (foreman_take(f, 0, -1, &r)) foreman_done(f, &r, thing(), "thing", 1);
    return NULL;
}

static void *ask(void *p)
{
    enum { N = 2000 };
    foreman *f = p;
    char name[32];
    errand *before = NULL;
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "%d", i / 2); /* every key twice, by several threads */
        errand *e = submit(f, name, 0, NULL);
        errand *both[2] = {e, before};
        snprintf(name, sizeof name, "%d-%d", i, i % 7);
        errand *sum = submit(f, name, before ? 2 : 1, both);
        watch *w = watch_new(f);
        watch_add(w, sum, true, 0);
        if (i % 16 == 0 && !watch_wait(w, 1, false, 10)) return p;
        if (i % 97 == 0) foreman_cancel(f, &e, 1, false);
        watch_free(w);
        errand_release(before);
        errand_release(e);
        before = sum;
    }
    errand_release(before);
    return NULL;
}

START_TEST(many_threads_may_submit_run_and_cancel)
{
    dropped = 0;
    foreman *f = foreman_new(NULL, false);
    pthread_t driver[3], asker[3];
    foreman_hire(f, 3);
    for (int i = 0; i < 3; i++) pthread_create(&driver[i], NULL, drive, f);
    for (int i = 0; i < 3; i++) pthread_create(&asker[i], NULL, ask, f);
    for (int i = 0; i < 3; i++) {
        void *bad;
        pthread_join(asker[i], &bad);
        ck_assert_ptr_null(bad);
    }
    foreman_close(f);
    for (int i = 0; i < 3; i++) pthread_join(driver[i], NULL);
    foreman_unref(f);
}
END_TEST

START_TEST(a_note_is_replaced_by_who_read_the_newest)
{
    board *b = board_new();
    uint64_t version, now = board_now(b);
    datum *d = thing();
    ck_assert_ptr_null(board_get(b, "x", &version));
    ck_assert(board_set(b, "x", d, version));
    ck_assert(!board_set(b, "x", NULL, version));
    ck_assert(board_wait(b, now, 0));
    datum *got = board_get(b, "x", &version);
    ck_assert_ptr_eq(got, d);
    datum_unref(got);
    ck_assert(board_set(b, "x", NULL, version));
    datum_unref(d);
    datum_unref(b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("foreman");
    TCase *t = tcase_create("foreman");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, tasks_run_in_the_order_of_priority_then_age);
    tcase_add_test(t, a_task_waits_for_its_inputs_and_gets_their_values);
    tcase_add_test(t, results_die_when_nobody_holds_or_needs_them);
    tcase_add_test(t, a_task_that_nobody_wants_is_not_begun);
    tcase_add_test(t, a_key_that_is_known_gives_the_same_task);
    tcase_add_test(t, an_error_reaches_all_that_depend_on_it);
    tcase_add_test(t, a_task_is_retried_as_often_as_it_may);
    tcase_add_test(t, cancelling_takes_along_what_depends_on_it);
    tcase_add_test(t, restricted_tasks_wait_for_their_worker);
    tcase_add_test(t, a_task_goes_where_its_input_is_and_others_are_taken_by_who_is_free);
    tcase_add_test(t, what_dies_with_a_worker_is_made_again);
    tcase_add_test(t, a_task_runs_again_with_the_values_that_are_part_of_it);
    tcase_add_test(t, an_input_that_is_nowhere_is_made_again);
    tcase_add_test(t, a_task_that_was_let_go_of_while_it_waited_keeps_its_inputs);
    tcase_add_test(t, a_task_that_kills_its_workers_is_given_up);
    tcase_add_test(t, results_elsewhere_are_fetched_when_asked_for);
    tcase_add_test(t, a_result_that_dies_after_it_was_asked_for_is_asked_for_again);
    tcase_add_test(t, tasks_wait_for_what_others_use_up);
    tcase_add_test(t, watches_give_errands_as_they_end);
    tcase_add_test(t, long_chains_need_no_stack);
    tcase_add_test(t, many_threads_may_submit_run_and_cancel);
    tcase_add_test(t, a_note_is_replaced_by_who_read_the_newest);
    suite_add_tcase(s, t);
    return suite_run(s);
}
