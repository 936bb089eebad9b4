/* engine/base/wire.c - messages of datums: writing, and reading that believes nothing. */
#include "engine/base/wire.h"

#include <string.h>

enum { MOST_SEGMENTS = 1 << 20, DEEPEST = 2000 };

typedef struct header {
    char magic[4]; /* "DSKW" */
    uint16_t version, flags;
    uint32_t nseg, zero;
    uint64_t nbody, ntotal, sum; /* sum: of the header with sum 0, the table and the body */
} header;

typedef struct row { /* of the table */
    uint64_t n, sum; /* sum 0: not checked */
} row;

enum { FLAG_SUMS = 1 };
enum { OUTSIDE = 2 }; /* instead of a sum, which is odd */
enum datum_mark { MARK_NULL, MARK_AGAIN, MARK_NEW };

static size_t padding(size_t at)
{
    return (WIRE_ALIGN - at % WIRE_ALIGN) % WIRE_ALIGN;
}

/* ---- writing ---- */

void wire_bytes(wire_out *w, const void *p, size_t n)
{
    sb_add(&w->body, p, n);
}

void wire_u8(wire_out *w, unsigned u)
{
    sb_addc(&w->body, (char)u);
}

void wire_u32(wire_out *w, uint32_t u)
{
    sb_add(&w->body, (const char *)&u, sizeof u);
}

void wire_u64(wire_out *w, uint64_t u)
{
    sb_add(&w->body, (const char *)&u, sizeof u);
}

void wire_text(wire_out *w, const char *s, size_t n)
{
    wire_u64(w, s ? n : UINT64_MAX);
    if (s) sb_add(&w->body, s, n);
}

void wire_segment(wire_out *w, const void *p, size_t n, datum *hold, void *owner)
{
    if (w->nseg == w->cap_seg) {
        w->cap_seg = w->cap_seg ? w->cap_seg * 2 : 4;
        w->seg = mem_grow(w->seg, w->cap_seg * sizeof *w->seg);
    }
    wire_u32(w, w->nseg);
    w->seg[w->nseg++] = (wire_seg){p, n, datum_ref(hold), owner, false};
}

static bool write_memo(wire_out *w, datum *d)
{
    for (uint32_t i = 0; i < w->nmemo; i++) {
        if (w->memo[i] != d) continue;
        wire_u8(w, MARK_AGAIN);
        wire_u32(w, i);
        return true;
    }
    return false;
}

bool wire_datum(wire_out *w, datum *d, err *e)
{
    if (!d) return wire_u8(w, MARK_NULL), true;
    if (write_memo(w, d)) return true;
    if (!d->kind->save) {
        err_set(e, TypeError, "cannot pickle '%s' object", d->kind->name);
        return false;
    }
    if (w->nmemo == w->cap_memo) {
        w->cap_memo = w->cap_memo ? w->cap_memo * 2 : 8;
        w->memo = mem_grow(w->memo, w->cap_memo * sizeof(datum *));
    }
    w->memo[w->nmemo++] = d;
    wire_u8(w, MARK_NEW);
    wire_text(w, d->kind->name, strlen(d->kind->name));
    return d->kind->save(d, w, e);
}

void wire_out_clear(wire_out *w)
{
    for (uint32_t i = 0; i < w->nseg; i++) datum_unref(w->seg[i].hold);
    mem_free(w->seg);
    mem_free(w->memo);
    sb_clear(&w->body);
    *w = (wire_out){0};
}

static uint64_t sum_of(const header *h, const char *rest, size_t n)
{
    header blank = *h;
    blank.sum = 0;
    return hash_bytes(rest, n, hash_bytes(&blank, sizeof blank, WIRE_VERSION));
}

wire_piece *wire_pieces(wire_out *w, strbuf *head, uint32_t *n)
{
    header h = {.magic = {'D', 'S', 'K', 'W'}, .version = WIRE_VERSION, .nseg = w->nseg};
    h.flags = w->sums ? FLAG_SUMS : 0;
    h.nbody = w->body.n;
    size_t at = sizeof h + w->nseg * sizeof(row) + w->body.n;
    *head = (strbuf){0};
    sb_add(head, (const char *)&h, sizeof h);
    for (uint32_t i = 0; i < w->nseg; i++) {
        const wire_seg *s = &w->seg[i];
        row r = {s->n, s->outside ? OUTSIDE : w->sums ? hash_bytes(s->at, s->n, 1) | 1 : 0};
        sb_add(head, (const char *)&r, sizeof r);
        if (!s->outside) at += padding(at) + s->n;
    }
    sb_add(head, sb_text(&w->body), w->body.n);
    h.ntotal = at;
    h.sum = sum_of(&h, head->at + sizeof h, head->n - sizeof h);
    memcpy(head->at, &h, sizeof h);
    static const char zeros[WIRE_ALIGN];
    wire_piece *p = mem_alloc((w->nseg * 2 + 1) * sizeof *p);
    uint32_t k = 0;
    at = head->n;
    p[k++] = (wire_piece){head->at, head->n};
    for (uint32_t i = 0; i < w->nseg; i++) {
        if (w->seg[i].outside) continue;
        size_t gap = padding(at);
        if (gap) p[k++] = (wire_piece){zeros, gap};
        if (w->seg[i].n) p[k++] = (wire_piece){w->seg[i].at, w->seg[i].n};
        at += gap + w->seg[i].n;
    }
    *n = k;
    return p;
}

