#!/bin/sh
# Shows that blitzdb-crashtest can fail: kill_notices_loss.sh PROGRAM
#
# A server without a log loses what it answered, one that does not start has lost everything, and both must be
# told. What cannot be carried out at all is another exit status than a loss.
set -u
program=$1
folder=$(mktemp -d "${TMPDIR:-/tmp}/blitzdb-loss-XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
export TMPDIR="$folder" # where the data of a failed run is kept

# check STATUS TEXT ARGUMENT...: the program must end with this status and say this.
check() {
    wanted=$1
    text=$2
    shift 2
    "$program" "$@" >"$folder/output" 2>&1
    status=$?
    if [ $status != "$wanted" ] || ! grep -q -- "$text" "$folder/output"; then
        echo "blitzdb-crashtest $*: exit status $status instead of $wanted, or not a word of '$text':"
        cat "$folder/output"
        exit 1
    fi
}

check 1 ', lost [1-9][0-9]*, kills' --kills 40 -- --appendonly no
printf '#!/bin/sh\ncase "$*" in *--check-config*) exit 0 ;; esac\nexit 3\n' >"$folder/server" # takes all, and ends
chmod +x "$folder/server"
check 1 'refused to start\|ended by itself' --kills 40 --server "$folder/server"
check 2 "unknown setting 'nosuch'" --kills 40 -- --nosuch setting
check 0 '^acknowledged [0-9]*, recovered [0-9]*, lost 0, kills [0-9]*, ' --kills 2 --dir "$folder/data"
check 2 'is not an empty directory' --kills 2 --dir "$folder/data"
check 2 'there is no server' --server "$folder/none"
check 2 "'many' is no value for '--kills'" --kills many
check 2 "there is no option '--many'" --many 1
check 0 'blitzdb-crashtest' --version
