/* repl/line.h - reading cells from a terminal, with history and completion. */
#pragma once

#include "repl/session.h"

enum reading { READ_CELL, READ_CANCELLED, READ_END };

/* Prepares the terminal; the history is in $DSK_HISTORY or ~/.dsk_history. */
void line_open(session *s);
void line_close(void);
/* Reads one cell, of as many lines as it needs.  READ_CELL: *text is owned by the caller. */
enum reading line_read(session *s, char **text);
/* The next cell begins with this text.  False when no terminal is read. */
bool line_prefill(const char *text);
