/* stdlib/h5py/dataset.c - datasets: making them, asking about them, regions in and out.
 *
 * A region is three tuples (start, step, count), one item an axis; None stands for all of it. */
#include "engine/base/mem.h"
#include "stdlib/h5py/h5py.h"

typedef struct ints {
    int n;
    int64_t at[ND_MAXDIM];
} ints;

static bool ints_of(interp *in, value v, ints *out)
{
    return to_shape(in, v, &out->n, out->at);
}

/* extents where None is -1 */
static bool limits_of(interp *in, value v, ints *out)
{
    tuple *t = as_tuple(v);
    if (!t || t->n > ND_MAXDIM) return THROW0(in, TypeError, "a tuple is needed");
    out->n = (int)t->n;
    for (int i = 0; i < out->n; i++)
        if (is_none(t->at[i]))
            out->at[i] = -1;
        else
            TRY(to_int64(in, t->at[i], &out->at[i]));
    return true;
}

static value limits_value(interp *in, int n, const int64_t *at)
{
    tuple *t = tuple_new(in, n);
    for (int i = 0; t && i < n; i++)
        if (at[i] >= 0) t->at[i] = v_int(at[i]);
    return v_obj(t);
}

/* ---- making ---- */

static const char *text_or_null(value v)
{
    str *s = as_str(v);
    return s ? s->at : NULL;
}

static bool axes_of(interp *in, value v, int ndim, int64_t *out)
{
    int n;
    return to_shape(in, v, &n, out) &&
           (n == ndim || THROW0(in, ValueError, "%d indices for %d dimensions", n, ndim));
}

/* (start, step, count, file, name, shape, from, by, of) */
static bool part_of(interp *in, value v, int ndim, h5virtual *out)
{
    tuple *t = as_tuple(v);
    str *file = t && t->n == 9 ? as_str(t->at[3]) : NULL, *name = file ? as_str(t->at[4]) : NULL;
    if (!name) return THROW0(in, TypeError, "a part of a virtual dataset is a tuple of nine");
    out->file = file->at;
    out->name = name->at;
    return axes_of(in, t->at[0], ndim, out->start) && axes_of(in, t->at[1], ndim, out->step) &&
           axes_of(in, t->at[2], ndim, out->count) &&
           to_shape(in, t->at[5], &out->ndim, out->shape) &&
           axes_of(in, t->at[6], out->ndim, out->from) &&
           axes_of(in, t->at[7], out->ndim, out->by) && axes_of(in, t->at[8], out->ndim, out->of);
}

/* Owned by the caller; the texts in it are those of v. */
static bool parts_of(interp *in, value v, h5spec *s, h5virtual **out)
{
    *out = NULL;
    if (is_none(v)) return true;
    list *l = as_list(v);
    if (!l) return THROW0(in, TypeError, "the parts of a virtual dataset are a list");
    h5virtual *all = *out = mem_zero(sizeof *all * (size_t)(l->n + 1));
    for (int64_t i = 0; i < l->n; i++) TRY(part_of(in, l->at[i], s->ndim, &all[i]));
    s->parts = all;
    s->npart = (size_t)l->n;
    return true;
}

/* The members of a compound, from a list of (name, dtype, offset, extents); owned by the caller. */
bool members_of(interp *in, value v, h5spec *s, h5member **out)
{
    *out = NULL;
    if (is_none(v)) return true;
    list *l = as_list(v);
    if (!l || !l->n) return THROW0(in, TypeError, "the members of a compound are a list");
    h5member *all = *out = mem_zero(sizeof *all * (size_t)l->n);
    for (int64_t i = 0; i < l->n; i++) {
        tuple *t = as_tuple(l->at[i]);
        dtype_of of = dtype_plain(DT_float64);
        int64_t at;
        ints sub;
        if (!t || t->n != 4 || !to_dtype(in, t->at[1], &of) || !to_int64(in, t->at[2], &at) ||
            !ints_of(in, t->at[3], &sub))
            return throwing(in) ? false : THROW0(in, TypeError, "a member is a tuple of four");
        if (sub.n > H5_MAXSUB)
            return THROW0(in, NotImplementedError, "members of compounds have at most %d axes",
                          H5_MAXSUB);
        all[i] = (h5member){

            .name = as_str(t->at[0]) ? as_str(t->at[0])->at : NULL,
            .type = h5_type_of_dtype(of),
            .offset = (size_t)at};
        all[i].type.nsub = (uint8_t)sub.n;
        for (int k = 0; k < sub.n; k++) all[i].type.sub[k] = (uint32_t)sub.at[k];
    }
    s->members = all;
    s->nmember = (size_t)l->n;
    return true;
}

