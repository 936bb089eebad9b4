/* repl/keys.h - what the keys of the prompt do beyond readline's own. */
#pragma once

#include "repl/session.h"

/* Binds them.  screen: the terminal can move its cursor, so that a cell is edited whole; else it is
 * read line by line. */
void keys_open(session *s, bool screen);
void keys_close(void);
/* A line begins with this text; Ctrl-C has not been pressed in it. */
void keys_begin(const char *text);
bool keys_cancelled(void);
/* Blanks that the line after the last one of `text` probably begins with. */
int keys_indentation(const char *text);
