/* Linked into the unit tests of another architecture: Criterion starts each test as a new process of the same
 * program, which the kernel cannot run. The emulator passes execve() on as it is, so this one names the
 * emulator again. BLITZDB_QEMU and BLITZDB_SYSROOT come from the build. */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 32 };

/** Seen by Criterion's library in place of the C library's. */
__attribute__((visibility("default"))) int execve(const char *path, char *const arguments[],
                                                  char *const environment[]) {
    const char *command[ARGUMENTS_MAX] = {BLITZDB_QEMU, "-L", BLITZDB_SYSROOT, "-0", arguments[0], path};
    for (unsigned i = 1; arguments[i] != NULL; i++) {
        if (i + 6 >= ARGUMENTS_MAX) {
            errno = E2BIG;
            return -1;
        }
        command[i + 5] = arguments[i];
    }
    return (int)syscall(SYS_execve, BLITZDB_QEMU, command, environment);
}
