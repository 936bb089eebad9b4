/* tests/unit/check_hdf5.c - HDF5 files: what is written comes back, by both ways of reading. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "engine/io/hdf5.h"
#include "tests/unit/suite.h"

typedef struct place {
    char dir[64], path[96];
} place;

static place here(void)
{
    place p;
    strcpy(p.dir, "/tmp/check_hdf5.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(p.dir));
    snprintf(p.path, sizeof p.path, "%s/x.h5", p.dir);
    return p;
}

static void gone(place *p)
{
    unlink(p->path);
    rmdir(p->dir);
}

static h5obj *open_file(const place *p, const char *mode)
{
    err e = {0};
    h5obj *f = h5_open(p->path, mode, &e);
    ck_assert_msg(f != NULL, "%s", e.msg);
    return f;
}

static void close_file(h5obj *f)
{
    err e = {0};
    ck_assert(h5_close(f, &e));
    datum_unref(f);
}

/* The numbers 0, 1, 2 ... in that shape. */
static nd *counting(enum dtype dt, int ndim, const int64_t *shape)
{
    err e = {0};
    nd *x = nd_new(dtype_plain(dt), ndim, shape, &e);
    ck_assert_ptr_nonnull(x);
    for (int64_t i = 0, n = nd_count(x); i < n; i++) {
        if (dt == DT_float64)
            ((double *)x->at)[i] = (double)i;
        else
            ((int32_t *)x->at)[i] = (int32_t)i;
    }
    return x;
}

typedef struct kind { /* ways to store the same data */
    const char *compression;
    bool shuffle, fletcher32, chunked;
    int64_t chunk[2];
} kind;

static const kind kinds[] = {
    {NULL, false, false, false, {0, 0}},   {NULL, false, false, true, {7, 5}},
    {"gzip", false, false, true, {7, 5}},  {"gzip", true, true, true, {7, 5}},
    {"lzf", true, false, true, {7, 5}},    {NULL, true, true, true, {30, 20}},
    {"gzip", true, false, true, {30, 20}}, {NULL, false, false, true, {1, 20}},
};
enum { NKIND = sizeof kinds / sizeof *kinds, ROWS = 30, COLS = 20 };

static h5obj *make(h5obj *f, const char *name, const kind *k, enum dtype dt, const nd *fill)
{
    err e = {0};
    int64_t shape[2] = {ROWS, COLS}, most[2] = {-1, COLS};
    h5spec s = {.type = h5_type_of(dtype_plain(dt)),
                .ndim = 2,
                .shape = shape,
                .maxshape = k->chunked ? most : NULL,
                .nmax = 2,
                .chunks = k->chunked ? k->chunk : NULL,
                .nchunks = 2,
                .compression = k->compression,
                .level = -1,
                .shuffle = k->shuffle,
                .fletcher32 = k->fletcher32,
                .fill = fill};
    h5obj *d = h5_create(f, name, &s, &e);
    ck_assert_msg(d != NULL, "%s", e.msg);
    return d;
}

static void write_all(h5obj *d, const nd *x)
{
    err e = {0};
    ck_assert_msg(h5_write(d, NULL, x, &e), "%s", e.msg);
}

static void check_region(h5obj *d, const int64_t *start, const int64_t *step, const int64_t *count)
{
    err e = {0};
    h5region r = {.ndim = 2, .start = start, .step = step, .count = count};
    nd *x = h5_read(d, &r, &e);
    ck_assert_msg(x != NULL, "%s", e.msg);
    for (int64_t i = 0; i < count[0]; i++) {
        for (int64_t j = 0; j < count[1]; j++) {
            int64_t row = start[0] + i * step[0], col = start[1] + j * step[1];
            ck_assert_double_eq(((double *)x->at)[i * count[1] + j], (double)(row * COLS + col));
        }
    }
    datum_unref(x);
}

