/* Tokens: what a text is cut into, and where cutting stops. */
#include <check.h>
#include <string.h>

#include "lang/lexer.h"
#include "tests/unit/suite.h"

static arena mem;
static tokens t;
static syntax_error why;

static void cut(const char *text)
{
    lexicon words;
    lexicon_init(&words);
    tokens_clear(&t);
    arena_clear(&mem);
    why = (syntax_error){0};
    size_t n = strlen(text);
    char *copy = arena_alloc(&mem, n + 4);
    memcpy(copy, text, n);
    lex(&t, &words, &mem, copy, n, &why);
}

static void ck_types(const char *text, size_t n, const enum token_type *want)
{
    cut(text);
    ck_assert_uint_eq(t.n, n);
    for (size_t i = 0; i < n; i++) ck_assert_int_eq(t.at[i].type, want[i]);
}
#define CK_TYPES(text, ...)                                                                        \
    ck_types(text, sizeof((enum token_type[]){__VA_ARGS__}) / sizeof(enum token_type),             \
             (enum token_type[]){__VA_ARGS__})

START_TEST(every_row_of_the_table_is_cut_as_itself)
{
    const token_info *row = &token_table[_i];
    if (strchr("()[]{}", row->text[0])) return;
    cut(row->text);
    ck_assert_int_eq(t.at[0].type, _i);
    ck_assert_uint_eq(t.at[0].end, row->n);
}
END_TEST

START_TEST(indentation_becomes_tokens_and_blank_lines_do_not)
{
    CK_TYPES("if x:\n\n    # c\n    y\nz\n", T_IF, T_NAME, T_COLON, T_NEWLINE, T_INDENT, T_NAME,
             T_NEWLINE, T_DEDENT, T_NAME, T_NEWLINE, T_END);
    CK_TYPES("if x:\n  y", T_IF, T_NAME, T_COLON, T_NEWLINE, T_INDENT, T_NAME, T_NEWLINE, T_DEDENT,
             T_END);
}
END_TEST

START_TEST(brackets_and_backslashes_join_lines)
{
    CK_TYPES("(a,\n  b)\n", T_LPAR, T_NAME, T_COMMA, T_NAME, T_RPAR, T_NEWLINE, T_END);
    CK_TYPES("a + \\\n b\n", T_NAME, T_PLUS, T_NAME, T_NEWLINE, T_END);
}
END_TEST

START_TEST(numbers_and_strings_are_one_token_each)
{
    static const char *const texts[] = {"0",       "1_000",    "0xFF",  "0b1_0",        "0o17",
                                        "1.5",     ".5e-3",    "1e10j", "1_0.0_1e1_0",  "'a'",
                                        "rb'\\n'", "F\"{x}\"", "u''",   "'''a\n'b\n'''"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cut(texts[i]);
        ck_assert_msg(t.n == 3 && t.at[0].end == strlen(texts[i]), "%s", texts[i]);
    }
}
END_TEST

START_TEST(positions_count_bytes_from_the_line)
{
    cut("x\ny\xc3\xa9 = 'a\\\nb' + z\n");
    ck_assert_uint_eq(t.at[2].line, 2);
    ck_assert_uint_eq(t.at[2].end_col, 3);
    ck_assert_uint_eq(t.at[4].end_line, 3); /* the string */
    ck_assert_uint_eq(t.at[4].end_col, 2);
    ck_assert_uint_eq(t.at[6].col, 5);
}
END_TEST

static const struct {
    const char *text, *message;
} bad[] = {
    {"'abc\n", "unterminated string literal (detected at line 1)"},
    {"'''abc\n", "unterminated triple-quoted string literal (detected at line 1)"},
    {"1abc", "invalid decimal literal"},
    {"0o8", "invalid digit '8' in octal literal"},
    {"0xg", "invalid hexadecimal literal"},
    {"1jx", "invalid imaginary literal"},
    {"012", "leading zeros in decimal integer literals are not permitted; use an 0o prefix for "
            "octal integers"},
    {"a \xe2\x82\xac", "invalid character '\xe2\x82\xac' (U+20AC)"},
    {"a\xc2\xa0", "invalid non-printable character U+00A0"},
    {")", "unmatched ')'"},
    {"(\n]", "closing parenthesis ']' does not match opening parenthesis '(' on line 1"},
};

START_TEST(what_is_no_token_is_explained)
{
    cut(bad[_i].text);
    ck_assert_int_eq(t.stop, LEX_SAID);
    ck_assert_str_eq(why.msg, bad[_i].message);
}
END_TEST

START_TEST(layout_that_fits_nowhere_stops_the_lexer)
{
    cut("if x:\n    y\n  z\n");
    ck_assert_int_eq(t.stop, LEX_DEDENT);
    cut("if x:\n\ty\n        z\n");
    ck_assert_int_eq(t.stop, LEX_TABS);
    cut("(a");
    ck_assert_int_eq(t.stop, LEX_EOF);
    ck_assert_int_eq(t.open, '(');
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lexer");
    TCase *c = tcase_create("tokens");
    tcase_add_loop_test(c, every_row_of_the_table_is_cut_as_itself, T_FALSE, T_COUNT);
    tcase_add_test(c, indentation_becomes_tokens_and_blank_lines_do_not);
    tcase_add_test(c, brackets_and_backslashes_join_lines);
    tcase_add_test(c, numbers_and_strings_are_one_token_each);
    tcase_add_test(c, positions_count_bytes_from_the_line);
    tcase_add_loop_test(c, what_is_no_token_is_explained, 0, sizeof bad / sizeof *bad);
    tcase_add_test(c, layout_that_fits_nowhere_stops_the_lexer);
    suite_add_tcase(s, c);
    int failures = suite_run(s);
    tokens_clear(&t);
    arena_clear(&mem);
    return failures;
}
