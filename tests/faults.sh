#!/bin/sh
# tests/faults.sh PROGRAM [SCRIPT...] - memory that runs out (a build for tests: -DSANITIZE=address).
# Scripts (default: tests/faults/*.dsk) try whatever they do until there is memory for it.  In one run
# the first allocation of each site fails, a site being a chain of calls; what is printed must be as
# ever.  Then a sample of single allocations fails: these runs may end with an exception.
# Never may one crash, hang or leak.
# In those named workers_* the allocations fail in the first worker process, and nowhere else.
# Ends with `N passed, N failed`.
program=$1
here=$(dirname "$(realpath "$0")")
shift
[ $# -gt 0 ] || set -- "$here"/faults/*.dsk
most=${FAULTS:-30} # single allocations of each script
calls=${CALLS:-8}  # that make a site
out=$(mktemp -d) || exit 2
trap 'rm -rf "$out"' EXIT
export TMPDIR="$out/tmp" DSK_FAIL_COUNT="$out/count"
passed=0 failed=0

# once SCRIPT FAULT: 0 when the run is as it must be
once() {
    rm -rf "$out/cwd" "$out/tmp"
    mkdir "$out/cwd" "$out/tmp"
    rm -f "$DSK_FAIL_COUNT"
    (cd "$out/cwd" && export "$where=$2" && timeout 60 "$program" "$1") >"$out/out" 2>"$out/err"
    status=$?
    [ $status -le 1 ] || return 1
    ! grep -qE 'Sanitizer|runtime error' "$out/err" || return 1
    [ $status -eq 0 ] || grep -qE '^[A-Za-z.]+(Error|Exception|Warning|Interrupt)' "$out/err"
}

count() { # STATUS NAME
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $2"
        diff "$out/usual" "$out/out" | head -5
        tail -30 "$out/err"
    fi
}

for script; do
    script=$(realpath "$script")
    where=DSK_FAIL
    case $script in */workers_*) where=DSK_FAIL_WORKER ;; esac
    once "$script" 0 && [ $status -eq 0 ]
    status=$?
    cp "$out/out" "$out/usual"
    all=$(sed -n 's/^allocations: //p' "$out/err")
    [ $where = DSK_FAIL ] || all=$(od -An -td8 "$DSK_FAIL_COUNT" | tr -d ' ')
    count $status "$script: runs"
    [ $status -eq 0 ] || continue
    # those before are of the program's own text: nothing could try again
    once "$script" "sites $calls 40" && [ $status -eq 0 ] && cmp -s "$out/usual" "$out/out"
    count $? "$script: each site"
    step=$(((all + most - 1) / (most > 0 ? most : 1)))
    [ $where = DSK_FAIL ] || step=1
    [ "$step" -gt 0 ] || step=1
    n=1
    while [ "$n" -le "$all" ] && [ "$most" -gt 0 ]; do
        once "$script" "$n"
        count $? "$script: allocation $n of $all"
        n=$((n + step))
        # of a worker the first ones are of its start, and many
        [ $where = DSK_FAIL ] || n=$((n * 2))
    done
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
