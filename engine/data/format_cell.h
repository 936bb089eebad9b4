/* engine/data/format_cell.h - the text of single elements, private to format*.c.
 *
 * A cell_format is made by one look over the visible elements (common width, number of
 * digits); it then prints each of them. */
#pragma once

#include "engine/base/dtoa.h"
#include "engine/data/format.h"

typedef struct float_format {
    float_style style;
    bool exponents;
    int special_width; /* of nan and inf */
    char sign;
} float_format;

typedef struct cell_format {
    const nd *x;
    const print_opts *o;
    int64_t edge; /* elements shown at each end of an axis; -1: all */
    int width;
    float_format re, im;
} cell_format;

/* f(ctx, element) for every element that is shown, in order */
void visible_each(const nd *x, int64_t edge, void (*f)(void *ctx, const char *at), void *ctx);

bool float_format_init(float_format *f, const cell_format *c, int offset, enum float_mode mode,
                       char sign, err *e);
void float_format_add(const float_format *f, const print_opts *o, double x, strbuf *out);
void cell_int(enum dtype dt, const char *at, int width, strbuf *out);
double cell_double(enum dtype dt, const char *at); /* real part of complex */
int float_width(enum dtype dt);                    /* 16, 32, 64, of complex that of its parts */

bool cell_format_init(cell_format *c, const nd *x, const print_opts *o, int64_t edge, err *e);
bool cell_format_add(const cell_format *c, const char *at, strbuf *out, err *e);
size_t text_columns(const char *s, size_t n); /* code points of UTF-8 text */
