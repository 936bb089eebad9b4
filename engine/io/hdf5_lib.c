/* engine/io/hdf5_lib.c - opening libhdf5, its lock, its failures in h5py's words.
 *
 * The library is process-wide state of its own; what stands beside it here (the table, the lock,
 * the list of open files) is the only such state of this module. */
#include "engine/io/hdf5_lib.h"

#include <ctype.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/base/str.h"

static const char soname[] = "libhdf5_serial.so.103";

static struct {
    pthread_mutex_t lock;
    bool tried, ready, lost;
    char *why; /* not ready: the loader's sentence */
    h5_lib lib;
    h5share *shares;
    _Atomic(struct later *) later; /* what whoever has the lock does before leaving */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- opening --- */

static const struct symbol {
    const char *name;
    size_t at;
    bool id;
} symbols[] = {
#define HDF5_CALL(x) {"H5" #x, offsetof(h5_lib, x), false},
#define HDF5_ID(x)   {"H5" #x "_g", offsetof(h5_lib, x), true},
#include "engine/io/hdf5_lib.def"
#undef HDF5_CALL
#undef HDF5_ID
};

static bool find_symbols(void *handle, h5_lib *h, bool ids)
{
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        void *at = dlsym(handle, symbols[i].name);
        if (!at) return false;
        if (symbols[i].id != ids) continue;
        if (ids)
            memcpy((char *)h + symbols[i].at, at, sizeof(hid_t));
        else
            memcpy((char *)h + symbols[i].at, &at, sizeof at);
    }
    return true;
}

static hid_t complex_type(const h5_lib *h, hid_t part, size_t size)
{
    hid_t t = h->Tcreate(H5T_COMPOUND, 2 * size);
    h->Tinsert(t, "r", 0, part);
    h->Tinsert(t, "i", size, part);
    return t;
}

static void make_types(h5_lib *h)
{
    h->f16 = h->Tcopy(h->T_IEEE_F32LE);
    h->Tset_fields(h->f16, 15, 10, 5, 0, 10);
    h->Tset_size(h->f16, 2);
    h->Tset_ebias(h->f16, 15);
    h->boolean = h->Tenum_create(h->T_STD_I8LE);
    h->Tenum_insert(h->boolean, "FALSE", &(int8_t){0});
    h->Tenum_insert(h->boolean, "TRUE", &(int8_t){1});
    h->complex64 = complex_type(h, h->T_IEEE_F32LE, 4);
    h->complex128 = complex_type(h, h->T_IEEE_F64LE, 8);
    h->text_ascii = h->Tcopy(h->T_C_S1);
    h->Tset_size(h->text_ascii, H5T_VARIABLE);
    h->text_utf8 = h->Tcopy(h->text_ascii);
    h->Tset_cset(h->text_utf8, H5T_CSET_UTF8);
}

/* The library's own way out stumbles over files that could not be closed. */
static void at_exit(void)
{
    if (!state.lost) state.lib.close();
}

void h5_lose(void)
{
    state.lost = true;
}

static bool open_library(void)
{
    void *handle = dlopen(soname, RTLD_LAZY | RTLD_LOCAL);
    h5_lib *h = &state.lib;
    /* the ids are set by H5open, which the first pass makes callable */
    if (handle && find_symbols(handle, h, false) && h->dont_atexit() >= 0 && h->open() >= 0 &&
        find_symbols(handle, h, true)) {
        h->Eset_auto2(H5E_DEFAULT, NULL, NULL);
        make_types(h);
        atexit(at_exit);
        return lzf_register(h);
    }
    const char *why = dlerror();
    state.why = mem_dup(why ? why : soname);
    return false;
}

typedef struct later {
    struct later *next;
    void (*f)(const h5_lib *h, void *arg);
    void *arg;
} later;

static void do_later(void)
{
    for (later *x; (x = atomic_exchange(&state.later, NULL));)
        while (x) {
            later *next = x->next;
            x->f(&state.lib, x->arg);
            mem_free(x);
            x = next;
        }
}

static _Thread_local bool inside; /* does this thread have the lock? */

