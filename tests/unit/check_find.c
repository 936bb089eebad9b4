/* tests/unit/check_find.c - memory_find() against memmem(), in memory that ends where the text
 * does.
 */
#include "engine/base/find.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/suite.h"

static uint64_t state = 88172645463325252u;

static unsigned below(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state % n);
}

static char *text(size_t n, unsigned letters)
{
    char *s = malloc(n ? n : 1);
    for (size_t i = 0; i < n; i++) s[i] = (char)('a' + below(letters));
    return s;
}

START_TEST(finds_what_memmem_finds)
{
    for (int round = 0; round < 20000; round++) {
        size_t n = below(round % 10 ? 70 : 3000), m = below(round % 7 ? 6 : 40);
        unsigned letters = 1 + below(4);
        char *s = text(n, letters), *what = text(m, letters);
        ck_assert_ptr_eq(memory_find(s, n, what, m), memmem(s, n, what, m));
        free(s);
        free(what);
    }
}
END_TEST

START_TEST(a_hopeless_text_takes_time_in_proportion)
{
    size_t n = 1 << 20, m = 1 << 19;
    char *s = malloc(n), *what = malloc(m);
    memset(s, 'a', n);
    memset(what, 'a', m);
    what[m / 2] = 'b'; /* right at both ends everywhere: 2**38 comparisons if each place is tried */
    ck_assert_ptr_null(memory_find(s, n, what, m));
    free(s);
    free(what);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("find");
    TCase *t = tcase_create("bytes");
    tcase_add_test(t, finds_what_memmem_finds);
    tcase_add_test(t, a_hopeless_text_takes_time_in_proportion);
    suite_add_tcase(s, t);
    return suite_run(s);
}