START_TEST(every_storage_gives_back_every_slice)
{
    place p = here();
    h5obj *f = open_file(&p, "w");
    nd *x = counting(DT_float64, 2, (int64_t[]){ROWS, COLS});
    h5obj *d = make(f, "x", &kinds[_i], DT_float64, NULL);
    write_all(d, x);
    for (int again = 0; again < 2; again++) { /* while open for writing, then read-only */
        for (int64_t a = 0; a < ROWS; a += 3) {
            for (int64_t s = 1; s <= 9; s += 2) {
                int64_t n = (ROWS - a + s - 1) / s, m = (COLS - a % COLS + s) / (s + 1);
                check_region(d, (int64_t[]){a, a % COLS}, (int64_t[]){s, s + 1}, (int64_t[]){n, m});
            }
        }
        check_region(d, (int64_t[]){0, 0}, (int64_t[]){1, 1}, (int64_t[]){ROWS, COLS});
        datum_unref(d);
        close_file(f);
        f = open_file(&p, "r");
        err e = {0};
        d = h5_child(f, "/x", &e);
        ck_assert_ptr_nonnull(d);
    }
    datum_unref(d);
    close_file(f);
    datum_unref(x);
    gone(&p);
}
END_TEST

START_TEST(parts_written_one_by_one_make_the_whole)
{
    place p = here();
    h5obj *f = open_file(&p, "w");
    nd *x = counting(DT_float64, 2, (int64_t[]){ROWS, COLS});
    h5obj *d = make(f, "x", &kinds[_i], DT_float64, NULL);
    err e = {0};
    for (int64_t i = 0; i < ROWS; i += 4) { /* crosses chunk borders, touches some twice */
        int64_t n = ROWS - i < 4 ? ROWS - i : 4;
        nd *v = nd_view(x->b, x->at + i * COLS * 8, nd_type(x), 2, (int64_t[]){n, COLS}, NULL);
        h5region r = {2, (int64_t[]){i, 0}, (int64_t[]){1, 1}, (int64_t[]){n, COLS}};
        ck_assert(h5_write(d, &r, v, &e));
        datum_unref(v);
    }
    /* a transposed block into a column range */
    nd *t = nd_transpose(x, NULL);
    nd *back = nd_transpose(t, NULL);
    h5region all = {2, (int64_t[]){0, 0}, (int64_t[]){1, 1}, (int64_t[]){ROWS, COLS}};
    ck_assert(h5_write(d, &all, back, &e));
    check_region(d, (int64_t[]){0, 0}, (int64_t[]){1, 1}, (int64_t[]){ROWS, COLS});
    datum_unref(back);
    datum_unref(t);
    datum_unref(d);
    close_file(f);
    datum_unref(x);
    gone(&p);
}
END_TEST

START_TEST(what_was_never_written_is_the_fill_value)
{
    place p = here();
    h5obj *f = open_file(&p, "w");
    err e = {0};
    nd *seven = nd_scalar(DT_float64, &(double){7});
    h5obj *d = make(f, "x", &kinds[_i], DT_float64, seven);
    nd *x = h5_read(d, NULL, &e);
    ck_assert_ptr_nonnull(x);
    for (int i = 0; i < ROWS * COLS; i++) ck_assert_double_eq(((double *)x->at)[i], 7);
    nd *fill = h5_fill(d, &e);
    ck_assert_double_eq(*(double *)fill->at, 7);
    datum_unref(fill);
    datum_unref(x);
    datum_unref(d);
    close_file(f);
    datum_unref(seven);
    gone(&p);
}
END_TEST

