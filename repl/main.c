/* repl/main.c - the program: its arguments, what it runs, how it ends.
 *
 * Files, -c and stdin are Python and echo nothing; the prompt, -e and --cells read cells. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "engine/base/simd.h"
#include "engine/base/str.h"
#include "engine/data/nd.h"
#include "engine/io/hdf5.h"
#include "lang/aside.h"
#include "lang/lang.h"
#include "repl/cells.h"
#include "repl/host.h"
#include "repl/line.h"
#include "repl/session.h"
#include "repl/shell.h"
#include "repl/version.h"
#include "stdlib/stdlib.h"

enum task {
    RUN_PROMPT,
    RUN_FILE,
    RUN_CODE,
    RUN_MODULE,
    RUN_CELL,
    RUN_CELLS,
    RUN_VERSION,
    RUN_HELP,
    RUN_WORKER, /* for this program's own use: the other end of a socket */
    RUN_SWEEP   /* likewise: waits for the end of another */
};

typedef struct options {
    enum task task;
    const char *what; /* file, code, module */
    bool stay;        /* -i: the prompt afterwards */
    int argc;
    char **argv; /* what the program sees as sys.argv */
} options;

static const char usage[] =
    "usage: dsk [-i] [--memory SIZE] [FILE | -c CODE | -m MODULE | -e CELL |\n"
    "            --cells FILE | -] [ARGUMENT ...]\n";

static const char details[] =
    "\n"
    "  FILE          run a program, or the __main__ of a folder; '-' is stdin\n"
    "  -c CODE       run CODE\n"
    "  -m MODULE     run a module as a program\n"
    "  -e CELL       run CELL as the prompt would: echo its value, magics allowed\n"
    "  --cells FILE  run a file of cells, separated by lines beginning with #%%\n"
    "  -i            then give a prompt; cells come from stdin, a terminal or not\n"
    "  --memory SIZE computations stay below it: 512MB, 2GiB; else 60 % of\n"
    "                the machine's memory\n"
    "  --version     versions of dsk and of the libraries it uses\n"
    "\n"
    "Without arguments on a terminal: a prompt.\n";

/* ---- arguments ---- */

static const struct flag {
    const char *name;
    enum task task;
    bool valued;
} flags[] = {
    {"-c", RUN_CODE, true},       {"-m", RUN_MODULE, true},          {"-e", RUN_CELL, true},
    {"--cells", RUN_CELLS, true}, {"--version", RUN_VERSION, false}, {"-V", RUN_VERSION, false},
    {"--help", RUN_HELP, false},  {"-h", RUN_HELP, false},           {"--worker", RUN_WORKER, true},
    {"--sweep", RUN_SWEEP, true},
};

static bool bad_usage(const char *what, const char *flag)
{
    fprintf(stderr, "dsk: %s: %s\n%s'dsk --help' tells more.\n", what, flag, usage);
    return false;
}

/* Flags of Python's in one argument, -iu, of which only -i changes anything here. What follows
 * them: "" or another flag, as the c of -ic. */
static const char *past_python_flags(options *o, const char *arg)
{
    const char *p = arg + 1;
    for (; *p && strchr("iquBEIsS", *p); p++) o->stay |= *p == 'i';
    return p;
}

/* The value of a flag: what stands behind it, or the next argument. */
static bool read_value(options *o, int argc, char **argv, int *i, const char *behind,
                       const char *flag)
{
    o->what = *behind ? behind : ++*i < argc ? argv[*i] : NULL;
    return o->what || bad_usage("an argument is missing", flag);
}

/* The flag at argv[i] that says what to run; the values left are the program's. */
static bool read_flag(options *o, int argc, char **argv, int i)
{
    static char name[3]; /* sys.argv[0] is '-c' */
    const bool is_long = argv[i][1] == '-';
    const char *arg = argv[i], *letter = is_long ? arg : past_python_flags(o, arg);
    for (size_t k = 0; k < sizeof flags / sizeof *flags; k++) {
        const struct flag *f = &flags[k];
        if (is_long ? strcmp(arg, f->name) : *letter != f->name[1]) continue;
        o->task = f->task;
        if (f->valued && !read_value(o, argc, argv, &i, is_long ? "" : letter + 1, f->name))
            return false;
        o->argc = argc - i;
        o->argv = argv + i;
        if (f->valued && !is_long && f->task != RUN_MODULE) o->argv[0] = strcpy(name, f->name);
        return true;
    }
    return bad_usage("unknown option", arg);
}

