#!/bin/sh
# Quick start: builds BlitzDB and shows its main job on the real package index of this machine.
#
#     sh examples/quickstart.sh
#
# For Debian 12, as root or with sudo (needed only if a package is missing). What is there already is not
# installed or built again. Everything but the build is done in a temporary directory that is removed at the
# end. The exit status is 0 only if every answer was the expected one.
set -eu
cd "$(dirname "$0")/.."

bin=build/release/bin
work=$(mktemp -d "${TMPDIR:-/tmp}/blitzdb-quickstart.XXXXXX")
server_pid=

clean_up() {
    if [ -n "$server_pid" ]; then
        kill -KILL "$server_pid" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

heading() {
    printf '\n=== %s\n\n' "$1"
}

fail() {
    printf '\nquickstart: %s\n' "$1" >&2
    exit 1
}

# ---- What is needed ----

# need PROGRAM PACKAGES: notes the packages if the program is missing.
need() {
    command -v "$1" >/dev/null || missing="$missing $2"
}

install_missing() {
    missing=
    need cmake cmake
    need make make
    need cc "gcc libc6-dev"
    need pkg-config pkg-config
    pkg-config --exists libsodium 2>/dev/null || missing="$missing libsodium-dev"
    need redis-cli redis-tools
    if [ -z "$missing" ]; then
        echo "Nothing to install: cmake, make, a C compiler, pkg-config, libsodium and redis-cli are there."
        return
    fi
    if [ "$(id -u)" -eq 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; }; then
        as_root=sudo
    else
        fail "missing packages, and neither root nor sudo to install them:$missing"
    fi
    echo "Installing:$missing"
    log=$work/install.log
    # shellcheck disable=SC2086 # the list is meant to be split
    if ! { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log"
        fail "the installation failed; these packages are needed:$missing"
    fi
}

# ---- Build ----

build() {
    if ! cmake --preset release >"$work/build.log" 2>&1 ||
        ! cmake --build --preset release --target blitzdb-server packages -j "$(nproc)" >>"$work/build.log" 2>&1; then
        tail -n 40 "$work/build.log"
        fail "the build failed"
    fi
    "$bin/blitzdb-server" --version
}

# ---- The input ----

# Writes the index, and from it the keys and the text of the stanzas, each key once.
read_index() {
    if command -v apt-cache >/dev/null && apt-cache dumpavail >"$work/index" 2>/dev/null && [ -s "$work/index" ]; then
        echo "Input: what 'apt-cache dumpavail' prints"
    elif [ -s /var/lib/dpkg/status ]; then
        cp /var/lib/dpkg/status "$work/index"
        echo "Input: the list of installed packages, /var/lib/dpkg/status"
    else
        fail "this machine has no Debian package index"
    fi
    awk -v keys="$work/keys" -v stanzas="$work/stanzas" '
        BEGIN { RS = ""; FS = "\n" }
        {
            package = version = ""
            for (i = 1; i <= NF; i++) {
                if ($i ~ /^Package: /) package = substr($i, 10)
                if ($i ~ /^Version: /) version = substr($i, 10)
            }
            key = package "/" version
            if (!(key in seen)) {
                seen[key] = 1
                print key >keys
                printf "%s\n\n", $0 >stanzas
            }
        }' "$work/index"
    records=$(wc -l <"$work/keys")
    # The package that is looked at: bash, or whatever stands first.
    package=$(grep '^bash/' "$work/keys" | head -n 1) || true
    [ -n "$package" ] || package=$(head -n 1 "$work/keys")
}

# ---- The server ----

# Starts the server on the database and waits until it says that it is ready.
start_server() {
    rm -f "$work/messages"
    mkfifo "$work/messages"
    "$bin/blitzdb-server" --dir "$work/db" --port 0 >"$work/messages" 2>&1 &
    server_pid=$!
    exec 3<"$work/messages"
    echo "  \$ blitzdb-server --dir $work/db --port 0"
    port=
    while IFS= read -r line <&3; do
        echo "  $line"
        case $line in
        *"port "[0-9]*) port=$(printf '%s' "$line" | sed 's/.*port \([0-9][0-9]*\).*/\1/') ;;
        esac
        case $line in
        *"Ready to accept connections"*)
            echo "  (redis-cli stands for redis-cli -p $port below)"
            echo
            return
            ;;
        esac
    done
    fail "the server did not start"
}