char *wire_joined(wire_out *w, size_t *n, err *e)
{
    strbuf head;
    uint32_t count;
    wire_piece *p = wire_pieces(w, &head, &count);
    *n = 0;
    for (uint32_t i = 0; i < count; i++) *n += p[i].n;
    char *out = try_alloc(*n + 1, e), *at = out;
    for (uint32_t i = 0; out && i < count; at += p[i].n, i++) memcpy(at, p[i].at, p[i].n);
    mem_free(p);
    sb_clear(&head);
    return out;
}

/* ---- reading: the message ---- */

enum stage { READ_HEADER, READ_HEAD, READ_SEGMENT };

void wire_in_init(wire_in *r, const datum_kind *const *kinds, const wire_room *room)
{
    memset(r, 0, sizeof *r);
    r->kinds = kinds;
    r->room = room;
    r->to = r->pad;
    r->want = sizeof(header);
}

void wire_in_clear(wire_in *r)
{
    for (uint32_t i = 0; r->seg && i < r->nseg; i++) {
        if (r->seg[i].owner) r->room->drop(r->seg[i].owner);
    }
    for (uint32_t i = 0; i < r->nmemo; i++) datum_unref(r->memo[i]);
    if (r->carrier) r->carrier->free(r->carrier);
    mem_free(r->seg);
    mem_free(r->memo);
    mem_free(r->head);
    memset(r, 0, sizeof *r);
}

void *wire_bad(wire_in *r, err *e)
{
    r->bad = true;
    return err_set(e, ValueError, "the data is damaged or was truncated");
}

static bool begin(wire_in *r, err *e)
{
    header h;
    memcpy(&h, r->pad, sizeof h);
    if (memcmp(h.magic, "DSKW", 4) != 0 || h.zero) return wire_bad(r, e), false;
    if (h.version != WIRE_VERSION) {
        err_set(e, ValueError, "the data has format %u; this program reads %d", h.version,
                WIRE_VERSION);
        return false;
    }
    if (h.nseg > MOST_SEGMENTS || h.nbody > h.ntotal) return wire_bad(r, e), false;
    r->nseg = h.nseg;
    r->total = h.ntotal;
    r->nhead = sizeof h + h.nseg * sizeof(row) + h.nbody;
    if (r->nhead > r->total) return wire_bad(r, e), false;
    r->head = try_alloc(r->nhead + 1, e);
    if (!r->head) return false;
    memcpy(r->head, &h, sizeof h);
    r->to = r->head + sizeof h;
    r->want = r->nhead - sizeof h;
    r->stage = READ_HEAD;
    return true;
}

/* The head is there: makes room for the segments. */
static bool check_head(wire_in *r, err *e)
{
    header h;
    memcpy(&h, r->head, sizeof h);
    if (sum_of(&h, r->head + sizeof h, r->nhead - sizeof h) != h.sum) return wire_bad(r, e), false;
    r->seg = mem_zero((h.nseg + 1) * sizeof *r->seg);
    size_t at = r->nhead;
    for (uint32_t i = 0; i < h.nseg; i++) {
        row w;
        memcpy(&w, r->head + sizeof h + i * sizeof w, sizeof w);
        r->seg[i].n = w.n;
        r->seg[i].outside = w.sum == OUTSIDE;
        if (r->seg[i].outside) continue;
        if (w.n > h.ntotal) return wire_bad(r, e), false;
        at += padding(at) + w.n;
        r->seg[i].sum = w.sum;
    }
    if (at != h.ntotal) return wire_bad(r, e), false;
    r->p = r->head + sizeof h + h.nseg * sizeof(row);
    r->end = r->head + r->nhead;
    r->stage = READ_SEGMENT;
    r->total = r->nhead; /* now: how much is there */
    return true;
}

/* The next segment, or the padding before it; nothing left: want is 0. */
static bool next_segment(wire_in *r, err *e)
{
    r->want = 0;
    for (int i = r->stage - READ_SEGMENT; i < (int)r->nseg; i++) {
        wire_place *s = &r->seg[i];
        if (s->outside) {
            r->stage++;
            s->owner = r->carrier ? r->carrier->take(r->carrier, s->n, &s->at, e) : NULL;
            if (!s->owner) return e->kind ? false : (wire_bad(r, e), false);
            continue;
        }
        size_t gap = padding(r->total);
        if (gap) {
            r->to = r->pad;
            r->want = gap;
            r->total += gap;
            return true;
        }
        r->stage++;
        s->owner = r->room->make(s->n, &s->at, e);
        if (!s->owner) return false;
        r->to = s->at;
        r->want = s->n;
        r->total += s->n;
        if (s->n) return true;
    }
    return true;
}

