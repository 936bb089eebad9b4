/* engine/io/text.h - tables of numbers as text: rows are lines, columns are split at a delimiter.
 *
 * The result is a block of shape (rows, columns).  Failures carry the sentences of numpy.loadtxt
 * and numpy.genfromtxt (1.24). */
#pragma once

#include "engine/base/str.h"
#include "engine/data/nd.h"

typedef struct table_format {
    int delimiter;          /* a byte; 0: any run of blanks */
    int comment;            /* a byte that starts a comment; 0: none */
    int64_t skip;           /* lines at the top */
    int64_t max_rows;       /* -1: all */
    const int64_t *columns; /* the ones to keep, negative ones from the end; NULL: all */
    int64_t ncolumns;
    bool lenient; /* genfromtxt: what is no number becomes `missing` */
    double missing;
} table_format;

/* n bytes of text; elements of type t: bool, an integer, a float, complex or S / U text (a size of
 * 0 there means as long as needed). */
nd *table_parse(const char *text, size_t n, const table_format *f, dtype_of t, err *e);

/* Rows of a 2-d block of numbers, each element by a printf format: one for all columns or one a
 * column (of the kinds d i u x o e f g). NotImplementedError for any other format. */
bool table_format_rows(const nd *x, size_t nformats, const char *const *formats,
                       const char *delimiter, const char *newline, strbuf *out, err *e);
