#!/bin/sh
# tests/calls.sh PROGRAM - system calls that fail, and worker processes that are killed at a call
# that reads or writes (by a library that is loaded before: tests/calls/shim.c).
# Whoever is killed, once or again and again, also in the middle of a large message: results are
# right, or the exception says that workers died too often.  No process is left, nor a file.
# Ends with `N passed, N failed`.
program=$(realpath "$1")
here=$(dirname "$(realpath "$0")")/calls
out=$(mktemp -d) || exit 2
trap 'rm -rf "$out"' EXIT
passed=0 failed=0
${CC:-cc} -std=gnu11 -O1 -shared -fPIC -o "$out/shim.so" "$here/shim.c" -ldl || exit 2

count() { # STATUS NAME
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $2: $(tail -n 3 "$out/log") $(tail -n 3 "$out/err") left: $left $(ls -A "$out/tmp")"
    fi
}

# those that belong to a run: they have its mark in their environment
left_of() {
    grep -lszx "DSK_RUN=$1" /proc/[0-9]*/environ | cut -d/ -f3 | while read -r pid; do
        ! grep -qs '^State:.[^Z]' "/proc/$pid/status" || echo "$pid"
    done
}

# nothing_left MARK: soon
nothing_left() {
    i=0
    while left=$(left_of "$1") && [ -n "$left$(ls -A "$out/tmp")" ] && [ $i -lt 100 ]; do
        sleep 0.05
        i=$((i + 1))
    done
    [ -z "$left$(ls -A "$out/tmp")" ]
}

# kills KIND PLAN: all is right
kills() {
    mark=$$-$1-$2
    rm -rf "$out/tmp" "$out/count" "$out/done"
    mkdir "$out/tmp"
    LD_PRELOAD=$out/shim.so KILL_PLAN=$2 KILL_COUNT=$out/count KILL_DONE=$out/done DSK_RUN=$mark TMPDIR=$out/tmp \
        timeout -k 1 60 "$program" "$here/work.dsk" "$1" >"$out/log" 2>"$out/err"
    status=$?
    fatal='^right$\|^end$'
    # after three deaths a task may be given up
    [ ! -e "$out/done" ] || [ "$(wc -c <"$out/done")" -lt 3 ] || fatal="$fatal\|^KilledWorker$\|^BrokenProcessPool$"
    [ $status -eq 0 ] && [ "$(tail -n 1 "$out/log")" = end ] && ! grep -qv "$fatal" "$out/log" && nothing_left "$mark"
    count $? "$1, killed at $2"
    [ ! -e "$out/done" ] || killed=$((killed + $(wc -c <"$out/done")))
}

killed=0
for kind in $(sed -n 's/^def \(\(run\|cluster\)_[a-z]*\).*/\1/p' "$here/work.dsk"); do
    for plan in 1:3 1:7,2:16 1:25,2:5 2:12,3:4; do
        kills "$kind" $plan
    done
    export KILL_HALF=1
    for plan in 1:10 1:18,2:9 1:40,2:60,3:30 1:5,2:4,3:6,4:8,5:7,6:30; do
        kills "$kind" $plan
    done
    unset KILL_HALF
done
left=
[ $killed -gt 80 ]
count $? "only $killed processes were killed"

# refuses WHAT...: results are the same
refuses() {
    rm -rf "$out/tmp"
    mkdir "$out/tmp"
    env "$@" DSK_RUN=$$-refused LD_PRELOAD="$out/shim.so" TMPDIR="$out/tmp" \
        timeout -k 1 60 "$program" --memory 40MB "$here/spill.dsk" >"$out/log" 2>"$out/err" &&
        [ "$(tr '\n' ' ' <"$out/log")" = '865.887977 True 2000000.0 ' ] && nothing_left $$-refused
    count $? "refused: $*"
}

refuses NO_TMPFILE=1
refuses NO_DIRECT=1
refuses NO_TMPFILE=1 NO_DIRECT=1
refuses NO_MEMFD=1
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
