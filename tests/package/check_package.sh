#!/bin/sh
# Uses BlitzDB as its customers do: check_package.sh WAY SOURCE_DIR BUILD_DIR CMAKE CC [CXX]
#
# WAY: pkgconfig, cmake (find_package), subdirectory (add_subdirectory), headers (each alone, C11 and C++11),
# absolute (absolute installation folders). Everything is written to a scratch folder that is removed again.
# Exit status 77: a tool is missing.
# shellcheck disable=SC2046,SC2086 # flags are separate words
set -eu

way=$1
source=$2
build=$3
cmake=$4
cc=$5
cxx=${6:-}
consumer=$source/tests/package/consumer
warnings="-Wall -Wextra -Wpedantic -Werror"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/blitzdb-package-XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# Installs into $scratch/root, as a packager does, and finds out where pkg-config has to look.
install_tree() {
    DESTDIR=$scratch/root "$cmake" --install "$build" >"$scratch/install.log"
    pc_file=$(find "$scratch/root" -name blitzdb.pc)
    config_file=$(find "$scratch/root" -name blitzdb-config.cmake)
    libdir=$(dirname "$(dirname "$pc_file")")
    include=$(dirname "$(dirname "$(find "$scratch/root" -name blitzdb.h)")")
}

check_pkgconfig() {
    command -v pkg-config >/dev/null || exit 77
    install_tree
    export PKG_CONFIG_LIBDIR="$libdir/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$scratch/root"
    pkg-config --exact-version=0.1.0 blitzdb

    "$cc" $warnings "$consumer/consumer.c" -o "$scratch/shared" $(pkg-config --cflags --libs blitzdb)
    LD_LIBRARY_PATH=$libdir "$scratch/shared"
    readelf -d "$scratch/shared" | grep -q 'NEEDED.*libblitzdb\.so\.0\.1\]'

    "$cc" $warnings "$consumer/consumer.c" -o "$scratch/static" -static $(pkg-config --static --cflags --libs blitzdb)
    "$scratch/static"
}

check_cmake() {
    install_tree
    "$cmake" -S "$consumer" -B "$scratch/build" -DCMAKE_C_COMPILER="$cc" \
        -Dblitzdb_DIR="$(dirname "$config_file")" >"$scratch/cmake.log"
    "$cmake" --build "$scratch/build"
    (cd "$scratch/build" && ctest --output-on-failure)
    # A version that is not there is not found.
    if "$cmake" -P /dev/stdin 2>/dev/null <<EOF
set(PACKAGE_FIND_VERSION 0.2)
set(PACKAGE_FIND_VERSION_MAJOR 0)
set(PACKAGE_FIND_VERSION_MINOR 2)
include("$(dirname "$config_file")/blitzdb-config-version.cmake")
if(PACKAGE_VERSION_COMPATIBLE)
    return()
endif()
message(FATAL_ERROR "not compatible, as it should be")
EOF
    then
        echo "version 0.2 is taken to be there"
        exit 1
    fi
}

check_subdirectory() {
    "$cmake" -S "$consumer" -B "$scratch/build" -DCMAKE_C_COMPILER="$cc" \
        -DBLITZDB_SOURCE_DIR="$source" >"$scratch/cmake.log"
    "$cmake" --build "$scratch/build"
    (cd "$scratch/build" && ctest --output-on-failure)
}

check_headers() {
    install_tree
    for header in "$include"/blitzdb/*.h; do
        printf '#include <blitzdb/%s>\n#include <blitzdb/%s>\nint unused;\n' \
            "$(basename "$header")" "$(basename "$header")" >"$scratch/alone.c"
        "$cc" -std=c11 $warnings -I"$include" -c "$scratch/alone.c" -o "$scratch/alone.o"
        if [ -n "$cxx" ]; then
            "$cxx" -std=c++11 $warnings -I"$include" -x c++ -c "$scratch/alone.c" -o "$scratch/alone.o"
        fi
        echo "alone: $(basename "$header")"
    done
    [ -n "$cxx" ] || exit 77
    "$cxx" -std=c++11 $warnings -I"$include" -x c++ "$consumer/consumer.c" -x none -o "$scratch/consumer" \
        -L"$libdir" -lblitzdb
    LD_LIBRARY_PATH=$libdir "$scratch/consumer"
}

check_absolute() {
    "$cmake" -S "$source" -B "$scratch/build" -DCMAKE_C_COMPILER="$cc" -DBLITZDB_BUILD_SERVER=OFF \
        -DBLITZDB_BUILD_TESTS=OFF -DBLITZDB_BUILD_EXAMPLES=OFF -DBLITZDB_BUILD_DOCS=OFF \
        -DCMAKE_INSTALL_LIBDIR=/opt/blitz/lib64 -DCMAKE_INSTALL_INCLUDEDIR=/opt/blitz/inc >"$scratch/cmake.log"
    grep -x 'libdir=/opt/blitz/lib64' "$scratch/build/blitzdb.pc"
    grep -x 'includedir=/opt/blitz/inc' "$scratch/build/blitzdb.pc"
}

case $way in
pkgconfig | cmake | subdirectory | headers | absolute) "check_$way" ;;
*) sed -n '2,5p' "$0" && exit 2 ;;
esac
