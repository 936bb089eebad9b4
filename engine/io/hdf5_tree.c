/* engine/io/hdf5_tree.c - the places of all chunks, from the B-tree in the file itself.
 *
 * The library finds one chunk's place by walking over all of them, which takes minutes for a
 * hundred thousand chunks; here one walk finds all.  Read are what files have had since 1998: an
 * object header of version 1, a layout message of version 3, a tree of version 1.  Whatever is
 * not exactly as expected ends the walk: such chunks are fetched through the library. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/io/box.h"
#include "engine/io/hdf5_map.h"

enum {
    HEAD = 16,        /* of an object: version, count of messages, bytes of them */
    BLOCKS_MOST = 32, /* pieces of one object's header */
    BLOCK_BYTES = 1 << 20,
    NODE_HEAD = 24, /* TREE, type, level, entries, left, right */
    M_LAYOUT = 8,
    M_CONTINUED = 16,
    CHUNKED = 2
};

typedef struct walk {
    int fd;
    h5map *m;
    h5place *table;
    int64_t left; /* nodes that may still be met: damaged trees may have loops */
} walk;

static uint64_t number(const char *at, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes; i-- > 0;) v = v << 8 | (uint8_t)at[i];
    return v;
}

/* Whether addresses and lengths have eight bytes, as the file's first bytes tell. */
static bool is_wide(int fd)
{
    char b[HEAD];
    if (!file_read_at(fd, b, sizeof b, 0) || memcmp(b, "\x89HDF\r\n\x1a\n", 8) != 0) return false;
    int at = b[8] < 2 ? 13 : 9;
    return b[at] == 8 && b[at + 1] == 8;
}

/* --- the object header --- */

/* The tree's address in a layout message; false if it is not of these chunks. */
static bool layout_root(const h5map *m, const char *at, size_t n, uint64_t *root)
{
    int ndim = m->info.ndim;
    if (n < 11 + 4 * (size_t)(ndim + 1)) return false;
    if (at[0] != 3 || at[1] != CHUNKED || at[2] != ndim + 1) return false;
    *root = number(at + 3, 8);
    for (int i = 0; i < ndim; i++) {
        if ((int64_t)number(at + 11 + 4 * i, 4) != m->info.chunk[i]) return false;
    }
    return true;
}

typedef struct block { /* a piece of the header */
    uint64_t address, size;
} block;

/* Looks through the messages of one piece; those continued elsewhere join the list. */
static bool look_through(const h5map *m, const char *at, size_t n, block *more, int *count,
                         uint64_t *root)
{
    for (size_t i = 0; i + 8 <= n;) {
        uint64_t type = number(at + i, 2), size = number(at + i + 2, 2);
        const char *data = at + i + 8;
        if (size > n - i - 8) return false;
        if (type == M_LAYOUT) return layout_root(m, data, size, root);
        if (type == M_CONTINUED && size >= 16 && *count < BLOCKS_MOST)
            more[(*count)++] = (block){number(data, 8), number(data + 8, 8)};
        i += 8 + size;
    }
    return false;
}

static bool find_root(int fd, const h5map *m, uint64_t object, uint64_t *root)
{
    char head[HEAD];
    block all[BLOCKS_MOST];
    int n = 1;
    if (!file_read_at(fd, head, sizeof head, (off_t)object) || head[0] != 1) return false;
    all[0] = (block){object + HEAD, number(head + 8, 4)};
    for (int i = 0; i < n; i++) {
        if (all[i].size > BLOCK_BYTES) return false;
        char *bytes = mem_alloc(all[i].size + 1);
        bool found = file_read_at(fd, bytes, all[i].size, (off_t)all[i].address) &&
                     look_through(m, bytes, all[i].size, all, &n, root);
        mem_free(bytes);
        if (found) return true;
    }
    return false;
}

/* --- the tree --- */

static bool note_chunk(walk *w, const char *key, uint64_t address)
{
    int64_t index = 0;
    bool inside = true;
    for (int i = 0; i < w->m->info.ndim; i++) {
        int64_t at = (int64_t)number(key + 8 + 8 * i, 8), c = w->m->info.chunk[i];
        if (at < 0 || at % c) return false;
        inside = inside && at / c < w->m->grid[i];
        index = inside ? index * w->m->grid[i] + at / c : 0;
    }
    if (!inside) return true;
    w->table[index] = (h5place){.address = address,
                                .size = (uint32_t)number(key, 4),
                                .skipped = (uint32_t)number(key + 4, 4) | PLACE_KNOWN};
    return true;
}

/* level < 0: whatever the node says; the levels bound the depth. */
static bool walk_node(walk *w, uint64_t address, int level)
{
    char head[NODE_HEAD];
    if (w->left-- <= 0 || !file_read_at(w->fd, head, sizeof head, (off_t)address)) return false;
    int own = (uint8_t)head[5];
    if (memcmp(head, "TREE\1", 5) != 0 || (level >= 0 && own != level)) return false;
    size_t n = number(head + 6, 2), key = 8 * (size_t)(w->m->info.ndim + 2), step = key + 8;
    char *entries = mem_alloc(n * step + 1);
    bool ok = own < 16 && file_read_at(w->fd, entries, n * step, (off_t)address + NODE_HEAD);
    for (size_t i = 0; ok && i < n; i++) {
        uint64_t child = number(entries + i * step + key, 8);
        ok = own ? walk_node(w, child, own - 1) : note_chunk(w, entries + i * step, child);
    }
    mem_free(entries);
    return ok;
}

h5place *h5_tree_places(int fd, h5map *m, uint64_t object)
{
    uint64_t root;
    int64_t n = shape_count(m->info.ndim, m->grid);
    if (!is_wide(fd) || !find_root(fd, m, object, &root)) return NULL;
    walk w = {.fd = fd, .m = m, .left = n + 64};
    w.table = mem_alloc((size_t)n * sizeof *w.table);
    for (int64_t i = 0; i < n; i++)
        w.table[i] = (h5place){.address = UINT64_MAX, .skipped = PLACE_KNOWN};
    if (root == UINT64_MAX || walk_node(&w, root, -1)) return w.table;
    mem_free(w.table);
    return NULL;
}
