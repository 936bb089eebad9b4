/* engine/io/hdf5_file.c - files, and the handles that hold what is open in them.
 *
 * An id of the library is never used again once closed, so a stale handle can be passed to it
 * safely: the library answers with its own "invalid identifier". */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "engine/base/wire.h"
#include "engine/io/hdf5_lib.h"

/* --- handles --- */

/* When what is left cannot be written (the disk is full), the library keeps the file open, for
 * ever, and with it its space.  So it is given another one to write to, and asked again. */
static bool close_id(const h5_lib *h, hid_t id, err *e)
{
    void *fd = NULL;
    if (h->Fget_vfd_handle(id, H5P_DEFAULT, &fd) < 0) fd = NULL;
    if (h->Fclose(id) >= 0) return true;
    h5_fail(h, e);
    h5_lose();
    int other = fd ? memfd_create("lost", MFD_CLOEXEC) : -1;
    if (other >= 0 && dup3(other, *(int *)fd, O_CLOEXEC) >= 0) h->Fclose(id);
    if (other >= 0) close(other);
    return false;
}

static void release(const h5_lib *h, void *arg)
{
    h5obj *x = arg;
    err e = {0};
    if (x->what == H5_FILE && !x->closed) {
        close_id(h, x->id, &e);
        h5_share_close(x->share);
    } else if (x->what != H5_FILE && h->Iis_valid(x->id) > 0) {
        h->Oclose(x->id);
    }
    h5_share_unref(x->share);
    err_clear(&e);
    h5_map_unref(x->map);
    datum_unref(x->file);
    mem_free(x->path);
    pthread_mutex_destroy(&x->lock);
    mem_free(x);
}

/* There is nobody to hear of a failure, so a long call of another thread is not waited for. */
static void drop(datum *d)
{
    h5_when_free(release, d);
}

/* Elsewhere the file is opened again by its path, to be read. */
static bool save(const datum *d, wire_out *w, err *e)
{
    h5obj *x = (h5obj *)(uintptr_t)d;
    if (h5_is_writable(x)) {
        err_set(e, ValueError, "Can only serialize read-only h5py files");
        return false;
    }
    char *full = realpath(h5_path(x), NULL);
    const char *path = full ? full : h5_path(x);
    char *name = x->what == H5_FILE ? NULL : h5_name(x, e);
    bool ok = x->what == H5_FILE || name;
    wire_text(w, path, strlen(path));
    wire_text(w, name, name ? strlen(name) : 0);
    free(full);
    mem_free(name);
    return ok;
}

static void *load(wire_in *r, err *e)
{
    char *path = wire_get_string(r), *name = wire_get_string(r);
    h5obj *file = path ? h5_open(path, "r", e) : wire_bad(r, e);
    h5obj *x = file && name ? h5_child(file, name, e) : datum_ref(file);
    datum_unref(file);
    mem_free(path);
    mem_free(name);
    return x;
}

const datum_kind h5_kind = {.name = "HDF5 object", .drop = drop, .save = save, .load = load};

static h5obj *new_handle(enum h5_what what, h5obj *file, h5share *share, hid_t id)
{
    h5obj *x = mem_zero(sizeof *x);
    datum_init(&x->hdr, &h5_kind);
    x->what = what;
    x->file = datum_ref(file);
    x->share = share;
    x->id = id;
    pthread_mutex_init(&x->lock, NULL);
    return x;
}

static unsigned long file_number(const h5_lib *h, hid_t id)
{
    H5O_info_t info = {0};
    return h->Oget_info2(id, &info, H5O_INFO_BASIC) >= 0 ? info.fileno : 0;
}

h5obj *h5_wrap(const h5_lib *h, h5obj *file, hid_t id, err *e)
{
    if (id < 0) return h5_fail(h, e);
    H5I_type_t type = h->Iget_type(id);
    enum h5_what what = type == H5I_DATASET    ? H5_DATASET
                        : type == H5I_DATATYPE ? H5_NAMEDTYPE
                                               : H5_GROUP;
    h5obj *x = new_handle(what, file, h5_share_ref(file->share), id);
    x->foreign = file_number(h, id) != file->share->fileno;
    return x;
}

h5obj *h5_file(h5obj *x)
{
    return x->file ? x->file : x;
}

