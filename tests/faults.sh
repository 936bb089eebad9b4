#!/bin/sh
# tests/faults.sh PROGRAM [SCRIPT...] - memory that runs out.  Each script (default: tests/faults/*.dsk) is
# run with its first, second, third ... allocation of arrays failing in turn (a build for tests: -DSANITIZE=address).
# It must end well or with MemoryError or another exception of the language: no crash, nothing leaked.
# Ends with `N passed, N failed`.
program=$1
here=$(dirname "$(realpath "$0")")
shift
[ $# -gt 0 ] || set -- "$here"/faults/*.dsk
most=${FAULTS:-60} # runs of each script
out=$(mktemp -d) || exit 2
trap 'rm -rf "$out"' EXIT
passed=0 failed=0

# once SCRIPT N: 0 when the run is as it must be
once() {
    (cd "$out" && DSK_FAIL=$2 timeout 60 "$program" "$1") >"$out/out" 2>"$out/err"
    status=$?
    [ $status -le 1 ] || return 1
    ! grep -qE 'Sanitizer|runtime error' "$out/err" || return 1
    [ $status -eq 0 ] || grep -qE '^[A-Za-z.]+(Error|Exception|Warning|Interrupt)' "$out/err"
}

for script; do
    script=$(realpath "$script")
    if ! once "$script" 0; then
        echo "FAIL $script: does not run"
        failed=$((failed + 1))
        continue
    fi
    all=$(sed -n 's/^allocations: //p' "$out/err")
    step=$(((all + most - 1) / most))
    [ "$step" -gt 0 ] || step=1
    n=1
    while [ "$n" -le "$all" ]; do
        if once "$script" "$n"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "FAIL $script: allocation $n of $all"
            tail -5 "$out/err"
        fi
        n=$((n + step))
    done
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
