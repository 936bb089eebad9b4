/* Worker processes: stdlib/dask/workers.h.  The worker is this program, too. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/data/share.h"
#include "engine/graph/fn.h"
#include "stdlib/dask/worker_store.h"
#include "stdlib/dask/workers.h"
#include "stdlib/stdlib.h"
#include "tests/unit/suite.h"

static void ignore(void *ctx, int fd, const char *s, size_t n)
{
    (void)ctx, (void)fd, (void)s, (void)n;
}

static const host quiet = {.write = ignore};

typedef struct stage {
    interp *in;
    workers *w;
} stage;

static value named(stage *s, const char *name)
{
    return dict_peek(s->in, interp_main(s->in), name);
}

static stage open_with(const workers_opts *o, const char *text)
{
    stage s = {.in = interp_open(&quiet, stdlib_modules)};
    ck_assert(interp_run(s.in, text, strlen(text), "<test>", 'f', interp_main(s.in), NULL));
    value_unref(s.in, interp_import(s.in, "_dask"));
    err e = {0};
    s.w = workers_open_processes(s.in, o, &e);
    ck_assert_msg(s.w != NULL, "%s", e.msg);
    return s;
}

static stage open_stage(int n, const char *text)
{
    workers_opts o = {.n = n};
    return open_with(&o, text);
}

static void close_stage(stage *s)
{
    workers_close(s->w);
    interp_close(s->in);
}

/* The next event that is no WORKER_UP. */
static work_event next_event(stage *s)
{
    work_event ev;
    do {
        ck_assert(workers_poll(s->w, 10000, &ev));
        if (ev.what == WORKER_UP) ck_assert(ev.pid > 0);
    } while (ev.what == WORKER_UP);
    return ev;
}

/* f(*args) at a worker; args: what the source left under that name. */
static void send(stage *s, int who, work_id id, const char *f, value args, uint32_t nin,
                 const work_id *in)
{
    err e = {0};
    value pair = v_obj(tuple_pack(s->in, 2, value_ref(args), NONE));
    datum *func = (datum *)freeze_copy(s->in, named(s, f), &e);
    datum *packed = (datum *)freeze_copy(s->in, pair, &e);
    ck_assert_msg(func && packed, "%s", e.msg);
    work t = {.id = id, .key = f, .func = func, .args = packed, .nin = nin, .in = in};
    ck_assert(workers_send(s->w, who, &t, &e));
    datum_unref(func);
    datum_unref(packed);
    value_unref(s->in, pair);
}

static value args_of(stage *s, value v)
{
    return v_obj(tuple_pack(s->in, 1, v));
}

static void send1(stage *s, int who, work_id id, const char *f, value v)
{
    value args = args_of(s, v);
    send(s, who, id, f, args, 0, NULL);
    value_unref(s->in, args);
}

static void send_after(stage *s, int who, work_id id, const char *f, work_id of)
{
    value args = args_of(s, input_value(s->in, of));
    send(s, who, id, f, args, 1, &of);
    value_unref(s->in, args);
}

static int64_t fetch_int(stage *s, work_id id)
{
    ck_assert(workers_fetch(s->w, id));
    work_event ev = next_event(s);
    ck_assert_int_eq(ev.what, WORK_VALUE);
    ck_assert_uint_eq(ev.id, id);
    ck_assert_ptr_nonnull(ev.value);
    value v = value_unpack(s->in, ev.value);
    int64_t n = v.i;
    ck_assert_int_eq(v.kind, V_INT);
    work_event_clear(&ev);
    return n;
}

static void expect(stage *s, enum work_what what, work_id id)
{
    work_event ev = next_event(s);
    ck_assert_msg(ev.what == what && ev.id == id, "event %d of %d: %s", (int)ev.what, (int)ev.id,
                  ev.text ? ev.text : "");
    work_event_clear(&ev);
}

START_TEST(a_task_runs_in_another_process)
{
    stage s =
        open_stage(1, "import os\nk = 10\ndef f(x): return x * k\ndef pid(x): return os.getpid()");
    send1(&s, 0, 1, "f", v_int(7));
    expect(&s, WORK_DONE, 1);
    ck_assert_int_eq(fetch_int(&s, 1), 70);
    send1(&s, 0, 2, "pid", NONE);
    expect(&s, WORK_DONE, 2);
    ck_assert_int_eq(fetch_int(&s, 2), workers_pid(s.w, 0));
    ck_assert_int_ne(workers_pid(s.w, 0), getpid());
    ck_assert_int_gt(workers_memory(s.w, 0), 1 << 20);
    workers_drop(s.w, 1);
    ck_assert(!workers_fetch(s.w, 1));
    close_stage(&s);
}
END_TEST

