/* repl/main.c - argv -> a file, -c CODE or stdin; exit codes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"
#include "repl/host.h"
#include "repl/session.h"
#include "stdlib/stdlib.h"

static int run(interp *in, const char *text, size_t n, const char *filename)
{
    int status = 1;
    if (interp_run(in, text, n, filename, 'f', interp_main(in), NULL)) return 0;
    session_report(in, &status);
    return status;
}

int main(int argc, char **argv)
{
    host h = {0};
    host_open(&h, NULL);
    interp *in = interp_open(&h, stdlib_modules);
    if (!in) return 1;
    int status = 2;
    if (argc > 2 && strcmp(argv[1], "-c") == 0) {
        interp_set_argv(in, argc - 2, argv + 2);
        status = run(in, argv[2], strlen(argv[2]), "<string>");
    } else {
        size_t n;
        const char *path = argc > 1 ? argv[1] : "-";
        char *text = host_read_file(path, &n);
        interp_set_argv(in, argc > 1 ? argc - 1 : 1, argc > 1 ? argv + 1 : argv);
        if (text) status = run(in, text, n, argc > 1 ? path : "<stdin>");
        else fprintf(stderr, "dsk: can't open file '%s': [Errno %d] %s\n", path, errno, strerror(errno));
        mem_free(text);
    }
    interp_close(in);
    if (!host_flush() && status == 0) status = 120;
    return status;
}
