/* stdlib/core/pickle.h - between pickle_write.c and pickle_read.c. */
#pragma once

#include "stdlib/stdlib.h"

extern const type T_pickle_writer, T_pickle_reader;

/* The letters of what both know.  A number of bytes or items is 8 bytes, low ones first. */
enum pickle_letter {
    P_NONE = 'N',
    P_TRUE = 'T',
    P_FALSE = 'F',
    P_INT = 'i',   /* how many bytes, and these: two's complement */
    P_FLOAT = 'D', /* its 8 bytes */
    P_STR = 's',   /* UTF-8 */
    P_BYTES = 'b',
    P_BYTEARRAY = 'B',
    P_LIST = 'l',
    P_DICT = 'd',
    P_SET = '{',
    P_TUPLE =
        't', /* then the items, then P_NEW, or P_OLD and its number where an item brought it */
    P_FROZENSET = 'z',
    P_NEW = '!',
    P_OLD = '=',
    P_AGAIN = '@', /* the number of what has been read before */
};

value pickle_write(interp *in, const value *arg); /* dumps(value, other, /) */
value pickle_read(interp *in, const value *arg);  /* loads(data, start, other, error, /) */
