/* stdlib/futures/answers.c - answering questions of tasks: remote.dsk says what they mean.
 *
 * Its answer(office, worker, question, notes) gives a value, or NotImplemented when the time has
 * not come: the task then waits, another may run in its place, and the question is put again after
 * events, with the same notes.  Its gone(worker) lets go of what a worker that died held. */
#include "stdlib/futures/answers.h"

#include "engine/base/mem.h"
#include "stdlib/futures/handles.h"

typedef struct question {
    int who;
    uint64_t ask;
    value what;
    dict *notes; /* what the answer remembers from one time to the next */
    struct question *next;
} question;

struct answers {
    interp *home, *in; /* in: NULL until the first question */
    foreman *f;
    workers *w;
    value office, answer, gone;
    question *open;
    bool lend;
};

answers *answers_open(interp *home, foreman *f, workers *w, bool lend)
{
    answers *a = mem_zero(sizeof *a);
    *a = (answers){.home = home, .f = foreman_ref(f), .w = w, .lend = lend};
    a->office = a->answer = a->gone = FAIL;
    return a;
}

static void ignore(void *ctx, int fd, const char *s, size_t n)
{
    (void)ctx, (void)fd, (void)s, (void)n;
}

static void shut(answers *a)
{
    value *const all[] = {&a->answer, &a->gone, &a->office};
    if (!a->in) return;
    for (int i = 0; i < 3; i++) {
        value_unref(a->in, *all[i]);
        *all[i] = FAIL;
    }
    interp_close(a->in);
    a->in = NULL;
}

static bool ready(answers *a)
{
    if (a->in) return true;
    host quiet = {.write = ignore};
    a->in = interp_open_worker(a->home, &quiet);
    if (!a->in) return false;
    value_unref(a->in, interp_import(a->in, "_numpy"));
    value m = interp_import(a->in, "distributed.remote");
    if (!is_fail(m)) a->answer = value_getattr_c(a->in, m, "answer");
    if (!is_fail(m)) a->gone = value_getattr_c(a->in, m, "gone");
    value_unref(a->in, m);
    a->office = office_of(a->in, a->f);
    exc_clear(a->in);
    bool all = !is_fail(a->answer) && !is_fail(a->gone) && !is_fail(a->office);
    if (!all) shut(a);
    return all;
}

static void send(answers *a, int who, uint64_t ask, value v, bool raised)
{
    err e = {0};
    datum *d = result_pack(a->in, v, &e);
    if (!d) {
        throw_err(a->in, &e);
        value x = exc_take(a->in);
        d = result_pack(a->in, x, &e);
        value_unref(a->in, x);
        raised = true;
        err_clear(&e);
    }
    /* the task does not wait for ever: without an answer it raises a MemoryError */
    if (!workers_answer(a->w, who, ask, d, raised, &e)) {
        err_clear(&e);
        workers_answer(a->w, who, ask, NULL, true, &e);
    }
    err_clear(&e);
    datum_unref(d);
}

/* False: later. */
static bool reply(answers *a, const question *q)
{
    value v = call_n(a->in, a->answer, 4, a->office, v_int(q->who), q->what, v_obj(q->notes));
    if (is_notimpl(v)) return false;
    bool raised = is_fail(v);
    if (raised) v = exc_take(a->in);
    send(a, q->who, q->ask, v, raised);
    value_unref(a->in, v);
    return true;
}

static void question_clear(answers *a, question *q)
{
    value_unref(a->in, q->what);
    obj_unref(a->in, q->notes);
}

void answers_ask(answers *a, int who, uint64_t ask, datum *q)
{
    if (!ready(a)) {
        err e = {0};
        workers_answer(a->w, who, ask, NULL, true, &e);
        err_clear(&e);
        return;
    }
    question x = {.who = who, .ask = ask, .what = value_of(a->in, q), .notes = dict_new(a->in)};
    if (is_fail(x.what) || !x.notes) {
        value why = exc_take(a->in);
        send(a, who, ask, why, true);
        value_unref(a->in, why);
        question_clear(a, &x);
        return;
    }
    if (reply(a, &x)) {
        question_clear(a, &x);
        return;
    }
    if (a->lend) foreman_pause(a->f, who);
    question *n = mem_alloc(sizeof *n);
    *n = x;
    n->next = a->open;
    a->open = n;
}

static void close_question(answers *a, question **p, bool alive)
{
    question *q = *p;
    *p = q->next;
    if (alive && a->lend) foreman_resume(a->f, q->who);
    question_clear(a, q);
    mem_free(q);
}

bool answers_check(answers *a)
{
    for (question **p = &a->open; *p;) {
        if (reply(a, *p))
            close_question(a, p, true);
        else
            p = &(*p)->next;
    }
    return a->open != NULL;
}

void answers_forget(answers *a, int who)
{
    for (question **p = &a->open; *p;) {
        if ((*p)->who == who)
            close_question(a, p, false);
        else
            p = &(*p)->next;
    }
    if (is_fail(a->gone)) return;
    value_unref(a->in, call_n(a->in, a->gone, 1, v_int(who)));
    exc_clear(a->in);
}

void answers_close(answers *a)
{
    while (a->open) close_question(a, &a->open, false);
    shut(a);
    foreman_unref(a->f);
    mem_free(a);
}
