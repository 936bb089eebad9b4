/* engine/io/hdf5_type.c - element types: HDF5's and ours, as h5py pairs them.
 *
 * bool is an enum of int8 (FALSE, TRUE), complex a compound of r and i, float16 IEEE's 16 bits,
 * S<n> a fixed string padded with NULs.  Types without a counterpart raise NotImplementedError. */
#include "engine/io/hdf5_lib.h"

#include <string.h>

#include "engine/base/mem.h"

/* The library's type for a plain dtype, little-endian (this program runs nowhere else); borrowed.
 */
static hid_t plain_type(const h5_lib *h, enum dtype dt)
{
    const hid_t of[NDTYPE] = {
        [DT_bool] = h->boolean,         [DT_int8] = h->T_STD_I8LE,
        [DT_uint8] = h->T_STD_U8LE,     [DT_int16] = h->T_STD_I16LE,
        [DT_uint16] = h->T_STD_U16LE,   [DT_int32] = h->T_STD_I32LE,
        [DT_uint32] = h->T_STD_U32LE,   [DT_int64] = h->T_STD_I64LE,
        [DT_uint64] = h->T_STD_U64LE,   [DT_float16] = h->f16,
        [DT_float32] = h->T_IEEE_F32LE, [DT_float64] = h->T_IEEE_F64LE,
        [DT_complex64] = h->complex64,  [DT_complex128] = h->complex128,
    };
    return dt < NDTYPE ? of[dt] : 0;
}

static hid_t no_type(const h5type *t, err *e)
{
    char name[32];
    if (t->t.dt == DT_object) {
        err_set(e, TypeError, "Object dtype dtype('O') has no native HDF5 equivalent");
        return -1;
    }
    dtype_str(t->t, name);
    err_set(e, TypeError, "No conversion path for dtype: dtype('%s')", name);
    return -1;
}

static bool no_class(const char *what, err *e)
{
    return err_set(e, NotImplementedError, "HDF5 %s types are not supported", what);
}

static hid_t special_type(const h5_lib *h, const h5type *t, err *e)
{
    if (t->special == H5_REFERENCE) return h->Tcopy(h->T_STD_REF_OBJ);
    h5type part =
        t->special == H5_REFERENCES ? (h5type){.special = H5_REFERENCE} : h5_type_of(t->base);
    hid_t base = h5_type_memory(h, &part, e);
    if (base < 0) return -1;
    hid_t id = h->Tvlen_create(base);
    h->Tclose(base);
    if (id < 0) h5_fail(h, e);
    return id;
}

/* What every element of a member is that holds an array. */
static hid_t array_type(const h5_lib *h, const h5type *t, err *e)
{
    h5type one = *t;
    hsize_t n[H5_MAXSUB];
    one.nsub = 0;
    hid_t base = h5_type_memory(h, &one, e);
    if (base < 0) return -1;
    for (int i = 0; i < t->nsub; i++) n[i] = t->sub[i];
    hid_t id = h->Tarray_create2(base, t->nsub, n);
    h->Tclose(base);
    if (id < 0) h5_fail(h, e);
    return id;
}

hid_t h5_type_memory(const h5_lib *h, const h5type *t, err *e)
{
    if (t->nsub) return array_type(h, t, e);
    if (t->special) return special_type(h, t, e);
    if (t->text == H5_OTHER) return no_class(t->other, e), -1;
    if (t->text == H5_VARIABLE) return h->Tcopy(t->utf8 ? h->text_utf8 : h->text_ascii);
    if (t->t.dt == DT_bytes && t->t.size > 0) {
        hid_t id = h->Tcopy(h->T_C_S1);
        h->Tset_size(id, t->t.size);
        h->Tset_strpad(id, H5T_STR_NULLPAD);
        if (t->utf8) h->Tset_cset(id, H5T_CSET_UTF8);
        return id;
    }
    hid_t plain = plain_type(h, t->t.dt);
    return plain > 0 ? h->Tcopy(plain) : no_type(t, e);
}