START_TEST(a_result_travels_to_the_task_that_needs_it)
{
    stage s = open_stage(2, "def one(x): return x\ndef inc(x): return x + 1");
    send1(&s, 0, 1, "one", v_int(41));
    expect(&s, WORK_DONE, 1);
    ck_assert(workers_hold(s.w, 0, 1) && !workers_hold(s.w, 1, 1));
    send_after(&s, 1, 2, "inc", 1);
    expect(&s, WORK_DONE, 2);
    ck_assert(workers_hold(s.w, 1, 1));
    send_after(&s, 1, 3, "inc", 2);
    expect(&s, WORK_DONE, 3);
    ck_assert_int_eq(fetch_int(&s, 3), 43);
    close_stage(&s);
}
END_TEST

START_TEST(an_exception_comes_back_with_its_traceback)
{
    stage s = open_stage(1, "class Oops(ValueError): pass\ndef f(x): raise Oops('no', x)");
    send1(&s, 0, 1, "f", v_int(5));
    work_event ev = next_event(&s);
    ck_assert_int_eq(ev.what, WORK_FAILED);
    ck_assert_ptr_nonnull(strstr(ev.text, "in f\n"));
    ck_assert_ptr_nonnull(strstr(ev.text, "Oops: ('no', 5)"));
    value x = value_unpack(s.in, ev.value);
    ck_assert(value_isa(s.in, x, as_type(named(&s, "Oops"))));
    value_unref(s.in, x);
    work_event_clear(&ev);
    close_stage(&s);
}
END_TEST

START_TEST(a_killed_worker_is_told_of_and_starts_again)
{
    stage s = open_stage(2, "import time\ndef f(x): time.sleep(100)\ndef g(x): return x");
    send1(&s, 0, 1, "g", v_int(1));
    expect(&s, WORK_DONE, 1);
    send1(&s, 0, 2, "f", NONE);
    workers_kill(s.w, 0, SIGKILL);
    work_event ev = next_event(&s);
    ck_assert_int_eq(ev.what, WORKER_DIED);
    ck_assert_str_eq(ev.text, "killed by signal 9");
    work_event_clear(&ev);
    ck_assert(!workers_fetch(s.w, 1));
    err e = {0};
    work t = {.id = 3};
    ck_assert(!workers_send(s.w, 0, &t, &e));
    err_clear(&e);
    send_after(&s, 1, 4, "g", 1); /* its input went with the worker */
    ev = next_event(&s);
    ck_assert_int_eq(ev.what, WORK_MISSING);
    ck_assert_uint_eq(ev.other, 1);
    work_event_clear(&ev);
    ck_assert(workers_restart(s.w, 0, &e));
    send1(&s, 0, 5, "g", v_int(6));
    expect(&s, WORK_DONE, 5);
    ck_assert_int_eq(fetch_int(&s, 5), 6);
    close_stage(&s);
}
END_TEST

START_TEST(a_task_that_has_not_begun_can_be_cancelled)
{
    stage s = open_stage(1, "import time\ndef f(x): time.sleep(x)\ndef g(x): return x");
    send1(&s, 0, 1, "f", v_float(0.2));
    send1(&s, 0, 2, "g", v_int(2));
    send1(&s, 0, 3, "g", v_int(3));
    workers_cancel(s.w, 0, 2);
    expect(&s, WORK_DONE, 1);
    expect(&s, WORK_DONE, 3);
    close_stage(&s);
}
END_TEST

/* A worker answers in its own time: what it says of a task that was taken back concerns that
 * sending only. */
START_TEST(a_task_sent_again_is_not_taken_for_the_one_that_was_cancelled)
{
    stage s = open_stage(2, "def g(x): return x");
    send1(&s, 0, 1, "g", v_int(5));
    expect(&s, WORK_DONE, 1);
    send1(&s, 1, 2, "g", v_int(5));
    expect(&s, WORK_DONE, 2);
    workers_kill(s.w, 1, SIGSTOP);
    send_after(&s, 1, 3, "g", 1);
    workers_drop(s.w, 1); /* its value is on its way, nobody is to hold it any more */
    expect(&s, WORK_MISSING, 3);
    send_after(&s, 1, 3, "g", 2);
    workers_kill(s.w, 1, SIGCONT);
    expect(&s, WORK_DONE, 3);
    ck_assert_int_eq(fetch_int(&s, 3), 5);
    close_stage(&s);
}
END_TEST