# ask PATTERN COMMAND...: shows a command and the answer, which has to look like the pattern.
ask() {
    pattern=$1
    shift
    answer=$(redis-cli -p "$port" --no-raw "$@" </dev/null 2>&1) || fail "redis-cli $*: $answer"
    printf '  $ redis-cli %s\n  %s\n' "$*" "$answer"
    # shellcheck disable=SC2254 # it is meant as a pattern
    case $answer in
    $pattern) ;;
    *) fail "expected: $pattern" ;;
    esac
}

# Shows the package and compares it with the index.
show_package() {
    redis-cli -p "$port" GET "$package" >"$work/got"
    grep -n -x -F "$package" "$work/keys" | cut -d : -f 1 >"$work/line"
    awk -v wanted="$(cat "$work/line")" 'BEGIN { RS = "" } NR == wanted { printf "%s\n\n", $0 }' "$work/stanzas" \
        >"$work/expected"
    echo "  \$ redis-cli GET $package"
    cmp "$work/got" "$work/expected" || fail "this is not the stanza of the index"
    head -n 4 "$work/got" | cut -c 1-90 | sed 's/^/  /'
    echo "  ... $(($(wc -l <"$work/got") - 1)) lines, the same as in the index"
}

# Shows what SCAN finds, and compares all of it with the index.
show_scan() {
    name=${package%%/*}
    echo "  \$ redis-cli --scan --pattern '$name*'"
    redis-cli -p "$port" --scan --pattern "$name*" | LC_ALL=C sort >"$work/got"
    awk -v name="$name" 'index($0, name) == 1' "$work/keys" | LC_ALL=C sort >"$work/expected"
    cmp "$work/got" "$work/expected" || fail "these are not the keys of the index"
    head -n 4 "$work/got" | sed 's/^/  /'
    echo "  ... $(wc -l <"$work/got") keys, the same as in the index"
}

# Reads every package through the server and compares the whole with the index.
compare_all() {
    sed 's/^/GET /' "$work/keys" | redis-cli -p "$port" >"$work/got"
    cmp "$work/got" "$work/stanzas" || fail "what the server gives back is not what was loaded"
    echo "  All $records packages were read through the server: equal to the index, byte for byte."
}

talk_to_server() {
    ask "(integer) $records" DBSIZE
    show_package
    ask "(integer) 1" EXISTS "$package"
    ask "(integer) 0" EXISTS "no-such-package/1.0"
    ask "OK" SET session:17 alice EX 3600
    ask "(integer) 3[56][0-9][0-9]" TTL session:17
    ask "(integer) 1" INCR visits
    ask "(integer) 2" INCR visits
    ask "OK" SET draft unfinished
    ask "(integer) 1" DEL draft
    ask "(nil)" GET draft
    show_scan
    ask "(error) ERR unknown command*" FLY "$package"
    ask "(error) ERR wrong number of arguments*" GET
}

kill_server() {
    echo "  \$ kill -KILL $server_pid"
    kill -KILL "$server_pid"
    { wait "$server_pid" || true; } 2>/dev/null
    server_pid=
    exec 3<&-
}

check_after_kill() {
    ask "(integer) $((records + 2))" DBSIZE
    ask '"2"' GET visits
    ask '"alice"' GET session:17
    ask "(integer) 3[56][0-9][0-9]" TTL session:17
    ask "(nil)" GET draft
    compare_all
}

stop_server() {
    echo "  \$ kill -TERM $server_pid"
    kill -TERM "$server_pid"
    sed 's/^/  /' <&3
    status=0
    wait "$server_pid" || status=$?
    server_pid=
    [ "$status" -eq 0 ] || fail "the server ended with status $status"
}

# ---- The run ----

heading "1. What is needed"
install_missing

heading "2. Build (cmake --preset release)"
build
began=$(date +%s)

heading "3. The library: load every Debian package, close, reopen, verify, snapshot"
read_index
"$bin/packages" "$work/db" "$work/index"

heading "4. The server on the same database, with stock redis-cli"
start_server
talk_to_server

heading "5. SIGKILL, start again, and everything acknowledged is there"
kill_server
start_server
check_after_kill

heading "6. A clean end"
stop_server

heading "Done in $(($(date +%s) - began)) seconds after the build: every answer was as expected"
