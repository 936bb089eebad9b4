/* tests/unit/check_tally.c - pieces of text are counted whatever their length, in the order of
 * first sight, while the table grows. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "stdlib/core/tally.h"
#include "tests/unit/suite.h"

enum { TEXTS = 5000 };

/* The i-th text: from 1 to 40 bytes, all different. */
static size_t text_of(size_t i, char *out)
{
    int n = snprintf(out, 64, "%zu", i);
    size_t to = i % 40;
    while ((size_t)n < to) out[n] = (char)('a' + i % 26), n++;
    out[n] = 0;
    return (size_t)n;
}

START_TEST(every_text_has_its_count_and_place)
{
    tally t = {0};
    char s[64];
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < TEXTS; i++) {
            size_t n = text_of(i, s);
            if (i % 3 >= (size_t)round) tally_add(&t, s, n, n);
        }
    ck_assert_uint_eq(t.n, TEXTS);
    for (size_t i = 0; i < TEXTS; i++) {
        size_t n, want = text_of(i, s);
        int64_t count;
        const char *at = tally_get(&t, i, &n, &count);
        ck_assert_uint_eq(n, want);
        ck_assert(memcmp(at, s, n) == 0);
        ck_assert_int_eq(count, (int64_t)(i % 3) + 1);
    }
    tally_clear(&t);
    tally_add(&t, "x", 1, 1);
    ck_assert_uint_eq(t.n, 1);
    tally_clear(&t);
}
END_TEST

START_TEST(what_stands_behind_a_text_does_not_count)
{
    tally t = {0};
    const char *line = "ab abc ab abcdefgh abcdefghi ab";
    tally_add(&t, line, 2, 31);
    tally_add(&t, line + 3, 3, 28);
    tally_add(&t, line + 7, 2, 24);
    tally_add(&t, line + 10, 8, 21);
    tally_add(&t, line + 19, 9, 12);
    tally_add(&t, line + 29, 2, 2);
    ck_assert_uint_eq(t.n, 4);
    size_t n;
    int64_t count;
    tally_get(&t, 0, &n, &count);
    ck_assert_int_eq(count, 3);
    tally_clear(&t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tally");
    TCase *t = tcase_create("tally");
    tcase_add_test(t, every_text_has_its_count_and_place);
    tcase_add_test(t, what_stands_behind_a_text_does_not_count);
    suite_add_tcase(s, t);
    return suite_run(s);
}
