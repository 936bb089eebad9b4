#!/bin/sh
# tests/size.sh - how big the program is: files and lines per part, the longest files, the
# longest functions (a function starts at a `{` in column 0), the share of static ones.
cd "$(dirname "$0")/.." || exit 2
sources() { find "$@" \( -name '*.c' -o -name '*.h' -o -name '*.def' \) 2>/dev/null; }

printf '%-18s %6s %8s\n' part files lines
for part in repl lang stdlib engine/base engine/data engine/kernels engine/io engine/graph \
    engine/expr engine/plan engine/run tests/unit; do
    [ -d "$part" ] && printf '%-18s %6d %8d\n' "$part" "$(sources $part | wc -l)" \
        "$(sources $part | xargs -r cat | wc -l)"
done
printf '%-18s %6d %8d\n' 'in C' "$(sources repl lang stdlib engine | wc -l)" \
    "$(sources repl lang stdlib engine | xargs -r cat | wc -l)"
printf '%-18s %6d %8d\n' 'in dsk' "$(find stdlib/dsk -name '*.dsk' 2>/dev/null | wc -l)" \
    "$(find stdlib/dsk -name '*.dsk' -exec cat {} + 2>/dev/null | wc -l)"

echo; echo 'longest files'
sources repl lang stdlib engine | xargs -r wc -l | grep -v ' total$' | sort -rn | head -10

echo; echo 'functions'
sources repl lang stdlib engine | grep '\.c$' | xargs -r awk '
    FNR == 1 { head = "" }
    /^[A-Za-z].*\(/ && !/;$/ { head = $0; at = FNR }
    /^\{/ && head != "" { start = FNR; name = head; open = 1 }
    /^\}$/ && open { n = FNR - start - 1; print n, FILENAME ":" at, (name ~ /^static/), name; open = 0; head = "" }
' | sort -rn >"${TMPDIR:-/tmp}/size.$$"
awk '{ n[NR] = $1; s += $3 } END { if (NR) printf "%d functions, median %d lines, 90%% at most %d, %d%% static\n",
    NR, n[int((NR + 1) / 2)], n[int(NR / 10) + 1], 100 * s / NR }' "${TMPDIR:-/tmp}/size.$$"
awk '$1 > 60 { n++ } END { print n + 0, "over 60 lines" }' "${TMPDIR:-/tmp}/size.$$"
head -10 "${TMPDIR:-/tmp}/size.$$" | awk '{ printf "%5d %s\n", $1, $2 }'
rm -f "${TMPDIR:-/tmp}/size.$$"