START_TEST(a_resized_dataset_keeps_its_rows_and_fills_the_others)
{
    place p = here();
    h5obj *f = open_file(&p, "w");
    err e = {0};
    nd *x = counting(DT_float64, 2, (int64_t[]){ROWS, COLS});
    h5obj *d = make(f, "x", &kinds[2], DT_float64, NULL);
    write_all(d, x);
    ck_assert(h5_resize(d, 2, (int64_t[]){ROWS + 5, COLS}, &e));
    h5info info;
    ck_assert(h5_info(d, &info, &e));
    ck_assert_int_eq(info.shape[0], ROWS + 5);
    ck_assert_int_eq(info.maxshape[0], -1);
    check_region(d, (int64_t[]){0, 0}, (int64_t[]){1, 1}, (int64_t[]){ROWS, COLS});
    h5region r = {2, (int64_t[]){ROWS, 0}, (int64_t[]){1, 1}, (int64_t[]){5, COLS}};
    nd *rest = h5_read(d, &r, &e);
    for (int i = 0; i < 5 * COLS; i++) ck_assert_double_eq(((double *)rest->at)[i], 0);
    ck_assert(h5_resize(d, 2, (int64_t[]){3, COLS}, &e));
    ck_assert(!h5_read(d, &r, &e));
    ck_assert_int_eq(e.kind, IndexError);
    err_clear(&e);
    ck_assert(!h5_resize(d, 2, (int64_t[]){3, COLS + 1}, &e));
    ck_assert_str_eq(e.msg, "Unable to set dataset extent (dimension cannot exceed the existing "
                            "maximal size (new: 21 max: 20))");
    err_clear(&e);
    datum_unref(rest);
    datum_unref(d);
    close_file(f);
    datum_unref(x);
    gone(&p);
}
END_TEST

START_TEST(elements_are_converted_on_the_way)
{
    place p = here();
    h5obj *f = open_file(&p, "w");
    err e = {0};
    nd *x = counting(DT_int32, 2, (int64_t[]){ROWS, COLS});
    h5obj *d = make(f, "x", &kinds[_i], DT_float64, NULL);
    write_all(d, x);
    check_region(d, (int64_t[]){1, 1}, (int64_t[]){2, 3}, (int64_t[]){10, 5});
    nd *y = nd_new(dtype_plain(DT_int32), 2, (int64_t[]){ROWS, COLS}, &e);
    ck_assert(h5_read_into(d, NULL, y, &e));
    ck_assert_int_eq(memcmp(x->at, y->at, nd_bytes(x)), 0);
    datum_unref(y);
    datum_unref(d);
    close_file(f);
    datum_unref(x);
    gone(&p);
}
END_TEST

START_TEST(every_element_type_comes_back)
{
    place p = here();
    h5obj *f = open_file(&p, "w");
    err e = {0};
    enum dtype dt = (enum dtype)_i;
    if (dt == DT_object) dt = DT_bytes;
    dtype_of t = dt == DT_bytes ? (dtype_of){.dt = DT_bytes, .size = 5} : dtype_plain(dt);
    int64_t shape[1] = {6};
    nd *x = nd_zero(t, 1, shape, &e);
    for (size_t i = 0; i < nd_bytes(x); i++) x->at[i] = (char)(dt == DT_bool ? i % 2 : i * 7 % 60);
    h5obj *d = h5_create(f, "x", &(h5spec){.type = h5_type_of(t), .ndim = 1, .shape = shape}, &e);
    ck_assert_msg(d != NULL, "%s", e.msg);
    write_all(d, x);
    nd *y = h5_read(d, NULL, &e);
    ck_assert_ptr_nonnull(y);
    ck_assert_int_eq(y->dtype, dt);
    ck_assert_int_eq(memcmp(x->at, y->at, nd_bytes(x)), 0);
    datum_unref(x);
    datum_unref(y);
    datum_unref(d);
    close_file(f);
    gone(&p);
}
END_TEST

START_TEST(texts_of_any_length_come_back)
{
    place p = here();
    h5obj *f = open_file(&p, "w");
    err e = {0};
    int64_t shape[1] = {3};
    h5obj *d = h5_create(f, "a/b/words",
                         &(h5spec){.type = h5_type_text(true), .ndim = 1, .shape = shape}, &e);
    ck_assert_msg(d != NULL, "%s", e.msg);
    h5texts in = {.n = 3, .bytes = (char *)"abcc", .start = (size_t[]){0, 1, 1, 4}}, out;
    ck_assert(h5_write_texts(d, NULL, &in, &e));
    ck_assert_msg(h5_read_texts(d, NULL, &out, &e), "%s", e.msg);
    ck_assert_int_eq(out.n, 3);
    ck_assert_str_eq(out.bytes, "abcc");
    ck_assert_int_eq(out.start[2], 1);
    h5_texts_clear(&out);
    char *name = h5_name(d, &e);
    ck_assert_str_eq(name, "/a/b/words");
    mem_free(name);
    datum_unref(d);
    close_file(f);
    gone(&p);
}
END_TEST

