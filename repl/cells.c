/* repl/cells.c - a file of cells, run as a notebook would. */
#include "repl/cells.h"

#include <string.h>

#include "engine/base/mem.h"

static bool is_mark(const char *line)
{
    if (*line != '#') return false;
    line += 1 + strspn(line + 1, " \t");
    return strncmp(line, "%%", 2) == 0;
}

static const char *next_line(const char *s)
{
    s += strcspn(s, "\n");
    return *s ? s + 1 : s;
}

enum outcome cells_run(session *s, const char *text)
{
    enum outcome outcome = CELL_OK;
    while (*text && outcome == CELL_OK) {
        const char *end = text;
        while (*end && !is_mark(end)) end = next_line(end);
        char *cell = mem_dupn(text, (size_t)(end - text));
        outcome = session_run(s, cell);
        mem_free(cell);
        text = *end ? next_line(end) : end;
    }
    return outcome;
}
