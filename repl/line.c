/* repl/line.c - readline: cells of several lines, recalled whole.
 *
 * readline keeps its state in global variables, and so does this file where its hooks need the
 * session.  In the history file every cell is one line, its newlines written as \n. */
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
#include "engine/data/nd.h"
#include "repl/complete.h"
#include "repl/host.h"

enum { MAX_HISTORY = 10000 };

static session *current;      /* whose names are completed */
static char *prefilled;       /* what the next cell begins with */
static bool cancelled;        /* Ctrl-C while a line was being read */
static int indentation;       /* to begin the next line with */
static struct termios cooked; /* the terminal before a line is read */

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

/* ---- completion ---- */

/* What readline puts for line[start..end), when `word` is to stand from `from`.  It frees it with
 * free(). */
static char *give(const char *word, size_t n, size_t from, size_t start)
{
    const size_t skip = from < start ? start - from : 0, keep = from > start ? from - start : 0;
    if (skip >= n) return strdup("");
    char *out = malloc(keep + n - skip + 1);
    if (!out) return NULL;
    memcpy(out, rl_line_buffer + start, keep);
    memcpy(out + keep, word + skip, n - skip);
    out[keep + n - skip] = 0;
    return out;
}

static size_t common_length(const words *w)
{
    size_t n = strlen(w->at[0]);
    for (size_t i = 1; i < w->n; i++) {
        size_t k = 0;
        while (k < n && w->at[i][k] == w->at[0][k]) k++;
        n = k;
    }
    return n;
}

static char **attempt(const char *text, int start, int end)
{
    (void)text;
    rl_attempted_completion_over = 1;
    rl_completion_append_character = 0;
    if (!current) return NULL;
    const size_t from = complete_start(rl_line_buffer, (size_t)end), begin = (size_t)start;
    words w = complete(current, rl_line_buffer, from, (size_t)end);
    if (w.n == 1 && w.after != rl_line_buffer[end]) rl_completion_append_character = w.after;
    char **out = w.n ? calloc(w.n + 2, sizeof *out) : NULL;
    if (out) {
        out[0] = give(w.at[0], common_length(&w), from, begin);
        for (size_t i = 0; w.n > 1 && i < w.n; i++)
            out[i + 1] = give(w.at[i], strlen(w.at[i]), from, begin);
    }
    words_clear(&w);
    return out;
}

/* readline breaks words at characters; where ours begins depends on what it is. */
static char *word_break(void)
{
    static char at_start[] = " \t\n\"\\'`@$><=;|&{}()[]+-*/,:!~^";
    return at_start;
}

enum { INDENT = 4 };

/* The blanks before the cursor when nothing else stands in the line before it, else -1. */
static int blanks_before(void)
{
    int n = 0;
    while (n < rl_point && rl_line_buffer[rl_point - 1 - n] != '\n') {
        const char c = rl_line_buffer[rl_point - 1 - n++];
        if (c != ' ' && c != '\t') return -1;
    }
    return n;
}

/* Tab where only blanks stand before the cursor is indentation. */
static int tab(int count, int key)
{
    (void)count, (void)key;
    if (blanks_before() < 0) return rl_complete_internal(rl_last_func == tab ? '?' : '\t');
    return rl_insert_text("    ") >= 0 ? 0 : 1;
}

/* Backspace takes indentation away a level at a time. */
static int backspace(int count, int key)
{
    const int n = blanks_before();
    if (n < 1 || count != 1) return rl_rubout(count, key);
    const int gone = (n - 1) % INDENT + 1;
    rl_delete_text(rl_point - gone, rl_point);
    rl_point -= gone;
    return 0;
}

/* ---- reading ---- */

/* What a Ctrl-C left behind goes while nobody types. */
static void tidy(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (current && poll(&p, 1, 0) == 0)
        if (!interp_tidy(current->in) && !buf_pool_tidy() && !mem_tidy()) break;
}

/* One byte from the terminal.  Ctrl-C ends the line, which is then forgotten. */
static int get_byte(FILE *f)
{
    for (;;) {
        unsigned char c;
        tidy(fileno(f));
        ssize_t n = read(fileno(f), &c, 1);
        if (n == 1) return c;
        if (n == 0 || errno != EINTR) return EOF;
        rl_check_signals();
        if (host_interrupted()) {
            cancelled = true;
            return '\n';
        }
    }
}