static struct timespec in_ms(int ms)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += ms * 1000000L;
    if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
    return t;
}

static void let_go(void)
{
    inside = false;
    pthread_mutex_unlock(&state.lock);
}

/* Somebody's call may be a long one; false: nobody waits for ours any longer. */
static bool wait_for_lock(void)
{
    while (pthread_mutex_trylock(&state.lock)) {
        struct timespec until = in_ms(10);
        if (pthread_mutex_timedlock(&state.lock, &until) == 0) return true;
        if (stop_asked()) return false;
    }
    return true;
}

const h5_lib *h5_enter(err *e)
{
    if (!wait_for_lock()) {
        stop_check(e);
        return NULL;
    }
    inside = true;
    do_later();
    if (!state.tried) {
        state.ready = open_library();
        state.tried = true;
    }
    if (!state.ready) {
        err_set(e, OSError, "the HDF5 library could not be opened (%s)", state.why);
        let_go();
        return NULL;
    }
    /* error stacks, and whether they print, are per thread in the library */
    state.lib.Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return &state.lib;
}

void h5_leave(void)
{
    do { /* what was asked for after the last look is ours, unless somebody else is inside */
        inside = true;
        do_later();
        let_go();
    } while (atomic_load(&state.later) && pthread_mutex_trylock(&state.lock) == 0);
}

void h5_when_free(void (*f)(const h5_lib *h, void *arg), void *arg)
{
    enum { PATIENCE_MS = 5 };
    later *x = mem_alloc(sizeof *x);
    *x = (later){.next = atomic_load(&state.later), .f = f, .arg = arg};
    while (!atomic_compare_exchange_weak(&state.later, &x->next, x)) continue;
    if (inside) return;
    struct timespec until = in_ms(PATIENCE_MS);
    if (pthread_mutex_timedlock(&state.lock, &until) == 0) h5_leave();
}

void h5_settle(void)
{
    if (!state.tried) return;
    pthread_mutex_lock(&state.lock);
    h5_leave();
}

/* --- failures --- */

typedef struct failure {
    hid_t major, minor;
    const char *text;
} failure;

static herr_t last_frame(unsigned n, const H5E_error2_t *frame, void *data)
{
    (void)n;
    failure *f = data;
    f->major = frame->maj_num;
    f->minor = frame->min_num;
    f->text = frame->desc;
    return 0;
}

#define MINOR(field, kind)                                                                         \
    {                                                                                              \
        offsetof(h5_lib, field), 0, kind                                                           \
    }
#define EXACT(major, field, kind)                                                                  \
    {                                                                                              \
        offsetof(h5_lib, field), offsetof(h5_lib, major), kind                                     \
    }

/* Which exception a failure of the library is; the first row that fits. */
static const struct rule {
    size_t minor, major; /* major 0: any */
    enum err_kind kind;
} rules[] = {
    EXACT(E_CACHE, E_BADVALUE, OSError),
    EXACT(E_RESOURCE, E_CANTINIT, OSError),
    EXACT(E_INTERNAL, E_SYSERRSTR, OSError),
    EXACT(E_DATATYPE, E_CANTINIT, TypeError),
    EXACT(E_DATASET, E_CANTINIT, ValueError),
    EXACT(E_ARGS, E_CANTINIT, TypeError),
    EXACT(E_SYM, E_CANTINIT, ValueError),
    EXACT(E_ARGS, E_BADTYPE, ValueError),
    EXACT(E_REFERENCE, E_CANTINIT, ValueError),
    MINOR(E_SEEKERROR, OSError),
    MINOR(E_READERROR, OSError),
    MINOR(E_WRITEERROR, OSError),
    MINOR(E_CLOSEERROR, OSError),
    MINOR(E_OVERFLOW, OSError),
    MINOR(E_FCNTL, OSError),
    MINOR(E_FILEEXISTS, OSError),
    MINOR(E_FILEOPEN, OSError),
    MINOR(E_CANTCREATE, OSError),
    MINOR(E_CANTOPENFILE, OSError),
    MINOR(E_CANTCLOSEFILE, OSError),
    MINOR(E_NOTHDF5, OSError),
    MINOR(E_BADFILE, ValueError),
    MINOR(E_TRUNCATED, OSError),
    MINOR(E_MOUNT, OSError),
    MINOR(E_NOFILTER, OSError),
    MINOR(E_CALLBACK, OSError),
    MINOR(E_CANAPPLY, OSError),
    MINOR(E_SETLOCAL, OSError),
    MINOR(E_NOENCODER, OSError),
    MINOR(E_BADATOM, ValueError),
    MINOR(E_BADGROUP, ValueError),
    MINOR(E_BADSELECT, ValueError),
    MINOR(E_UNINITIALIZED, ValueError),
    MINOR(E_UNSUPPORTED, NotImplementedError),
    MINOR(E_NOTFOUND, KeyError),
    MINOR(E_CANTINSERT, ValueError),
    MINOR(E_BADTYPE, TypeError),
    MINOR(E_BADRANGE, ValueError),
    MINOR(E_BADVALUE, ValueError),
    MINOR(E_EXISTS, ValueError),
    MINOR(E_ALREADYEXISTS, ValueError),
    MINOR(E_CANTCONVERT, TypeError),
    MINOR(E_CANTDELETE, KeyError),
    MINOR(E_CANTMOVE, ValueError),
    MINOR(E_CANTOPENOBJ, KeyError),
};

