/* lang/trace.h - tracebacks: the chain of places, and its text. */
#pragma once

#include "engine/base/str.h"
#include "lang/exc.h"

/* "Traceback (most recent call last):" and everything after it, chained exceptions included. */
void trace_exc(interp *in, strbuf *out, exc *x, bool hints); /* hints: did you mean */
char *exc_format(interp *in,
                 value exc); /* as exc_text, without hints: what the traceback module says */
void trace_list(interp *in, strbuf *out, const traceback *tb);  /* the File lines only */
void trace_entry(interp *in, strbuf *out, const traceback *tb); /* of one place */
/* The line n of a file or of a registered source, without its newline: mem_*; NULL: unknown */
char *trace_line(interp *in, const char *filename, uint32_t n);
bool source_add(interp *in, const char *filename, const char *text, size_t n);
value frame_object(interp *in, link *l, uint32_t at, dict *globals); /* what tb_frame gives */
/* ". Did you mean: 'x'?" or nothing */
void trace_suggestion(interp *in, strbuf *out, exc *x);
