/* stdlib/core/os_conf.c - what the system says of its limits and sizes: sysconf and confstr. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "lang/types/file.h"
#include "stdlib/core/os_parts.h"

typedef struct row {
    const char *name;
    int number;
} row;

static const row sizes[] = {
    {"SC_ARG_MAX", _SC_ARG_MAX},
    {"SC_AVPHYS_PAGES", _SC_AVPHYS_PAGES},
    {"SC_CHILD_MAX", _SC_CHILD_MAX},
    {"SC_CLK_TCK", _SC_CLK_TCK},
    {"SC_HOST_NAME_MAX", _SC_HOST_NAME_MAX},
    {"SC_IOV_MAX", _SC_IOV_MAX},
    {"SC_LINE_MAX", _SC_LINE_MAX},
    {"SC_LOGIN_NAME_MAX", _SC_LOGIN_NAME_MAX},
    {"SC_NGROUPS_MAX", _SC_NGROUPS_MAX},
    {"SC_NPROCESSORS_CONF", _SC_NPROCESSORS_CONF},
    {"SC_NPROCESSORS_ONLN", _SC_NPROCESSORS_ONLN},
    {"SC_OPEN_MAX", _SC_OPEN_MAX},
    {"SC_PAGESIZE", _SC_PAGESIZE},
    {"SC_PAGE_SIZE", _SC_PAGE_SIZE},
    {"SC_PHYS_PAGES", _SC_PHYS_PAGES},
    {"SC_SYMLOOP_MAX", _SC_SYMLOOP_MAX},
    {"SC_THREAD_STACK_MIN", _SC_THREAD_STACK_MIN},
    {"SC_TTY_NAME_MAX", _SC_TTY_NAME_MAX},
    {NULL, 0},
};

static const row texts[] = {
    {"CS_GNU_LIBC_VERSION", _CS_GNU_LIBC_VERSION},
    {"CS_GNU_LIBPTHREAD_VERSION", _CS_GNU_LIBPTHREAD_VERSION},
    {"CS_PATH", _CS_PATH},
    {NULL, 0},
};

static bool to_number(interp *in, value v, const row *rows, int *out)
{
    int64_t n;
    str *name = as_str(v);
    for (const row *r = rows; name && r->name; r++) {
        if (strcmp(r->name, name->at) == 0) return *out = r->number, true;
    }
    if (name) {
        throw(in, ValueError, "unrecognized configuration name");
        return false;
    }
    if (v.kind != V_INT) {
        throw(in, TypeError, "configuration names must be strings or integers");
        return false;
    }
    if (!to_int64(in, v, &n)) return false;
    *out = n >= 0 && n < 1 << 16 ? (int)n : -1;
    return true;
}

value os_sysconf(interp *in, const value *arg)
{
    int number;
    if (!to_number(in, arg[0], sizes, &number)) return FAIL;
    errno = 0;
    const long n = sysconf(number);
    return n == -1 && errno ? throw_errno(in, errno, FAIL) : v_int(n);
}

value os_confstr(interp *in, const value *arg)
{
    int number;
    if (!to_number(in, arg[0], texts, &number)) return FAIL;
    errno = 0;
    const size_t n = confstr(number, NULL, 0);
    if (!n) return errno ? throw_errno(in, errno, FAIL) : NONE;
    char *text = mem_alloc(n);
    confstr(number, text, n);
    value v = v_str(in, text);
    mem_free(text);
    return v;
}

static value names_of(interp *in, const row *rows)
{
    dict *d = dict_new(in);
    for (const row *r = rows; d && r->name; r++) {
        if (!dict_put(in, d, r->name, v_int(r->number))) return obj_unref(in, d), FAIL;
    }
    return d ? v_obj(d) : FAIL;
}

bool os_put_names(interp *in, module *m)
{
    return module_put(in, m, "sysconf_names", names_of(in, sizes)) &&
           module_put(in, m, "confstr_names", names_of(in, texts));
}