/* Of "512MB", "2GiB": what the letters stand for, as dask.utils.parse_bytes has it. */
static double bytes_of_unit(const char *unit)
{
    const char *prefixes = "kmgtp", *at = *unit ? strchr(prefixes, *unit | 0x20) : NULL;
    double step = at && (unit[1] | 0x20) == 'i' ? 1024 : 1000, n = 1;
    for (long k = at ? at - prefixes : -1; k >= 0; k--) n *= step;
    return n;
}

/* As if DASK_MEMORY_LIMIT were set: dask.config finds it, and so do processes that we start. Arrays
 * that are made here and now are bounded, too. */
static bool set_memory(const char *size)
{
    char *end;
    double n = strtod(size, &end);
    size_t unit = strspn(end, "kKmMgGtTpPiIbB");
    if (end == size || !(n > 0) || end[unit] || unit > 3) return bad_usage("not a size", size);
    n *= bytes_of_unit(end);
    if (n > 1 && n < 0x1p62) buf_set_most((size_t)n); /* up to 1: a share of the machine */
    return setenv("DASK_MEMORY_LIMIT", size, 1) == 0;
}

/* DSK_SIMD=base | avx2 | avx512: kernels use no wider vectors than these (the results are the same)
 */
static bool limit_vectors(void)
{
    const char *name = getenv("DSK_SIMD");
    if (!name || !*name) return true;
    if (simd_named(name) < 0) return bad_usage("not base, avx2 or avx512: DSK_SIMD", name);
    simd_limit((enum simd)simd_named(name));
    return true;
}

static bool read_options(options *o, int argc, char **argv)
{
    TRY(limit_vectors());
    *o = (options){.task = RUN_PROMPT, .argc = argc, .argv = argv};
    int i = 1;
    for (; i < argc; i++) {
        if (!strncmp(argv[i], "--memory=", 9)) {
            TRY(set_memory(argv[i] + 9));
        } else if (!strcmp(argv[i], "--memory")) {
            if (++i == argc) return bad_usage("an argument is missing", "--memory");
            TRY(set_memory(argv[i]));
        } else if (argv[i][0] != '-' || !argv[i][1] || *past_python_flags(o, argv[i])) {
            break;
        }
    }
    const bool at_end = i < argc && strcmp(argv[i], "--") == 0;
    i += at_end;
    if (i == argc) {
        o->argc = 1;
        o->argv[0][0] = 0;
        return true;
    }
    if (!at_end && argv[i][0] == '-' && argv[i][1]) return read_flag(o, argc, argv, i);
    o->task = o->stay && strcmp(argv[i], "-") == 0 ? RUN_PROMPT : RUN_FILE;
    o->what = argv[i];
    o->argc = argc - i;
    o->argv = argv + i;
    return true;
}

/* ---- what there is to run ---- */

enum { INTERRUPTED = -1 }; /* instead of an exit status: once all is tidied up, die of it */

static int report(interp *in)
{
    int status = 1;
    const bool interrupted = exc_is(in, KeyboardInterrupt);
    const bool leaves = session_report(in, &status) == CELL_EXIT;
    return interrupted ? INTERRUPTED : leaves ? status : 1;
}

/* mode: as for interp_run */
static int run_text(interp *in, const char *text, size_t n, const char *name, char mode)
{
    return interp_run(in, text, n, name, mode, interp_main(in), NULL) ? 0 : report(in);
}

/* sys.path begins with the program's folder, as in Python. */
static void put_path(interp *in, const char *file)
{
    const char *slash = file ? strrchr(file, '/') : NULL;
    value sys = interp_import(in, "sys");
    value path = is_fail(sys) ? FAIL : value_getattr_c(in, sys, "path");
    value folder = v_obj(slash ? str_new(in, file, (size_t)(slash - file)) : str_of(in, ""));
    if (as_list(path)) value_unref(in, call_method(in, path, "insert", 2, v_int(0), folder));
    if (throwing(in)) exc_clear(in);
    value_unref(in, folder);
    value_unref(in, path);
    value_unref(in, sys);
}

