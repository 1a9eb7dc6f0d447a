#!/bin/sh
# Every public function is called by call_sweep.c: check_call_sweep.sh SYMBOLS NM OBJECT
set -u
symbols=$1
nm=$2
object=$3

called=$("$nm" --undefined-only "$object") || exit 1
missing=0
while read -r name; do
    printf '%s\n' "$called" | grep -q "[[:space:]]$name\$" && continue
    echo "$name is public and not in tests/crash/call_sweep.c"
    missing=1
done <"$symbols"
exit $missing
