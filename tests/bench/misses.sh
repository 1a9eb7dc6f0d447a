#!/bin/sh
# Counts instructions and cache misses of a GET among a million items, in valgrind's model of a processor:
# sh tests/bench/misses.sh
#
# The difference between a run with GETs and one without; the last-level cache of the model has 2 MiB, so that
# hardly any item stands in it. Needs what run.sh builds, and valgrind.
set -eu
cd "$(dirname "$0")/../.."
program=build/bench/bin/bench_misses
gets=200000
if [ ! -x "$program" ] || ! command -v valgrind >/dev/null; then
    echo "Missing: $program (sh tests/bench/run.sh builds it) or valgrind (apt-get install valgrind)" >&2
    exit 1
fi
count() {
    valgrind --tool=cachegrind --cache-sim=yes --I1=32768,8,64 --D1=32768,8,64 --LL=2097152,16,64 \
        --cachegrind-out-file=/dev/null "$program" "$1" "$2" 2>&1 |
        awk '/ I +refs:/ { gsub(",", ""); instructions = $4 } /LLd misses:/ { gsub(",", ""); misses = $4 }
             END { print instructions, misses }'
}
echo "| key + value, bytes | instructions per GET | cache lines from memory per GET |"
echo "|---|---|---|"
for size in 8 16 64; do
    without=$(count 0 "$size")
    with=$(count "$gets" "$size")
    echo "$without $with" | awk -v size="$size" -v gets="$gets" \
        '{ printf "| 16 + %d | %.0f | %.2f |\n", size, ($3 - $1) / gets, ($4 - $2) / gets }'
done
