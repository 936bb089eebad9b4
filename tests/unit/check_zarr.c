/* tests/unit/check_zarr.c - compressors, and chunked arrays in folders. */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "engine/io/zarr.h"
#include "tests/unit/suite.h"

static const char *const names[] = {"zlib", "gzip", "zstd", "lz4", "blosc"};

static codec make(const char *name)
{
    codec c = {0};
    err e = {0};
    ck_assert_msg(codec_find(name, &c, &e), "%s", e.msg);
    c.level = 3;
    c.shuffle = 1;
    strcpy(c.inner, "lz4");
    return c;
}

static void fill(char *at, size_t n)
{
    for (size_t i = 0; i < n; i++) at[i] = (char)(i % 7 * (i / 100));
}

START_TEST(what_is_packed_comes_out_again)
{
    codec c = make(names[_i]);
    err e = {0};
    char from[10000], to[10000];
    size_t n = 0, all = 0;
    fill(from, sizeof from);
    buf *packed = codec_pack(&c, 8, from, sizeof from, &n, &e);
    ck_assert_msg(packed && n < sizeof from, "%s", e.msg ? e.msg : "grew");
    ck_assert(codec_unpack(&c, packed->data, n, to, sizeof to, &e));
    ck_assert_mem_eq(from, to, sizeof from);
    buf *whole = codec_unpack_all(&c, packed->data, n, &all, &e);
    ck_assert(whole && all == sizeof from);
    ck_assert_mem_eq(whole->data, from, sizeof from);
    buf_unref(whole);
    buf_unref(packed);
}
END_TEST

START_TEST(damaged_bytes_are_an_error)
{
    codec c = make(names[_i]);
    char from[5000], to[5000];
    err e = {0};
    size_t n = 0;
    fill(from, sizeof from);
    buf *packed = codec_pack(&c, 8, from, sizeof from, &n, &e);
    ck_assert(!codec_unpack(&c, packed->data, n / 2, to, sizeof to, &e));
    ck_assert_int_eq(e.kind, RuntimeError);
    err_clear(&e);
    ck_assert(!codec_unpack(&c, packed->data, n, to, sizeof to - 1, &e));
    err_clear(&e);
    ck_assert(!codec_unpack(&c, packed->data, 0, to, sizeof to, &e));
    err_clear(&e);
    for (size_t i = 0; i < n; i++) { /* no byte makes it read or write out of bounds */
        packed->data[i] ^= 0x55;
        codec_unpack(&c, packed->data, n, to, sizeof to, &e);
        err_clear(&e);
        packed->data[i] ^= 0x55;
    }
    buf_unref(packed);
}
END_TEST

START_TEST(unknown_codecs_are_named)
{
    codec c;
    err e = {0};
    ck_assert(!codec_find("magic", &c, &e));
    ck_assert_str_eq(e.msg, "codec not available: 'magic'");
    err_clear(&e);
}
END_TEST

/* --- arrays --- */

static char folder[64];