/* A script is known by its whole path, as Python has it. mem_free it. */
static char *absolute(const char *path)
{
    char folder[4096];
    if (*path == '/' || strcmp(path, "-") == 0 || !getcwd(folder, sizeof folder)) {
        return mem_dup(path);
    }
    strbuf b = {0};
    while (path[0] == '.' && path[1] == '/') path += 2;
    sb_addf(&b, "%s%s%s", folder, strcmp(folder, "/") == 0 ? "" : "/", path);
    return sb_take(&b, NULL);
}

/* The program of a folder. mem_free it; NULL: there is none. */
static char *main_of(const char *folder)
{
    static const char *const tails[] = {"/__main__.dsk", "/__main__.py"};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        strbuf b = {0};
        sb_addf(&b, "%s%s", folder, tails[i]);
        if (access(sb_text(&b), R_OK) == 0) return sb_take(&b, NULL);
        sb_clear(&b);
    }
    fprintf(stderr, "dsk: can't find '__main__' module in '%s'\n", folder);
    return NULL;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int run_file(interp *in, const char *path, char mode)
{
    if (is_folder(path)) {
        char *program = main_of(path);
        const int status = program ? run_file(in, program, mode) : 1;
        mem_free(program);
        return status;
    }
    size_t n;
    char *text = host_read_file(path, &n);
    if (!text) {
        fprintf(stderr, "dsk: can't open file '%s': [Errno %d] %s\n", path, errno, strerror(errno));
        return 2;
    }
    const bool is_stdin = strcmp(path, "-") == 0;
    char *full = absolute(path);
    put_path(in, is_stdin ? NULL : full);
    if (!is_stdin) dict_put(in, interp_main(in), "__file__", v_str(in, full));
    int status = run_text(in, text, n, is_stdin ? "<stdin>" : full, mode);
    mem_free(full);
    mem_free(text);
    return status;
}

static int run_module(interp *in, const char *name)
{
    value m = interp_import(in, "dsk_shell"), text = v_str(in, name);
    value done = is_fail(m) || is_fail(text) ? FAIL : call_method(in, m, "run_module", 1, text);
    const bool ok = !is_fail(done);
    value_unref(in, done);
    value_unref(in, text);
    value_unref(in, m);
    return ok ? 0 : report(in);
}

static int run_cells(session *s, const options *o)
{
    enum outcome outcome;
    if (o->task == RUN_CELL) {
        outcome = session_run(s, o->what);
    } else {
        char *text = host_read_file(o->what, NULL);
        if (!text) {
            fprintf(stderr, "dsk: can't open file '%s': [Errno %d] %s\n", o->what, errno,
                    strerror(errno));
            return 2;
        }
        outcome = cells_run(s, text);
        mem_free(text);
    }
    return outcome == CELL_EXIT ? s->status : outcome == CELL_FAILED;
}

/* Where stdin is no terminal stdout has what the cells write and their values, as under python -i.
 */
static int run_prompt(session *s)
{
    const bool terminal = isatty(STDIN_FILENO);
    const int fd = terminal ? 1 : 2;
    host_puts(fd, "dsk " DSK_VERSION "  -  Python, NumPy and Dask, natively\n"
                  "name? for help, %lsmagic for magics, Ctrl-D to leave\n\n");
    line_open(s);
    const char *term = getenv("TERM");
    s->prompts = terminal;
    s->color = isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") && !getenv("NO_COLOR");
    for (;;) {
        char *text = NULL;
        enum reading r = line_read(s, &text);
        if (r == READ_END) break;
        if (r == READ_CANCELLED) continue;
        enum outcome outcome = session_run(s, text);
        mem_free(text);
        if (outcome == CELL_EXIT) break;
        host_puts(fd, "\n");
    }
    line_close();
    host_puts(fd, "\n");
    return s->status;
}

/* ---- the program ---- */

#ifdef DSK_SANITIZE
/* tests/faults.sh: the allocation number DSK_FAIL of the program fails; 0 only counts them.
 * `sites N M`: after M, the first one of each chain of N calls fails. */
static void plan_fault(const char *n)
{
    int calls, after;
    if (n && sscanf(n, "sites %d %d", &calls, &after) == 2)
        mem_fail_sites(calls, after);
    else if (n)
        mem_fail(atoll(n));
}

