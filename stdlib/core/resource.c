/* stdlib/core/resource.c - what this process took so far, and what it may take. */
#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lang/builtins.h"
#include "lang/types/file.h"
#include "lang/types/record.h"
#include "stdlib/stdlib.h"

// clang-format off
static const builtin usage_rows[] = {
    RECORD_FIELD(0, "ru_utime", "seconds of the processor for the program"),
    RECORD_FIELD(1, "ru_stime", "seconds of the processor for the system on its behalf"),
    RECORD_FIELD(2, "ru_maxrss", "KiB of memory it had at most"),
    RECORD_FIELD(3, "ru_ixrss", NULL), RECORD_FIELD(4, "ru_idrss", NULL),
    RECORD_FIELD(5, "ru_isrss", NULL),
    RECORD_FIELD(6, "ru_minflt", "pages that were found without reading a disk"),
    RECORD_FIELD(7, "ru_majflt", "pages that were read from one"),
    RECORD_FIELD(8, "ru_nswap", NULL),
    RECORD_FIELD(9, "ru_inblock", "blocks of 512 bytes read"),
    RECORD_FIELD(10, "ru_oublock", "blocks of 512 bytes written"),
    RECORD_FIELD(11, "ru_msgsnd", NULL), RECORD_FIELD(12, "ru_msgrcv", NULL),
    RECORD_FIELD(13, "ru_nsignals", NULL),
    RECORD_FIELD(14, "ru_nvcsw", "how often it waited for something"),
    RECORD_FIELD(15, "ru_nivcsw", "how often it had to let others run"), {0},
};
// clang-format on

static const type T_usage = {RECORD, .name = "struct_rusage", .module = "resource",
                             .table = usage_rows};

static value seconds(struct timeval t)
{
    return v_float((double)t.tv_sec + 1e-6 * (double)t.tv_usec);
}

static value r_usage(interp *in, const value *arg)
{
    int64_t who;
    struct rusage u;
    if (!to_int64(in, arg[0], &who)) return FAIL;
    if (getrusage((__rusage_who_t)who, &u)) return throw(in, ValueError, "invalid who parameter");
    return record_new(in, &T_usage, 16, seconds(u.ru_utime), seconds(u.ru_stime),
                      v_int(u.ru_maxrss), v_int(u.ru_ixrss), v_int(u.ru_idrss), v_int(u.ru_isrss),
                      v_int(u.ru_minflt), v_int(u.ru_majflt), v_int(u.ru_nswap),
                      v_int(u.ru_inblock), v_int(u.ru_oublock), v_int(u.ru_msgsnd),
                      v_int(u.ru_msgrcv), v_int(u.ru_nsignals), v_int(u.ru_nvcsw),
                      v_int(u.ru_nivcsw));
}

static bool to_resource(interp *in, value v, int64_t *out)
{
    if (!to_int64(in, v, out)) return false;
    if (*out >= 0 && *out < RLIMIT_NLIMITS) return true;
    throw(in, ValueError, "invalid resource specified");
    return false;
}

static value limits_of(interp *in, const struct rlimit *l)
{
    return v_obj(tuple_pack(in, 2, v_int((int64_t)l->rlim_cur), v_int((int64_t)l->rlim_max)));
}

static value r_getlimit(interp *in, const value *arg)
{
    int64_t of;
    struct rlimit l;
    if (!to_resource(in, arg[0], &of)) return FAIL;
    if (getrlimit((__rlimit_resource_t)of, &l)) return throw_errno(in, errno, FAIL);
    return limits_of(in, &l);
}

/* (soft, hard) as a struct; -1 is no limit */
static bool to_limits(interp *in, value v, struct rlimit *out)
{
    int64_t soft, hard;
    list *l = list_of(in, v);
    if (!l) return false;
    bool ok = l->n == 2;
    if (!ok) throw(in, ValueError, "expected a tuple of 2 integers");
    ok = ok && to_int64(in, l->at[0], &soft) && to_int64(in, l->at[1], &hard);
    if (ok) *out = (struct rlimit){(rlim_t)soft, (rlim_t)hard};
    obj_unref(in, l);
    return ok;
}

static value failed(interp *in)
{
    if (errno == EINVAL) return throw(in, ValueError, "current limit exceeds maximum limit");
    if (errno == EPERM) return throw(in, ValueError, "not allowed to raise maximum limit");
    return throw_errno(in, errno, FAIL);
}

static value r_setlimit(interp *in, const value *arg)
{
    int64_t of;
    struct rlimit l;
    if (!to_resource(in, arg[0], &of) || !to_limits(in, arg[1], &l)) return FAIL;
    return setrlimit((__rlimit_resource_t)of, &l) ? failed(in) : NONE;
}

static value r_pagesize(interp *in, const value *arg)
{
    (void)in, (void)arg;
    return v_int(sysconf(_SC_PAGESIZE));
}

static const builtin functions[] = {
    {"getrusage(who, /)", r_usage,
     "What a process took: RUSAGE_SELF this one, RUSAGE_CHILDREN those it waited for, "
     "RUSAGE_THREAD this thread."},
    {"getrlimit(resource, /)", r_getlimit, "(soft, hard): what it may take; -1 is no limit."},
    {"setrlimit(resource, limits, /)", r_setlimit, "Sets (soft, hard) limits of this process."},
    {"getpagesize()", r_pagesize, "How many bytes a page of memory has."},
    {0},
};

static const struct {
    const char *name;
    int64_t value;
} constants[] = {
    {"RUSAGE_SELF", RUSAGE_SELF},
    {"RUSAGE_CHILDREN", RUSAGE_CHILDREN},
    {"RUSAGE_THREAD", RUSAGE_THREAD},
    {"RLIM_INFINITY", (int64_t)RLIM_INFINITY},
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_OFILE", RLIMIT_OFILE},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};

static bool open_resource(interp *in, module *m)
{
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (!module_put(in, m, constants[i].name, v_int(constants[i].value))) return false;
    return module_put_type(in, m, &T_usage) &&
           module_put(in, m, "error", v_type(exc_type(OSError)));
}

const module_def resource_def = {
    .name = "resource",
    .doc = "What this process took so far, and what it may take.",
    .table = functions,
    .open = open_resource,
};
