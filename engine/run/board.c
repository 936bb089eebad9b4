/* engine/run/board.c - named datums that threads share. */
#include "engine/run/board.h"

#include <pthread.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/run/foreman_impl.h"

typedef struct note {
    char *name;
    datum *d; /* counted; NULL: removed */
    uint64_t version;
    struct note *next;
} note;

enum { NLIST = 256 };

struct board {
    datum hdr;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t now;
    note *list[NLIST];
};

static void drop(datum *d)
{
    board *b = (board *)(void *)d;
    for (int i = 0; i < NLIST; i++)
        for (note *n = b->list[i], *next; n; n = next) {
            next = n->next;
            datum_unref(n->d);
            mem_free(n->name);
            mem_free(n);
        }
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
    mem_free(b);
}

static const datum_kind board_kind = {.name = "board", .drop = drop};

board *board_new(void)
{
    board *b = mem_zero(sizeof *b);
    datum_init(&b->hdr, &board_kind);
    pthread_mutex_init(&b->lock, NULL);
    cond_init(&b->changed);
    b->now = 1;
    return b;
}

static note **place(board *b, const char *name)
{
    note **at = &b->list[hash_bytes(name, strlen(name), 0) % NLIST];
    while (*at && strcmp((*at)->name, name)) at = &(*at)->next;
    return at;
}

datum *board_get(board *b, const char *name, uint64_t *version)
{
    pthread_mutex_lock(&b->lock);
    note *n = *place(b, name);
    datum *d = n ? datum_ref(n->d) : NULL;
    *version = n ? n->version : 0;
    pthread_mutex_unlock(&b->lock);
    return d;
}

uint64_t board_set(board *b, const char *name, datum *d, uint64_t version)
{
    datum *old = NULL;
    pthread_mutex_lock(&b->lock);
    note **at = place(b, name);
    bool ok = (*at ? (*at)->version : 0) == version;
    uint64_t now = 0;
    if (ok && !*at) {
        *at = mem_zero(sizeof **at);
        (*at)->name = mem_dup(name);
    }
    if (ok) {
        old = (*at)->d;
        (*at)->d = datum_ref(d);
        (*at)->version = now = ++b->now;
        pthread_cond_broadcast(&b->changed);
    }
    pthread_mutex_unlock(&b->lock);
    datum_unref(old);
    return now;
}

void board_clear(board *b)
{
    size_t n;
    char **names = board_names(b, &n);
    for (size_t i = 0; i < n; i++) {
        uint64_t version;
        datum_unref(board_get(b, names[i], &version));
        board_set(b, names[i], NULL, version);
        mem_free(names[i]);
    }
    mem_free(names);
}

uint64_t board_now(board *b)
{
    pthread_mutex_lock(&b->lock);
    uint64_t now = b->now;
    pthread_mutex_unlock(&b->lock);
    return now;
}

bool board_wait(board *b, uint64_t now, double seconds)
{
    double until = clock_mono() + seconds;
    pthread_mutex_lock(&b->lock);
    while (b->now == now && clock_mono() < until) cond_wait_until(&b->changed, &b->lock, until);
    bool changed = b->now != now;
    pthread_mutex_unlock(&b->lock);
    return changed;
}

char **board_names(board *b, size_t *n)
{
    pthread_mutex_lock(&b->lock);
    size_t count = 0;
    for (int i = 0; i < NLIST; i++)
        for (note *x = b->list[i]; x; x = x->next) count++;
    char **names = mem_alloc((count + 1) * sizeof *names);
    *n = 0;
    for (int i = 0; i < NLIST; i++)
        for (note *x = b->list[i]; x; x = x->next)
            if (x->d) names[(*n)++] = mem_dup(x->name);
    pthread_mutex_unlock(&b->lock);
    return names;
}
