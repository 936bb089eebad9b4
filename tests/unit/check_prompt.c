/* The prompt on a terminal: keys are typed, and what cells then show is looked for. */
#include <check.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/suite.h"

#define READY "\033[?2004h" /* a line begins to be read */
#define UP    "\033[A"
#define DOWN  "\033[B"
#define PASTE "\033[200~"
#define END   "\033[201~"

typedef struct terminal {
    int fd;
    pid_t child;
    char seen[1 << 16]; /* everything the program has written */
    size_t n, awaited;
} terminal;

/* The program beside this test. */
static const char *program(char *path, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", path, size - 8);
    ck_assert_int_gt(n, 0);
    path[n] = 0;
    strcpy(strrchr(path, '/') + 1, "dsk");
    return path;
}

static void open_terminal(terminal *t, const char *term)
{
    char path[4096];
    struct winsize size = {.ws_row = 24, .ws_col = 60};
    program(path, sizeof path);
    *t = (terminal){0};
    t->child = forkpty(&t->fd, NULL, NULL, &size);
    if (t->child == 0) {
        setenv("TERM", term, 1);
        setenv("NO_COLOR", "1", 1);
        setenv("DSK_HISTORY", "", 1);
        setenv("INPUTRC", "/dev/null", 1);
        setenv("PAGER", "sed s/^/:/", 1); /* for what is longer than the screen */
        execl(path, path, (char *)NULL);
        _exit(127);
    }
    ck_assert_int_gt(t->child, 0);
}

/* Reads until `text` comes after what was awaited before; false: it does not, in a long time. */
static bool await(terminal *t, const char *text)
{
    struct pollfd p = {.fd = t->fd, .events = POLLIN};
    for (;;) {
        const char *at = strstr(t->seen + t->awaited, text);
        if (at) {
            t->awaited = (size_t)(at - t->seen) + strlen(text);
            return true;
        }
        if (t->n + 1 >= sizeof t->seen || poll(&p, 1, 10000) <= 0) return false;
        ssize_t n = read(t->fd, t->seen + t->n, sizeof t->seen - t->n - 1);
        if (n <= 0) return false;
        t->n += (size_t)n;
        t->seen[t->n] = 0;
    }
}

static void type(terminal *t, const char *keys)
{
    ck_assert_int_eq(write(t->fd, keys, strlen(keys)), (ssize_t)strlen(keys));
}

/* Cells, a | between two of them: what is typed ahead of a prompt is not edited. */
static void type_cells(terminal *t, const char *keys)
{
    for (char text[256]; *keys; keys += strspn(keys, "|")) {
        snprintf(text, sizeof text, "%.*s", (int)strcspn(keys, "|"), keys);
        ck_assert_msg(await(t, READY), "no prompt: %s", t->seen);
        type(t, text);
        keys += strlen(text);
    }
}