enum h5_what h5_what(const h5obj *x)
{
    return x->what;
}

bool h5_is_open(const h5obj *x)
{
    const h5obj *file = x->file ? x->file : x;
    return !atomic_load(&((h5obj *)(uintptr_t)file)->closed);
}

const char *h5_path(const h5obj *x)
{
    return x->file ? x->file->path : x->path;
}

bool h5_is_writable(const h5obj *x)
{
    err e = {0};
    unsigned intent = 0;
    const h5_lib *h = h5_enter(&e);
    if (h) {
        h->Fget_intent(x->file ? x->file->id : x->id, &intent);
        h5_leave();
    }
    err_clear(&e);
    return intent & H5_RDWR;
}

uint64_t h5_version(const h5obj *x)
{
    return atomic_load(&x->share->version);
}

/* --- opening --- */

/* What h5py would call: the flags, and whether it creates. */
static const struct mode {
    const char *name;
    unsigned flags;
    bool create;
} modes[] = {
    {"r", H5_RDONLY, false}, {"r+", H5_RDWR, false}, {"w", H5_TRUNC, true},
    {"w-", H5_EXCL, true},   {"x", H5_EXCL, true},   {"a", H5_RDWR, false},
};

typedef struct opening {
    const char *path;
    const h5opening *how;
    hid_t access;
} opening;

static hid_t create_plist(const h5_lib *h, const h5opening *how, err *e)
{
    hid_t p = h->Pcreate(h->P_CLS_FILE_CREATE_ID);
    unsigned order = how->track_order ? H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED : 0;
    if ((!order || (h->Pset_link_creation_order(p, order) >= 0 &&
                    h->Pset_attr_creation_order(p, order) >= 0)) &&
        h->Pset_userblock(p, (hsize_t)how->userblock) >= 0)
        return p;
    h5_fail(h, e);
    h->Pclose(p);
    return -1;
}

static hid_t create_id(const h5_lib *h, const struct mode *m, const opening *o, err *e)
{
    hid_t p = create_plist(h, o->how, e);
    if (p < 0) return -1;
    hid_t id = h->Fcreate(o->path, m->flags, p, o->access);
    if (id < 0) h5_fail(h, e);
    h->Pclose(p);
    return id;
}

static hid_t open_id(const h5_lib *h, const struct mode *m, const opening *o, err *e)
{
    if (m->create) return create_id(h, m, o, e);
    bool swmr = o->how->swmr && m->flags == H5_RDONLY;
    hid_t id = h->Fopen(o->path, m->flags | (swmr ? H5_SWMR_READ : 0), o->access);
    if (id < 0) h5_fail(h, e);
    return id;
}

/* "a" opens what is there, or else creates. */
static hid_t open_or_create(const h5_lib *h, const opening *o, err *e)
{
    err first = {0};
    hid_t id = open_id(h, &modes[1], o, &first);
    if (first.kind == FileNotFoundError)
        id = open_id(h, &modes[3], o, e);
    else if (id < 0)
        err_move(e, &first);
    err_clear(&first);
    return id;
}

static hid_t open_mode(const h5_lib *h, const struct mode *m, opening *o, err *e)
{
    o->access = h->Pcreate(h->P_CLS_FILE_ACCESS_ID);
    h->Pset_fclose_degree(o->access, H5F_CLOSE_STRONG);
    h->Pset_libver_bounds(o->access, (H5F_libver_t)o->how->low, (H5F_libver_t)o->how->high);
    hid_t id = m->name[0] == 'a' ? open_or_create(h, o, e) : open_id(h, m, o, e);
    h->Pclose(o->access);
    return id;
}

/* Processes started later must not hold the file, and with it its lock. */
static void close_on_exec(const h5_lib *h, hid_t id)
{
    void *fd = NULL;
    if (h->Fget_vfd_handle(id, H5P_DEFAULT, &fd) >= 0 && fd) fcntl(*(int *)fd, F_SETFD, FD_CLOEXEC);
}

h5obj *h5_open(const char *path, const char *mode, err *e)
{
    return h5_open_as(path, mode, &(h5opening){.high = H5F_LIBVER_LATEST}, e);
}

