#!/bin/sh
# Installs what the tests need, builds, and passes all tests: sh tests/run.sh [PRESET...]
#
# PRESET is dev (the default), asan, tsan, release, clang (builds only) or docs (doxygen without a warning). A
# second run installs and builds nothing twice. The last lines say for each preset how many tests passed.
set -u
cd "$(dirname "$0")/.." || exit 1

. tests/common.sh

# What is asked for on the machine, and the Debian package that has it.
needed="
gcc command -v cc
g++ command -v c++
libc6-dev echo '#include <stdio.h>' | cc -E -
make command -v make
cmake cmake --version
pkg-config command -v pkg-config
libcriterion-dev pkg-config --exists criterion
libsodium-dev pkg-config --exists libsodium
libmicrohttpd-dev pkg-config --exists libmicrohttpd
prometheus command -v promtool
prometheus-redis-exporter command -v prometheus-redis-exporter
libhiredis-dev pkg-config --exists hiredis
binutils command -v nm
python3 test -x /usr/bin/python3
python3-redis /usr/bin/python3 -c 'import redis'
php-redis command -v php && php -r 'new Redis;'
php-cli command -v php
ruby-redis command -v ruby && ruby -r redis -e 1
libredis-perl perl -MRedis -e 1
lua-redis command -v lua5.1 && lua5.1 -l redis -e ''
lua5.1 command -v lua5.1
redis-server command -v redis-server
memcached command -v memcached
redis-tools command -v redis-cli && command -v redis-benchmark
mandoc command -v mandoc
systemd command -v systemd-analyze
strace command -v strace
util-linux command -v unshare && command -v setpriv
mount command -v mount
clang command -v clang
clang-format command -v clang-format
doxygen command -v doxygen
nodejs command -v node
npm command -v npm
spin command -v spin
locales test -f /usr/share/i18n/locales/de_DE
"

jobs=$(nproc 2>/dev/null || echo 2)
log=$(mktemp "${TMPDIR:-/tmp}/blitzdb-run-XXXXXX") || exit 1
trap 'rm -f "$log"' EXIT
summary=
failed=0

# note PRESET PASSED FAILED [TEXT]: one line of the summary.
note() {
    summary="$summary$1: $2 passed, $3 failed${4:-}
"
    [ "$3" = 0 ] || failed=1
}

# Shows what a build says only if it fails.
quietly() {
    "$@" >"$log" 2>&1 </dev/null && return 0
    tail -n 80 "$log"
    return 1
}

configure_and_build() {
    echo "== $1: configure"
    quietly cmake --preset "$1" || return 1
    echo "== $1: build"
    quietly cmake --build --preset "$1" --parallel "$jobs"
}

# Runs the tests of a preset. Where address randomisation is too strong for ThreadSanitizer, it is turned off.
run_tests() {
    preset=$1
    shift
    report=build/$preset/junit.xml
    rm -f "$report"
    echo "== $preset: test"
    "$@" ctest --preset "$preset" --parallel "$jobs" --output-junit junit.xml </dev/null
    status=$?
    if [ ! -f "$report" ]; then
        note "$preset" 0 1 " (ctest made no report)"
        return
    fi
    all=$(attribute tests "$report")
    bad=$(attribute failures "$report")
    left_out=$(($(attribute skipped "$report") + $(attribute disabled "$report")))
    [ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
    [ "$left_out" = 0 ] && text= || text=", $left_out skipped"
    note "$preset" $((all - bad - left_out)) "$bad" "$text"
}

build_docs() {
    echo "== docs: doxygen"
    quietly cmake --preset dev && quietly cmake --build --preset dev --target docs
}

run_preset() {
    case $1 in
    docs)
        if build_docs; then note docs 1 0; else note docs 0 1 " (see above)"; fi
        ;;
    clang)
        if configure_and_build clang; then note clang 1 0 " (build only)"; else note clang 0 1 " (build)"; fi
        ;;
    *)
        if ! configure_and_build "$1"; then
            note "$1" 0 1 " (build)"
        elif [ "$1" = tsan ] && setarch "$(uname -m)" -R true 2>/dev/null; then
            run_tests "$1" setarch "$(uname -m)" -R
        else
            run_tests "$1"
        fi
        ;;
    esac
}

install_missing "$needed" || exit 1
[ $# -gt 0 ] || set -- dev
for name; do
    run_preset "$name"
done
echo "== summary"
printf '%s' "$summary"
exit $failed
