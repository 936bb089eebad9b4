/* engine/io/hdf5_group.c - groups, links and names. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "engine/io/hdf5_lib.h"

/* --- shapes of calls: enter, do, leave --- */

typedef struct call {
    const h5_lib *h;
    h5obj *x;
    err *e;
} call;

static bool begin(call *c, h5obj *x, err *e)
{
    *c = (call){.x = x, .e = e};
    h5_write_begin(x);
    c->h = h5_enter(e);
    return c->h != NULL;
}

/* `ok`: what the library answered was not negative */
static bool end(call *c, bool ok)
{
    if (c->h && !ok && !c->e->kind) h5_fail(c->h, c->e);
    if (c->h) h5_leave();
    h5_write_end(c->x);
    return c->h && ok;
}

/* The id to act on; 0, which the library refuses as h5py has it, when it is stale. */
static hid_t place(const h5_lib *h, const h5obj *at)
{
    return h->Iis_valid(at->id) > 0 ? at->id : 0;
}

/* What h5py says before it lists the names of a closed group. */
static bool check_place(const h5_lib *h, const h5obj *at, err *e)
{
    return place(h, at) || err_set(e, TypeError, "Not a location id (invalid location ID)");
}

hid_t h5_link_plist(const h5_lib *h, const char *name)
{
    hid_t p = h->Pcreate(h->P_CLS_LINK_CREATE_ID);
    h->Pset_create_intermediate_group(p, 1);
    bool ascii = true;
    for (; *name; name++) ascii = ascii && (unsigned char)*name < 128;
    h->Pset_char_encoding(p, ascii ? H5T_CSET_ASCII : H5T_CSET_UTF8);
    return p;
}

/* --- opening --- */

h5obj *h5_child(h5obj *at, const char *name, err *e)
{
    const h5_lib *h = h5_enter(e);
    if (!h) return NULL;
    hid_t id = h->Oopen(place(h, at), name, H5P_DEFAULT);
    h5obj *x = h5_wrap(h, h5_file(at), id, e);
    h5_leave();
    return x;
}

