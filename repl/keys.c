/* repl/keys.c - Tab, Enter, Backspace, the arrows and Ctrl-C.
 *
 * readline keeps its state in global variables, and so does this file where its hooks need the
 * session. */
#include "repl/keys.h"

#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "repl/cell.h"
#include "repl/complete.h"
#include "repl/host.h"
#include "repl/screen.h"

enum { INDENT = 4, MANY = 150, CTRL_C = 3 };

static session *current;  /* whose names are completed */
static bool on_screen;    /* cells are edited whole */
static bool cancelled;    /* Ctrl-C while a line was being read */
static const char *start; /* what the line begins with; lent */
static int prefix;        /* how much of the line the arrows search by */
static bool unmarked;     /* text is being pasted on a terminal that does not tell */
static bool recalled;     /* the last keys were arrows, one of which went through the history */

/* ---- completion ---- */

/* What readline puts for line[begin..end), when `word` is to stand from `from`.  It frees it with
 * free(). */
static char *give(const char *word, size_t n, size_t from, size_t begin)
{
    const size_t skip = from < begin ? begin - from : 0, keep = from > begin ? from - begin : 0;
    if (skip >= n) return strdup("");
    char *out = malloc(keep + n - skip + 1);
    if (!out) return NULL;
    memcpy(out, rl_line_buffer + begin, keep);
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

static char **attempt(const char *text, int first, int end)
{
    (void)text;
    rl_attempted_completion_over = 1;
    rl_completion_append_character = 0;
    if (!current) return NULL;
    const size_t from = complete_start(rl_line_buffer, (size_t)end), begin = (size_t)first;
    words w = complete(current, rl_line_buffer, from, (size_t)end);
    if (w.n == 1 && *w.after && w.after[0] != rl_line_buffer[end]) {
        const size_t n = strlen(w.at[0]);
        w.at[0] = mem_grow(w.at[0], n + sizeof w.after);
        memcpy(w.at[0] + n, w.after, sizeof w.after);
    }
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

static bool wants_all(int n)
{
    if (n < MANY) return true;
    fprintf(rl_outstream, "\r\nDisplay all %d possibilities? (y or n)", n);
    fflush(rl_outstream);
    const int key = rl_read_key();
    if (key == CTRL_C) rl_stuff_char(CTRL_C);
    return key == 'y' || key == 'Y' || key == ' ';
}

static void list_words(char **matches, int n, int longest)
{
    screen_finish();
    if (wants_all(n))
        rl_display_match_list(matches, n, longest);
    else
        rl_crlf();
    screen_fresh();
    screen_draw();
}

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
    const int blanks = blanks_before();
    if (blanks < 0) return rl_complete_internal(rl_last_func == tab ? '?' : '\t');
    return rl_insert_text(&"    "[blanks % INDENT]) >= 0 ? 0 : 1;
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

/* ---- Enter ---- */

static int up(int count, int key);
static int down(int count, int key);

static bool leaves_block(const char *line)
{
    static const char *const leave[] = {"return", "pass", "break", "continue", "raise"};
    const size_t length = strcspn(line, " (\n");
    for (size_t i = 0; i < sizeof leave / sizeof *leave; i++)
        if (length == strlen(leave[i]) && strncmp(line, leave[i], length) == 0) return true;
    return false;
}

int keys_indentation(const char *text)
{
    scan s = {0};
    const char *first = text, *last = text; /* of the statement: its first line, its last */
    for (const char *p = text; *p; p = scan_line(&s, p)) {
        if (scan_outside(&s)) first = p;
        last = p;
    }
    const bool within = !scan_outside(&s);
    const int indent = (int)strspn(within ? last : first, " ");
    const size_t n = strlen(last);
    if (strspn(last, " \t\n") == n) return 0;
    if (within) return indent + (!s.quote && strchr("([{", s.last) ? INDENT : 0);
    if (s.last == ':') return indent + INDENT;
    return indent >= INDENT && leaves_block(first + indent) ? indent - INDENT : indent;
}

static int finish(void)
{
    if (!on_screen) return rl_newline(1, '\n');
    screen_finish();
    rl_done = 1;
    rl_crlf();
    return 0;
}

/* Does something other than blanks stand in the lines below the cursor's? */
static bool has_more_below(void)
{
    const char *p = memchr(rl_line_buffer + rl_point, '\n', (size_t)(rl_end - rl_point));
    return p && p[strspn(p, " \t\n")];
}

/* Does Enter make a new line? As long as the cell is not complete or the cursor is above its last
 * line; a block ends with an empty line, but for one that the arrows have brought back. */
static bool goes_on(void)
{
    strbuf b = {0};
    sb_add(&b, rl_line_buffer, (size_t)rl_end);
    sb_adds(&b, rl_last_func == up || rl_last_func == down ? "\n\n" : "\n");
    const bool more = has_more_below() || session_wants_more(sb_text(&b));
    sb_clear(&b);
    return more;
}

/* The key that is there already, 0: none. */
static int next_key(void)
{
    struct pollfd p = {.fd = fileno(rl_instream), .events = POLLIN};
    if (poll(&p, 1, 0) <= 0) return 0;
    const int next = rl_read_key();
    rl_stuff_char(next);
    return next;
}

/* A blank that is there already where we would indent: a paste, on a terminal that does not mark
 * it. Its lines have their indentation, and empty ones do not end a block. */
static int enter(int count, int key)
{
    (void)count, (void)key;
    const int next = on_screen ? next_key() : 0;
    const bool empty = unmarked && (next == '\r' || next == '\n' || next == ' ' || next == '\t');
    if (!on_screen || rl_end == 0 || !(empty || goes_on())) return finish();
    strbuf b = {0};
    sb_add(&b, rl_line_buffer, (size_t)rl_point);
    sb_addc(&b, '\n');
    const int indent = keys_indentation(sb_text(&b));
    sb_clear(&b);
    unmarked |= indent > 0 && (next == ' ' || next == '\t');
    sb_addc(&b, '\n');
    sb_pad(&b, ' ', unmarked && next ? 0 : (size_t)indent);
    rl_insert_text(sb_text(&b));
    sb_clear(&b);
    return 0;
}

/* get_byte gives this key for the signal. */
static int cancel(int count, int key)
{
    (void)count, (void)key;
    cancelled = true;
    return finish();
}

static int clear_screen(int count, int key)
{
    (void)count, (void)key;
    screen_clear();
    return 0;
}

/* ---- lines of the cell ---- */

/* Where the line with `at` begins and ends; readline's own keys know the whole cell only. */
static int line_begin(int at)
{
    while (at > 0 && rl_line_buffer[at - 1] != '\n') at--;
    return at;
}

static int line_end(int at)
{
    while (at < rl_end && rl_line_buffer[at] != '\n') at++;
    return at;
}

static int home(int count, int key)
{
    (void)count, (void)key;
    rl_point = line_begin(rl_point);
    return 0;
}

static int end(int count, int key)
{
    (void)count, (void)key;
    rl_point = line_end(rl_point);
    return 0;
}

static int kill_to_end(int count, int key)
{
    const int to = line_end(rl_point); /* at the end of a line: what divides it from the next */
    (void)count, (void)key;
    return rl_kill_text(rl_point, to == rl_point && to < rl_end ? to + 1 : to);
}

static int kill_to_begin(int count, int key)
{
    const int from = line_begin(rl_point);
    (void)count, (void)key;
    rl_kill_text(rl_point, from);
    rl_point = from;
    return 0;
}

/* To the line above (by -1) or below (by 1) within the cell; false: there is none. */
static bool move_line(int by)
{
    const int begin = line_begin(rl_point), column = rl_point - begin;
    int to = by < 0 ? begin - 1 : line_end(begin);
    if (to < 0 || to == rl_end) return false;
    to = by < 0 ? line_begin(to) : to + 1;
    for (int k = 0; k < column && to < rl_end && rl_line_buffer[to] != '\n'; k++) to++;
    while (to > 0 && ((unsigned char)rl_line_buffer[to] & 0xc0) == 0x80) to--;
    rl_point = to;
    return true;
}

static void step(bool older, int key)
{
    if (older)
        rl_get_previous_history(1, key);
    else
        rl_get_next_history(1, key);
}

/* The next older or newer cell of the history that begins with what stood before the cursor when
 * the arrows first left the cell. */
static int recall(bool older, int key)
{
    if (!recalled) prefix = rl_point;
    recalled = true;
    char *begin = mem_dupn(rl_line_buffer, (size_t)prefix);
    int moved = 0;
    bool found = false;
    for (int before = -1; !found && before != where_history(); moved++) {
        before = where_history();
        step(older, key);
        if (before == where_history()) break;
        found = rl_end >= prefix && memcmp(rl_line_buffer, begin, (size_t)prefix) == 0;
    }
    for (; !found && moved > 0; moved--) step(!older, key);
    mem_free(begin);
    rl_point = rl_end;
    return 0;
}

static int vertical(bool upwards, int key)
{
    if (rl_last_func != up && rl_last_func != down) recalled = false;
    return move_line(upwards ? -1 : 1) ? 0 : recall(upwards, key);
}

static int up(int count, int key)
{
    (void)count;
    return vertical(true, key);
}

static int down(int count, int key)
{
    (void)count;
    return vertical(false, key);
}

/* ---- all of them ---- */

/* Text in other alphabets is edited whatever the environment says of the locale, which readline
 * has just asked. */
static void set_locale(void)
{
    if (MB_CUR_MAX == 1) setlocale(LC_CTYPE, "C.UTF-8");
}

static int begin_line(void)
{
    set_locale();
    screen_fresh();
    cancelled = recalled = unmarked = false;
    if (start) rl_insert_text(start);
    start = NULL;
    return 0;
}

void keys_begin(const char *text)
{
    start = text;
    cancelled = false;
}

bool keys_cancelled(void)
{
    return cancelled;
}

static const struct {
    const char *keys;
    int (*function)(int, int);
} bound[] = {
    {"\\e[A", up},           {"\\eOA", up},   {"\\C-p", up},          {"\\e[B", down},
    {"\\eOB", down},         {"\\C-n", down}, {"\\e[H", home},        {"\\eOH", home},
    {"\\e[1~", home},        {"\\C-a", home}, {"\\e[F", end},         {"\\eOF", end},
    {"\\e[4~", end},         {"\\C-e", end},  {"\\C-k", kill_to_end}, {"\\C-u", kill_to_begin},
    {"\\C-l", clear_screen},
};

void keys_open(session *s, bool screen)
{
    current = s;
    on_screen = screen;
    rl_startup_hook = begin_line;
    rl_attempted_completion_function = attempt;
    rl_completion_word_break_hook = word_break;
    rl_basic_quote_characters = ""; /* or it closes quotes that we have not finished */
    rl_variable_bind("colored-completion-prefix", "off");
    rl_variable_bind("page-completions", "off");
    rl_variable_bind("bind-tty-special-chars", "off"); /* or Backspace is readline's again */
    rl_bind_key('\t', tab);
    rl_bind_key(0x7f, backspace);
    rl_bind_key('\b', backspace);
    rl_bind_key(CTRL_C, cancel);
    rl_bind_key('\r', enter);
    rl_bind_key('\n', enter);
    if (!screen) return;
    rl_completion_display_matches_hook = list_words;
    for (size_t i = 0; i < sizeof bound / sizeof *bound; i++)
        rl_bind_keyseq(bound[i].keys, bound[i].function);
}

void keys_close(void)
{
    current = NULL;
}
