# Toolchain file: Debian's cross compiler for arm64, and qemu to run what it makes. tests/arm64.sh uses it and
# fills BLITZDB_ARM64_SYSROOT, the folder with the C library and Criterion for arm64.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

# CMake's own trial projects are told, too.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES BLITZDB_ARM64_SYSROOT)
set(CMAKE_SYSROOT ${BLITZDB_ARM64_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${CMAKE_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig)
# The libraries that Criterion itself needs.
set(CMAKE_EXE_LINKER_FLAGS_INIT -Wl,-rpath-link,${CMAKE_SYSROOT}/usr/lib/aarch64-linux-gnu)

# The processors in use have the instructions for checksums; the library uses them where the compiler may.
set(CMAKE_C_FLAGS_INIT -march=armv8-a+crc)

find_program(BLITZDB_QEMU qemu-aarch64 REQUIRED)
set(CMAKE_CROSSCOMPILING_EMULATOR ${BLITZDB_QEMU} -L ${CMAKE_SYSROOT})
