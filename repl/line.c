/* repl/line.c - readline: cells of several lines, recalled whole.
 *
 * keys.c says what the keys do, screen.c draws.  readline keeps its state in global variables, and
 * so does this file where its hooks need the session.  In the history file every cell is one line,
 * its newlines written as \n. */
#include "repl/line.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "engine/base/stop.h"
#include "engine/data/nd.h"
#include "repl/host.h"
#include "repl/keys.h"
#include "repl/screen.h"

enum { MAX_HISTORY = 10000, CTRL_C = 3 };

static session *current;              /* whose names are completed */
static char *prefilled;               /* what the next cell begins with */
static bool on_screen;                /* cells are edited whole */
static bool piped;                    /* stdin is no terminal: nothing is edited or remembered */
static volatile sig_atomic_t resumed; /* after Ctrl-Z, in the foreground again */
static struct termios cooked;         /* the terminal before a line is read */

/* ---- history ---- */

static char *history_path(void)
{
    const char *path = getenv("DSK_HISTORY"), *home = getenv("HOME");
    if (path) return *path ? mem_dup(path) : NULL;
    if (!home) return NULL;
    strbuf b = {0};
    sb_addf(&b, "%s/.dsk_history", home);
    return sb_take(&b, NULL);
}

static void add_unescaped(const char *line, size_t n)
{
    strbuf b = {0};
    for (size_t i = 0; i < n; i++) {
        if (line[i] != '\\' || i + 1 == n)
            sb_addc(&b, line[i]);
        else
            sb_addc(&b, line[++i] == 'n' ? '\n' : line[i]);
    }
    if (b.n) add_history(b.at);
    sb_clear(&b);
}

static void load_history(void)
{
    char *path = history_path();
    size_t n;
    char *text = path ? host_read_file(path, &n) : NULL;
    for (const char *p = text; p && *p;) {
        size_t length = strcspn(p, "\n");
        add_unescaped(p, length);
        p += length + (p[length] == '\n');
    }
    mem_free(text);
    mem_free(path);
}

static void save_entry(const char *cell)
{
    char *path = history_path();
    FILE *f = path ? fopen(path, "a") : NULL;
    mem_free(path);
    if (!f) return;
    for (; *cell; cell++) {
        if (*cell == '\n')
            fputs("\\n", f);
        else if (*cell == '\\')
            fputs("\\\\", f);
        else
            fputc(*cell, f);
    }
    fputc('\n', f);
    fclose(f);
}

static void remember(const char *cell)
{
    HIST_ENTRY *last = history_length ? history_get(history_base + history_length - 1) : NULL;
    if (last && strcmp(last->line, cell) == 0) return;
    add_history(cell);
    save_entry(cell);
}

/* ---- reading ---- */

/* What a Ctrl-C left behind goes while nobody types, and what is kept for reuse with it. */
static void tidy(int fd)
{
    if (in_haste()) buf_pool_ebb();
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (current && poll(&p, 1, 0) == 0)
        if (!interp_tidy(current->in) && !buf_pool_tidy() && !mem_tidy()) break;
}

/* After Ctrl-Z the shell has left the terminal to us as it likes it. */
static void resume(void)
{
    resumed = 0;
    rl_reset_after_signal();
    screen_fresh();
    rl_forced_update_display();
}

/* Is there a byte?  Signals are held but while this waits: one that came just before would be heard
 * only with the next key. */
static bool wait_for_byte(int fd, bool *ended)
{
    sigset_t held, was;
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGCONT);
    sigaddset(&held, SIGWINCH);
    pthread_sigmask(SIG_BLOCK, &held, &was);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    *ended = host_interrupted();
    bool woken = *ended || resumed || (ppoll(&p, 1, NULL, &was) < 0 && errno == EINTR);
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    return !woken;
}

/* One byte from the terminal.  Ctrl-C ends the line, which is then forgotten. */
static int get_byte(FILE *f)
{
    for (;;) {
        unsigned char c;
        bool ended;
        tidy(fileno(f));
        if (resumed) resume();
        if (wait_for_byte(fileno(f), &ended)) {
            ssize_t n = read(fileno(f), &c, 1);
            if (n == 1) return c;
            if (n == 0 || errno != EINTR) return EOF;
        }
        if (ended) return CTRL_C;
        rl_check_signals();
    }
}

bool line_prefill(const char *text)
{
    if (!current) return false;
    mem_free(prefilled);
    prefilled = mem_dup(text);
    return true;
}

