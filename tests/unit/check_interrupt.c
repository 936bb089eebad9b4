/* tests/unit/check_interrupt.c - Ctrl-C, pressed on a terminal: whatever runs, the prompt comes
 * back.  Each statement says when it has begun and would go on for minutes or for ever. */
#include <check.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/suite.h"

enum { PATIENCE_MS = 5000, START_MS = 20000 }; /* generous: a loaded machine is no failure */

typedef struct session {
    int fd;
    pid_t pid;
    char text[1 << 16]; /* what came since the last line was sent */
    size_t n;
} session;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* The program that was built beside this test. */
static void program_path(char *path, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", path, size - 8);
    ck_assert(n > 0);
    path[n] = 0;
    strcpy(strrchr(path, '/'), "/dsk");
}

/* Milliseconds until `what` has been written; fails when it takes too long. */
static double wait_for(session *s, const char *what, int limit_ms)
{
    double start = now_ms();
    while (!strstr(s->text, what)) {
        double left = start + limit_ms - now_ms();
        struct pollfd p = {.fd = s->fd, .events = POLLIN};
        if (left > 0 && poll(&p, 1, (int)left) >= 0) {
            if (s->n > sizeof s->text / 2) s->n = 0;
            ssize_t got = read(s->fd, s->text + s->n, sizeof s->text - 1 - s->n);
            if (got > 0) s->text[s->n += (size_t)got] = 0;
            if (got > 0) continue;
        }
        kill(s->pid, SIGKILL);
        ck_abort_msg("no '%s' after %d ms; last: %s", what, limit_ms, s->text);
    }
    return now_ms() - start;
}

