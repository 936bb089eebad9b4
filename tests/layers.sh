#!/bin/sh
# tests/layers.sh - the arrows of the source tree: who may include whom, and who may talk to the
# outside.  Prints every line that breaks one; exit status 1 when there is any.
cd "$(dirname "$0")/.." || exit 2

# includes FOLDER PATTERN: the #include "..." lines below FOLDER that do not match PATTERN
includes() {
    [ -d "$1" ] && grep -rnE '^#include "' --include='*.[ch]' --include='*.def' "$1" |
        grep -vE "#include \"($2)" | sed "s|^|arrow: |"
}

# calls PATTERN FOLDER...: uses of a function that these folders must not call (comments, strings
# and names like x_printf aside).  Four may: engine/base/mem.c stops the program when
# memory is out, os._exit and sys.exit in a worker are what a script asks for, OpenBLAS has its settings in the environment.
calls() {
    pattern=$1
    shift
    for folder; do
        [ -d "$folder" ] && grep -rnE "(^|[^A-Za-z0-9_.>\"])($pattern) *\\(" --include='*.[ch]' \
            "$folder" | grep -vE '^[^:]*:[0-9]*: *(/?\*|//)' |
            grep -vE '^(engine/base/mem\.c:|stdlib/core/os\.c:.* _exit\(|stdlib/dask/worker_(serve|hands)\.c:.* _exit\(|engine/kernels/blas\.c:.*"OPENBLAS_)' |
            sed "s|^|outside: |"
    done
}

broken=$({
    below=
    for layer in base data kernels io graph expr plan run; do
        below="$below${below:+|}engine/$layer/"
        includes engine/$layer "$below"
    done
    for file in engine/*.[ch]; do
        [ -f "$file" ] && grep -nE '^#include "' "$file" | grep -v '"engine/' |
            sed "s|^|arrow: $file:|"
    done
    includes lang 'lang/|engine/base/'
    includes stdlib 'stdlib/|lang/|engine/'
    calls 'printf|puts|putchar|vprintf|perror|exit|_exit|getenv|longjmp|setjmp' engine lang stdlib
    calls 'fprintf\((stderr|stdout)|abort' engine lang stdlib
})
[ -z "$broken" ] && exit 0
printf '%s\n' "$broken"
exit 1