/* The names of an enumeration's values, from a list of (name, value); owned by the caller. */
static bool names_of(interp *in, value v, h5spec *s, h5name **out)
{
    *out = NULL;
    if (is_none(v)) return true;
    list *l = as_list(v);
    if (!l) return THROW0(in, TypeError, "the names of an enumeration are a list");
    h5name *all = *out = mem_zero(sizeof *all * (size_t)(l->n + 1));
    for (int64_t i = 0; i < l->n; i++) {
        tuple *t = as_tuple(l->at[i]);
        str *name = t && t->n == 2 ? as_str(t->at[0]) : NULL;
        if (!name) return THROW0(in, TypeError, "a name of an enumeration is a tuple of two");
        all[i].name = name->at;
        TRY(to_int64(in, t->at[1], &all[i].value));
    }
    s->names = all;
    s->nname = (size_t)l->n;
    return true;
}

/* create(at, name, shape, dtype, maxshape, chunks, compression, level, shuffle, fletcher32,
 * track_order, fill, scaleoffset, parts, members, names): of a compound the dtype is S<its bytes>
 */
static value d_create(interp *in, const value *arg)
{
    h5obj *at = peek_h5(in, arg[0]);
    ints shape = {0}, limits = {0}, chunks = {0};
    dtype_of t = dtype_plain(DT_float32);
    int64_t level = -1, digits = -1;
    if (!at || !to_dtype(in, arg[3], &t) || !to_int64(in, arg[7], &level) ||
        !to_int64(in, arg[12], &digits))
        return FAIL;
    h5spec s = {.type = h5_type_of_dtype(t),
                .empty = is_none(arg[2]),
                .compression = text_or_null(arg[6]),
                .level = (int)level,
                .scaleoffset = (int)digits + 1,
                .guess = arg[5].kind == V_BOOL && arg[5].i,
                .shuffle = value_truth(in, arg[8]) == 1,
                .fletcher32 = value_truth(in, arg[9]) == 1,
                .track_order = value_truth(in, arg[10]) == 1};
    if (!s.empty && !ints_of(in, arg[2], &shape)) return FAIL;
    s.ndim = shape.n;
    s.shape = shape.at;
    if (!is_none(arg[4])) {
        if (!limits_of(in, arg[4], &limits)) return FAIL;
        s.maxshape = limits.at;
        s.nmax = limits.n;
    }
    if (as_tuple(arg[5])) {
        if (!ints_of(in, arg[5], &chunks)) return FAIL;
        s.chunks = chunks.at;
        s.nchunks = chunks.n;
    }
    nd *fill = is_none(arg[11]) ? NULL : to_nd(in, arg[11], t);
    if (throwing(in)) return FAIL;
    s.fill = fill;
    err e = {0};
    h5virtual *parts;
    h5member *members = NULL;
    h5name *names = NULL;
    value r = parts_of(in, arg[13], &s, &parts) && members_of(in, arg[14], &s, &members) &&
                      names_of(in, arg[15], &s, &names)
                  ? wrap_h5(in, h5_create(at, text_or_null(arg[1]), &s, &e), &e)
                  : FAIL;
    mem_free(parts);
    mem_free(members);
    mem_free(names);
    datum_unref(fill);
    return r;
}

