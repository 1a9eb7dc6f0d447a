#!/bin/sh
# Builds everything for arm64 and runs under qemu what needs no other program: sh tests/arm64.sh
#
# Needs Debian: the cross compiler and qemu are installed, everything for arm64 is downloaded and unpacked in the
# build folder, so that the machine's own packages stay as they are. The last line counts the tests.
set -u
cd "$(dirname "$0")/.." || exit 1

. tests/common.sh

needed="
gcc-aarch64-linux-gnu command -v aarch64-linux-gnu-gcc
qemu-user command -v qemu-aarch64
make command -v make
cmake cmake --version
pkg-config command -v pkg-config
binutils-aarch64-linux-gnu command -v aarch64-linux-gnu-objdump
"

build=$PWD/build/arm64
sysroot=$build/sysroot

# apt for a machine of its own: arm64, nothing installed, its state in the build folder.
foreign_apt() {
    APT_CONFIG=$build/apt/apt.conf apt-get -q "$@" </dev/null
}

make_sysroot() {
    [ ! -f "$sysroot/complete" ] || return 0
    echo "== downloading the C library, Criterion and libsodium for arm64"
    rm -rf "$sysroot" "$build/apt"
    mkdir -p "$sysroot" "$build/apt/lists/partial" "$build/apt/cache/archives/partial" || return 1
    : >"$build/apt/status"
    cat >"$build/apt/apt.conf" <<CONFIG
Dir::State "$build/apt";
Dir::State::status "$build/apt/status";
Dir::Cache "$build/apt/cache";
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "";
Acquire::Languages "none";
CONFIG
    foreign_apt update &&
        foreign_apt install -y --download-only --no-install-recommends libc6-dev libcriterion-dev libsodium-dev || return 1
    for package in "$build"/apt/cache/archives/*.deb; do
        dpkg-deb --extract "$package" "$sysroot" || return 1
    done
    touch "$sysroot/complete"
}

configure_and_build() {
    echo "== build"
    : >"$build/log"
    [ -f "$build/Makefile" ] ||
        cmake -S . -B "$build" --toolchain tests/arm64.cmake "-DBLITZDB_ARM64_SYSROOT=$sysroot" \
            -G "Unix Makefiles" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG=-O2 \
            -DCMAKE_COMPILE_WARNING_AS_ERROR=ON >>"$build/log" 2>&1 </dev/null || build_failed || return 1
    cmake --build "$build" --parallel "$(nproc)" >>"$build/log" 2>&1 </dev/null || build_failed
}

build_failed() {
    tail -n 80 "$build/log"
    return 1
}

# has_instruction NAME: whether the library was compiled to this instruction.
has_instruction() {
    aarch64-linux-gnu-objdump --disassemble --no-show-raw-insn "$build/lib/libblitzdb.a" |
        grep -q "[[:space:]]$1[[:space:]]"
}

# What this run is for is in the library, or there is nothing to run.
check_instructions() {
    for instruction in cmeq crc32cx aese ldar stlr; do
        has_instruction $instruction || { echo "The library does not use $instruction." >&2 && return 1; }
    done
}

run_tests() {
    echo "== test"
    rm -f "$build/junit.xml"
    ctest --test-dir "$build" --parallel "$(nproc)" \
        --tests-regex '^(unit|stress|crash|fuzz|example)/' \
        --output-on-failure --output-junit junit.xml </dev/null
    status=$?
    all=$(attribute tests "$build/junit.xml")
    bad=$(attribute failures "$build/junit.xml")
    [ "${all:-0}" != 0 ] || { all=1 && bad=1; }
    [ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
    echo "$((all - bad)) passed, $bad failed"
    [ "$bad" = 0 ]
}

if install_missing "$needed" && make_sysroot && configure_and_build && check_instructions; then
    run_tests
else
    echo "0 passed, 1 failed"
    exit 1
fi
