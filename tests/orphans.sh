#!/bin/sh
# tests/orphans.sh PROGRAM - worker processes end with who started them.  Programs whose workers are
# busy (in the language, in a kernel, asleep, with prints that nobody reads) are killed by SIGKILL,
# interrupted or left by an error: soon none of their processes may be left, nor a file (it takes
# well below a second; five are for machines that are busy).
# Ends with `N passed, N failed`.
program=$(realpath "$1")
out=$(mktemp -d) || exit 2
trap 'rm -rf "$out"' EXIT
passed=0 failed=0

# those that belong to a run: they have its mark in their environment
left_of() {
    grep -lszx "DSK_RUN=$1" /proc/[0-9]*/environ | cut -d/ -f3 | while read -r pid; do
        ! grep -qs '^State:.[^Z]' "/proc/$pid/status" || echo "$pid"
    done
}

# orphans NAME SIGNAL SCRIPT: runs a script until its workers say that they are busy
orphans() {
    mark=$$-$1-$2
    mkdir -p "$out/tmp"
    printf '%s\n' "$3" >"$out/$1.dsk"
    DSK_RUN=$mark TMPDIR=$out/tmp "$program" "$out/$1.dsk" "$out/busy" >/dev/null 2>"$out/log" &
    pid=$!
    i=0
    while [ ! -e "$out/busy" ] && [ $i -lt 600 ]; do
        sleep 0.05
        i=$((i + 1))
    done
    sleep 0.1
    [ -n "$(left_of "$mark")" ] || [ "$2" = none ] || echo "$1: nothing runs"
    [ "$2" = none ] || kill "-$2" $pid
    i=0
    while left=$(left_of "$mark") && [ -n "$left" ] && [ $i -lt 100 ]; do
        sleep 0.05
        i=$((i + 1))
    done
    wait $pid 2>/dev/null
    if [ -e "$out/busy" ] && [ -z "$left" ] && [ -z "$(ls -A "$out/tmp")" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $1, signal $2: left: $left $(ls -A "$out/tmp")"
        tail -c 500 "$out/log"
        # shellcheck disable=SC2086
        [ -z "$left" ] || kill -9 $left
    fi
    rm -rf "$out/busy" "$out/tmp"
}

start='
import sys, time, os
import numpy as np, dask, dask.array as da
from dask.distributed import Client
def busy(x, path=sys.argv[1]):
    open(path, "w").close()
def cluster(f):
    c = Client(n_workers=2, threads_per_worker=1, dashboard_address=None)
    return c, c.map(f, range(6))
def main():'
loop='
    def f(x):
        busy(x)
        while True:
            x += 1
    c, all = cluster(f)'
kernel='
    def f(x):
        a = np.ones((700, 700))
        for i in range(200):
            busy(x)
            a = a @ a
            np.sort(np.random.random(3000000))
    c, all = cluster(f)'
sleeper='
    def f(x):
        busy(x)
        time.sleep(100)
    c, all = cluster(f)'
talker='
    def f(x):
        busy(x)
        while True:
            print("x" * 10000)
    c, all = cluster(f)'
blocks='
    def f(b):
        busy(b)
        time.sleep(100)
        return b
    x = da.ones((4000, 1000), chunks=(1000, 1000))
    x.map_blocks(f, dtype=float).compute(scheduler="processes")'
end='
    c.gather(all)
main()'
fault='
    while not os.path.exists(sys.argv[1]): time.sleep(0.01)
    os._exit(3) if len(all) == 5 else 1 / 0
main()'

for signal in KILL INT TERM; do
    orphans loop $signal "$start$loop$end"
done
orphans kernel KILL "$start$kernel$end"
orphans sleeper KILL "$start$sleeper$end"
orphans talker KILL "$start$talker$end"
orphans blocks KILL "$start$blocks
main()"
orphans error none "$start$loop$fault"
orphans exit none "$start$loop
    all = all[:5]$fault"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