static value d_guess_chunk(interp *in, const value *arg)
{
    ints shape;
    int64_t size, chunk[ND_MAXDIM];
    err e = {0};
    if (!ints_of(in, arg[0], &shape) || !to_int64(in, arg[1], &size)) return FAIL;
    if (!h5_guess_chunk(shape.n, shape.at, (size_t)size, chunk, &e)) return throw_err(in, &e);
    return v_obj(shape_tuple(in, shape.n, chunk));
}

/* ---- asking ---- */

/* (shape, dtype, maxshape, chunks, compression, options, shuffle, fletcher32, scaleoffset) */
static value d_info(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    h5info i;
    err e = {0};
    if (!x) return FAIL;
    if (!h5_info(x, &i, &e)) return throw_err(in, &e);
    value options = NONE;
    if (i.compression && i.compression[0] == 'g') options = v_int(i.level);
    if (i.compression && i.compression[0] == 's')
        options = v_obj(tuple_pack(in, 2, v_str(in, i.level & H5_SZIP_EC ? "ec" : "nn"),
                                   v_int(i.level & (H5_SZIP_EC - 1))));
    return v_obj(tuple_pack(in, 9, i.empty ? NONE : v_obj(shape_tuple(in, i.ndim, i.shape)),
                            dtype_value(in, dtype_of_h5(&i.type)),
                            i.empty ? NONE : limits_value(in, i.ndim, i.maxshape),
                            i.chunked ? v_obj(shape_tuple(in, i.ndim, i.chunk)) : NONE,
                            i.compression ? v_str(in, i.compression) : NONE, options,
                            v_bool(i.shuffle), v_bool(i.fletcher32),
                            i.scaleoffset >= 0 ? v_int(i.scaleoffset) : NONE));
}

/* virtual(dataset): [file, name, file, name...], or None when it is not virtual */
static value d_virtual(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    h5info i;
    size_t n;
    err e = {0};
    if (!x) return FAIL;
    if (!h5_info(x, &i, &e)) return throw_err(in, &e);
    if (!i.is_virtual) return NONE;
    char **names = h5_virtual_sources(x, &n, &e);
    return names_list(in, names, n, &e);
}

/* other(dataset): what its type is, and how h5py writes it; None when there are such arrays here */
static value d_other(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    h5info i;
    err e = {0};
    if (!x) return FAIL;
    if (!h5_info(x, &i, &e)) return throw_err(in, &e);
    if (i.type.text != H5_OTHER || i.type.special) return NONE;
    const char *what = i.type.other;
    bool record = what[0] == 'c' || what[0] == 'o';
    str *code = record ? str_fmt(in, "|V%u", i.type.t.size) : str_of(in, "|O");
    return v_obj(tuple_pack(in, 2, v_str(in, what), v_obj(code)));
}

/* enum_names(dataset): of an enumeration a list of (name, value), else None */
static value d_enum_names(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    size_t n;
    h5name *names;
    h5info i;
    err e = {0};
    if (!x) return FAIL;
    if (!h5_info(x, &i, &e)) return throw_err(in, &e);
    if (!i.type.named) return NONE;
    if (!h5_enum_names(x, &n, &names, &e)) return throw_err(in, &e);
    list *l = list_new(in, 0);
    for (size_t k = 0; l && k < n; k++)
        list_add(in, l,
                 v_obj(tuple_pack(in, 2, v_str(in, names[k].name ? names[k].name : ""),
                                  v_int(names[k].value))));
    h5_enum_clear(names, n);
    return v_obj(l);
}

value members_value(interp *in, const h5member *m, size_t n)
{
    list *l = list_new(in, 0);
    for (size_t i = 0; l && i < n; i++) {
        const h5type *t = &m[i].type;
        value of = t->text == H5_OTHER ? NONE : dtype_value(in, dtype_of_h5(t));
        int64_t sub[H5_MAXSUB];
        for (int k = 0; k < t->nsub; k++) sub[k] = t->sub[k];
        list_add(
            in, l,
            v_obj(tuple_pack(in, 4, v_str(in, m[i].name ? m[i].name : ""), of,
                             v_obj(shape_tuple(in, t->nsub, sub)), v_int((int64_t)m[i].offset))));
    }
    return v_obj(l);
}

