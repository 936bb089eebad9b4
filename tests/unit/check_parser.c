/* Trees and sentences: what a text means, and what is wrong with it. */
#include <check.h>
#include <string.h>

#include "lang/parser.h"
#include "tests/unit/suite.h"

static arena mem;
static syntax_error why;

static char *dump(const char *text, enum parse_mode mode)
{
    strbuf b = {0};
    arena_clear(&mem);
    ast *x = parse(&mem, text, strlen(text), "x.dsk", mode, &why);
    if (x)
        ast_dump(&b, x, false);
    else
        syntax_error_show(&b, &why);
    return sb_take(&b, NULL);
}

static void ck_dump(const char *text, enum parse_mode mode, const char *want)
{
    char *got = dump(text, mode);
    ck_assert_str_eq(got, want);
    mem_free(got);
}

#define NAME(x) "Name(id='" x "', ctx=Load())"

static const struct {
    const char *text, *tree;
} expressions[] = {
    {"a + b * c",
     "BinOp(left=" NAME("a") ", op=Add(), right=BinOp(left=" NAME("b") ", op=Mult(), "
                                                                       "right=" NAME("c") "))"},
    {"-a ** -b", "UnaryOp(op=USub(), operand=BinOp(left=" NAME(
                     "a") ", op=Pow(), "
                          "right=UnaryOp(op=USub(), operand=" NAME("b") ")))"},
    {"a < b is not c", "Compare(left=" NAME("a") ", ops=[Lt(), IsNot()], comparators=[" NAME(
                           "b") ", " NAME("c") "])"},
    {"a or b or not c",
     "BoolOp(op=Or(), values=[" NAME("a") ", " NAME("b") ", UnaryOp(op=Not(), "
                                                         "operand=" NAME("c") ")])"},
    {"a[1:, ...]",
     "Subscript(value=" NAME("a") ", slice=Tuple(elts=[Slice(lower=Constant(value=1)), "
                                  "Constant(value=Ellipsis)], ctx=Load()), ctx=Load())"},
    {"f(*a, k=1)", "Call(func=" NAME("f") ", args=[Starred(value=" NAME(
                       "a") ", ctx=Load())], "
                            "keywords=[keyword(arg='k', value=Constant(value=1))])"},
    {"{**a, 1: b}", "Dict(keys=[None, Constant(value=1)], values=[" NAME("a") ", " NAME("b") "])"},
    {"'a' r'\\n' '\\x41\\u00e9'", "Constant(value='a\\\\nA\xc3\xa9')"},
    {"b'\\xff\\0'", "Constant(value=b'\\xff\\x00')"},
    {"0x_ff, 1e3, 2j, 12345678901234567890",
     "Tuple(elts=[Constant(value=255), Constant(value=1e+03), Constant(value=2j), "
     "Constant(value=12345678901234567890)], ctx=Load())"},
    {"f'a{b!r:>{w}}{c=}'",
     "JoinedStr(values=[Constant(value='a'), FormattedValue(value=" NAME(
         "b") ", conversion=114, "
              "format_spec=JoinedStr(values=[Constant(value='>'), FormattedValue(value=" NAME(
                  "w") ", "
                       "conversion=-1)])), Constant(value='c='), FormattedValue(value=" NAME(
                           "c") ", "
                                "conversion=114)])"},
    {"lambda a, /, b=1, *c, d, **e: a",
     "Lambda(args=arguments(posonlyargs=[arg(arg='a')], args=[arg(arg='b')], vararg=arg(arg='c'), "
     "kwonlyargs=[arg(arg='d')], kw_defaults=[None], kwarg=arg(arg='e'), "
     "defaults=[Constant(value=1)]), body=" NAME("a") ")"},
};

START_TEST(an_expression_has_the_tree_that_python_gives_it)
{
    strbuf want = {0};
    sb_addf(&want, "Expression(body=%s)", expressions[_i].tree);
    ck_dump(expressions[_i].text, PARSE_EVAL, sb_text(&want));
    sb_clear(&want);
}
END_TEST