h5obj *h5_create_group(h5obj *at, const char *name, bool track_order, err *e)
{
    call c;
    h5obj *x = NULL;
    if (begin(&c, at, e)) {
        hid_t links = h5_link_plist(c.h, name), group = c.h->Pcreate(c.h->P_CLS_GROUP_CREATE_ID);
        if (track_order) {
            c.h->Pset_link_creation_order(group, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
            c.h->Pset_attr_creation_order(group, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
        }
        x = h5_wrap(c.h, h5_file(at),
                    c.h->Gcreate2(place(c.h, at), name, links, group, H5P_DEFAULT), e);
        c.h->Pclose(group);
        c.h->Pclose(links);
    }
    end(&c, x != NULL);
    return x;
}

h5obj *h5_create_anonymous(h5obj *at, err *e)
{
    call c;
    h5obj *x = NULL;
    if (begin(&c, at, e))
        x = h5_wrap(c.h, h5_file(at), c.h->Gcreate_anon(place(c.h, at), H5P_DEFAULT, H5P_DEFAULT),
                    e);
    end(&c, x != NULL);
    return x;
}

/* --- asking --- */

char *h5_name(h5obj *x, err *e)
{
    const h5_lib *h = h5_enter(e);
    if (!h) return NULL;
    ssize_t n = h->Iget_name(x->id, NULL, 0);
    char *name = n < 0 ? h5_fail(h, e) : mem_alloc((size_t)n + 1);
    if (name && h->Iget_name(x->id, name, (size_t)n + 1) < 0) *name = 0;
    if (name && n == 0) *name = 0;
    h5_leave();
    return name;
}

bool h5_same(h5obj *a, h5obj *b)
{
    if (a == b) return true;
    err e = {0};
    const h5_lib *h = h5_enter(&e);
    if (!h) {
        err_clear(&e);
        return false;
    }
    H5O_info_t of[2];
    bool same = h->Oget_info2(a->id, &of[0], H5O_INFO_BASIC) >= 0 &&
                h->Oget_info2(b->id, &of[1], H5O_INFO_BASIC) >= 0 && of[0].fileno == of[1].fileno &&
                of[0].addr == of[1].addr;
    h5_leave();
    return same;
}

bool h5_key(h5obj *x, uint64_t out[2], err *e)
{
    const h5_lib *h = h5_enter(e);
    if (!h) return false;
    H5O_info_t info;
    bool ok = h->Oget_info2(x->id, &info, H5O_INFO_BASIC) >= 0 || h5_fail(h, e);
    if (ok) {
        out[0] = info.fileno;
        out[1] = info.addr;
    }
    h5_leave();
    return ok;
}

/* Every link on the way must be there; the last one may lead nowhere. */
int h5_contains(h5obj *at, const char *name, err *e)
{
    const h5_lib *h = h5_enter(e);
    if (!h) return -1;
    char *path = mem_dup(name);
    int found = h->Iis_valid(at->id) > 0 && *path;
    for (char *p = path; *p && found;) {
        p += strspn(p, "/");
        p += strcspn(p, "/");
        char c = *p;
        *p = 0;
        bool root = path[strspn(path, "/")] == 0 || strcmp(path, ".") == 0;
        if (!root) found = h->Lexists(at->id, path, H5P_DEFAULT) > 0;
        *p = c;
    }
    mem_free(path);
    h5_leave();
    return found;
}

int64_t h5_count(h5obj *at, err *e)
{
    const h5_lib *h = h5_enter(e);
    if (!h) return -1;
    H5G_info_t info;
    int64_t n = -1;
    if (check_place(h, at, e)) {
        if (h->Gget_info(at->id, &info) >= 0)
            n = (int64_t)info.nlinks;
        else
            h5_fail(h, e);
    }
    h5_leave();
    return n;
}

/* --- names --- */

typedef struct names {
    char **at;
    size_t n, room;
} names;

static void add_name(names *out, const char *name)
{
    if (out->n == out->room) {
        out->room = out->room ? 2 * out->room : 16;
        out->at = mem_grow(out->at, out->room * sizeof *out->at);
    }
    out->at[out->n++] = mem_dup(name);
}

static herr_t add_link(hid_t group, const char *name, const H5L_info_t *info, void *out)
{
    (void)group, (void)info;
    add_name(out, name);
    return 0;
}

static herr_t add_attribute(hid_t object, const char *name, const H5A_info_t *info, void *out)
{
    (void)object, (void)info;
    add_name(out, name);
    return 0;
}

/* By creation where the group keeps that, else by name. */
static H5_index_t link_index(const h5_lib *h, h5obj *at)
{
    unsigned order = 0;
    hid_t p = at->what == H5_FILE ? h->Fget_create_plist(at->id) : h->Gget_create_plist(at->id);
    if (p >= 0) {
        h->Pget_link_creation_order(p, &order);
        h->Pclose(p);
    }
    return order & H5P_CRT_ORDER_TRACKED ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
}

/* A file says this of its root group only while it is new. */
static hid_t root_plist(const h5_lib *h, h5obj *file)
{
    hid_t root = h->Oopen(file->id, "/", H5P_DEFAULT);
    hid_t p = root < 0 ? -1 : h->Gget_create_plist(root);
    if (root >= 0) h->Oclose(root);
    return p;
}

static H5_index_t attr_index(const h5_lib *h, h5obj *x)
{
    unsigned order = 0;
    hid_t p = x->what == H5_FILE      ? root_plist(h, x)
              : x->what == H5_GROUP   ? h->Gget_create_plist(x->id)
              : x->what == H5_DATASET ? h->Dget_create_plist(x->id)
                                      : -1;
    if (p >= 0) {
        h->Pget_attr_creation_order(p, &order);
        h->Pclose(p);
    }
    return order & H5P_CRT_ORDER_TRACKED ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
}

static char **take_names(const h5_lib *h, names *out, herr_t status, size_t *n, err *e)
{
    if (status < 0) {
        h5_fail(h, e);
        h5_names_free(out->at, out->n);
        out->at = NULL;
    } else if (!out->at) {
        out->at = mem_alloc(sizeof *out->at);
    }
    *n = status < 0 ? 0 : out->n;
    return out->at;
}

char **h5_names(h5obj *at, size_t *n, err *e)
{
    names out = {0};
    const h5_lib *h = h5_enter(e);
    if (!h) return NULL;
    char **list = NULL;
    if (check_place(h, at, e)) {
        herr_t s = h->Literate(at->id, link_index(h, at), H5_ITER_INC, NULL, add_link, &out);
        list = take_names(h, &out, s, n, e);
    }
    h5_leave();
    return list;
}

char **h5_attr_names(h5obj *x, size_t *n, err *e)
{
    names out = {0};
    const h5_lib *h = h5_enter(e);
    if (!h) return NULL;
    herr_t s = h->Aiterate2(x->id, attr_index(h, x), H5_ITER_INC, NULL, add_attribute, &out);
    char **list = take_names(h, &out, s, n, e);
    h5_leave();
    return list;
}

void h5_names_free(char **list, size_t n)
{
    for (size_t i = 0; i < n; i++) mem_free(list[i]);
    mem_free(list);
}

/* --- links --- */

bool h5_delete(h5obj *at, const char *name, err *e)
{
    call c;
    return end(&c, begin(&c, at, e) && c.h->Gunlink(place(c.h, at), name) >= 0);
}

bool h5_move(h5obj *at, const char *from, const char *to, err *e)
{
    call c;
    bool ok = begin(&c, at, e);
    if (ok) {
        hid_t p = h5_link_plist(c.h, to);
        ok = c.h->Lmove(at->id, from, H5L_SAME_LOC, to, p, H5P_DEFAULT) >= 0 || h5_fail(c.h, e);
        c.h->Pclose(p);
    }
    return end(&c, ok);
}

bool h5_copy(h5obj *from_at, const char *from, h5obj *to_at, const char *to, unsigned how, err *e)
{
    call c;
    bool ok = begin(&c, to_at, e);
    if (ok) {
        hid_t p = h5_link_plist(c.h, to), copying = c.h->Pcreate(c.h->P_CLS_OBJECT_COPY_ID);
        c.h->Pset_copy_object(copying, how);
        ok = c.h->Ocopy(from_at->id, from, to_at->id, to, copying, p) >= 0 || h5_fail(c.h, e);
        c.h->Pclose(copying);
        c.h->Pclose(p);
    }
    return end(&c, ok);
}

/* The two texts inside a link's value. */
static bool link_value(const h5_lib *h, hid_t at, const char *name, const H5L_info_t *info,
                       h5link *out)
{
    size_t n = info->u.val_size;
    char *value = mem_zero(n + 1);
    bool ok = h->Lget_val(at, name, value, n, H5P_DEFAULT) >= 0;
    if (ok && out->kind == H5_SOFT) {
        out->path = mem_dup(value);
    } else if (ok) {
        const char *file, *path;
        ok = h->Lunpack_elink_val(value, n, NULL, &file, &path) >= 0;
        if (ok) out->file = mem_dup(file), out->path = mem_dup(path);
    }
    mem_free(value);
    return ok;
}

bool h5_link_get(h5obj *at, const char *name, h5link *out, err *e)
{
    *out = (h5link){.kind = H5_HARD};
    const h5_lib *h = h5_enter(e);
    if (!h) return false;
    H5L_info_t info;
    bool ok = h->Lget_info(at->id, name, &info, H5P_DEFAULT) >= 0;
    if (ok && info.type != H5L_TYPE_HARD) {
        out->kind = info.type == H5L_TYPE_SOFT ? H5_SOFT : H5_EXTERNAL;
        ok = link_value(h, at->id, name, &info, out);
    }
    if (!ok) h5_fail(h, e);
    h5_leave();
    return ok;
}

void h5_link_clear(h5link *l)
{
    mem_free(l->path);
    mem_free(l->file);
    *l = (h5link){0};
}

bool h5_link_hard(h5obj *at, const char *name, h5obj *target, err *e)
{
    call c;
    bool ok = begin(&c, at, e);
    if (ok) {
        hid_t p = h5_link_plist(c.h, name);
        ok = c.h->Olink(target->id, at->id, name, p, H5P_DEFAULT) >= 0 || h5_fail(c.h, e);
        c.h->Pclose(p);
    }
    return end(&c, ok);
}

bool h5_link_soft(h5obj *at, const char *name, const char *path, err *e)
{
    call c;
    bool ok = begin(&c, at, e);
    if (ok) {
        hid_t p = h5_link_plist(c.h, name);
        ok = c.h->Lcreate_soft(path, at->id, name, p, H5P_DEFAULT) >= 0 || h5_fail(c.h, e);
        c.h->Pclose(p);
    }
    return end(&c, ok);
}

bool h5_link_external(h5obj *at, const char *name, const char *file, const char *path, err *e)
{
    call c;
    bool ok = begin(&c, at, e);
    if (ok) {
        hid_t p = h5_link_plist(c.h, name);
        ok =
            c.h->Lcreate_external(file, path, at->id, name, p, H5P_DEFAULT) >= 0 || h5_fail(c.h, e);
        c.h->Pclose(p);
    }
    return end(&c, ok);
}