/* The compound of two big-endian floats that a swapped complex number is. */
static hid_t swapped_complex(const h5_lib *h, const h5type *t, err *e)
{
    size_t half = t->t.size / 2;
    hid_t part = h->Tcopy(half == 4 ? h->T_IEEE_F32LE : h->T_IEEE_F64LE);
    hid_t id = h->Tcreate(H5T_COMPOUND, t->t.size);
    bool ok = part >= 0 && id >= 0 && h->Tset_order(part, H5T_ORDER_BE) >= 0 &&
              h->Tinsert(id, "r", 0, part) >= 0 && h->Tinsert(id, "i", half, part) >= 0;
    if (part >= 0) h->Tclose(part);
    if (ok) return id;
    h5_fail(h, e);
    if (id >= 0) h->Tclose(id);
    return -1;
}

hid_t h5_type_make(const h5_lib *h, const h5type *t, err *e)
{
    if (t->t.swapped && dtype_is_complex(t->t.dt)) return swapped_complex(h, t, e);
    hid_t id = h5_type_memory(h, t, e);
    if (id >= 0 && t->t.swapped && t->t.dt <= DT_float64) h->Tset_order(id, H5T_ORDER_BE);
    return id;
}

/* --- from the file --- */

/* A type that has no counterpart here: known by its size, and by what it is. */
static bool other_type(const h5_lib *h, hid_t id, const char *what, h5type *out)
{
    *out = (h5type){
        .t = {.dt = DT_bytes, .size = (uint32_t)h->Tget_size(id)}, .text = H5_OTHER, .other = what};
    return true;
}

static bool read_float(const h5_lib *h, hid_t id, h5type *out)
{
    switch (h->Tget_size(id)) {
    case 2: out->t = dtype_plain(DT_float16); break;
    case 4: out->t = dtype_plain(DT_float32); break;
    case 8: out->t = dtype_plain(DT_float64); break;
    default: return other_type(h, id, "long double", out);
    }
    out->t.swapped = h->Tget_order(id) == H5T_ORDER_BE;
    return true;
}

static bool read_integer(const h5_lib *h, hid_t id, h5type *out)
{
    static const enum dtype of[2][4] = {{DT_uint8, DT_uint16, DT_uint32, DT_uint64},
                                        {DT_int8, DT_int16, DT_int32, DT_int64}};
    size_t size = h->Tget_size(id);
    if (size > 8 || size == 0) return other_type(h, id, "large integer", out);
    int k = size > 4 ? 3 : size > 2 ? 2 : size > 1 ? 1 : 0;
    out->t = dtype_plain(of[h->Tget_sign(id) == H5T_SGN_2][k]);
    out->t.swapped = size > 1 && h->Tget_order(id) == H5T_ORDER_BE;
    return true;
}

static bool read_string(const h5_lib *h, hid_t id, h5type *out)
{
    out->utf8 = h->Tget_cset(id) == H5T_CSET_UTF8;
    if (h->Tis_variable_str(id) > 0) {
        out->t = dtype_plain(DT_object);
        out->text = H5_VARIABLE;
    } else {
        out->t = (dtype_of){.dt = DT_bytes, .size = (uint32_t)h->Tget_size(id)};
        out->text = H5_FIXED;
    }
    return true;
}

/* An enum is a bool when it is exactly h5py's; otherwise the integers that it names. */
static bool read_enum(const h5_lib *h, hid_t id, h5type *out)
{
    if (h->Tequal(id, h->boolean) > 0) {
        out->t = dtype_plain(DT_bool);
        return true;
    }
    hid_t base = h->Tget_super(id);
    bool ok = read_integer(h, base, out);
    out->named = ok;
    h->Tclose(base);
    return ok;
}