void line_open(session *s)
{
    const char *term = getenv("TERM");
    piped = !isatty(STDIN_FILENO);
    if (piped) return;
    current = s;
    on_screen = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && strcmp(term, "dumb");
    rl_readline_name = (char[]){"dsk"};
    rl_catch_signals = 0;
    rl_getc_function = get_byte;
    rl_variable_bind("enable-bracketed-paste", on_screen ? "on" : "off");
    rl_initialize(); /* with its own display, or it takes the terminal for one that can nothing */
    keys_open(s, on_screen);
    using_history();
    stifle_history(MAX_HISTORY);
    load_history();
}

void line_close(void)
{
    current = NULL;
    if (!piped) keys_close();
    mem_free(prefilled);
    prefilled = NULL;
}

/* What ends the process in the middle of a line leaves the terminal as it was before it. */
static void on_end(int signal_number)
{
    tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void on_resume(int signal_number)
{
    (void)signal_number;
    resumed = 1;
}

static char *read_one(const char *prompt, const char *text)
{
    static const int signals[] = {SIGQUIT, SIGTERM, SIGHUP, SIGCONT};
    enum { NSIGNAL = sizeof signals / sizeof *signals };
    struct sigaction was[NSIGNAL];
    keys_begin(text);
    host_flush();
    const bool terminal = tcgetattr(STDIN_FILENO, &cooked) == 0;
    for (int i = 0; terminal && i < NSIGNAL; i++) {
        const struct sigaction how = {.sa_handler = signals[i] == SIGCONT ? on_resume : on_end};
        sigaction(signals[i], &how, &was[i]);
    }
    char *line = readline(prompt);
    for (int i = 0; terminal && i < NSIGNAL; i++) sigaction(signals[i], &was[i], NULL);
    host_interrupted();
    return line;
}

/* The lines of a cell, one after the other on a terminal that cannot show it whole. */
static enum reading read_lines(const char *first, const char *more, strbuf *b)
{
    char indent[64] = "";
    for (bool begun = false;; begun = true) {
        char *line = read_one(begun ? more : first, begun ? indent : prefilled);
        if (!line || keys_cancelled()) {
            free(line);
            return line ? READ_CANCELLED : READ_END;
        }
        sb_adds(b, line);
        sb_addc(b, '\n');
        free(line);
        if (on_screen || !session_wants_more(sb_text(b))) return READ_CELL;
        const int n = keys_indentation(sb_text(b));
        snprintf(indent, sizeof indent, "%*s", n < (int)sizeof indent ? n : 0, "");
    }
}

/* Cells from a pipe or a file; the end of it also ends a cell. */
static enum reading read_piped(session *s, char **text)
{
    strbuf b = {0};
    char *line = NULL;
    size_t room = 0;
    bool ended = false;
    while (!ended && (b.n == 0 || session_wants_more(sb_text(&b)))) {
        char prompt[64];
        snprintf(prompt, sizeof prompt, b.n ? "...: " : "In [%d]: ", s->number);
        host_puts(2, prompt);
        errno = 0;
        ended = getline(&line, &room, stdin) < 0;
        if (!ended) sb_adds(&b, line);
    }
    free(line);
    const bool cancelled = ended && errno == EINTR;
    if (cancelled) clearerr(stdin);
    if (!cancelled && b.n) {
        *text = sb_take(&b, NULL);
        return READ_CELL;
    }
    sb_clear(&b);
    return cancelled ? READ_CANCELLED : READ_END;
}

enum reading line_read(session *s, char **text)
{
    if (piped) return read_piped(s, text);
    char first[64], more[64]; /* \001 and \002 enclose what takes no room */
    const int width = snprintf(first, sizeof first, "In [%d]: ", s->number);
    const char *on = s->color ? "\001\033[32m\002" : "", *off = s->color ? "\001\033[0m\002" : "";
    snprintf(first, sizeof first, "%sIn [%d]:%s ", on, s->number, off);
    snprintf(more, sizeof more, "%s%*s...:%s ", on, width - 5, "", off);
    if (on_screen) screen_open(more);
    strbuf b = {0};
    const enum reading r = read_lines(first, more, &b);
    mem_free(prefilled);
    prefilled = NULL;
    if (r == READ_CANCELLED) host_puts(1, "KeyboardInterrupt\n\n");
    if (r != READ_CELL) {
        sb_clear(&b);
        return r;
    }
    size_t n;
    *text = sb_take(&b, &n);
    while (n && strchr(" \t\n", (*text)[n - 1])) (*text)[--n] = 0;
    if (n) remember(*text);
    return READ_CELL;
}
