/* lang/types/memview.h - memoryview: the memory of another object, seen and changed in place. */
#pragma once

#include "lang/lang.h"

extern const type T_memoryview;

enum { VIEW_DIMS = 32, VIEW_FORMAT = 8 };

/* What a type's `buffer` slot tells: where the memory is now, and how it is laid out. */
typedef struct buffer_view {
    char *at;

    char format[VIEW_FORMAT];
    int64_t itemsize;
    int ndim;
    bool readonly;
    int64_t shape[VIEW_DIMS], strides[VIEW_DIMS];
} buffer_view;

/* The bytes of a dense memoryview, lent; NULL: v is none. */
const char *memview_peek(value v, size_t *n);

/* Those of anything whose memory is in one piece: bytes, a memoryview, an array; NULL without an
 * exception: it has none. */
const char *buffer_peek(interp *in, value v, size_t *n);

/* readinto(into) of a file whose read() is given: how many bytes went into that memory. */
value buffer_fill(interp *in, value self, value into, value (*read)(interp *, const value *));

/* One element as Python has it and back, by its format (lang/types/memitem.c). */
value element_get(interp *in, const char *format, const char *at);
bool element_set(interp *in, const char *format, char *at, value v);
int64_t element_size(const char *format); /* 0: not one of the native formats */