static hid_t id_at(const h5_lib *h, size_t offset)
{
    hid_t id;
    memcpy(&id, (const char *)h + offset, sizeof id);
    return id;
}

static enum err_kind kind_of(const h5_lib *h, const failure *f)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct rule *r = &rules[i];
        if (id_at(h, r->minor) != f->minor) continue;
        if (r->major == 0 || id_at(h, r->major) == f->major) return r->kind;
    }
    return RuntimeError;
}

void *h5_fail(const h5_lib *h, err *e)
{
    failure outer = {0}, inner = {0};
    h->Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, last_frame, &outer);
    h->Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, last_frame, &inner);
    if (!outer.text || !inner.text) return err_set(e, RuntimeError, "Unspecified error in HDF5");
    strbuf text = {0};
    sb_addc(&text, (char)toupper((unsigned char)*outer.text));
    for (const char *p = outer.text + 1; *outer.text && *p; p++) {
        sb_addc(&text, (char)tolower((unsigned char)*p));
    }
    enum err_kind kind = kind_of(h, &outer);
    const char *number = strstr(inner.text, "errno = ");
    if (kind == OSError && number) {
        int code = atoi(number + 8);
        err_set(e, err_of_errno(code), "[Errno %d] %s (%s)", code, sb_text(&text), inner.text);
    } else {
        err_set(e, kind, "%s (%s)", sb_text(&text), inner.text);
    }
    sb_clear(&text);
    h->Eclear2(H5E_DEFAULT);
    return NULL;
}

/* --- the files that are open --- */

h5share *h5_share_open(const char *path, bool writable)
{
    struct stat st = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool known = fd >= 0 && fstat(fd, &st) == 0;
    h5share *s = known ? state.shares : NULL;
    while (s && (s->fd < 0 || s->dev != st.st_dev || s->ino != st.st_ino)) s = s->next;
    if (s) {
        close(fd);
        s->users++;
    } else {
        s = mem_zero(sizeof *s);
        *s = (h5share){
            .next = state.shares, .users = 1, .dev = st.st_dev, .ino = st.st_ino, .fd = fd};
        pthread_rwlock_init(&s->lock, NULL);
        state.shares = s;
    }
    s->nopen++;
    if (writable) s->writable = true;
    s->version++;
    return s;
}

void h5_share_close(h5share *s)
{
    s->version++;
    if (--s->nopen > 0) return;
    s->writable = false;
    s->dirty = false;
}

h5share *h5_share_ref(h5share *s)
{
    s->users++;
    return s;
}

void h5_share_unref(h5share *s)
{
    if (--s->users > 0) return;
    h5share **p = &state.shares;
    while (*p != s) p = &(*p)->next;
    *p = s->next;
    if (s->fd >= 0) close(s->fd);
    pthread_rwlock_destroy(&s->lock);
    mem_free(s);
}
