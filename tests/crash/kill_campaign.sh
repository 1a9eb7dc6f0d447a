#!/bin/sh
# Kills a server many times while clients write: kill_campaign.sh PROGRAM --kills NUMBER | --seconds SECONDS
#
# PROGRAM is blitzdb-crashtest. It is run again and again, each time on a new directory with another seed, until the
# number or the time is reached; the first run that loses something ends it. The last line adds them up.
#
#     sh tests/crash/kill_campaign.sh build/release/bin/blitzdb-crashtest --kills 20000
set -u

# Each run begins with an empty directory and grows it; more directories see more of its youth.
kills_of_a_run=250
seconds_of_a_run=60

usage() {
    echo "usage: kill_campaign.sh PROGRAM --kills NUMBER | --seconds SECONDS" >&2
    exit 2
}

[ $# = 3 ] || usage
program=$1
limit=$2
left=$3
case $limit in
--kills) step=$kills_of_a_run ;;
--seconds) step=$seconds_of_a_run ;;
*) usage ;;
esac
case $left in
'' | *[!0-9]*) usage ;;
esac

output=$(mktemp "${TMPDIR:-/tmp}/blitzdb-kill-XXXXXX") || exit 2
trap 'rm -f "$output"' EXIT
trap 'exit 2' INT TERM
acknowledged=0
kills=0
longest=0
runs=0
while [ "$left" -gt 0 ]; do
    [ "$step" -le "$left" ] || step=$left
    "$program" "$limit" "$step" >"$output" || {
        status=$?
        cat "$output"
        exit $status
    }
    cat "$output"
    # shellcheck disable=SC2046 # words are wanted
    set -- $(tail -n 1 "$output" | tr -dc '0-9 ')
    # acknowledged, recovered, lost, kills, longest recovery, seed
    [ $# = 6 ] && [ "$1" = "$2" ] && [ "$3" = 0 ] || {
        echo "the last line of $program is not understood" >&2
        exit 2
    }
    acknowledged=$((acknowledged + $1))
    kills=$((kills + $4))
    [ "$5" -le "$longest" ] || longest=$5
    runs=$((runs + 1))
    left=$((left - step))
done
echo "in $runs runs: acknowledged $acknowledged, recovered $acknowledged, lost 0, kills $kills," \
    "longest recovery $longest ms"