static const struct {
    const char *text, *message;
} mistakes[] = {
    {"print 1\n", "Missing parentheses in call to 'print'. Did you mean print(...)?"},
    {"if x\n", "expected ':'"},
    {"if x:\ny\n", "expected an indented block after 'if' statement on line 1"},
    {"f() = 1\n", "cannot assign to function call here. Maybe you meant '==' instead of '='?"},
    {"(a, 1) = 1\n", "cannot assign to literal"},
    {"del f()\n", "cannot delete function call"},
    {"f(a b)\n", "invalid syntax. Perhaps you forgot a comma?"},
    {"f(a\n", "'(' was never closed"},
    {"x = a if b\n", "expected 'else' after 'if' expression"},
    {"f(a=1, b)\n", "positional argument follows keyword argument"},
    {"def f(a=1, b): pass\n", "non-default argument follows default argument"},
    {"f'{a b}'", "f-string: invalid syntax. Perhaps you forgot a comma?"},
    {"f'{}'", "f-string: empty expression not allowed"},
    {"'a' b'b'", "cannot mix bytes and nonbytes literals"},
    {"'\\x1'", "(unicode error) 'unicodeescape' codec can't decode bytes in position 0-2: "
               "truncated \\xXX escape"},
    {"x y\n", "invalid syntax"},
    {"  x\n", "unexpected indent"},
    {"x = '", "unterminated string literal (detected at line 1)"},
};

START_TEST(a_mistake_is_named_as_python_names_it)
{
    mem_free(dump(mistakes[_i].text, PARSE_FILE));
    ck_assert_str_eq(why.msg, mistakes[_i].message);
}
END_TEST

START_TEST(an_error_shows_its_line_and_carets)
{
    ck_dump("if 1:\n    print 1\n", PARSE_FILE,
            "  File \"x.dsk\", line 2\n"
            "    print 1\n"
            "    ^^^^^^^\n"
            "SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?\n");
}
END_TEST

START_TEST(a_cell_that_lacks_lines_says_so)
{
    static const char *const lacking[] = {"f(1,",
                                          "if x:\n",
                                          "'''abc",
                                          "x = 1 + \\",
                                          "try:\n  x",
                                          "@d\n",
                                          "def f():\n",
                                          "def f():\n    if x:\n",
                                          "class A:\n  def f():\n    try:\n      x\n"};
    static const char *const wrong[] = {"x = ", "f(]", "'abc", "x y"};
    for (size_t i = 0; i < sizeof lacking / sizeof *lacking; i++) {
        mem_free(dump(lacking[i], PARSE_CELL));
        ck_assert_msg(why.incomplete, "%s", lacking[i]);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        mem_free(dump(wrong[i], PARSE_CELL));
        ck_assert_msg(!why.incomplete, "%s", wrong[i]);
    }
}
END_TEST

START_TEST(a_cell_may_print_as_python_2_does)
{
    ck_dump(
        "print 'a', b,\n", PARSE_CELL,
        "Interactive(body=[Expr(value=Call(func=" NAME(
            "print") ", args=[Constant(value='a'), " NAME("b") "], keywords=[keyword(arg='end', "
                                                               "value=Constant(value=' '))]))])");
    ck_assert(why.py2);
    mem_free(dump("print('a')\n", PARSE_CELL));
    ck_assert(!why.py2);
    mem_free(dump("print 'a'\n", PARSE_FILE));
    ck_assert_int_eq(why.kind, SyntaxError);
}
END_TEST

static void deep(const char *unit, size_t n)
{
    strbuf b = {0};
    for (size_t i = 0; i < n; i++) sb_adds(&b, unit);
    arena_clear(&mem);
    parse(&mem, b.at, b.n, "x.dsk", PARSE_FILE, &why);
    sb_clear(&b);
}

START_TEST(hostile_depth_is_an_error_and_no_crash)
{
    static const char *const units[] = {"(",   "-",  "not ", "lambda: ", "a if b else ", "1**",
                                        "[a ", "f(", "{1:",  "1+",       ".a",           "x "};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        deep(units[i], 100000);
        ck_assert_int_ne(why.kind, NO_ERR);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("parser");
    TCase *c = tcase_create("trees");
    tcase_add_loop_test(c, an_expression_has_the_tree_that_python_gives_it, 0,
                        sizeof expressions / sizeof *expressions);
    tcase_add_loop_test(c, a_mistake_is_named_as_python_names_it, 0,
                        sizeof mistakes / sizeof *mistakes);
    tcase_add_test(c, an_error_shows_its_line_and_carets);
    tcase_add_test(c, a_cell_that_lacks_lines_says_so);
    tcase_add_test(c, a_cell_may_print_as_python_2_does);
    tcase_add_test(c, hostile_depth_is_an_error_and_no_crash);
    suite_add_tcase(s, c);
    int failures = suite_run(s);
    arena_clear(&mem);
    return failures;
}