START_TEST(attributes_are_set_replaced_and_deleted)
{
    place p = here();
    h5obj *f = open_file(&p, "w");
    err e = {0};
    h5value v = {.type = h5_type_of(dtype_plain(DT_int32)), .ndim = 1, .shape = {3}}, got;
    v.x = counting(DT_int32, 1, v.shape);
    ck_assert_msg(h5_attr_set(f, "b", &v, &e), "%s", e.msg);
    ck_assert(h5_attr_set(f, "b", &v, &e));
    h5value text = {.type = h5_type_text(true)};
    text.texts = (h5texts){.n = 1, .bytes = (char *)"hello", .start = (size_t[]){0, 5}};
    ck_assert(h5_attr_set(f, "a", &text, &e));
    size_t n;
    char **names = h5_attr_names(f, &n, &e);
    ck_assert_int_eq(n, 2);
    ck_assert_str_eq(names[0], "a");
    h5_names_free(names, n);
    ck_assert(h5_attr_get(f, "a", &got, &e));
    ck_assert_str_eq(got.texts.bytes, "hello");
    h5_value_clear(&got);
    ck_assert(h5_attr_get(f, "b", &got, &e));
    ck_assert_int_eq(((int32_t *)got.x->at)[2], 2);
    h5_value_clear(&got);
    ck_assert(h5_attr_delete(f, "b", &e));
    ck_assert_int_eq(h5_attr_contains(f, "b", &e), 0);
    ck_assert(!h5_attr_get(f, "b", &got, &e));
    ck_assert_str_eq(e.msg, "Can't open attribute (can't locate attribute: 'b')");
    ck_assert_int_eq(e.kind, KeyError);
    err_clear(&e);
    h5_value_clear(&v);
    close_file(f);
    gone(&p);
}
END_TEST

START_TEST(links_lead_where_they_say)
{
    place p = here();
    h5obj *f = open_file(&p, "w");
    err e = {0};
    h5obj *g = h5_create_group(f, "one/two", false, &e);
    ck_assert_ptr_nonnull(g);
    ck_assert(h5_link_soft(f, "soft", "/one/two", &e));
    ck_assert(h5_link_hard(f, "hard", g, &e));
    h5obj *s = h5_child(f, "soft", &e);
    ck_assert(h5_same(s, g));
    ck_assert(!h5_same(f, g));
    h5link l;
    ck_assert(h5_link_get(f, "soft", &l, &e));
    ck_assert_int_eq(l.kind, H5_SOFT);
    ck_assert_str_eq(l.path, "/one/two");
    h5_link_clear(&l);
    ck_assert_int_eq(h5_contains(f, "one/two", &e), 1);
    ck_assert_int_eq(h5_contains(f, "one/three", &e), 0);
    ck_assert_int_eq(h5_contains(f, "/", &e), 1);
    ck_assert(h5_move(f, "one/two", "three/four", &e));
    ck_assert(h5_delete(f, "one", &e));
    size_t n;
    char **names = h5_names(f, &n, &e);
    ck_assert_int_eq(n, 3);
    ck_assert_str_eq(names[0], "hard");
    ck_assert_str_eq(names[2], "three");
    h5_names_free(names, n);
    ck_assert(!h5_child(f, "one", &e));
    ck_assert_str_eq(e.msg, "Unable to open object (object 'one' doesn't exist)");
    err_clear(&e);
    datum_unref(s);
    datum_unref(g);
    close_file(f);
    gone(&p);
}
END_TEST

