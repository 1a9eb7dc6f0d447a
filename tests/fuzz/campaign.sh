#!/bin/sh
# Looks for new inputs with every fuzz target, one after the other: campaign.sh FOLDER-OF-PROGRAMS [SECONDS [TARGET...]]
#
# The programs are those of the preset fuzz (build/fuzz/bin). Each runs for SECONDS, 60 if nothing is said, beginning
# with the corpus of the tree. What it finds stays in FUZZ_FOLDER, a new temporary folder if that is not set: `corpus`
# there goes on growing from run to run, `crashes` has the inputs that brought a target down. The last lines are a
# table; the exit status is 1 if there was a crash.
set -u
programs=$1
seconds=${2:-60}
[ $# -gt 1 ] && shift
shift
sources=$(cd "$(dirname "$0")" && pwd)
folder=${FUZZ_FOLDER:-$(mktemp -d)}
targets=${*:-$(cd "$sources" && for file in fuzz_*.c; do basename "$file" .c | sed 's/^fuzz_//'; done)}
mkdir -p "$folder"
table="$folder/table"
failed=0
printf '%-16s %12s %8s %8s %8s\n' target executions edges inputs crashes >"$table"
for target in $targets; do
    mkdir -p "$folder/corpus/$target" "$folder/crashes"
    options="-max_total_time=$seconds -timeout=20 -print_final_stats=1 -artifact_prefix=$folder/crashes/$target-"
    case $target in
    resp | connection) options="$options -dict=$sources/resp.dict -max_len=4000" ;;
    glob | config) options="$options -max_len=2000" ;;
    esac
    log="$folder/$target.log"
    # shellcheck disable=SC2086
    "$programs/fuzz_$target" $options "$folder/corpus/$target" "$sources/corpus/$target" >"$log" 2>&1 ||
        failed=1
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    inputs=$(find "$folder/corpus/$target" -type f | wc -l)
    crashes=$(find "$folder/crashes" -name "$target-*" | wc -l)
    printf '%-16s %12s %8s %8s %8s\n' "$target" "${executions:-?}" "${edges:-?}" "$inputs" "$crashes" >>"$table"
done
cat "$table"
echo "found inputs and logs are in $folder"
exit $failed