static bool segment_right(wire_in *r, err *e)
{
    int i = r->stage - READ_SEGMENT - 1;
    if (i < 0 || r->to != r->seg[i].at || !r->seg[i].sum) return true;
    if ((hash_bytes(r->seg[i].at, r->seg[i].n, 1) | 1) == r->seg[i].sum) return true;
    return wire_bad(r, e), false;
}

bool wire_step(wire_in *r, err *e)
{
    if (r->stage == READ_HEADER) {
        if (!begin(r, e)) return false;
        if (r->want) return true;
    }
    if (r->stage == READ_HEAD) {
        if (!check_head(r, e)) return false;
    } else if (!segment_right(r, e)) {
        return false;
    }
    return next_segment(r, e);
}

bool wire_feed(wire_in *r, const void *p, size_t n, size_t *used, err *e)
{
    size_t at = 0;
    while (r->want) {
        if (r->want > n - at) return wire_bad(r, e), false;
        /* before room is made for it: is there that much? */
        if (r->stage == READ_HEADER) {
            header h;
            memcpy(&h, (const char *)p + at, sizeof h);
            if (memcmp(h.magic, "DSKW", 4) == 0 && h.ntotal > n - at) return wire_bad(r, e), false;
        }
        memcpy(r->to, (const char *)p + at, r->want);
        at += r->want;
        if (!wire_step(r, e)) return false;
    }
    *used = at;
    return true;
}

/* ---- reading: what is in it ---- */

const char *wire_peek(wire_in *r, size_t n)
{
    if ((size_t)(r->end - r->p) < n) {
        r->bad = true;
        r->p = r->end;
        return NULL;
    }
    const char *s = r->p;
    r->p += n;
    return s;
}

void wire_get(wire_in *r, void *p, size_t n)
{
    const char *s = wire_peek(r, n);
    if (s)
        memcpy(p, s, n);
    else
        memset(p, 0, n);
}

unsigned wire_get_u8(wire_in *r)
{
    unsigned char u;
    wire_get(r, &u, 1);
    return u;
}

uint32_t wire_get_u32(wire_in *r)
{
    uint32_t u;
    wire_get(r, &u, sizeof u);
    return u;
}

uint64_t wire_get_u64(wire_in *r)
{
    uint64_t u;
    wire_get(r, &u, sizeof u);
    return u;
}

const char *wire_get_text(wire_in *r, size_t *n)
{
    uint64_t size = wire_get_u64(r);
    *n = 0;
    if (size == UINT64_MAX || r->bad) return NULL;
    const char *s = wire_peek(r, size);
    if (s) *n = size;
    return s;
}

char *wire_get_string(wire_in *r)
{
    size_t n;
    const char *s = wire_get_text(r, &n);
    return s ? mem_dupn(s, n) : NULL;
}

void *wire_take_segment(wire_in *r, char **at, size_t *n)
{
    uint32_t i = wire_get_u32(r);
    if (r->bad || i >= r->nseg || !r->seg[i].owner) return r->bad = true, NULL;
    void *owner = r->seg[i].owner;
    *at = r->seg[i].at;
    *n = r->seg[i].n;
    r->seg[i].owner = NULL;
    return owner;
}

static const datum_kind *kind_named(const wire_in *r, const char *s, size_t n)
{
    for (const datum_kind *const *k = r->kinds; *k; k++) {
        if (strlen((*k)->name) == n && memcmp((*k)->name, s, n) == 0) return *k;
    }
    return NULL;
}

static uint32_t memo_place(wire_in *r)
{
    if (r->nmemo == r->cap_memo) {
        r->cap_memo = r->cap_memo ? r->cap_memo * 2 : 8;
        r->memo = mem_grow(r->memo, r->cap_memo * sizeof(datum *));
    }
    r->memo[r->nmemo] = NULL;
    return r->nmemo++;
}

bool wire_get_datum(wire_in *r, datum **out, err *e)
{
    *out = NULL;
    unsigned mark = wire_get_u8(r);
    if (mark == MARK_NULL && !r->bad) return true;
    if (mark == MARK_AGAIN) {
        uint32_t i = wire_get_u32(r);
        if (r->bad || i >= r->nmemo || !r->memo[i]) return wire_bad(r, e), false;
        *out = datum_ref(r->memo[i]);
        return true;
    }
    size_t n;
    const char *s = wire_get_text(r, &n);
    const datum_kind *k = s ? kind_named(r, s, n) : NULL;
    if (mark != MARK_NEW || !k || !k->load || r->depth >= DEEPEST) return wire_bad(r, e), false;
    uint32_t at = memo_place(r);
    r->depth++;
    datum *d = k->load(r, e);
    r->depth--;
    if (!d || r->bad) {
        datum_unref(d);
        if (!e->kind) wire_bad(r, e);
        return false;
    }
    r->memo[at] = datum_ref(d);
    *out = d;
    return true;
}