START_TEST(an_external_link_leads_into_the_other_file)
{
    place p = here(), q = here();
    h5obj *f = open_file(&p, "w"), *g = open_file(&q, "w");
    err e = {0};
    nd *x = counting(DT_float64, 2, (int64_t[]){ROWS, COLS}),
       *seven = nd_scalar(DT_float64, &(double){7});
    h5obj *d = make(f, "x", &kinds[_i], DT_float64, NULL),
          *other = make(g, "x", &kinds[_i], DT_float64, seven);
    write_all(d, x);
    nd *sevens = h5_read(other, NULL, &e); /* data of its own at the same place of its file */
    write_all(other, sevens);
    datum_unref(d);
    close_file(f);
    ck_assert(h5_link_external(g, "there", p.path, "/x", &e));
    d = h5_child(g, "there", &e);
    ck_assert_msg(d != NULL, "%s", e.msg);
    check_region(d, (int64_t[]){0, 0}, (int64_t[]){1, 1}, (int64_t[]){ROWS, COLS});
    datum_unref(d);
    datum_unref(other);
    close_file(g);
    datum_unref(sevens);
    datum_unref(seven);
    datum_unref(x);
    gone(&p);
    gone(&q);
}
END_TEST

START_TEST(a_closed_file_makes_its_objects_stale)
{
    place p = here();
    h5obj *f = open_file(&p, "w");
    err e = {0};
    h5obj *d = make(f, "x", &kinds[0], DT_float64, NULL);
    ck_assert(h5_is_open(d));
    ck_assert(h5_close(f, &e));
    ck_assert(h5_close(f, &e));
    ck_assert(!h5_is_open(d));
    ck_assert(!h5_read(d, NULL, &e));
    ck_assert_int_eq(e.kind, ValueError);
    ck_assert_str_eq(e.msg, "Invalid dataset identifier (invalid dataset identifier)");
    err_clear(&e);
    datum_unref(f);
    datum_unref(d);
    gone(&p);
}
END_TEST

START_TEST(bad_files_are_refused_with_a_sentence)
{
    place p = here();
    err e = {0};
    ck_assert(!h5_open(p.path, "r", &e));
    ck_assert_int_eq(e.kind, FileNotFoundError);
    ck_assert_ptr_nonnull(
        strstr(e.msg, "[Errno 2] Unable to open file (unable to open file: name"));
    err_clear(&e);
    FILE *out = fopen(p.path, "w");
    fputs("this is no HDF5 file", out);
    fclose(out);
    ck_assert(!h5_open(p.path, "r", &e));
    ck_assert_str_eq(e.msg, "Unable to open file (file signature not found)");
    ck_assert_int_eq(e.kind, OSError);
    err_clear(&e);
    ck_assert(!h5_open(p.path, "x", &e));
    ck_assert_int_eq(e.kind, FileExistsError);
    err_clear(&e);
    ck_assert(!h5_open(p.path, "q", &e));
    ck_assert_str_eq(e.msg, "Invalid mode; must be one of r, r+, w, w-, x, a");
    err_clear(&e);
    gone(&p);
}
END_TEST

START_TEST(a_truncated_file_is_refused)
{
    place p = here();
    h5obj *f = open_file(&p, "w");
    nd *x = counting(DT_float64, 2, (int64_t[]){ROWS, COLS});
    h5obj *d = make(f, "x", &kinds[0], DT_float64, NULL);
    write_all(d, x);
    datum_unref(d);
    close_file(f);
    ck_assert_int_eq(truncate(p.path, 3000), 0);
    err e = {0};
    ck_assert(!h5_open(p.path, "r", &e));
    ck_assert_int_eq(e.kind, OSError);
    ck_assert_ptr_nonnull(strstr(e.msg, "Unable to open file (truncated file: eof = 3000"));
    err_clear(&e);
    datum_unref(x);
    gone(&p);
}
END_TEST

