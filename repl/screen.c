/* repl/screen.c - readline's line, drawn as a cell of several lines.
 *
 * readline's own display knows one prompt.  Here the text is laid out in rows of the terminal's
 * width, each line of the cell behind a prompt of its own, and all of it is written anew after each
 * key: up to the first row, clear, the rows, back to the cursor.  Of a cell that is taller than the
 * terminal the rows around the cursor are shown.  What was drawn is readline's kind of state: one
 * for the process. */
#include "repl/screen.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include <readline/readline.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"

typedef struct layout {
    strbuf text; /* of all rows */
    size_t *row; /* where each begins in it */
    size_t nrow, cap;
    int width;  /* of the terminal */
    int column; /* where the next character goes */
    size_t cursor_row;
    int cursor_column;
    int other;                       /* a width to which the terminal has come since; 0: none */
    size_t other_rows, other_cursor; /* the rows so far there, and the cursor's */
} layout;

static const char *continued; /* the prompt of the second and later lines */
static size_t drawn_row;      /* of the cursor, counted from the first row on the screen */
static size_t drawn_last;     /* the last row there */
static int drawn_width;       /* of the terminal then; 0: nothing has been drawn */

/* ---- layout ---- */

/* The rows that a terminal of the other width makes of the current one. */
static size_t rows_there(const layout *l)
{
    return l->other && l->column ? (size_t)((l->column - 1) / l->other + 1) : 1;
}

static void begin_row(layout *l)
{
    if (l->nrow) l->other_rows += rows_there(l);
    if (l->nrow == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 16;
        l->row = mem_grow(l->row, l->cap * sizeof *l->row);
    }
    l->row[l->nrow++] = l->text.n;
    l->column = 0;
}

static void put(layout *l, const char *s, size_t n, int width)
{
    if (l->column + width > l->width) begin_row(l);
    sb_add(&l->text, s, n);
    l->column += width;
}

/* One character at s, of at most `most` bytes: its length.  *width: the columns it takes. */
static size_t measure(const char *s, size_t most, int *width)
{
    size_t n = 1;
    while (n < most && ((unsigned char)s[n] & 0xc0) == 0x80) n++;
    wchar_t c = 0;
    mbstate_t state = {0};
    *width = mbrtowc(&c, s, n, &state) == n ? wcwidth(c) : 1;
    if (*width < 0) *width = 1;
    return n;
}

static void put_prompt(layout *l, const char *s)
{
    for (bool hidden = false; *s;) {
        int width = 0;
        if (*s == RL_PROMPT_START_IGNORE || *s == RL_PROMPT_END_IGNORE) {
            hidden = *s++ == RL_PROMPT_START_IGNORE;
            continue;
        }
        const size_t n = measure(s, strlen(s), &width);
        put(l, s, n, hidden ? 0 : width);
        s += n;
    }
}

static void put_char(layout *l, const char *s, size_t n, int width)
{
    if (*s == '\t') {
        for (int k = 8 - l->column % 8; k > 0; k--) put(l, " ", 1, 1);
    } else if ((unsigned char)*s < ' ' || *s == 0x7f) {
        put(l, (char[]){'^', *s == 0x7f ? '?' : (char)(*s + '@')}, 2, 2);
    } else {
        put(l, s, n, width);
    }
}

static void mark_cursor(layout *l)
{
    if (l->column == l->width) begin_row(l);
    l->cursor_row = l->nrow - 1;
    l->cursor_column = l->column;
    l->other_cursor = l->other_rows + (l->other ? (size_t)(l->column / l->other) : 0);
}

/* readline's prompt and line. */
static layout lay_out(int columns, int other)
{
    layout l = {.width = columns > 1 ? columns : 80, .other = other > 1 ? other : 0};
    begin_row(&l);
    put_prompt(&l, rl_display_prompt ? rl_display_prompt : "");
    for (size_t i = 0, end = (size_t)rl_end; i < end;) {
        int width;
        const char *s = rl_line_buffer + i;
        const size_t n = measure(s, end - i, &width);
        if (i == (size_t)rl_point) mark_cursor(&l);
        if (*s == '\n') {
            begin_row(&l);
            put_prompt(&l, continued);
        } else {
            put_char(&l, s, n, width);
        }
        i += n;
    }
    if (rl_point >= rl_end) mark_cursor(&l);
    return l;
}

static void layout_clear(layout *l)
{
    sb_clear(&l->text);
    mem_free(l->row);
}

/* ---- the terminal ---- */

/* Rows [top, stop) over what was drawn before; the cursor ends in the last of them. */
static void paint(const layout *l, size_t top, size_t stop)
{
    strbuf b = {0};
    if (drawn_row) sb_addf(&b, "\033[%zuA", drawn_row);
    sb_addc(&b, '\r');
    for (size_t i = top; i < stop; i++) {
        const size_t end = i + 1 < l->nrow ? l->row[i + 1] : l->text.n;
        sb_adds(&b, i > top ? "\r\n\033[K" : "\033[K");
        sb_add(&b, l->text.at + l->row[i], end - l->row[i]);
    }
    const size_t last = stop - 1 - top;
    for (size_t i = last; i < drawn_last; i++) sb_adds(&b, "\r\n\033[K");
    if (last < drawn_last) sb_addf(&b, "\033[%zuA", drawn_last - last);
    fwrite(sb_text(&b), 1, b.n, rl_outstream);
    sb_clear(&b);
    drawn_row = drawn_last = last;
}

/* To a column, from any in the same row. */
static void to_column(int column)
{
    fputc('\r', rl_outstream);
    if (column) fprintf(rl_outstream, "\033[%dC", column);
    fflush(rl_outstream);
}

void screen_fresh(void)
{
    drawn_row = drawn_last = 0;
    drawn_width = 0;
}

void screen_draw(void)
{
    int lines, columns;
    rl_get_screen_size(&lines, &columns);
    if (columns < drawn_width) { /* the terminal has broken the rows once more */
        layout was = lay_out(drawn_width, columns);
        drawn_row = was.other_cursor;
        drawn_last = was.other_rows + rows_there(&was) - 1;
        layout_clear(&was);
    }
    layout l = lay_out(columns, 0);
    const size_t room = lines > 1 ? (size_t)lines : 24;
    const size_t top = l.cursor_row < room ? 0 : l.cursor_row - room + 1;
    const size_t stop = l.nrow - top < room ? l.nrow : top + room;
    paint(&l, top, stop);
    if (l.cursor_row + 1 < stop) fprintf(rl_outstream, "\033[%zuA", stop - 1 - l.cursor_row);
    to_column(l.cursor_column);
    drawn_row = l.cursor_row - top;
    drawn_width = columns;
    layout_clear(&l);
}

void screen_finish(void)
{
    int lines, columns;
    rl_get_screen_size(&lines, &columns);
    layout l = lay_out(columns, 0);
    paint(&l, 0, l.nrow);
    to_column(l.column);
    screen_fresh();
    layout_clear(&l);
}

void screen_clear(void)
{
    fputs("\033[H\033[2J", rl_outstream);
    screen_fresh();
    screen_draw();
}

void screen_open(const char *more)
{
    continued = more;
    rl_redisplay_function = screen_draw;
}