bool line_prefill(const char *text)
{
    if (!current) return false;
    mem_free(prefilled);
    prefilled = mem_dup(text);
    return true;
}

static int insert_indentation(void)
{
    if (prefilled) {
        rl_insert_text(prefilled);
        mem_free(prefilled);
        prefilled = NULL;
    }
    for (int i = 0; i < indentation; i++) rl_insert_text(" ");
    return 0;
}

/* Blanks that the line after this one probably begins with. */
static int next_indentation(const char *line)
{
    size_t n = strlen(line);
    int indent = (int)strspn(line, " ");
    while (n && (line[n - 1] == ' ' || line[n - 1] == '\n')) n--;
    if (n == 0) return 0;
    if (line[n - 1] == ':') return indent + INDENT;
    const char *word = line + indent;
    static const char *const leave[] = {"return", "pass", "break", "continue", "raise"};
    const size_t length = strcspn(word, " (\n");
    for (size_t i = 0; i < sizeof leave / sizeof *leave; i++)
        if (length == strlen(leave[i]) && strncmp(word, leave[i], length) == 0 && indent >= INDENT)
            return indent - INDENT;
    return indent;
}

void line_open(session *s)
{
    current = s;
    rl_readline_name = (char[]){"dsk"};
    rl_catch_signals = 0;
    rl_getc_function = get_byte;
    rl_startup_hook = insert_indentation;
    rl_attempted_completion_function = attempt;
    rl_completion_word_break_hook = word_break;
    rl_basic_quote_characters = ""; /* or it closes quotes that we have not finished */
    rl_variable_bind("enable-bracketed-paste", "on");
    rl_variable_bind("colored-completion-prefix", "off");
    rl_variable_bind("bind-tty-special-chars", "off"); /* or Backspace is readline's again */
    rl_bind_key('\t', tab);
    rl_bind_key(0x7f, backspace);
    rl_bind_key('\b', backspace);
    using_history();
    stifle_history(MAX_HISTORY);
    load_history();
}

void line_close(void)
{
    current = NULL;
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

static char *read_one(const char *prompt, int indent)
{
    static const int ends[] = {SIGQUIT, SIGTERM, SIGHUP};
    enum { NEND = sizeof ends / sizeof *ends };
    struct sigaction was[NEND], how = {.sa_handler = on_end};
    indentation = indent;
    cancelled = false;
    host_flush();
    const bool terminal = tcgetattr(STDIN_FILENO, &cooked) == 0;
    for (int i = 0; terminal && i < NEND; i++) sigaction(ends[i], &how, &was[i]);
    char *line = readline(prompt);
    for (int i = 0; terminal && i < NEND; i++) sigaction(ends[i], &was[i], NULL);
    host_interrupted();
    return line;
}

static const char *last_line(const char *text)
{
    size_t n = strlen(text);
    if (n && text[n - 1] == '\n') n--;
    while (n && text[n - 1] != '\n') n--;
    return text + n;
}

enum reading line_read(session *s, char **text)
{
    char first[64], more[64]; /* \001 and \002 enclose what takes no room */
    const int width = snprintf(first, sizeof first, "In [%d]: ", s->number);
    const char *on = s->color ? "\001\033[32m\002" : "", *off = s->color ? "\001\033[0m\002" : "";
    snprintf(first, sizeof first, "%sIn [%d]:%s ", on, s->number, off);
    snprintf(more, sizeof more, "%s%*s...:%s ", on, width - 5, "", off);
    strbuf b = {0};
    int indent = 0;
    for (bool begun = false;; begun = true) {
        char *line = read_one(begun ? more : first, indent);
        if (cancelled || !line) {
            free(line);
            sb_clear(&b);
            if (cancelled) host_puts(1, "KeyboardInterrupt\n\n");
            return cancelled ? READ_CANCELLED : READ_END;
        }
        sb_adds(&b, line);
        sb_addc(&b, '\n');
        free(line);
        if (!session_wants_more(sb_text(&b))) break;
        indent = next_indentation(last_line(sb_text(&b)));
    }
    size_t n;
    *text = sb_take(&b, &n);
    while (n && strchr(" \t\n", (*text)[n - 1])) (*text)[--n] = 0;
    if (n) remember(*text);
    return READ_CELL;
}