static void send_text(session *s, const char *text)
{
    s->text[s->n = 0] = 0;
    ck_assert(write(s->fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void run(session *s, const char *line)
{
    send_text(s, line);
    send_text(s, "\r");
    wait_for(s, "\nIn [", START_MS);
}

static void session_start(session *s)
{
    char path[4096];
    program_path(path, sizeof path);
    *s = (session){0};
    s->pid = forkpty(&s->fd, NULL, NULL, &(struct winsize){.ws_row = 40, .ws_col = 250});
    ck_assert(s->pid >= 0);
    if (s->pid == 0) {
        setenv("TERM", "dumb", 1);
        setenv("HOME", "/nonexistent", 1);
        execl(path, path, (char *)NULL);
        _exit(127);
    }
    wait_for(s, "\nIn [", START_MS);
}

static void session_end(session *s)
{
    send_text(s, "exit()\r");
    int status;
    waitpid(s->pid, &status, 0);
    close(s->fd);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}

/* Interrupts a statement while it runs; how long the prompt took. */
static double interrupt(session *s, const char *statement, int after_ms)
{
    char line[1024];
    snprintf(line, sizeof line, "print('st' + 'arted', flush=True); %s\r", statement);
    send_text(s, line);
    wait_for(s, "\nstarted", START_MS);
    nanosleep(&(struct timespec){.tv_nsec = after_ms * 1000000L}, NULL);
    send_text(s, "\x03");
    double t = wait_for(s, "\nIn [", PATIENCE_MS);
    ck_assert_msg(strstr(s->text, "KeyboardInterrupt") != NULL, "%s: %s", statement, s->text);
    printf("%6.1f ms  %s\n", t, statement);
    return t;
}

static const char *const language[] = {
    "exec('while True: pass')",
    "exec('while True:\\n  try: pass\\n  except Exception: pass')",
    "exec('def f(n): return f(n-1) + f(n-2) if n > 1 else n\\nf(90)', {})",
    "exec('def g():\\n  while True: yield 1\\nfor x in g(): pass', {})",
    "sum(range(10**12))",
    "max(range(10**12))",
    "any(i > 10**12 for i in range(10**13))",
    "all(itertools.repeat(1))",
    "-1 in itertools.count()",
    "min(itertools.cycle([1.5, 2.5]))",
    "collections.deque(itertools.count(), maxlen=0)",
    "next(i for i in itertools.count() if i < 0)",
    "[x for x in itertools.count() if x < 0]",
    "list(map(abs, itertools.repeat(1, 10**12)))[:1]",
    "list(filter(None, itertools.repeat(0)))",
    "dict.fromkeys(itertools.repeat(0))",
    "set(itertools.repeat(0))",
    "''.join('' for i in itertools.count())",
    "functools.reduce(max, itertools.count())",
    "sorted(range(10**7), key=lambda x: -x)[:1] * 0; sorted(range(10**7), key=lambda x: x % 7)",
    "exec('while True: sorted(floats)')",
    "3 ** 10**8 % 7",
    "math.factorial(10**7)",
    "pow(3, 2**10**6, 10**5000 + 1)",
    "exec('while True: text.replace(\"ab\", \"c\")')",
    "exec('while True: text.split(), text.title()')",
    "exec('while True: text.encode(\"utf-16\").decode(\"utf-16\")')",
    "exec('while True: repr(text), text[::-1], text.count(\"q\"), text.rfind(\"q\")')",
    "exec('while True: floats + floats * 7; floats[::-1]')",
    "exec('while True: json.loads(json.dumps(floats))')",
    "re.match('(a+)+$', 'a' * 60 + 'b')",
    "re.sub('x*', '-', 'y' * 10**8)",
    "exec('while True: json.dumps(floats, indent=1)')",
    "exec('while True: heapq.heapify(floats[:])')",
    "exec('while True: str(floats)')",
    "exec('while True: set(floats) | set(floats)')",
    "exec('while True: dict.fromkeys(floats) | dict.fromkeys(floats)')",
    "exec('while True: \"{} {}\".format(text, text)')",
    "exec('while True: bytes(range(256)) * 4000000')",
    "exec('while True: bytearray(10**8) + bytes(10**8)')",
    "exec('while True: hashlib.sha256(text.encode()).hexdigest()')",
    "exec('while True: base64.b64decode(base64.b64encode(text.encode()))')",
    "exec('while True: zlib.decompress(zlib.compress(text.encode()))')",
    "exec('while True: pickle.loads(pickle.dumps(floats))')",
    "exec('while True: copy.deepcopy([floats])')",
    "exec('while True: eval(\"[\" + \"1, \" * 10**6 + \"]\")')",
    "exec('while True: print(floats)')",
    "exec('while True: 7 ** 10**6 // 3 ** 10**6')",
    "exec('while True: (1 << 10**9) + (1 << 10**9)')",
    "exec('while True: int(str(7 ** 10**6))')",
    "exec('while True: math.gcd(7 ** 10**6, 3 ** 10**6 + 1)')",
    "exec('while True: os.urandom(10**8)')",
    "open('/dev/zero').read()",
    "open('/dev/zero', 'rb').read()",
    "exec('while True: open(\"/dev/null\", \"wb\").write(bytes(10**8))')",
    "time.sleep(1000)",
    "input()",
    "queue.Queue().get(timeout=1000)",
    "subprocess.run(['sleep', '1000'])",
    "asyncio.run(asyncio.sleep(1000))",
    "exec('while True: [[i] for i in range(10**6)]')",
    "exec('while True: tuple([str(i) for i in range(10**6)])')",
    "exec('while True: collections.deque(str(i) for i in range(10**6))')",
    "exec('class N:\\n def __init__(s, n): s.n = n\\nn = None\\nwhile True: n = N(n)', {})",
    "re.search('q', text * 50), re.search('(a|b|c)*q', text * 50)",
    "repr(bytes(10**9))",
    "exec('import bz2\\nwhile True: bz2.compress(os.urandom(10**7))')",
    "exec('import decimal as d\\nd.getcontext().prec = 10**6\\nd.Decimal(3).ln()')",
    "exec('import decimal as d\\nd.getcontext().prec = 10**7\\nwhile True: str(d.Decimal(1) / 7)')",
    "exec('import sys\\nsys.setrecursionlimit(10**9)\\ndef f(n): return f(n + 1)\\nf(0)', {})",
    "exec('while True: (text * 30).upper()')",
    "exec('while True: (text * 30).isalpha(), (text.encode() * 30).islower()')",
    "exec('while True: (text.encode() * 10).translate(bytes(range(256)))')",
    "exec('while True: floats.count(2), (floats * 9).count(floats[0])')",
    "exec('while True: json.dumps(text * 9)')",
    "unicodedata.normalize('NFD', 'a\\xe9' * 10**8)",
    "re.match('(a|b|x)*$', text)",
    "exec('while True: tuple(floats) * 30, random.getrandbits(10**9)')",
};

static const char *const arrays[] = {
    "exec('while True: small @ small')",
    "exec('while True: big @ big')",
    "exec('while True: wide + wide')",
    "exec('while True: np.sort(wide)')",
    "exec('while True: np.linalg.svd(small)')",
    "np.linalg.eigvals(np.random.random((10**6, 4, 4)))",
    "np.random.randint(0, 100, 10**9)",
    "np.array2string(wide, threshold=10**9)",
    "exec('while True: da.ones(10**7, chunks=1).explain()')",
    "da.random.random((10**6, 10**5), chunks=1000).sum().compute()",
    "da.ones((10**5, 10**5), chunks=100).sum().compute(scheduler='sync')",
    "da.ones((20000, 20000), chunks=4000).dot(da.ones((20000, 20000), chunks=4000)).compute()",
    "dask.delayed(sum)(range(10**12)).compute()",
    "dask.compute(*[dask.delayed(spin)(i) for i in range(8)])",
    "da.ones(8, chunks=1).map_blocks(spin).compute()",
    "dask.delayed(time.sleep)(1000).compute()",
    "dask.compute(dask.delayed(spin)(0), scheduler='processes')",
    "da.ones((10**8,), chunks=1).sum().compute()",
    "dict((da.ones((3000, 3000), chunks=1) + 1).dask)",
    "da.ones((3000, 3000), chunks=1).__dask_keys__()",
    "np.linalg.eig(np.random.random((2500, 2500)))",
    "np.linalg.lstsq(np.random.random((2500, 2500)), np.random.random(2500), rcond=None)",
    "np.einsum('ij,kj->', big, big)",
    "np.convolve(wide, wide[:1000])",
    "np.unique(np.random.random(3 * 10**7))",
    "np.lexsort((wide, wide, wide, wide))",
    "exec('while True: np.concatenate([wide] * 10)')",
    "exec('while True: np.ones(10**8) ** 1.5')",
    "exec('while True: np.ones((10**4, 10**4)).T.copy()')",
    "exec('while True: np.random.random(10**8)')",
    "exec('while True: np.arange(3 * 10**8)')",
    "exec('while True: np.ones(3 * 10**8)')",
    "exec('while True: np.random.permutation(10**8)')",
    "np.random.choice(3 * 10**8, 10**8, replace=False)",
    "np.random.default_rng().choice(3 * 10**8, 10**8, replace=False)",
    "np.vectorize(lambda x: x + 1)(wide)",
    "exec('while True: np.array([1.0] * 10**7)')",
    "exec('while True: wide[:10**6].astype(object) + 1')",
    "exec('while True: wide.tobytes()')",
    "exec('while True: wide[:10**6].astype(object).copy()')",
    "np.random.random(5 * 10**8)",
    "dask.compute(*[dask.delayed(nest)(i) for i in range(3)])",
    "da.ones(10**8, chunks=1).persist()",
    "exec('while True: np.add.at(wide, np.arange(10**7), 1)')",
    "exec('while True: np.unpackbits(np.zeros(10**8, \"u1\"))')",
    "exec('while True: np.savez_compressed(io.BytesIO(), wide)')",
    "exec('while True: np.savez(io.BytesIO(), wide, wide)')",
    "exec('while True: wide.reshape(-1, 10).tolist()')",
    "np.interp(np.tile(wide, 10), np.linspace(0, 1, 1000), np.arange(1000.))",
    "exec('while True: np.linspace(0, 1, 10**8)')",
    "exec('while True: np.sort(wide[:10**6] + 1j)')",
    "exec('while True: np.argpartition(wide, 5 * 10**6)')",
    "exec('while True: da.ones(10**7, chunks=10**6).rechunk(1)')",
};

static const char setup[] =
    "import io, itertools, collections, functools, math, re, time, threading, queue, subprocess, "
    "asyncio, random, json, heapq, hashlib, base64, zlib, pickle, copy, os, sys, unicodedata, "
    "numpy as np, "
    "dask, dask.array as da";
static const char values[] =
    "sys.set_int_max_str_digits(0); floats = [random.random() for i in range(10**6)]; text = 'abx' "
    "* 10**7; small = "
    "np.ones((300, 300)); big = np.ones((2000, 2000)); wide = np.random.random(10**7)";
static const char function[] = "exec('def spin(x):\\n  while True: x += 1', globals())";

static const char nested[] = "exec('def nest(i): return dask.compute(*[dask.delayed(spin)(k) for "
                             "k in range(3)])', globals())";

static long memory_kib(session *s)
{
    send_text(s, "print('kib', int(open('/proc/self/statm').read().split()[1]) * 4)\r");
    wait_for(s, "\nkib ", START_MS);
    wait_for(s, "\nIn [", START_MS);
    return atol(strstr(s->text, "\nkib ") + 5);
}

START_TEST(a_statement_of_the_language_ends)
{
    session s;
    session_start(&s);
    run(&s, setup);
    run(&s, values);
    interrupt(&s, language[_i], 100);
    session_end(&s);
}
END_TEST

START_TEST(a_statement_on_arrays_ends)
{
    session s;
    session_start(&s);
    run(&s, setup);
    run(&s, values);
    run(&s, function);
    run(&s, nested);
    interrupt(&s, arrays[_i], 100);
    session_end(&s);
}
END_TEST

#ifdef DSK_SANITIZE
enum { BEGIN = 15 }; /* it keeps what was freed: after two rounds */
#else
enum { BEGIN = -1 };
#endif

START_TEST(twenty_times_in_a_row_and_memory_is_given_back)
{
    session s;
    session_start(&s);
    run(&s, setup);
    run(&s, function);
    const char *const turn[] = {
        "da.to_hdf5(path, '/x', da.random.random((10**5, 10**5), chunks=(1000, 1000)))",
        "exec('with Client(n_workers=2) as c: c.gather(c.map(spin, range(4)))')",
        "dask.compute(dask.delayed(spin)(0), dask.delayed(spin)(1), scheduler='processes')",
        "da.ones((4000, 4000), chunks=1).sum().compute()",
        "exec('l = []\\nwhile True:\\n l.append(str(len(l)))\\n if len(l) > 10**6: l.clear()')",
        "sorted(range(3 * 10**6), key=lambda x: -x % 10007)",
        "da.random.random((10**6, 10**5), chunks=2000).sum().compute()",
        "dask.compute(*[dask.delayed(spin)(i) for i in range(8)])",
    };
    run(&s, "import h5py, tempfile; from dask.distributed import Client; folder = "
            "tempfile.mkdtemp(); tempfile.tempdir = folder; path = folder + '/x.h5'");
    run(&s, "children = lambda: sum(p.isdigit() and parent(p) == os.getpid() for p in "
            "os.listdir('/proc'))");
    run(&s, "parent = lambda p: int(open(f'/proc/{p}/stat').read().rsplit(')')[-1].split()[1]) "
            "if os.path.exists(f'/proc/{p}/stat') else 0");
    run(&s, "da.random.random((4000, 4000), chunks=1000).sum().compute(); None");
    long before = 0;
    for (int i = -1; i < 24; i++) {
        if (i >= 0) interrupt(&s, turn[i % 8], 20 + 37 * (i % 5));
        run(&s, "1 + 1");
        if (i == BEGIN) before = memory_kib(&s);
    }
    run(&s, "time.sleep(2)"); /* a library call in flight ends */
    long after = memory_kib(&s);
    run(&s,
        "da.to_hdf5(path, '/y', da.ones(10)); print('n' + 'ow', h5py.File(path)['y'][:].sum())");
    ck_assert_msg(strstr(s.text, "\nnow 10.0") != NULL, "%s", s.text);
    run(&s, "os.remove(path); print('l' + 'eft', os.listdir(folder), children())");
    ck_assert_msg(strstr(s.text, "\nleft [] 0") != NULL, "%s", s.text);
    run(&s, "os.rmdir(folder)");
    printf("%ld KiB, then %ld KiB\n", before, after);
    ck_assert_msg(after < before + 200 * 1024, "%ld KiB, then %ld KiB", before, after);
    session_end(&s);
}
END_TEST

/* Ctrl-C while what came of the last one is being tidied up, and at once after it. */
START_TEST(several_in_a_row_end_what_follows_one)
{
    session s;
    session_start(&s);
    static const char *const text[] = {
        "exec('try:\\n  while True: pass\\nfinally:\\n  while True: pass')",
        "exec('try:\\n  while True: pass\\nexcept KeyboardInterrupt:\\n  while True: pass')",
    };
    for (int i = 0; i < 2; i++) {
        char line[256];
        snprintf(line, sizeof line, "print('st' + 'arted', flush=True); %s\r", text[i]);
        send_text(&s, line);
        wait_for(&s, "\nstarted", START_MS);
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        send_text(&s, "\x03");
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        ck_assert_msg(strstr(s.text, "\nIn [") == NULL, "%s", s.text);
        ck_assert(write(s.fd, "\x03", 1) == 1);
        wait_for(&s, "\nIn [", PATIENCE_MS);
        ck_assert_msg(strstr(s.text, "During handling of the above") != NULL, "%s", s.text);
    }
    session_end(&s);
}
END_TEST

/* A program that nobody catches the Ctrl-C in dies of it, once what it left open is closed. */
START_TEST(a_program_is_tidied_up)
{
    static const char code[] =
        "import atexit, h5py, os, tempfile\n"
        "folder = tempfile.mkdtemp()\n"
        "text, f = open(folder + '/t', 'w'), h5py.File(folder + '/f', 'w')\n"
        "text.write('abc')\n"
        "f['x'] = [1, 2]\n"
        "def bye():\n"
        "    f.close()\n"
        "    print('bye', h5py.File(folder + '/f')['x'][1])\n"
        "    [os.remove(folder + '/' + name) for name in os.listdir(folder)]\n"
        "    os.rmdir(folder)\n"
        "atexit.register(bye)\n"
        "print('st' + 'arted', flush=True)\n"
        "while True: pass\n";
    char path[4096];
    program_path(path, sizeof path);
    session s = {0};
    s.pid = forkpty(&s.fd, NULL, NULL, NULL);
    ck_assert(s.pid >= 0);
    if (s.pid == 0) {
        execl(path, path, "-c", code, (char *)NULL);
        _exit(127);
    }
    wait_for(&s, "started", START_MS);
    ck_assert(write(s.fd, "\x03", 1) == 1);
    wait_for(&s, "KeyboardInterrupt", PATIENCE_MS);
    wait_for(&s, "bye 2", PATIENCE_MS);
    int status;
    waitpid(s.pid, &status, 0);
    close(s.fd);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT, "status %d", status);
}
END_TEST

/* A signal that ends the process, at the prompt or not: the terminal is what it was before. */
START_TEST(the_terminal_is_left_as_it_was)
{
    static const char *const how[] = {"\x1c", ""};
    static const int signals[] = {SIGQUIT, SIGTERM};
    for (int i = 0; i < 4; i++) {
        session s;
        session_start(&s);
        if (i & 1) send_text(&s, "exec('while True: pass')\r");
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        send_text(&s, how[i / 2]);
        if (i / 2) kill(s.pid, SIGTERM);
        int status;
        waitpid(s.pid, &status, 0);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == signals[i / 2]);
        struct termios t;
        ck_assert(tcgetattr(s.fd, &t) == 0);
        ck_assert((t.c_lflag & ICANON) && (t.c_lflag & ECHO));
        close(s.fd);
    }
}
END_TEST

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    Suite *s = suite_create("Ctrl-C");
    TCase *t = tcase_create("terminal");
    const int nlanguage = sizeof language / sizeof *language;
    const int narrays = sizeof arrays / sizeof *arrays;
    tcase_add_loop_test(t, a_statement_of_the_language_ends, 0, nlanguage);
    tcase_add_loop_test(t, a_statement_on_arrays_ends, 0, narrays);
    tcase_add_test(t, twenty_times_in_a_row_and_memory_is_given_back);
    tcase_add_test(t, several_in_a_row_end_what_follows_one);
    tcase_add_test(t, the_terminal_is_left_as_it_was);
    tcase_add_test(t, a_program_is_tidied_up);
    suite_add_tcase(s, t);
    return suite_run(s);
}