START_TEST(big_arrays_go_both_ways)
{
    stage s = open_stage(2, "import numpy as np\ndef make(n): return np.arange(n)\n"
                            "def total(x): return int(x.sum())");
    send1(&s, 0, 1, "make", v_int(3000000));
    expect(&s, WORK_DONE, 1);
    send_after(&s, 1, 2, "total", 1);
    expect(&s, WORK_DONE, 2);
    ck_assert_int_eq(fetch_int(&s, 2), (int64_t)3000000 * 2999999 / 2);
    ck_assert(workers_fetch(s.w, 1));
    work_event ev = next_event(&s);
    ck_assert(as_nd(ev.value) && nd_bytes(as_nd(ev.value)) == 24000000);
    err e = {0};
    ck_assert(workers_put(s.w, 0, 9, ev.value, &e));
    work_event_clear(&ev);
    send_after(&s, 0, 10, "total", 9);
    expect(&s, WORK_DONE, 10);
    close_stage(&s);
}
END_TEST

static nd *fetch_block(stage *s, work_id id, datum **hold)
{
    ck_assert(workers_fetch(s->w, id));
    work_event ev = next_event(s);
    ck_assert_int_eq(ev.what, WORK_VALUE);
    nd *x = as_nd(ev.value);
    ck_assert_ptr_nonnull(x);
    *hold = datum_ref(ev.value);
    work_event_clear(&ev);
    return x;
}

static int open_files(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++) n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

START_TEST(one_memory_serves_all_who_hold_a_block)
{
    int before = open_files();
    stage s = open_stage(2, "import numpy as np\n"
                            "def make(n): return np.arange(n)\n"
                            "def spoil(x):\n"
                            "    x[0] = 7\n"
                            "    return int(x.sum()) - 7\n");
    send1(&s, 0, 1, "make", v_int(100000));
    expect(&s, WORK_DONE, 1);
    datum *first, *again;
    nd *x = fetch_block(&s, 1, &first);
    int fd = share_peek(x->b, x->at, nd_bytes(x));
    ck_assert_int_ge(fd, 0);
    ck_assert_int_lt(ftruncate(fd, 1000), 0); /* sealed */
    send_after(&s, 1, 2, "spoil", 1);         /* the block goes from worker to worker */
    expect(&s, WORK_DONE, 2);
    int64_t sum = 100000LL * 99999 / 2;
    ck_assert_int_eq(fetch_int(&s, 2), sum);
    workers_kill(s.w, 0, SIGKILL);
    work_event ev = next_event(&s);
    ck_assert_int_eq(ev.what, WORKER_DIED);
    work_event_clear(&ev);
    nd *y = fetch_block(&s, 1, &again); /* from the other one, which wrote to its own copy */
    for (int64_t i = 0; i < 100000; i++) {
        ck_assert_int_eq(((int64_t *)(void *)x->at)[i], i);
        ck_assert_int_eq(((int64_t *)(void *)y->at)[i], i);
    }
    datum_unref(first);
    datum_unref(again);
    close_stage(&s);
    ck_assert_int_eq(open_files(), before);
}
END_TEST

START_TEST(results_beyond_the_limit_lie_on_disk_and_come_back)
{
    enum { MANY = 30 };
    workers_opts o = {.n = 1, .limit = 2 << 20};
    stage s = open_with(&o, "import numpy as np\n"
                            "def make(i): return np.full(40000, i)\n"
                            "def first(x): return int(x[0]) + int(x[-1])");
    for (int i = 0; i < MANY; i++) {
        send1(&s, 0, (work_id)(100 + i), "make", v_int(i));
        expect(&s, WORK_DONE, (work_id)(100 + i));
    }
    for (int i = 0; i < MANY; i++) {
        datum *hold;
        nd *x = fetch_block(&s, (work_id)(100 + i), &hold);
        ck_assert_int_eq(((int64_t *)(void *)x->at)[39999], i);
        datum_unref(hold);
        send_after(&s, 0, (work_id)(200 + i), "first", (work_id)(100 + i));
        expect(&s, WORK_DONE, (work_id)(200 + i));
        ck_assert_int_eq(fetch_int(&s, (work_id)(200 + i)), 2 * i);
    }
    close_stage(&s);
}
END_TEST

