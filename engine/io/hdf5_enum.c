/* engine/io/hdf5_enum.c - enumerations: integers whose values have names in the file.
 *
 * Elements travel as the integers that they are; the library converts between enumerations by name
 * only, so that memory is described as one with the same names. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/io/hdf5_lib.h"

/* A value of a member, in the low bytes of v for the library and back. */
static bool insert(const h5_lib *h, hid_t id, const char *name, int64_t v)
{
    return h->Tenum_insert(id, name, &v) >= 0; /* this program runs little-endian only */
}

hid_t h5_type_enum(const h5_lib *h, const h5spec *s, err *e)
{
    h5type plain = s->type;
    plain.t.swapped = false;
    hid_t base = h5_type_memory(h, &plain, e);
    hid_t id = base < 0 ? -1 : h->Tenum_create(base);
    bool ok = id >= 0;
    for (size_t i = 0; ok && i < s->nname; i++)
        ok = insert(h, id, s->names[i].name, s->names[i].value);
    if (base >= 0) h->Tclose(base);
    if (ok) return id;
    h5_fail(h, e);
    if (id >= 0) h->Tclose(id);
    return -1;
}

static int64_t value_of(const h5_lib *h, hid_t id, unsigned member)
{
    uint8_t raw[8] = {0};
    hid_t base = h->Tget_super(id);
    size_t n = h->Tget_size(base);
    bool negative = h->Tget_sign(base) == H5T_SGN_2, big = h->Tget_order(base) == H5T_ORDER_BE;
    h->Tclose(base);
    if (n == 0 || n > 8 || h->Tget_member_value(id, member, raw) < 0) return 0;
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) v |= (uint64_t)raw[big ? n - 1 - i : i] << (8 * i);
    if (negative && n < 8 && v >> (8 * n - 1)) v |= ~(uint64_t)0 << (8 * n);
    return (int64_t)v;
}

/* Is it an enumeration, other than that of h5py's bools? */
static bool is_enum(const h5_lib *h, hid_t id)
{
    return h->Tget_class(id) == H5T_ENUM && h->Tequal(id, h->boolean) <= 0;
}

hid_t h5_memory_enum(const h5_lib *h, hid_t file, hid_t memory)
{
    if (h->Tget_class(memory) != H5T_INTEGER || !is_enum(h, file)) return memory;
    hid_t id = h->Tenum_create(memory);
    int n = h->Tget_nmembers(file);
    for (int i = 0; id >= 0 && i < n; i++) {
        char *name = h->Tget_member_name(file, (unsigned)i);
        if (name) insert(h, id, name, value_of(h, file, (unsigned)i));
        free(name); /* the library allocates it with malloc */
    }
    if (id < 0) return memory;
    h->Tclose(memory);
    return id;
}

bool h5_enum_names(h5obj *d, size_t *n, h5name **out, err *e)
{
    *n = 0, *out = NULL;
    const h5_lib *h = h5_enter(e);
    if (!h) return false;
    hid_t id = h->Dget_type(d->id);
    bool ok = id >= 0 || h5_fail(h, e);
    int count = ok && is_enum(h, id) ? h->Tget_nmembers(id) : 0;
    if (count > 0) *out = mem_zero((size_t)count * sizeof **out);
    for (int i = 0; i < count; i++) {
        (*out)[i].name = h->Tget_member_name(id, (unsigned)i);
        (*out)[i].value = value_of(h, id, (unsigned)i);
        ++*n;
    }
    if (id >= 0) h->Tclose(id);
    h5_leave();
    return ok;
}

void h5_enum_clear(h5name *names, size_t n)
{
    for (size_t i = 0; i < n; i++) free(names[i].name); /* the library's malloc */
    mem_free(names);
}
