/* lang/pack.c - bytecode <-> pack.
 *
 * Tables that hold no addresses (instructions, exception ranges, cells) are stored as they are in
 * memory.  Tables of texts and constants become offsets and are rebuilt when a code is unpacked,
 * all in one block.  Places in the source, which only errors ask for, stay packed: one byte where
 * nothing changed since the last instruction. */
#include "lang/pack.h"

#include <string.h>

typedef struct packed_text {
    uint32_t at, n;
} packed_text;

typedef struct packed_konst {
    uint32_t type, n;
    union {
        int64_t i;
        double f;
        uint64_t at; /* of the text, or of the packed_konsts of the items */
    };
} packed_konst;

typedef struct packed_code {
    packed_text name, qualname, filename, doc;
    uint32_t line, flags;
    uint32_t argcount, posonly, kwonly, nparam, nlocal, nreg;
    uint32_t ninsn, nkonst, nsite, nsub, nrange, ncell, nfree;
    uint32_t insn, pos, konst, site, sub, range, cell, local, free; /* offsets */
    int32_t self_class;
    uint32_t class_cell;
    uint32_t nitem; /* constants inside constants */
} packed_code;

// clang-format off
#define EACH_COUNT(X) \
    X(line) X(flags) X(argcount) X(posonly) X(kwonly) X(nparam) X(nlocal) X(nreg) X(ninsn) \
    X(nkonst) X(nsite) X(nsub) X(nrange) X(ncell) X(nfree) X(self_class)
// clang-format on

/* ---- packing ---- */

void pack_open(packer *p)
{
    *p = (packer){0};
    sb_pad(&p->out, 0, 8); /* no offset is 0 */
}

void pack_clear(packer *p)
{
    sb_clear(&p->out);
    mem_free(p->texts);
    *p = (packer){0};
}

static uint32_t append(packer *p, const void *at, size_t n)
{
    sb_pad(&p->out, 0, -p->out.n & 7);
    uint32_t start = (uint32_t)p->out.n;
    if (n) sb_add(&p->out, at, n);
    return start;
}

static packed_text add_text(packer *p, const char *s, size_t n)
{
    if (!s) return (packed_text){0};
    for (uint32_t i = 0; i < p->ntexts; i++) {
        packed_text t = p->texts[i];
        if (t.n == n && memcmp(p->out.at + t.at, s, n) == 0) return t;
    }
    packed_text t = {(uint32_t)p->out.n, (uint32_t)n};
    sb_add(&p->out, s, n);
    sb_addc(&p->out, 0);
    if (p->ntexts == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 64;
        p->texts = mem_grow(p->texts, p->cap * sizeof *p->texts);
    }
    return p->texts[p->ntexts++] = t;
}

static uint32_t add_names(packer *p, const char *const *at, uint32_t n)
{
    packed_text *t = mem_zero((n + 1) * sizeof *t);
    for (uint32_t i = 0; i < n; i++) t[i] = add_text(p, at[i], strlen(at[i]));
    uint32_t start = append(p, t, n * sizeof *t);
    mem_free(t);
    return start;
}

static uint32_t add_sites(packer *p, const bytecode *c)
{
    packed_text *t = mem_zero((c->nsite + 1) * sizeof *t);
    for (uint32_t i = 0; i < c->nsite; i++) t[i] = add_text(p, c->site[i].at, c->site[i].n);
    uint32_t start = append(p, t, c->nsite * sizeof *t);
    mem_free(t);
    return start;
}

