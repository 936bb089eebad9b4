/* repl/cell.h - what was typed or pasted -> Python.
 *
 * Prompts are taken off, and lines that are no Python (%magic, !command, name?) become calls of
 * get_ipython(), one line for one line, so that positions in messages stay true. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct cell {
    char *text;  /* owned: Python; of a %%magic: its body, as written */
    char *magic; /* owned: the name of a %%magic, or NULL */
    char *args;  /* owned: what follows that name on its line */
    bool silent; /* ends with `;`: no echo */
} cell;

cell cell_read(const char *text);
void cell_clear(cell *c);

/* The text without the prompts of Python, IPython or dsk, if it was pasted with them. mem_free it.
 */
char *cell_strip_prompts(const char *text);

/* Where a text stands after some of its characters: outside everything, or within brackets, a
 * string, a continued line. */
typedef struct scan {
    int depth;
    char quote;
    bool triple, continued;
    char last; /* last character that is neither blank nor comment */
} scan;
/* Moves over one line, its newline included; gives what follows it. */
const char *scan_line(scan *s, const char *line);
static inline bool scan_outside(const scan *s)
{
    return !s->depth && !s->quote && !s->continued;
}

/* text with `by` blanks before every line but those that begin inside a string. mem_free it. */
char *cell_indent(const char *text, int by);
