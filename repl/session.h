/* repl/session.h - one user's conversation: its namespace, its cells, their inputs and outputs. */
#pragma once

#include "lang/lang.h"
#include "repl/progress.h"

enum outcome { CELL_OK, CELL_FAILED, CELL_EXIT };

typedef struct session {
    interp *in;     /* lent */
    int number;     /* of the cell that comes next, from 1 */
    bool prompts;   /* outputs are labelled Out[n]: */
    bool color;     /* labels and prompts in colour */
    bool noted_py2; /* the note on Python 2 has been given */
    int status;     /* CELL_EXIT: the exit status asked for */
    list *inputs;   /* the user's In */
    dict *outputs;  /* the user's Out */
    progress progress;
} session;

/* Puts In, Out, get_ipython and their kin into __main__. */
bool session_open(session *s, interp *in, bool prompts);
void session_close(session *s);
/* Runs a cell as it was typed: echoes its last value, shows what went wrong. */
enum outcome session_run(session *s, const char *text);
/* Would more lines make something else of the text, which ends with a newline? */
bool session_wants_more(const char *text);

/* Reports the pending exception on stderr.  SystemExit: CELL_EXIT, *status what it asks for. */
enum outcome session_report(interp *in, int *status);
