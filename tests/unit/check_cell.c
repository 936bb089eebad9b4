/* Cells: what was typed or pasted becomes Python, line for line. */
#include <check.h>
#include <string.h>

#include "repl/cell.c"
#include "tests/unit/suite.h"

static const struct {
    const char *typed, *python;
    bool silent;
} cells[] = {
    {"x = 1\n", "x = 1\n", false},
    {"x;  # no echo", "x;  # no echo", true},
    {"'a;'", "'a;'", false},
    {"%time f('a')\n", "get_ipython().run_line_magic('time', 'f(\\'a\\')')\n", false},
    {"for i in y:\n    %timeit i\n",
     "for i in y:\n    get_ipython().run_line_magic('timeit', 'i')\n", false},
    {"x = !ls", "x = get_ipython().getoutput('ls')", false},
    {"!ls -l", "get_ipython().system('ls -l')", false},
    {"a.b?", "get_ipython().run_line_magic('pinfo', 'a.b')", false},
    {"??f", "get_ipython().run_line_magic('pinfo2', 'f')", false},
    {"(a\n% b)\n", "(a\n% b)\n", false},
    {"'''\n%time\n'''\n", "'''\n%time\n'''\n", false},
    {"a \\\n% b\n", "a \\\n% b\n", false},
    {">>> x = 1\n>>> if x:\n...     y\n...\n1\n>>> x\n", "x = 1\nif x:\n    y\n\nx\n", false},
    {"In [3]: x = 1\n   ...: y\nOut[3]: 1\n\nIn [4]: y\n", "x = 1\ny\ny\n", false},
};

START_TEST(a_cell_becomes_python)
{
    cell c = cell_read(cells[_i].typed);
    ck_assert_str_eq(c.text, cells[_i].python);
    ck_assert_int_eq(c.silent, cells[_i].silent);
    ck_assert_ptr_null(c.magic);
    cell_clear(&c);
}
END_TEST

START_TEST(a_cell_magic_keeps_its_body_as_written)
{
    cell c = cell_read("%%time -x\n# note\n%time y\n");
    ck_assert_str_eq(c.magic, "time");
    ck_assert_str_eq(c.args, "-x");
    ck_assert_str_eq(c.text, "# note\n%time y\n");
    cell_clear(&c);
}
END_TEST

START_TEST(indentation_leaves_strings_alone)
{
    char *got = cell_indent("a\n  b('''x\ny''')\n\nc", 4);
    ck_assert_str_eq(got, "    a\n      b('''x\ny''')\n\n    c");
    mem_free(got);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cell");
    TCase *c = tcase_create("text");
    tcase_add_loop_test(c, a_cell_becomes_python, 0, sizeof cells / sizeof *cells);
    tcase_add_test(c, a_cell_magic_keeps_its_body_as_written);
    tcase_add_test(c, indentation_leaves_strings_alone);
    suite_add_tcase(s, c);
    return suite_run(s);
}