static void close_terminal(terminal *t, const char *ready)
{
    int status;
    char rest[4096];
    ck_assert_msg(await(t, ready), "%s", t->seen);
    type(t, "\004");
    int tries = 0; /* between two lines the terminal itself takes what is typed: once more, then */
    while (tries < 20) {
        struct pollfd p = {.fd = t->fd, .events = POLLIN};
        if (poll(&p, 1, 2000) == 0) {
            type(t, "\004");
            tries++;
        } else if (read(t->fd, rest, sizeof rest) <= 0)
            break;
    }
    if (tries == 20) kill(t->child, SIGKILL);
    ck_assert_int_eq(waitpid(t->child, &status, 0), t->child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(t->fd);
}

static const struct {
    const char *keys, *shown;
} typed[] = {
    {"6 * 7\r", "Out[1]: 42"},
    /* the line above can still be changed */
    {"def f(a):\rreturn a * 2\r" UP "\005 + 1" DOWN "\r|f(10)\r", "Out[2]: 21"},
    {"def f(a):\rif a:\rreturn 1\relse:\rreturn [2,\r3]\r\r|f(0)\r", "Out[2]: [2, 3]"},
    {"s = '''a\rb'''\r|s\r", "Out[2]: 'a\\nb'"},
    /* a cell comes back whole; what has been typed chooses among them */
    {"for i in range(2):\rprint(i * 'yes!')\r\r|6 * 7\r|for" UP "\r", "\r\nyes!"},
    {"ab = 20\r|ac = 22\r|1\r|ab" UP " + 1; ab\r", "Out[4]: 21"},
    {"5\r|nothing" UP "\x15 8\r", "Out[2]: 8"},
    /* ... anew in each cell, though the arrows went through its own lines first */
    {"x5 = 30; x5\r|x5 = 30; x" UP "\r|x5,\\\rx5" UP UP "\r", "Out[3]: 30"},
    /* pasted text is taken as it is */
    {PASTE "def f(a):\n    if a:\n\n        return 3\n\nf(1)\n" END "\r", "Out[1]: 3"},
    {PASTE "    x = 4\n    x * 2" END "\r", "Out[1]: 8"},
    {PASTE ">>> x = 4\n>>> x * 3" END "\r", "Out[1]: 12"},
    /* ... also where the terminal does not mark it */
    {"def f(a):\r    b = 0\r    if a:\r\r        b = 1\r    else:\r        b = 2\r\r    return b, "
     "b\r\rf(1)\r",
     "Out[2]: (1, 1)"},
    {"def g(a):\r  return [\r    a,\r    5]\rprint(g(1))\r", "[1, 5]"},
    /* wide characters, lines longer than the terminal, Backspace, Ctrl-L, Ctrl-C */
    {"'\xe4\xb8\xad\xe6\x96\x87\177' * 2\r", "Out[1]: '\xe4\xb8\xad\xe4\xb8\xad'"},
    {"len('0123456789012345678901234567890123456789012345678901234567890123456789'\177')\r",
     "Out[1]: 70"},
    {"1 +\f 1\r", "Out[1]: 2"},
    {"half a line\025"
     "3 * 3\r",
     "Out[1]: 9"},
    /* Tab: names, attributes, arguments, keys, paths, modules, methods of texts */
    {"alphabet = 5\r|alph\t\r", "Out[2]: 5"},
    {"'abc'.up\t()\r", "Out[1]: 'ABC'"},
    {"1.5.is_in\t()\r", "Out[1]: False"},
    {"x = 5.\t5\rx\r|x\r", "Out[2]: 5.5"},
    {"(7).bit_l\t()\r", "Out[1]: 3"},
    {"[3, 'a)', 3].cou\t(3)\r", "Out[1]: 2"},
    {"{'a': 1}.ke\t()\r", "dict_keys(['a'])"},
    {"import pandas as pd; df = pd.DataFrame({'alpha': [1], 'beta': [2]})\r|"
     "len(df[['alpha', 'be\t']].columns)\r",
     "Out[2]: 2"},
    {"import math\r|math.fact\t(4)\r", "Out[2]: 24"},
    {"sorted([1, 2], ke\tlambda x: -x)\r", "Out[1]: [2, 1]"},
    {"d = {'alpha': {'beta': 7}}\r|d['al\t['be\t\r", "Out[2]: 7"},
    {"d = {12345: 8}\r|d[\t\r", "Out[2]: 8"},
    {"import numpy.lin\t as l\r|l.__name__\r", "Out[2]: 'numpy.linalg'"},
    {"import numpy as np\r|np.linspace(0, 3, nu\t4)\r", "array([0., 1., 2., 3.])"},
    {"# it's\r'abc'.upp\t()\r", "'ABC'"},
    {"%cd /usr/bi\t\r|%pwd\r", "'/usr/bin'"},
    /* what was typed and what came out */
    {"3\r|4\r|_ * 10 + __\r", "Out[3]: 43"},
    {"8\r|_i\r", "Out[2]: '8'"},
    {"%timeit?\r", "Time many runs"},
    {"import numpy as np\r|np.cumsum\r",
     "<function numpy.cumsum(a, axis=None, dtype=None, out=None)>"},
    {"?\r", "%lsmagic "},
    {"??\r", "%lsmagic "},
    {"help\r", "%lsmagic "},
    {"abc = 'x' * 100000\r|%memory\r", "abc "},
    {"%memory 3GB\r", "limit    2.79 GiB"},
    /* words are whole at the edge of the terminal, which is 60 columns wide */
    {"%lsmagic\r", "%debug\r\n%dir"},
    {"import numpy as np\r|np.linspace?\r", "\r\n    num=50,\r\n"},
    {"def f():\r'''one two three four five six seven eight nine ten eleven twelve thirteen.'''\r\r|"
     "help(f)\r",
     "eleven\r\n    twelve"},
    {"help(list)\r", "\r\n: |"},
    {"import dask.array as da; da.ones((9, 900), chunks=(9, 10))\r", " 0...,\r\n        ('ones"},
    {"len([1]\t\r)\r", "Out[1]: 1"},
    {"1/0\r", "ZeroDivisionError: division by zero"},
    {"x = = 1\r", "SyntaxError"},
    {"x = !echo a b; echo c\r|x.fields(0), x.grep('B'), x.fields()\r",
     "(['a', 'c'], ['a b'], [['a', 'b'], ['c']])"},
};

START_TEST(keys_do_what_they_say)
{
    static terminal t;
    open_terminal(&t, "xterm");
    type_cells(&t, typed[_i].keys);
    ck_assert_msg(await(&t, typed[_i].shown), "%s\n%s", typed[_i].keys, t.seen);
    close_terminal(&t, READY);
}
END_TEST

START_TEST(a_terminal_that_can_nothing_is_read_by_lines)
{
    static terminal t;
    open_terminal(&t, "dumb");
    ck_assert(await(&t, "In [1]:"));
    type(&t, "def f(a):\rreturn a * 2\r\r");
    ck_assert(await(&t, "In [2]:"));
    type(&t, "f(21)\r");
    ck_assert_msg(await(&t, "Out[2]: 42"), "%s", t.seen);
    ck_assert_ptr_null(strchr(t.seen, '\033'));
    close_terminal(&t, "In [3]:");
}
END_TEST

START_TEST(a_running_cell_ends_at_ctrl_c)
{
    static terminal t;
    open_terminal(&t, "xterm");
    type_cells(&t, PASTE "print('be' + 'gun')\nwhile True: pass" END "\r");
    ck_assert(await(&t, "begun"));
    type(&t, "\003");
    ck_assert_msg(await(&t, "KeyboardInterrupt"), "%s", t.seen);
    close_terminal(&t, READY);
}
END_TEST

START_TEST(a_line_ends_at_ctrl_c)
{
    static terminal t;
    open_terminal(&t, "xterm");
    type_cells(&t, "half a line");
    ck_assert(await(&t, "half a line"));
    type(&t, "\003");
    ck_assert_msg(await(&t, "KeyboardInterrupt"), "%s", t.seen);
    type_cells(&t, "3 * 3\r");
    ck_assert_msg(await(&t, "Out[1]: 9"), "%s", t.seen);
    close_terminal(&t, READY);
}
END_TEST

START_TEST(a_stopped_prompt_comes_back)
{
    static terminal t;
    open_terminal(&t, "xterm");
    type_cells(&t, "5 + ");
    ck_assert(await(&t, "5 + "));
    kill(t.child, SIGSTOP);
    kill(t.child, SIGCONT);
    ck_assert_msg(await(&t, "5 + "), "not drawn again: %s", t.seen);
    type(&t, "6\r");
    ck_assert_msg(await(&t, "Out[1]: 11"), "%s", t.seen);
    close_terminal(&t, READY);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("prompt");
    TCase *c = tcase_create("terminal");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, keys_do_what_they_say, 0, sizeof typed / sizeof *typed);
    tcase_add_test(c, a_terminal_that_can_nothing_is_read_by_lines);
    tcase_add_test(c, a_running_cell_ends_at_ctrl_c);
    tcase_add_test(c, a_line_ends_at_ctrl_c);
    tcase_add_test(c, a_stopped_prompt_comes_back);
    suite_add_tcase(s, c);
    return suite_run(s);
}