/* A compound of two equal floats named r and i is a complex number. */
static bool read_compound(const h5_lib *h, hid_t id, h5type *out)
{
    if (h->Tget_nmembers(id) != 2) return other_type(h, id, "compound", out);
    h5type part[2] = {{.text = H5_NOT_TEXT}, {.text = H5_NOT_TEXT}};
    bool ok = true;
    for (unsigned i = 0; i < 2; i++) {
        char *name = h->Tget_member_name(id, i);
        hid_t member = h->Tget_member_type(id, i);
        ok = ok && name && strcmp(name, i ? "i" : "r") == 0 && h->Tget_class(member) == H5T_FLOAT &&
             read_float(h, member, &part[i]);
        h->Tclose(member);
        mem_free(name); /* the library's memory: libc's malloc, as ours */
    }
    if (!ok || part[0].t.dt != part[1].t.dt || part[0].t.dt == DT_float16 || part[0].other)
        return other_type(h, id, "compound", out);
    out->t = dtype_plain(part[0].t.dt == DT_float32 ? DT_complex64 : DT_complex128);
    out->t.swapped = part[0].t.swapped;
    return true;
}

static bool read_reference(const h5_lib *h, hid_t id, h5type *out)
{
    other_type(h, id, "reference", out);
    if (h->Tequal(id, h->T_STD_REF_OBJ) > 0) out->special = H5_REFERENCE;
    return true;
}

/* Sequences of plain numbers and of references to objects. */
static bool read_sequence(const h5_lib *h, hid_t id, h5type *out)
{
    h5type part;
    hid_t base = h->Tget_super(id);
    h5_type_read(h, base, &part);
    h->Tclose(base);
    other_type(h, id, "variable-length array", out);
    if (part.special == H5_REFERENCE) out->special = H5_REFERENCES;
    if (part.text != H5_NOT_TEXT) return true;
    out->special = H5_SEQUENCE;
    out->base = part.t;
    out->base.swapped = false;
    return true;
}

bool h5_type_read(const h5_lib *h, hid_t id, h5type *out)
{
    *out = (h5type){.text = H5_NOT_TEXT};
    switch (h->Tget_class(id)) {
    case H5T_INTEGER: return read_integer(h, id, out);
    case H5T_FLOAT: return read_float(h, id, out);
    case H5T_STRING: return read_string(h, id, out);
    case H5T_ENUM: return read_enum(h, id, out);
    case H5T_COMPOUND: return read_compound(h, id, out);
    case H5T_VLEN: return read_sequence(h, id, out);
    case H5T_ARRAY: return other_type(h, id, "array", out);
    case H5T_REFERENCE: return read_reference(h, id, out);
    case H5T_OPAQUE: return other_type(h, id, "opaque", out);
    default: return other_type(h, id, "time and bit field", out);
    }
}

/* --- texts --- */

void h5_texts_clear(h5texts *t)
{
    mem_free(t->bytes);
    mem_free(t->start);
    *t = (h5texts){0};
}

char **h5_texts_pointers(const h5texts *t, err *e)
{
    size_t n = t->n ? t->start[t->n] : 0, head, all;
    TRY(size_mul(t->n + 1, sizeof(char *), &head, e));
    all = head + n + t->n;
    char **out = try_alloc(all, e);
    if (!out) return NULL;
    char *at = (char *)out + head;
    for (size_t i = 0; i < t->n; i++) {
        size_t size = t->start[i + 1] - t->start[i];
        out[i] = memcpy(at, t->bytes + t->start[i], size);
        at[size] = 0;
        at += size + 1;
    }
    return out;
}

bool h5_texts_take(h5texts *t, size_t n, char *const *text, err *e)
{
    size_t head, total = 0;
    *t = (h5texts){.n = n};
    TRY(size_mul(n + 1, sizeof(size_t), &head, e));
    t->start = try_alloc(head, e);
    if (!t->start) return false;
    for (size_t i = 0; i < n; i++) {
        t->start[i] = total;
        total += text[i] ? strlen(text[i]) : 0;
    }
    t->start[n] = total;
    t->bytes = try_alloc(total + 1, e);
    if (!t->bytes) {
        h5_texts_clear(t);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i]) memcpy(t->bytes + t->start[i], text[i], t->start[i + 1] - t->start[i]);
    }
    t->bytes[total] = 0;
    return true;
}
