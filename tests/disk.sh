#!/bin/sh
# tests/disk.sh PROGRAM - disks that are full, and what is left in the folder for temporary files.
# A limit of the size of files stands for the full disk.  Each script must end with the sentence
# that it is given, go on afterwards, and leave no file behind; also when it is interrupted.
# Ends with `N passed, N failed`.
program=$(realpath "$1")
out=$(mktemp -d) || exit 2
trap 'rm -rf "$out"' EXIT
passed=0 failed=0

verdict() { # NAME OK
    if [ "$2" = 0 ] && [ -z "$(ls -A "$out/tmp")" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $1: $(tail -n 2 "$out/log") $(ls -A "$out/tmp")"
    fi
}

# full NAME SENTENCE SCRIPT [MEMORY]: with no file larger than 8 MB
full() {
    mkdir -p "$out/tmp"
    printf 'import dask, dask.array as da, numpy as np, h5py, os\nout = "%s"\n' "$out" >"$out/$1.dsk"
    printf 'x = da.random.random((4000, 2000), chunks=(250, 2000))\ntry:\n    %s\n' "$3" >>"$out/$1.dsk"
    printf 'except OSError as e:\n    print(e.errno, e)\nprint(da.ones(5).sum().compute())\n' >>"$out/$1.dsk"
    (ulimit -f 16000 && TMPDIR=$out/tmp timeout 60 "$program" --memory "${4:-32MB}" "$out/$1.dsk") >"$out/log" 2>&1
    status=$?
    [ $status = 0 ] && grep -q "27 .*$2" "$out/log" && tail -n 1 "$out/log" | grep -qx 5.0
    verdict "$1" $?
}

full spill 'being moved to a temporary file in' 'print(x.T.rechunk((250, 4000)).std(axis=0).sum().compute())'
full sort 'being moved to a temporary file in' 'print(da.sort(x.ravel()).sum().compute())'
full groups 'groups were being written to a temporary file in' 'import dask.bag as db; print(db.range(600000, npartitions=2).map(lambda i: (i, "text of the number %d" % i)).groupby(lambda x: x[0] % 3, shuffle="disk").map(len).compute(scheduler="sync"))' 512MB
full hdf5 'File too large' 'da.to_hdf5(out + "/a.h5", "/x", x)' 64MB
full gzip 'File too large' 'da.to_hdf5(out + "/b.h5", "/x", x, compression="gzip")' 64MB
full npy 'File too large' 'np.save(out + "/a.npy", np.ones((2000, 1000)))'
full npz 'File too large' 'np.savez(out + "/a.npz", a=np.ones((2000, 1000)))'
full npz_deflate 'File too large' 'np.savez_compressed(out + "/b.npz", a=np.random.random((2000, 1000)))'
full stack 'File too large.*stack/0.npy' 'da.to_npy_stack(out + "/stack", da.ones((1200, 2000), chunks=(600, -1)))'
full zarr 'File too large.*a.zarr/' 'da.ones((1200, 2000), chunks=(600, -1)).to_zarr(out + "/a.zarr", compressor=None)'
full text 'File too large' 'open(out + "/a.txt", "w").write("x" * 9_000_000)'
full binary 'File too large.*b.bin' 'np.ones((2000, 1000)).tofile(out + "/b.bin")'
full memmap 'File too large' 'np.memmap(out + "/a.bin", dtype="f8", mode="w+", shape=(2000, 1000))'

# A chunk of Zarr is there as a whole or not at all; an archive without its end is none.
ls "$out/a.zarr" >"$out/log"
[ ! -s "$out/log" ]
verdict 'half a chunk' $?
printf 'import sys, numpy as np\nfor path in sys.argv[1:]:\n    try:\n        np.load(path)["a"]\n' >"$out/half.dsk"
printf '    except Exception as e:\n        print("no archive", e)\n' >>"$out/half.dsk"
"$program" "$out/half.dsk" "$out/a.npz" "$out/b.npz" >"$out/log" 2>&1
[ "$(grep -c '^no archive' "$out/log")" = 2 ]
verdict 'half an archive' $?

# Ctrl-C while blocks are on the disk
mkdir -p "$out/tmp"
printf 'import dask.array as da\nx = da.random.random((12000, 4000), chunks=(250, 4000))\n' >"$out/stop.dsk"
printf 'while True:\n    x.T.rechunk((250, 12000)).std(axis=0).sum().compute()\n' >>"$out/stop.dsk"
TMPDIR=$out/tmp "$program" --memory 48MB "$out/stop.dsk" >"$out/log" 2>&1 &
pid=$!
i=0
while ! ls -l /proc/$pid/fd 2>/dev/null | grep -q "$out/tmp.*deleted" && [ $i -lt 600 ]; do
    sleep 0.05
    i=$((i + 1))
done
kill -INT $pid
wait $pid
[ $? = 130 ] && [ $i -lt 600 ] && grep -q KeyboardInterrupt "$out/log"
verdict interrupt $?
echo "$passed passed, $failed failed"
[ $failed = 0 ]