h5obj *h5_open_as(const char *path, const char *mode, const h5opening *how, err *e)
{
    opening o = {.path = path, .how = how};
    const struct mode *m = NULL;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(modes[i].name, mode) == 0) m = &modes[i];
    }
    if (!m) return err_set(e, ValueError, "Invalid mode; must be one of r, r+, w, w-, x, a");
    const h5_lib *h = h5_enter(e);
    if (!h) return NULL;
    h5obj *x = NULL;
    hid_t id = open_mode(h, m, &o, e);
    if (id >= 0) {
        unsigned intent = 0;
        h->Fget_intent(id, &intent);
        close_on_exec(h, id);
        x = new_handle(H5_FILE, NULL, h5_share_open(path, intent & H5_RDWR), id);
        x->path = mem_dup(path);
        x->share->fileno = file_number(h, id);
        x->share->dirty = m->create || x->share->dirty;
    }
    h5_leave();
    return x;
}

bool h5_about(h5obj *file, h5opening *out, err *e)
{
    const h5_lib *h = h5_enter(e);
    if (!h) return false;
    hid_t made = h->Fget_create_plist(file->id), access = h->Fget_access_plist(file->id);
    H5F_libver_t low = H5F_LIBVER_EARLIEST, high = H5F_LIBVER_LATEST;
    hsize_t block = 0;
    unsigned order = 0, intent = 0;
    bool ok = made >= 0 && access >= 0 && h->Pget_userblock(made, &block) >= 0 &&
              h->Pget_link_creation_order(made, &order) >= 0 &&
              h->Pget_libver_bounds(access, &low, &high) >= 0 &&
              h->Fget_intent(file->id, &intent) >= 0;
    if (!ok) h5_fail(h, e);
    if (made >= 0) h->Pclose(made);
    if (access >= 0) h->Pclose(access);
    h5_leave();
    *out = (h5opening){.userblock = (int64_t)block,
                       .track_order = order != 0,
                       .swmr = intent & (H5_SWMR_READ | H5_SWMR_WRITE),
                       .low = (int)low,
                       .high = (int)high};
    return ok;
}

bool h5_start_swmr(h5obj *file, err *e)
{
    h5_write_begin(file);
    const h5_lib *h = h5_enter(e);
    bool ok = h && (h->Fstart_swmr_write(file->id) >= 0 || h5_fail(h, e));
    if (h) h5_leave();
    h5_write_end(file);
    return ok;
}

bool h5_refresh(h5obj *d, err *e)
{
    const h5_lib *h = h5_enter(e);
    bool ok = h && (h->Drefresh(d->id) >= 0 || h5_fail(h, e));
    if (h) h5_leave();
    d->share->version++;
    return ok;
}

/* --- writing and closing: readers of the file's data wait --- */

void h5_write_begin(h5obj *x)
{
    pthread_rwlock_wrlock(&x->share->lock);
}

void h5_write_end(h5obj *x)
{
    if (x->share->writable) x->share->dirty = true;
    x->share->version++;
    pthread_rwlock_unlock(&x->share->lock);
}

bool h5_close(h5obj *file, err *e)
{
    if (atomic_load(&file->closed)) return true;
    h5_write_begin(file);
    const h5_lib *h = h5_enter(e);
    bool ok = h != NULL;
    if (h) {
        atomic_store(&file->closed, true);
        ok = close_id(h, file->id, e);
        h5_share_close(file->share);
        h5_leave();
    }
    pthread_rwlock_unlock(&file->share->lock);
    return ok;
}

static void close_later(const h5_lib *h, void *arg)
{
    h5obj *x = arg;
    err e = {0};
    close_id(h, x->id, &e);
    h5_share_close(x->share);
    err_clear(&e);
    datum_unref(x);
}

void h5_close_soon(h5obj *file)
{
    if (!atomic_exchange(&file->closed, true)) h5_when_free(close_later, datum_ref(file));
}

bool h5_flush(h5obj *x, err *e)
{
    h5_write_begin(x);
    const h5_lib *h = h5_enter(e);
    bool ok = h && (h->Fflush(x->id, H5F_SCOPE_GLOBAL) >= 0 || h5_fail(h, e));
    if (h) h5_leave();
    if (ok) x->share->dirty = false;
    pthread_rwlock_unlock(&x->share->lock);
    return ok;
}
