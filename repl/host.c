/* repl/host.c - what the interpreter sees of the outside.
 *
 * stdout is buffered as C's stdio does: by lines on a terminal, in blocks elsewhere.  The flag that
 * a signal handler sets is the one piece of global state a C program cannot avoid. */
#include "repl/host.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "engine/base/stop.h"
#include "engine/base/str.h"

enum { DIRECT = 64 * 1024 };

static _Atomic int interrupts;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    atomic_store(&interrupts, 1);
    haste_begin();
}

bool host_interrupted(void)
{
    return atomic_load_explicit(&interrupts, memory_order_relaxed) &&
           atomic_exchange(&interrupts, 0);
}

static void __attribute__((noreturn)) die_of(int signal_number, int status)
{
    signal(signal_number, SIG_DFL);
    raise(signal_number);
    _exit(status);
}

void host_die_interrupted(void)
{
    host_flush();
    die_of(SIGINT, 130);
}

bool host_flush(void)
{
    return fflush(stdout) == 0 && !ferror(stdout);
}

/* Much text, until a Ctrl-C: the terminal may take it slowly. */
static void write_through(FILE *f, const char *s, size_t n)
{
    fflush(f);
    while (n && !atomic_load(&interrupts)) {
        size_t piece = n < DIRECT ? n : DIRECT;
        ssize_t done = write(fileno(f), s, piece);
        if (done < 0 && errno != EINTR) { /* let stdio find the same */
            fwrite(s, 1, piece, f);
            return;
        }
        if (done > 0) s += done, n -= (size_t)done;
    }
}

void host_write(int fd, const char *s, size_t n)
{
    FILE *f = fd == 2 ? stderr : stdout;
    if (fd == 2) fflush(stdout); /* in the order in which they were written */
    if (n >= DIRECT)
        write_through(f, s, n);
    else if (n)
        fwrite(s, 1, n, f);
    else
        fflush(f);
    if (ferror(f) && errno == EINTR) clearerr(f); /* a Ctrl-C: nobody wants the rest */
    if (ferror(f) && errno == EPIPE) die_of(SIGPIPE, 141);
}

void host_puts(int fd, const char *s)
{
    host_write(fd, s, strlen(s));
}

static void hook_write(void *ctx, int fd, const char *s, size_t n)
{
    (void)ctx;
    host_write(fd, s, n);
}

static bool hook_interrupted(void *ctx)
{
    (void)ctx;
    return host_interrupted();
}

/* input(): without readline, so that it works for any stdin */
static char *hook_ask(void *ctx, const char *prompt)
{
    (void)ctx;
    host_puts(1, prompt);
    host_flush();
    strbuf b = {0};
    int c;
    while ((c = getchar()) != EOF && c != '\n') sb_addc(&b, (char)c);
    if (c == EOF && b.n == 0) {
        sb_clear(&b);
        clearerr(stdin);
        return NULL;
    }
    return sb_take(&b, NULL);
}

/* What a mapped file was to hold is not there.  Then the signal comes again, and ends the process.
 */
static void on_missing_memory(int number)
{
    static const char text[] = "dsk: memory of a mapped file is not there: its disk (or /dev/shm) "
                               "is full, or somebody has "
                               "made the file shorter\n";
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) return;
    (void)number;
}

static void tell_missing_memory(void)
{
    struct sigaction was, a = {.sa_handler = on_missing_memory, .sa_flags = (int)SA_RESETHAND};
    if (!sigaction(SIGBUS, NULL, &was) && was.sa_handler == SIG_DFL) sigaction(SIGBUS, &a, NULL);
}

void host_open(host *h, void *ctx)
{
    *h = (host){.ctx = ctx,
                .write = hook_write,
                .ask = hook_ask,
                .signal = &interrupts,
                .interrupted = hook_interrupted};
    struct sigaction a = {.sa_handler = on_interrupt}; /* no SA_RESTART: waiting calls wake up */
    sigaction(SIGINT, &a, NULL);
    stop_listen(&interrupts);
    tell_missing_memory();
    signal(SIGPIPE, SIG_IGN); /* of stdout only: see host_write */
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit of size is an OSError */
}

int host_width(void)
{
    struct winsize w = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0) return w.ws_col;
    return 80;
}

char *host_read_file(const char *path, size_t *n)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (!f) return NULL;
    strbuf b = {0};
    char block[16384];
    size_t got;
    while ((got = fread(block, 1, sizeof block, f)) > 0) sb_add(&b, block, got);
    const int failed = ferror(f) ? errno : 0;
    if (f != stdin) fclose(f);
    if (failed) {
        sb_clear(&b);
        errno = failed;
        return NULL;
    }
    return sb_take(&b, n);
}