/* fields(dataset): a list of (name, dtype or None, extents, offset) of a compound's members */
static value d_fields(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    size_t n;
    h5member *m;
    err e = {0};
    if (!x) return FAIL;
    if (!h5_members(x, &n, &m, &e)) return throw_err(in, &e);
    value l = members_value(in, m, n);
    h5_members_free(m, n);
    return l;
}

static value d_fill(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    err e = {0};
    return x ? array_result(in, h5_fill(x, &e), &e) : FAIL;
}

static value d_storage_size(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    err e = {0};
    int64_t n = x ? h5_storage_size(x, &e) : -1;
    if (!x) return FAIL;
    return n < 0 ? throw_err(in, &e) : v_int(n);
}

static value d_resize(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    ints shape;
    err e = {0};
    if (!x || !ints_of(in, arg[1], &shape)) return FAIL;
    return done_or_throw(in, h5_resize(x, shape.n, shape.at, &e), &e);
}

/* ---- regions ---- */

bool region_of(interp *in, const value *arg, region *out)
{
    int n;
    out->p = NULL;
    if (is_none(arg[0])) return true;
    if (!to_shape(in, arg[0], &out->n, out->start) || !to_shape(in, arg[1], &n, out->step) ||
        !to_shape(in, arg[2], &n, out->count))
        return false;
    out->r = (h5region){out->n, out->start, out->step, out->count};
    out->p = &out->r;
    return true;
}

static value read_texts(interp *in, h5obj *x, const region *r, const h5info *i)
{
    h5texts t = {0};
    err e = {0};
    if (!h5_read_texts(x, r->p, &t, &e)) return throw_err(in, &e);
    nd *block = texts_block(in, &t, r->p ? r->p->ndim : i->ndim, r->p ? r->p->count : i->shape,
                            dtype_of_h5(&i->type), false);
    h5_texts_clear(&t);
    return block ? array_wrap(in, block, &e) : FAIL;
}

/* read(dataset, start, step, count): a new array, one axis for each of the dataset */
static value d_read(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    region r;
    h5info i;
    err e = {0};
    if (!x || !region_of(in, arg + 1, &r)) return FAIL;
    if (!h5_info(x, &i, &e)) return throw_err(in, &e);
    if (i.type.text == H5_VARIABLE) return read_texts(in, x, &r, &i);
    return array_wrap(in, long_read(in, x, &i, &r, &e), &e);
}

static value read_field_texts(interp *in, h5obj *x, const region *r, const char *name)
{
    h5texts t = {0};
    h5info i;
    err e = {0};
    if (!h5_info(x, &i, &e) || !h5_read_field_texts(x, r->p, name, &t, &e))
        return throw_err(in, &e);
    nd *block = texts_block(in, &t, r->p ? r->p->ndim : i.ndim, r->p ? r->p->count : i.shape,
                            dtype_plain(DT_object), false);
    h5_texts_clear(&t);
    return block ? array_wrap(in, block, &e) : FAIL;
}

/* read_field(dataset, name, start, step, count, texts): likewise, one member of each compound */
static value d_read_field(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    const char *name = text_or_null(arg[1]);
    region r;
    err e = {0};
    if (!x || !region_of(in, arg + 2, &r)) return FAIL;
    if (!name) return throw(in, TypeError, "the name of a field is a str");
    if (value_truth(in, arg[5]) == 1) return read_field_texts(in, x, &r, name);
    return array_wrap(in, h5_read_field(x, r.p, name, &e), &e);
}

/* write_field(dataset, name, start, step, count, x): x has the member's extents behind the region's
 */
static value d_write_field(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    const char *name = text_or_null(arg[1]);
    ndarray *a = as_ndarray(arg[5]);
    region r;
    err e = {0};
    if (!x || !region_of(in, arg + 2, &r)) return FAIL;
    if (!name || !a) return throw(in, TypeError, "a field has a name, and an array is written");
    const nd *from = array_peek(a);
    if (from->dtype != DT_object)
        return done_or_throw(in, h5_write_field(x, r.p, name, from, &e), &e);
    h5texts t;
    if (!texts_of(in, from, &t)) return FAIL;
    bool ok = h5_write_field_texts(x, r.p, name, &t, &e);
    h5_texts_clear(&t);
    return done_or_throw(in, ok, &e);
}