static uint32_t add_konsts(packer *p, const konst *k, size_t n, uint32_t *nitem)
{
    packed_konst *out = mem_zero((n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        out[i].type = k[i].type;
        out[i].n = (uint32_t)k[i].n;
        switch ((enum konst_type)k[i].type) {
        case K_BIGINT:
        case K_STR:
        case K_BYTES: out[i].at = add_text(p, k[i].s, k[i].n).at; break;
        case K_TUPLE:
        case K_FROZENSET:
            *nitem += out[i].n;
            out[i].at = add_konsts(p, k[i].items, k[i].n, nitem);
            break;
        default: out[i].i = k[i].i; break; /* floats by their bits */
        }
    }
    uint32_t start = append(p, out, n * sizeof *out);
    mem_free(out);
    return start;
}

static void add_varint(strbuf *b, int64_t signed_n)
{
    uint64_t n = (uint64_t)signed_n << 1 ^ (uint64_t)(signed_n >> 63);
    for (; n > 127; n >>= 7) sb_addc(b, (char)(n | 128));
    sb_addc(b, (char)n);
}

/* Per instruction: 0, or 1 and what differs from the place before. */
static uint32_t add_places(packer *p, const bytecode *c)
{
    strbuf b = {0};
    pos old = {0};
    for (uint32_t i = 0; i < c->ninsn; i++) {
        pos x = c->pos[i];
        bool same = memcmp(&x, &old, sizeof x) == 0;
        sb_addc(&b, !same);
        if (same) continue;
        add_varint(&b, (int64_t)x.line - old.line);
        add_varint(&b, (int64_t)x.end_line - x.line);
        add_varint(&b, (int64_t)x.col - old.col);
        add_varint(&b, (int64_t)x.end_col - x.col);
        old = x;
    }
    uint32_t start = append(p, sb_text(&b), b.n);
    sb_clear(&b);
    return start;
}

static uint32_t add_ranges(packer *p, const bytecode *c)
{
    range *r = mem_zero((c->nrange + 1) * sizeof *r); /* with zeros between the fields */
    for (uint32_t i = 0; i < c->nrange; i++) {
        r[i].from = c->range[i].from;
        r[i].to = c->range[i].to;
        r[i].target = c->range[i].target;
        r[i].depth = c->range[i].depth;
        r[i].kind = c->range[i].kind;
    }
    uint32_t start = append(p, r, c->nrange * sizeof *r);
    mem_free(r);
    return start;
}

uint32_t pack_code(packer *p, const bytecode *c)
{
    packed_code out = {.class_cell = c->class_cell};
    uint32_t *sub = mem_zero((c->nsub + 1) * sizeof *sub);
    for (uint32_t i = 0; i < c->nsub; i++) sub[i] = pack_code(p, c->sub[i]);
#define COPY(field) out.field = c->field;
    EACH_COUNT(COPY)
#undef COPY
    out.name = add_text(p, c->name, strlen(c->name));
    out.qualname = add_text(p, c->qualname, strlen(c->qualname));
    out.filename = add_text(p, c->filename, strlen(c->filename));
    out.doc = add_text(p, c->doc, c->doc_n);
    out.insn = append(p, c->insn, c->ninsn * sizeof *c->insn);
    out.pos = add_places(p, c);
    out.konst = add_konsts(p, c->konst, c->nkonst, &out.nitem);
    out.site = add_sites(p, c);
    out.sub = append(p, sub, c->nsub * sizeof *sub);
    out.range = add_ranges(p, c);
    out.cell = append(p, c->cell, c->ncell * sizeof *c->cell);
    out.local = add_names(p, c->local, c->nlocal);
    out.free = add_names(p, c->free, c->nfree);
    mem_free(sub);
    return append(p, &out, sizeof out);
}

/* ---- unpacking ---- */

static const void *at_offset(const char *pack, uint64_t at)
{
    return pack + at;
}

/* Fills out[0 .. n); the items of its tuples come from *room. */
static void read_konsts(const char *pack, uint64_t at, uint32_t n, konst *out, konst **room)
{
    const packed_konst *k = at_offset(pack, at);
    for (uint32_t i = 0; i < n; i++) {
        out[i] = (konst){.type = (uint8_t)k[i].type, .n = k[i].n};
        switch ((enum konst_type)k[i].type) {
        case K_BIGINT:
        case K_STR:
        case K_BYTES: out[i].s = pack + k[i].at; break;
        case K_TUPLE:
        case K_FROZENSET: {
            konst *items = *room;
            *room += k[i].n;
            out[i].items = items;
            read_konsts(pack, k[i].at, k[i].n, items, room);
            break;
        }
        default: out[i].i = k[i].i; break;
        }
    }
}

static const char **read_names(const char *pack, uint32_t at, uint32_t n, const char **out)
{
    const packed_text *t = at_offset(pack, at);
    for (uint32_t i = 0; i < n; i++) out[i] = pack + t[i].at;
    return out;
}

bytecode *unpack_code(const char *pack, uint32_t at)
{
    const packed_code *p = at_offset(pack, at);
    uint32_t nk = p->nkonst + p->nitem, npointer = p->nsub + p->nlocal + p->nfree;
    bytecode *c = mem_alloc(sizeof *c + nk * sizeof(konst) + p->nsite * sizeof *c->site +
                            npointer * sizeof(void *));
    *c = (bytecode){.doc_n = p->doc.n, .class_cell = (uint16_t)p->class_cell};
    datum_init(&c->hdr, &code_kind);
#define COPY(field) c->field = p->field;
    EACH_COUNT(COPY)
#undef COPY
    c->name = pack + p->name.at;
    c->qualname = pack + p->qualname.at;
    c->filename = pack + p->filename.at;
    if (p->doc.at) c->doc = pack + p->doc.at;
    c->insn = at_offset(pack, p->insn);
    c->packed_pos = pack + p->pos;
    c->range = at_offset(pack, p->range);
    c->cell = at_offset(pack, p->cell);

    konst *k = (konst *)(void *)(c + 1), *room = k + p->nkonst;
    read_konsts(pack, p->konst, p->nkonst, k, &room);
    c->konst = k;
    struct name_text *names = (struct name_text *)(void *)(k + nk);
    const packed_text *t = at_offset(pack, p->site);
    for (uint32_t i = 0; i < p->nsite; i++) names[i] = (struct name_text){pack + t[i].at, t[i].n};
    c->site = names;
    const bytecode **sub = (const bytecode **)(void *)(names + p->nsite);
    const uint32_t *subs = at_offset(pack, p->sub);
    for (uint32_t i = 0; i < p->nsub; i++) sub[i] = unpack_code(pack, subs[i]);
    c->sub = sub;
    c->local = read_names(pack, p->local, p->nlocal, (const char **)(void *)(sub + p->nsub));
    c->free = read_names(pack, p->free, p->nfree, c->local + p->nlocal);
    return c;
}

static int64_t read_varint(const uint8_t **at)
{
    uint64_t n = 0;
    unsigned shift = 0;
    for (; **at > 127; shift += 7) n |= (uint64_t)(*(*at)++ & 127) << shift;
    n |= (uint64_t) * (*at)++ << shift;
    return (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
}

/* The place after x. */
static pos read_place(const uint8_t **at, pos x)
{
    if (!*(*at)++) return x;
    x.line = (uint32_t)(x.line + read_varint(at));
    x.end_line = (uint32_t)(x.line + read_varint(at));
    x.col = (uint32_t)(x.col + read_varint(at));
    x.end_col = (uint32_t)(x.col + read_varint(at));
    return x;
}

pos unpack_pos(const char *packed, uint32_t at)
{
    const uint8_t *s = (const uint8_t *)packed;
    pos x = {0};
    for (uint32_t i = 0; i <= at; i++) x = read_place(&s, x);
    return x;
}

void unpack_places(const char *packed, uint32_t n, pos *out)
{
    const uint8_t *s = (const uint8_t *)packed;
    pos x = {0};
    for (uint32_t i = 0; i < n; i++) out[i] = x = read_place(&s, x);
}