START_TEST(a_store_keeps_the_newest_in_memory)
{
    enum { MANY = 20 };
    store s;
    err e = {0};
    int64_t n = 20000; /* 160 kB each */
    store_init(&s);
    s.limit = 2 << 20;
    for (int i = 1; i <= MANY; i++) {
        nd *x = nd_new(dtype_plain(DT_float64), 1, &n, &e);
        memset(x->at, i, nd_bytes(x));
        store_keep(&s, (uint64_t)i, &x->hdr);
    }
    ck_assert_uint_lt(s.heavy, s.limit);
    datum *old = store_get(&s, 1), *newest = store_get(&s, MANY);
    ck_assert(is_spilled(old) && !is_spilled(newest));
    size_t before = s.heavy, back = 0;
    ck_assert(store_fetch(&s, &old, 1, &back, &e));
    ck_assert_uint_eq(back, 160000);
    ck_assert_int_eq(as_nd(old)->at[159999], 1);
    store_done(&s, back);
    ck_assert_uint_le(s.heavy, before);
    datum_unref(old);
    datum_unref(newest);
    for (uint64_t i = 1; i <= MANY; i++) store_drop(&s, i);
    ck_assert_uint_eq(s.heavy, 0);
    idmap_clear(&s.held);
    spill_unref(s.disk);
    pthread_mutex_destroy(&s.lock);
}
END_TEST

START_TEST(memory_that_nobody_brought_is_damage)
{
    err e = {0};
    int64_t n = 20000;
    nd *x = nd_new(dtype_plain(DT_float64), 1, &n, &e);
    memset(x->at, 0, nd_bytes(x));
    wire_out w = {0};
    wire_in r;
    size_t size, used;
    ck_assert(wire_datum(&w, &x->hdr, &e));
    w.seg[0].outside = true;
    char *s = wire_joined(&w, &size, &e);
    ck_assert_uint_lt(size, 500);
    link_reader(&r);
    ck_assert(!wire_feed(&r, s, size, &used, &e));
    ck_assert_int_eq(e.kind, ValueError);
    err_clear(&e);
    wire_in_clear(&r);
    wire_out_clear(&w);
    mem_free(s);
    datum_unref(x);
}
END_TEST

START_TEST(prints_come_as_events)
{
    stage s = open_stage(1, "def f(x): print('hello', x)");
    send1(&s, 0, 1, "f", v_int(1));
    work_event ev = next_event(&s);
    ck_assert_int_eq(ev.what, WORK_SAID);
    ck_assert_uint_eq(ev.other, 1);
    ck_assert_str_eq(ev.text, "hello 1\n");
    work_event_clear(&ev);
    expect(&s, WORK_DONE, 1);
    close_stage(&s);
}
END_TEST

START_TEST(workers_end_with_who_started_them)
{
    stage s = open_stage(1, "def f(x): return x");
    send1(&s, 0, 1, "f", v_int(1));
    expect(&s, WORK_DONE, 1);
    pid_t pid = (pid_t)workers_pid(s.w, 0);
    ck_assert_int_eq(kill(pid, 0), 0);
    close_stage(&s);
    ck_assert_int_ne(kill(pid, 0), 0);
}
END_TEST

START_TEST(a_table_of_numbers_keeps_what_was_put)
{
    idmap m = {0};
    for (uint64_t i = 1; i < 2000; i++) idmap_put(&m, i * 7, (void *)(uintptr_t)i);
    for (uint64_t i = 1; i < 2000; i += 2) idmap_put(&m, i * 7, NULL);
    ck_assert_uint_eq(m.n, 999);
    for (uint64_t i = 1; i < 2000; i++)
        ck_assert_uint_eq((uintptr_t)idmap_get(&m, i * 7), i % 2 ? 0 : i);
    idmap_clear(&m);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--worker") == 0) {
        worker_serve(atoi(argv[2]), stdlib_modules);
        _exit(0);
    }
    Suite *s = suite_create("workers");
    TCase *c = tcase_create("workers");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_table_of_numbers_keeps_what_was_put);
    tcase_add_test(c, a_task_runs_in_another_process);
    tcase_add_test(c, a_result_travels_to_the_task_that_needs_it);
    tcase_add_test(c, an_exception_comes_back_with_its_traceback);
    tcase_add_test(c, a_killed_worker_is_told_of_and_starts_again);
    tcase_add_test(c, a_task_that_has_not_begun_can_be_cancelled);
    tcase_add_test(c, a_task_sent_again_is_not_taken_for_the_one_that_was_cancelled);
    tcase_add_test(c, big_arrays_go_both_ways);
    tcase_add_test(c, one_memory_serves_all_who_hold_a_block);
    tcase_add_test(c, results_beyond_the_limit_lie_on_disk_and_come_back);
    tcase_add_test(c, a_store_keeps_the_newest_in_memory);
    tcase_add_test(c, memory_that_nobody_brought_is_damage);
    tcase_add_test(c, prints_come_as_events);
    tcase_add_test(c, workers_end_with_who_started_them);
    suite_add_tcase(s, c);
    return suite_run(s);
}