/* read_into(dataset, start, step, count, out): converts to the dtype of out */
static value d_read_into(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    ndarray *out = as_ndarray(arg[4]);
    region r;
    err e = {0};
    if (!x || !region_of(in, arg + 1, &r)) return FAIL;
    if (!out) return throw(in, TypeError, "an array is needed to read into");
    nd *to = array_write(in, out);
    return to ? done_or_throw(in, long_read_into(in, x, &r, to, &e), &e) : FAIL;
}

/* write(dataset, start, step, count, x): x has the shape of the region, axes may repeat */
static value d_write(interp *in, const value *arg)
{
    h5obj *x = peek_h5(in, arg[0]);
    ndarray *a = as_ndarray(arg[4]);
    region r;
    err e = {0};
    if (!x || !region_of(in, arg + 1, &r)) return FAIL;
    if (!a) return throw(in, TypeError, "an array is needed to write");
    const nd *from = array_peek(a);
    if (from->dtype != DT_object) return done_or_throw(in, long_write(in, x, &r, from, &e), &e);
    h5texts t;
    if (!texts_of(in, from, &t)) return FAIL;
    bool ok = h5_write_texts(x, r.p, &t, &e);
    h5_texts_clear(&t);
    return done_or_throw(in, ok, &e);
}

/* ---- types ---- */

/* text_dtype(dtype, encoding): the dtype with a note how its text is encoded */
static value t_text_dtype(interp *in, const value *arg)
{
    dtype_of t = dtype_plain(DT_object);
    str *s = as_str(arg[1]);
    if (!to_dtype(in, arg[0], &t)) return FAIL;
    t.unit = !s ? TEXT_NONE : str_is(s, "utf-8") ? TEXT_UTF8 : TEXT_ASCII;
    return dtype_value(in, t);
}

/* text_encoding(dtype): 'utf-8', 'ascii', or None when it holds no text */
static value t_text_encoding(interp *in, const value *arg)
{
    dtype_of t = dtype_plain(DT_float64);
    if (!to_dtype(in, arg[0], &t)) return FAIL;
    bool text = t.unit == TEXT_UTF8 || t.unit == TEXT_ASCII;
    if (t.dt != DT_bytes && (t.dt != DT_object || !text)) return NONE;
    return v_str(in, t.unit == TEXT_UTF8 ? "utf-8" : "ascii");
}

const builtin h5_dataset_functions[] = {
    {"create(at, name, shape, dtype, maxshape, chunks, compression, level, shuffle, fletcher32, "
     "track_order, fill, scaleoffset=-1, parts=None, members=None, "
     "names=None)",
     d_create, NULL},
    {"guess_chunk(shape, itemsize)", d_guess_chunk, NULL},
    {"info(dataset)", d_info, NULL},
    {"virtual(dataset)", d_virtual, NULL},
    {"other(dataset)", d_other, NULL},
    {"enum_names(dataset)", d_enum_names, NULL},
    {"fields(dataset)", d_fields, NULL},
    {"read_field(dataset, name, start=None, step=None, count=None, texts=False)", d_read_field,
     NULL},
    {"write_field(dataset, name, start, step, count, x)", d_write_field, NULL},
    {"fill(dataset)", d_fill, NULL},
    {"storage_size(dataset)", d_storage_size, NULL},
    {"resize(dataset, shape)", d_resize, NULL},
    {"read(dataset, start=None, step=None, count=None)", d_read, NULL},
    {"read_into(dataset, start, step, count, out)", d_read_into, NULL},
    {"write(dataset, start, step, count, x)", d_write, NULL},
    {"text_dtype(dtype, encoding)", t_text_dtype, NULL},
    {"text_encoding(dtype)", t_text_encoding, NULL},
    {0},
};
