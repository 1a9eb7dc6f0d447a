#!/bin/sh
# Runs random sequences with power failures for some time: sh tests/crash/power_campaign.sh PROGRAM SECONDS [SEED]
#
# PROGRAM is the built power_loss. Progress is printed every ten seconds; the first failure ends the run and prints
# the line that repeats it (power_loss replay), which belongs into tests/regress/seeds together with the repair.
# One process for each processor, each with a seed of its own. The last line adds the counts up.
set -u

[ $# -ge 2 ] || {
    echo "usage: power_campaign.sh PROGRAM SECONDS [SEED]" >&2
    exit 2
}
program=$1
seconds=$2
seed=${3:-$(date +%s)}
jobs=$(nproc 2>/dev/null || echo 1)
folder=$(mktemp -d "${TMPDIR:-/tmp}/blitzdb-power-XXXXXX") || exit 2
trap 'rm -rf "$folder"' EXIT

job=0
while [ "$job" -lt "$jobs" ]; do
    {
        "$program" campaign "$seconds" $((seed + job * 1000003)) 2>&1
        echo $? >"$folder/$job"
    } | tee "$folder/$job.log" &
    job=$((job + 1))
done
wait

failed=$(cat "$folder"/[0-9] "$folder"/[0-9][0-9] 2>/dev/null | grep -vc '^0$')
# The last line of each process has its counts, with the words in front of the numbers.
for log in "$folder"/*.log; do
    tail -n 1 "$log"
done | awk -v seconds="$seconds" '
    { gsub(/[(),:]/, " ")
      for (i = 1; i < NF; i++) {
          if ($i == "points" || $i == "in") points += $(i + 1) + 0
          if ($i == "recovered") recovered += $(i + 1)
          if ($i == "lost") lost += $(i + 1)
          if ($i == "phantoms") phantoms += $(i + 1)
          if ($i == "torn") torn += $(i + 1)
          if ($i == "failures") failures += $(i + 1)
      } }
    END { printf "campaign: crash points %d, states recovered %d (%d per second), lost %d, phantoms %d, torn %d, " \
              "failures %d\n", points, recovered, recovered / (seconds > 0 ? seconds : 1), lost, phantoms, torn, failures }'
[ "$failed" = 0 ]
