#!/bin/sh
# Measures BlitzDB beside its peers: sh tests/bench/run.sh FOLDER [--full | --server | --matrix]
#
# Installs the peers that are missing (Debian's packages; needs root or sudo), builds everything in
# build/bench, measures the stores in one process and then the servers, and leaves tables (.txt), figures (.csv)
# and pictures (.svg) in FOLDER. With --full the stores also hold 10 million items (some 13 GiB of memory; with
# less they are measured in groups). --server measures only the goals of the server, some six minutes; --matrix
# all combinations of its load, some 40 minutes and up to 20 GiB. Nothing else should run on the machine; the
# tables say how much of the processors the measured threads really got.
set -eu

items=100000,1000000
recovered=1000000
wanted=${2:-}
case $#$wanted in
1 | 2--server | 2--matrix) ;;
2--full)
    items=$items,10000000
    recovered=10000000
    ;;
*)
    echo "usage: sh tests/bench/run.sh FOLDER [--full | --server | --matrix]" >&2
    exit 2
    ;;
esac
results=$(realpath -m "$1")
cd "$(dirname "$0")/../.."

# What is asked for on the machine, and the Debian package that has it.
missing_packages() {
    while read -r package probe; do
        sh -c "$probe" >/dev/null 2>&1 </dev/null || printf '%s ' "$package"
    done <<'LIST'
gcc command -v cc
g++ command -v c++
make command -v make
cmake cmake --version
pkg-config command -v pkg-config
libsodium-dev pkg-config --exists libsodium
util-linux command -v taskset
python3 test -x /usr/bin/python3
libtkrzw-dev test -e /usr/include/tkrzw_dbm_tiny.h
libcuckoo-dev test -e /usr/include/libcuckoo/cuckoohash_map.hh
liblmdb-dev test -e /usr/include/lmdb.h
librocksdb-dev test -e /usr/include/rocksdb/db.h
libsqlite3-dev test -e /usr/include/sqlite3.h
liburing-dev test -e /usr/include/liburing.h
python3-matplotlib /usr/bin/python3 -c 'import matplotlib'
redis-server command -v redis-server
memcached command -v memcached
LIST
}

packages=$(missing_packages)
if [ -n "$packages" ]; then
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    if [ -n "$as_root" ] && ! command -v sudo >/dev/null; then
        echo "Missing, and neither root nor sudo to install: $packages" >&2
        exit 1
    fi
    echo "== installing $packages"
    $as_root apt-get update -q
    # shellcheck disable=SC2086 # words are wanted
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages </dev/null
fi

# A responder that shows what the network alone costs may lie beside the project.
floor=../shared/bench/network_floor.c
set -- -DCMAKE_BUILD_TYPE=Release
[ ! -f "$floor" ] || set -- "$@" "-DBENCH_NETWORK_FLOOR=$(realpath "$floor")"

build=build/bench
echo "== building"
mkdir -p "$build" "$results"
build_all() {
    cmake -S tests/bench -B "$build" "$@" && cmake --build "$build" --parallel "$(nproc)"
}
if ! build_all "$@" >"$build/output.txt" 2>&1; then
    tail -n 60 "$build/output.txt"
    exit 1
fi

# tee would hide the status of what it copies.
measure() {
    name=$1
    shift
    echo "== $name"
    if ! "$@" --csv "$results/$name.csv" >"$results/$name.txt"; then
        cat "$results/$name.txt"
        exit 1
    fi
    cat "$results/$name.txt"
}

measure_servers() {
    set -- --server "$build/bin/blitzdb-server" --benchmark "$build/bin/blitzdb-benchmark" --dir "$build" "$@"
    [ ! -x "$build/bin/network_floor" ] || set -- "$@" --floor "$build/bin/network_floor"
    measure server /usr/bin/python3 tests/bench/bench_server.py "$@"
}

case $wanted in
--server)
    measure_servers --parts goals --rounds 5 --seconds 2
    exit
    ;;
--matrix)
    measure_servers --parts matrix
    /usr/bin/python3 tests/bench/plot_server.py "$results" "$results/server.csv"
    exit
    ;;
esac

measure store "$build/bin/bench_store" --items "$items"
measure memory "$build/bin/bench_memory"
measure events "$build/bin/bench_events" all
echo "== eviction"
"$build/bin/bench_eviction" >"$results/eviction.txt"
cat "$results/eviction.txt"
# On the disk of the build: TMPDIR may be memory.
measure durable "$build/bin/bench_durable" --dir "$build"
/usr/bin/python3 tests/bench/plot.py "$results" "$results/store.csv" "$results/memory.csv"

measure_servers --parts goals,durable --pipelines 1,16 --rounds 5 --seconds 2
measure recovery /usr/bin/python3 tests/bench/bench_recovery.py --server "$build/bin/blitzdb-server" \
    --benchmark "$build/bin/blitzdb-benchmark" --items "$recovered"