/* `DSK_FAIL_WORKER=FAULT` is for the allocations of worker processes: of the first one only, which
 * makes the file DSK_FAIL_COUNT, and counts there, since it is killed when it has done its work. */
static void plan_worker_fault(void)
{
    const char *n = getenv("DSK_FAIL_WORKER"), *path = getenv("DSK_FAIL_COUNT");
    _Atomic int64_t *count;
    int fd = n && path ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || ftruncate(fd, sizeof *count)) return;
    count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (count == MAP_FAILED) return;
    mem_tries_at(count);
    plan_fault(n);
}

static void report_fault(void)
{
    if (getenv("DSK_FAIL")) fprintf(stderr, "allocations: %lld\n", (long long)mem_tries());
    mem_fail(0); /* what is left is closed by all means */
}
#else
static void plan_fault(const char *n)
{
    (void)n;
}

static void plan_worker_fault(void)
{
}

static void report_fault(void)
{
}
#endif

static int run(session *s, const options *o)
{
    interp *in = s->in;
    const char mode = o->stay ? 'f' : 's'; /* a session would look at the names */
    switch (o->task) {
    case RUN_FILE: return run_file(in, o->what, mode);
    case RUN_CODE:
        put_path(in, NULL);
        return run_text(in, o->what, strlen(o->what), "<string>", mode);
    case RUN_MODULE: put_path(in, NULL); return run_module(in, o->what);
    case RUN_CELL:
    case RUN_CELLS: put_path(in, NULL); return run_cells(s, o);
    default:
        put_path(in, NULL);
        return isatty(STDIN_FILENO) || o->stay ? run_prompt(s) : run_file(in, "-", mode);
    }
}

static void show_progress(void *ctx, uint64_t done, uint64_t total)
{
    progress_update(&((session *)ctx)->progress, done, total);
}

/* The modules of stdlib and our own. */
static const module_def **all_modules(void)
{
    size_t n = 0;
    while (stdlib_modules[n]) n++;
    const module_def **all = mem_zero((n + 2) * sizeof *all);
    for (size_t i = 0; i < n; i++) all[i] = stdlib_modules[i];
    all[n] = &shell_def;
    return all;
}

int main(int argc, char **argv)
{
    options o;
    mallopt(M_MMAP_THRESHOLD, 4 << 20); /* fixed: large pieces go back to the system when freed */
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
    if (!read_options(&o, argc, argv)) return 2;
    if (o.task == RUN_SWEEP) return sweep_after(o.what), 0;
    if (o.task == RUN_HELP) {
        fputs(usage, stdout);
        fputs(details, stdout);
        return 0;
    }
    if (o.task == RUN_VERSION) return version_print();
    const module_def **modules = all_modules();
    if (o.task == RUN_WORKER) {
        plan_worker_fault();
        worker_serve(atoi(o.what), modules);
        _exit(0); /* its threads may be in the middle of anything */
    }
    session s = {0};
    host h;
    host_open(&h, &s);
    h.progress = show_progress;
    interp *in = interp_open(&h, modules);
    if (!in) {
        fputs("dsk: the interpreter could not start\n", stderr);
        return 1;
    }
    interp_set_argv(in, o.argc, o.argv);
    const bool cells = o.task == RUN_CELL || o.task == RUN_CELLS ||
                       (o.task == RUN_PROMPT && isatty(STDIN_FILENO)) || o.stay;
    s.in = in;
    if (cells && !session_open(&s, in, false)) return report(in);
    plan_fault(getenv("DSK_FAIL"));
    int status = run(&s, &o);
    report_fault();
    if (o.stay && o.task != RUN_PROMPT) status = run_prompt(&s);
    if (cells) session_close(&s);
    const bool at_work = interp_left_asides(in);
    interp_close(in);
    h5_settle();
    mem_free(modules);
    if (status == INTERRUPTED) host_die_interrupted();
    if (!host_flush()) {
        fprintf(stderr, "dsk: stdout: %s\n", strerror(errno));
        if (status == 0) status = 120; /* as CPython when stdout is lost */
    }
    if (at_work) _exit(status); /* a library call that Ctrl-C left behind is still in the middle */
    return status;
}
