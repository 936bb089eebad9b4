/* stdlib/futures/answers.c - answering questions of tasks: remote.dsk says what they mean.
 *
 * Its answer(office, question) gives a value, or NotImplemented when the time has not come: the
 * task then waits, another may run in its place, and the question is put again after events. */
#include "stdlib/futures/answers.h"

#include "engine/base/mem.h"
#include "stdlib/futures/handles.h"

typedef struct question {
    int who;
    uint64_t ask;
    value what;
    struct question *next;
} question;

struct answers {
    interp *home, *in; /* in: NULL until the first question */
    foreman *f;
    workers *w;
    value office, answer;
    question *open;
    bool lend;
};

answers *answers_open(interp *home, foreman *f, workers *w, bool lend)
{
    answers *a = mem_zero(sizeof *a);
    *a = (answers){
        .home = home, .f = foreman_ref(f), .w = w, .office = FAIL, .answer = FAIL, .lend = lend};
    return a;
}

static void ignore(void *ctx, int fd, const char *s, size_t n)
{
    (void)ctx, (void)fd, (void)s, (void)n;
}

static bool ready(answers *a)
{
    if (a->in) return !is_fail(a->answer);
    host quiet = {.write = ignore};
    a->in = interp_open_worker(a->home, &quiet);
    if (!a->in) return false;
    value_unref(a->in, interp_import(a->in, "_numpy"));
    value m = interp_import(a->in, "distributed.remote");
    if (!is_fail(m)) a->answer = value_getattr_c(a->in, m, "answer");
    value_unref(a->in, m);
    a->office = office_of(a->in, a->f);
    exc_clear(a->in);
    return !is_fail(a->answer) && !is_fail(a->office);
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
    workers_answer(a->w, who, ask, d, raised, &e);
    err_clear(&e);
    datum_unref(d);
}

/* False: later. */
static bool reply(answers *a, int who, uint64_t ask, value what)
{
    value v = call_n(a->in, a->answer, 2, a->office, what);
    if (is_notimpl(v)) return false;
    bool raised = is_fail(v);
    if (raised) v = exc_take(a->in);
    send(a, who, ask, v, raised);
    value_unref(a->in, v);
    return true;
}

void answers_ask(answers *a, int who, uint64_t ask, datum *q)
{
    if (!ready(a)) {
        err e = {0};
        workers_answer(a->w, who, ask, NULL, false, &e);
        err_clear(&e);
        return;
    }
    value what = value_of(a->in, q);
    if (is_fail(what)) {
        value x = exc_take(a->in);
        send(a, who, ask, x, true);
        value_unref(a->in, x);
        return;
    }
    if (reply(a, who, ask, what)) {
        value_unref(a->in, what);
        return;
    }
    if (a->lend) foreman_pause(a->f, who);
    question *n = mem_zero(sizeof *n);
    *n = (question){who, ask, what, a->open};
    a->open = n;
}

static void close_question(answers *a, question **p, bool alive)
{
    question *q = *p;
    *p = q->next;
    if (alive && a->lend) foreman_resume(a->f, q->who);
    value_unref(a->in, q->what);
    mem_free(q);
}

bool answers_check(answers *a)
{
    for (question **p = &a->open; *p;) {
        if (reply(a, (*p)->who, (*p)->ask, (*p)->what))
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
}

void answers_close(answers *a)
{
    while (a->open) close_question(a, &a->open, false);
    if (a->in) {
        value_unref(a->in, a->answer);
        value_unref(a->in, a->office);
        interp_close(a->in);
    }
    foreman_unref(a->f);
    mem_free(a);
}