START_TEST(a_damaged_chunk_is_reported)
{
    place p = here();
    h5obj *f = open_file(&p, "w");
    nd *x = counting(DT_float64, 2, (int64_t[]){ROWS, COLS});
    h5obj *d = make(f, "x", &kinds[5], DT_float64, NULL);
    write_all(d, x);
    datum_unref(d);
    close_file(f);
    FILE *out = fopen(p.path, "r+");
    fseek(out, -100, SEEK_END);
    fputs("damage", out);
    fclose(out);
    f = open_file(&p, "r");
    err e = {0};
    d = h5_child(f, "x", &e);
    ck_assert(!h5_read(d, NULL, &e));
    ck_assert_str_eq(e.msg, "Can't read data (data error detected by Fletcher32 checksum)");
    ck_assert_int_eq(e.kind, OSError);
    err_clear(&e);
    datum_unref(d);
    close_file(f);
    datum_unref(x);
    gone(&p);
}
END_TEST

/* --- threads --- */

static void *read_rows(void *data)
{
    h5obj *d = data;
    for (int64_t i = 0; i < 3 * ROWS; i++) {
        check_region(d, (int64_t[]){i % ROWS, 0}, (int64_t[]){1, 1}, (int64_t[]){1, COLS});
    }
    return NULL;
}

START_TEST(many_threads_read_one_dataset)
{
    place p = here();
    h5obj *f = open_file(&p, "w");
    nd *x = counting(DT_float64, 2, (int64_t[]){ROWS, COLS});
    h5obj *d = make(f, "x", &kinds[_i], DT_float64, NULL);
    write_all(d, x);
    pthread_t thread[4];
    for (int i = 0; i < 4; i++) pthread_create(&thread[i], NULL, read_rows, d);
    for (int i = 0; i < 20; i++) write_all(d, x);
    for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
    datum_unref(d);
    close_file(f);
    datum_unref(x);
    gone(&p);
}
END_TEST

START_TEST(guessed_chunks_are_those_of_h5py)
{
    err e = {0};
    int64_t c[3];
    ck_assert(h5_guess_chunk(2, (int64_t[]){1000, 1000}, 8, c, &e));
    ck_assert_int_eq(c[0], 63);
    ck_assert_int_eq(c[1], 63);
    ck_assert(h5_guess_chunk(1, (int64_t[]){0}, 4, c, &e));
    ck_assert_int_eq(c[0], 1024);
    ck_assert(h5_guess_chunk(3, (int64_t[]){10, 0, 300}, 2, c, &e));
    ck_assert_int_eq(c[0], 2);
    ck_assert_int_eq(c[1], 128);
    ck_assert_int_eq(c[2], 75);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("hdf5");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, every_storage_gives_back_every_slice, 0, NKIND);
    tcase_add_loop_test(t, parts_written_one_by_one_make_the_whole, 0, NKIND);
    tcase_add_loop_test(t, what_was_never_written_is_the_fill_value, 0, NKIND);
    tcase_add_loop_test(t, elements_are_converted_on_the_way, 0, NKIND);
    tcase_add_loop_test(t, every_element_type_comes_back, 0, DT_bytes + 1);
    tcase_add_test(t, a_resized_dataset_keeps_its_rows_and_fills_the_others);
    tcase_add_test(t, texts_of_any_length_come_back);
    tcase_add_test(t, attributes_are_set_replaced_and_deleted);
    tcase_add_test(t, links_lead_where_they_say);
    tcase_add_loop_test(t, an_external_link_leads_into_the_other_file, 0, NKIND);
    tcase_add_test(t, a_closed_file_makes_its_objects_stale);
    tcase_add_test(t, bad_files_are_refused_with_a_sentence);
    tcase_add_test(t, a_truncated_file_is_refused);
    tcase_add_test(t, a_damaged_chunk_is_reported);
    tcase_add_loop_test(t, many_threads_read_one_dataset, 0, NKIND);
    tcase_add_test(t, guessed_chunks_are_those_of_h5py);
    Suite *s = suite_create("hdf5");
    suite_add_tcase(s, t);
    return suite_run(s);
}
