/* repl/cells.h - files of cells, separated by lines that begin with #%% or # %%. */
#pragma once

#include "repl/session.h"

/* Runs them one after the other, up to the first that fails. */
enum outcome cells_run(session *s, const char *text);
