/* repl/screen.h - the cell that is being typed, as the terminal shows it. */
#pragma once

#include <stdbool.h>

/* Draws for readline from now on: a prompt before each line of a cell.  `more` stands before the
 * second and later ones; \001 and \002 enclose what takes no room in it.  Lent until the end. */
void screen_open(const char *more);
/* The cursor is where nothing of the cell has been drawn yet. */
void screen_fresh(void);
/* Draws readline's line. */
void screen_draw(void);
/* Draws all of it, and leaves the cursor behind its end. */
void screen_finish(void);
void screen_clear(void);
