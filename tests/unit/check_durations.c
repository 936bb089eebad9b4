/* Durations in units so far from each other that their quotient cannot be counted. */
#include <check.h>
#include <stdint.h>

#include "engine/data/datetime.h"
#include "tests/unit/suite.h"

START_TEST(years_and_attoseconds_are_converted_without_a_crash)
{
    ck_assert_int_eq(datetime_convert(400, UNIT_as, UNIT_Y, false), 0);
    ck_assert_int_eq(datetime_convert(1, UNIT_Y, UNIT_as, false), INT64_MIN);
    ck_assert_int_eq(datetime_convert(INT64_MAX, UNIT_Y, UNIT_ps, false), INT64_MIN);
    ck_assert_int_eq(datetime_convert(-1, UNIT_Y, UNIT_D, false), -366);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("durations");
    TCase *c = tcase_create("conversion");
    tcase_add_test(c, years_and_attoseconds_are_converted_without_a_crash);
    suite_add_tcase(s, c);
    return suite_run(s);
}
