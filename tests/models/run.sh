#!/bin/sh
# Checks the models of this folder with spin: run.sh [CC]
#
# For each model all states are visited: no assertion fails, and nobody waits for ever. Then every mutant, an
# error put into the model, must be found. The last line sums up; the exit status is 77 without spin.
set -eu
cc=${1:-cc}
folder=$(cd "$(dirname "$0")" && pwd)
command -v spin >/dev/null || exit 77

scratch=$(mktemp -d "${TMPDIR:-/tmp}/blitzdb-models-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
states=0
violations=0
mutants=0
rejected=0

# build NAME MODEL FLAGS: makes the program that visits all states.
build() {
    mkdir "$scratch/$1"
    (
        cd "$scratch/$1"
        # shellcheck disable=SC2086 # flags are separate words
        spin -a ${4:-} "$folder/$2.pml" >spin.log || { cat spin.log && exit 1; }
        # shellcheck disable=SC2086
        "$cc" -O1 -w $3 -o pan pan.c
    )
}

# visit NAME OPTIONS MUTANT: prints what was found; true if it was an error. A search that was cut short counts
# as no answer at all.
visit() {
    (cd "$scratch/$1" && MUTANT=$3 ./pan -m1000000 $2 >visit.log 2>&1) || true
    if grep -q "max search depth too small\|out of memory\|reached -DMEMLIM" "$scratch/$1/visit.log" ||
        ! grep -q "errors: [01]$" "$scratch/$1/visit.log"; then
        cat "$scratch/$1/visit.log"
        exit 1
    fi
    ! grep -q "errors: 0$" "$scratch/$1/visit.log"
}

# check NAME OPTIONS MUTANTS...: the model itself, then each of its mutants.
check() {
    name=$1
    options=$2
    shift 2
    if visit "$name" "$options" 0; then
        grep -m 1 "^pan:1" "$scratch/$name/visit.log" || true
        echo "$name: VIOLATED"
        violations=$((violations + 1))
    fi
    found=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$scratch/$name/visit.log")
    states=$((states + found))
    echo "$name: $found states"
    for mutant; do
        mutants=$((mutants + 1))
        if visit "$name" "$options" "$mutant"; then
            rejected=$((rejected + 1))
        else
            echo "$name: mutant $mutant PASSES"
        fi
    done
}

build locks locks "-DSAFETY"
build waiting locks "" -DLIVE
build commit commit "-DSAFETY -DCOLLAPSE" # in half the memory
build snapshot snapshot "-DSAFETY"

check locks "" 1 2 3 4 5
check waiting "-a -f" 6
check commit "" 1 2 3 4 5 6 7 8 9 10 11
check snapshot "-E" 1 2 3 4 5 6 7 8 9 10 11

echo "models 3, states $states, violations $violations, mutants rejected $rejected/$mutants"
[ "$violations" = 0 ] && [ "$rejected" = "$mutants" ]
