/* Values across interpreters and threads: lang/freeze.h. */
#include <check.h>
#include <pthread.h>
#include <string.h>

#include "engine/base/mem.h"
#include "lang/freeze.h"
#include "tests/unit/suite.h"

static void ignore(void *ctx, int fd, const char *s, size_t n)
{
    (void)ctx, (void)fd, (void)s, (void)n;
}

static const host quiet = {.write = ignore};
static const module_def *const none[] = {NULL};

typedef struct trip { /* a call that runs on another thread */
    interp *home;
    capsule *f, *result;
    bool trapped;
    char *error;
} trip;

static void *worker(void *p)
{
    trip *t = p;
    interp *in = interp_open_worker(t->home, &quiet);
    value f = thaw(in, t->f);
    value r = is_fail(f) ? FAIL : value_call(in, f, NULL, 0, NULL);
    t->trapped = interp_trapped(in);
    err e = {0};
    if (!is_fail(r))
        t->result = freeze(in, r, &e);
    else {
        value x = exc_take(in);
        t->error = exc_text(in, x);
        value_unref(in, x);
    }
    if (e.kind) t->error = mem_dup(e.msg);
    err_clear(&e);
    value_unref(in, r);
    interp_close(in);
    return NULL;
}

/* Runs `source`, calls its function f on another thread and evaluates `check` with r, the result.
 */
static trip go(interp *in, const char *source)
{
    dict *g = interp_main(in);
    ck_assert(interp_run(in, source, strlen(source), "<test>", 'f', g, NULL));
    err e = {0};
    trip t = {.home = in, .f = freeze(in, dict_peek(in, g, "f"), &e)};
    if (!t.f) {
        t.error = mem_dup(e.msg);
        err_clear(&e);
        return t;
    }
    pthread_t thread;
    pthread_create(&thread, NULL, worker, &t);
    pthread_join(thread, NULL);
    if (t.result) {
        value r = thaw_owned(in, t.result);
        ck_assert(!is_fail(r));
        dict_put(in, g, "r", r);
    }
    return t;
}

static void done(trip *t)
{
    datum_unref(t->f);
    datum_unref(t->result);
    mem_free(t->error);
}

static void holds(const char *source, const char *check)
{
    interp *in = interp_open(&quiet, none);
    trip t = go(in, source);
    ck_assert_msg(t.result != NULL, "%s", t.error ? t.error : "no result");
    value v;
    bool ok = interp_run(in, check, strlen(check), "<test>", 'e', interp_main(in), &v);
    if (!ok) {
        value x = exc_take(in);
        ck_abort_msg("%s", exc_text(in, x));
    }
    ck_assert_msg(value_truth(in, v) == 1, "%s", check);
    value_unref(in, v);
    done(&t);
    interp_close(in);
}

START_TEST(plain_values_come_back)
{
    holds("def f(): return [1, 2.5, 'é', None, True, (1, 2), {'a': {3}}, b'x', 10**30, 2j]",
          "r == [1, 2.5, 'é', None, True, (1, 2), {'a': {3}}, b'x', 10**30, 2j]");
}
END_TEST

START_TEST(functions_take_their_globals_and_cells_along)
{
    holds("k = 10\n"
          "def g(x): return x * k\n"
          "def make(n):\n"
          "    def inner(y=2, *, z=3): return g(n) + y + z\n"
          "    return inner\n"
          "f = make(4)\n",
          "r == 45");
}
END_TEST

START_TEST(classes_work_and_come_home_as_the_originals)
{
    holds("class Base:\n"
          "    def who(self): return 'base'\n"
          "class P(Base):\n"
          "    def __init__(self, x): self.x = x\n"
          "    def who(self): return super().who() + str(self.x)\n"
          "    def __add__(self, o): return P(self.x + o.x)\n"
          "    @property\n"
          "    def twice(self): return self.x * 2\n"
          "p = P(3)\n"
          "def f():\n"
          "    q = p + P(4)\n"
          "    return q, q.who(), q.twice, p, P, isinstance(q, P)\n",
          "r[1:3] == ('base7', 14) and type(r[0]) is P and r[0].x == 7 and r[3] is p and r[4] is P "
          "and r[5]");
}
END_TEST

START_TEST(cycles_survive)
{
    holds("l = [1]\nl.append(l)\nd = {'l': l}\ndef f():\n    m = [2]\n    m.append(m)\n    return "
          "l, m, d\n",
          "r[0] is l and r[1][1] is r[1] and r[2] is d");
}
END_TEST

START_TEST(exceptions_keep_their_class_and_arguments)
{
    holds("class E(Exception):\n    def __init__(self, a): super().__init__(a); self.a = a\n"
          "def f():\n    try: raise E(5)\n    except E as e: return e\n",
          "type(r) is E and r.a == 5 and r.args == (5,)");
}
END_TEST

START_TEST(recursion_and_generators_run)
{
    holds("def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\n"
          "def gen():\n    for i in range(5): yield fib(i)\n"
          "def f(): return list(gen()), [x for x in gen() if x], sum(fib(i) for i in range(10))\n",
          "r == ([0, 1, 1, 2, 3], [1, 1, 2, 3], 88)");
}
END_TEST

static void traps(const char *source)
{
    interp *in = interp_open(&quiet, none);
    trip t = go(in, source);
    ck_assert(t.f != NULL);
    ck_assert(t.trapped);
    done(&t);
    interp_close(in);
}

START_TEST(writes_to_shared_objects_are_trapped)
{
    traps("l = []\ndef f():\n    try: l.append(1)\n    except BaseException: return 'handled'\n");
    traps("d = {}\ndef f(): d['a'] = 1");
    traps("s = set()\ndef f(): s.add(1)");
    traps("class C: pass\nc = C()\ndef f(): c.x = 1");
    traps("class C: pass\ndef f(): C.x = 1");
    traps("def g(): pass\ndef f(): g.x = 1");
}
END_TEST

START_TEST(writes_of_globals_are_known_before)
{
    interp *in = interp_open(&quiet, none);
    const char *source = "n = 0\ndef f():\n    global n\n    n += 1\n";
    ck_assert(interp_run(in, source, strlen(source), "<test>", 'f', interp_main(in), NULL));
    err e = {0};
    capsule *c = freeze(in, dict_peek(in, interp_main(in), "f"), &e);
    ck_assert(c && capsule_is_home_only(c));
    value same = thaw(in, c);
    ck_assert(value_same(same, dict_peek(in, interp_main(in), "f")));
    value_unref(in, same);
    datum_unref(c);
    interp_close(in);
}
END_TEST

START_TEST(what_cannot_cross_is_named)
{
    interp *in = interp_open(&quiet, none);
    trip t = go(in, "it = iter([1])\ndef f(): return next(it)");
    ck_assert(!t.f);
    ck_assert_str_eq(t.error, "cannot pass a 'list_iterator' object to another thread");
    done(&t);
    interp_close(in);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("freeze");
    TCase *c = tcase_create("freeze");
    tcase_add_test(c, plain_values_come_back);
    tcase_add_test(c, functions_take_their_globals_and_cells_along);
    tcase_add_test(c, classes_work_and_come_home_as_the_originals);
    tcase_add_test(c, cycles_survive);
    tcase_add_test(c, exceptions_keep_their_class_and_arguments);
    tcase_add_test(c, recursion_and_generators_run);
    tcase_add_test(c, writes_to_shared_objects_are_trapped);
    tcase_add_test(c, writes_of_globals_are_known_before);
    tcase_add_test(c, what_cannot_cross_is_named);
    suite_add_tcase(s, c);
    return suite_run(s);
}