static zarr *array_of(int64_t rows, int64_t columns, codec c)
{
    zarr_spec s = {.t = dtype_plain(DT_int32),
                   .ndim = 2,
                   .shape = {rows, columns},
                   .chunk = {4, 3},
                   .separator = '.',
                   .codec = c};
    err e = {0};
    strcpy(folder, "/tmp/check_zarr.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    zarr *z = zarr_new(folder, &s, &e);
    ck_assert_ptr_nonnull(z);
    return z;
}

static void remove_folder(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static nd *counting(const int64_t *count, int32_t first)
{
    err e = {0};
    nd *x = nd_new(dtype_plain(DT_int32), 2, count, &e);
    for (int64_t i = 0, n = nd_count(x); i < n; i++) ((int32_t *)x->at)[i] = first + (int32_t)i;
    return x;
}

static int32_t at(const nd *x, int64_t i, int64_t j)
{
    return *(const int32_t *)(x->at + i * nd_strides(x)[0] + j * nd_strides(x)[1]);
}

START_TEST(regions_with_steps_cross_chunks)
{
    zarr *z = array_of(10, 7, make("zstd"));
    err e = {0};
    nd *x = counting((int64_t[]){10, 7}, 0);
    ck_assert(zarr_write(
        z, &(zarr_region){(int64_t[]){0, 0}, (int64_t[]){1, 1}, (int64_t[]){10, 7}}, x, &e));
    nd *y =
        zarr_read(z, &(zarr_region){(int64_t[]){1, 0}, (int64_t[]){3, 2}, (int64_t[]){3, 4}}, &e);
    ck_assert_ptr_nonnull(y);
    for (int64_t i = 0; i < 3; i++)
        for (int64_t j = 0; j < 4; j++) ck_assert_int_eq(at(y, i, j), (1 + 3 * i) * 7 + 2 * j);
    ck_assert(
        !zarr_read(z, &(zarr_region){(int64_t[]){1, 0}, (int64_t[]){3, 2}, (int64_t[]){4, 4}}, &e));
    ck_assert_int_eq(e.kind, ValueError);
    err_clear(&e);
    datum_unref(x);
    datum_unref(y);
    datum_unref(z);
    remove_folder();
}
END_TEST

START_TEST(a_truncated_chunk_names_its_file)
{
    zarr *z = array_of(4, 3, make("blosc"));
    const zarr_region all = {(int64_t[]){0, 0}, (int64_t[]){1, 1}, (int64_t[]){4, 3}};
    err e = {0};
    nd *x = counting((int64_t[]){4, 3}, 5);
    char path[100];
    ck_assert(zarr_write(z, &all, x, &e));
    snprintf(path, sizeof path, "%s/0.0", folder);
    ck_assert_int_eq(truncate(path, 20), 0);
    ck_assert(!zarr_read(z, &all, &e));
    ck_assert_ptr_nonnull(strstr(e.msg, path));
    err_clear(&e);
    datum_unref(x);
    datum_unref(z);
    remove_folder();
}
END_TEST

typedef struct writer {
    zarr *z;
    int64_t row;
} writer;

static void *write_row(void *p)
{
    const writer *w = p;
    err e = {0};
    nd *x = counting((int64_t[]){1, 7}, (int32_t)(100 * w->row));
    const zarr_region r = {(int64_t[]){w->row, 0}, (int64_t[]){1, 1}, (int64_t[]){1, 7}};
    for (int i = 0; i < 20; i++) ck_assert(zarr_write(w->z, &r, x, &e));
    datum_unref(x);
    return NULL;
}

START_TEST(rows_of_one_chunk_may_be_written_by_several_threads)
{
    zarr *z = array_of(4, 7, make("lz4"));
    writer w[4];
    pthread_t thread[4];
    for (int i = 0; i < 4; i++) {
        w[i] = (writer){z, i};
        pthread_create(&thread[i], NULL, write_row, &w[i]);
    }
    for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
    err e = {0};
    nd *x =
        zarr_read(z, &(zarr_region){(int64_t[]){0, 0}, (int64_t[]){1, 1}, (int64_t[]){4, 7}}, &e);
    for (int64_t i = 0; i < 4; i++)
        for (int64_t j = 0; j < 7; j++) ck_assert_int_eq(at(x, i, j), 100 * i + j);
    datum_unref(x);
    datum_unref(z);
    remove_folder();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("zarr");
    TCase *codecs = tcase_create("codecs"), *arrays = tcase_create("arrays");
    tcase_add_loop_test(codecs, what_is_packed_comes_out_again, 0, 5);
    tcase_add_loop_test(codecs, damaged_bytes_are_an_error, 0, 5);
    tcase_add_test(codecs, unknown_codecs_are_named);
    tcase_add_test(arrays, regions_with_steps_cross_chunks);
    tcase_add_test(arrays, a_truncated_chunk_names_its_file);
    tcase_add_test(arrays, rows_of_one_chunk_may_be_written_by_several_threads);
    suite_add_tcase(s, codecs);
    suite_add_tcase(s, arrays);
    return suite_run(s);
}
