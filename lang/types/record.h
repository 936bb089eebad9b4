/* lang/types/record.h - tuples with named fields made in C: sys.version_info, os.stat_result.
 *
 * A record type is a row: const type T_x = {RECORD, .name = "version_info", .module = "sys",
 * .table = rows} where rows are RECORD_FIELD(0, "major"), ... in order, and {0}. */
#pragma once

#include "lang/lang.h"

value record_new(interp *in, const type *t, int n, ...); /* takes n values; any FAIL fails */
value record_repr(interp *in, value self);

#define RECORD                                                                                     \
    TYPE_HEAD, .base = &T_tuple, .size = sizeof(tuple), .flags = TYPE_GC, .repr = record_repr,     \
               .drop = record_drop, .visit = record_visit, .hash = record_hash,                    \
               .length = record_length, .compare = record_compare, .binary = record_binary,        \
               .getitem = record_getitem, .contains = record_contains, .iter = record_iter

void record_drop(interp *in, obj *o);
void record_visit(obj *o, visitor f, void *ctx);
bool record_hash(interp *in, value self, uint64_t *out);
int64_t record_length(interp *in, value self);
value record_compare(interp *in, enum cmpop op, value self, value other);
value record_binary(interp *in, enum binop op, value a, value b);
value record_getitem(interp *in, value self, value key);
int record_contains(interp *in, value self, value item);
value record_iter(interp *in, value self);

#define RECORD_GETTERS(X)                                                                          \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define RECORD_GETTER_DECLARE(i) value record_get_##i(interp *in, const value *arg);
RECORD_GETTERS(RECORD_GETTER_DECLARE)
#define RECORD_FIELD(i, name, doc)                                                                 \
    {                                                                                              \
        "@property " name, record_get_##i, doc                                                     \
    }
