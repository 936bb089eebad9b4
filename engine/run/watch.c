/* engine/run/watch.c - waiting for errands: those that are over queue up at the watch. */
#include "engine/run/foreman_impl.h"

watch *watch_new(foreman *f)
{
    watch *w = mem_zero(sizeof *w);
    w->of = foreman_ref(f);
    w->last = &w->first;
    cond_init(&w->wake);
    return w;
}

static void unlink_node(watch_node *n)
{
    if (!n->back) return;
    *n->back = n->next;
    if (n->next) n->next->back = n->back;
    n->back = NULL;
    n->next = NULL;
}

void watch_free(watch *w)
{
    if (!w) return;
    foreman *f = w->of;
    foreman_enter(f);
    for (watch_node *n = w->all, *next; n; n = next) {
        next = n->next_of_watch;
        unlink_node(n);
        errand_put(n->e);
        mem_free(n);
    }
    foreman_leave(f);
    pthread_cond_destroy(&w->wake);
    mem_free(w);
    foreman_unref(f);
}

static bool is_due(const watch_node *n)
{
    const errand *e = n->e;
    if (!errand_over(e)) return false;
    return !n->value || e->state != ERRAND_MEMORY || e->value;
}

static void arrive(watch_node *n)
{
    watch *w = n->w;
    unlink_node(n);
    n->came = true;
    *w->last = n;
    w->last = &n->next_came;
    w->came++;
    if (n->e->state == ERRAND_ERRED) w->erred++;
    if (w->came >= w->target || (w->or_erred && w->erred)) pthread_cond_signal(&w->wake);
}

static void want_value(errand *e)
{
    if (e->state != ERRAND_MEMORY || e->value || e->wanted) return;
    e->wanted = true;
    heap_push(&e->of->wanted, e);
    e->of->poke = true;
}

void errand_notify(errand *e)
{
    for (watch_node *n = e->watches, *next; n; n = next) {
        next = n->next;
        if (is_due(n))
            arrive(n);
        else if (n->value)
            want_value(e);
    }
}

void watch_add(watch *w, errand *e, bool value, uint64_t tag)
{
    watch_node *n = mem_zero(sizeof *n);
    n->w = w;
    n->e = e;
    n->tag = tag;
    n->value = value;
    foreman_enter(w->of);
    e->rc++;
    n->next_of_watch = w->all;
    w->all = n;
    if (is_due(n)) {
        arrive(n);
    } else {
        n->next = e->watches;
        n->back = &e->watches;
        if (n->next) n->next->back = &n->next;
        e->watches = n;
        if (value) want_value(e);
    }
    foreman_leave(w->of);
}

size_t watch_came(const watch *w)
{
    foreman_enter(w->of);
    size_t n = w->came;
    foreman_leave(w->of);
    return n;
}

bool watch_wait(watch *w, size_t n, bool erred, double seconds)
{
    double until = seconds < 0 ? 0 : clock_mono() + seconds;
    foreman_enter(w->of);
    w->target = n;
    w->or_erred = erred;
    while (w->came < n && !(erred && w->erred) && seconds != 0) {
        if (until && clock_mono() >= until) break;
        cond_wait_until(&w->wake, &w->of->lock, until);
    }
    bool ok = w->came >= n || (erred && w->erred);
    foreman_leave(w->of);
    return ok;
}

bool watch_next(watch *w, uint64_t *tag)
{
    foreman_enter(w->of);
    watch_node *n = w->first;
    if (n) {
        w->first = n->next_came;
        if (!w->first) w->last = &w->first;
        *tag = n->tag;
    }
    foreman_leave(w->of);
    return n != NULL;
}
