#include "benchmark_process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const uint64_t second_ns = 1000000000;

/** The time in fields 14 and 15 of /proc/PID/stat; the second field is a name that may hold anything. */
static bool read_stat(uint64_t pid, uint64_t *user_ns_out, uint64_t *kernel_ns_out) {
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%" PRIu64 "/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t size = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[size] = '\0';
    const char *behind_name = strrchr(line, ')');
    uint64_t user, kernel;
    if (behind_name == NULL ||
        sscanf(behind_name, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user,
               &kernel) != 2)
        return false;
    uint64_t tick_ns = second_ns / (uint64_t)sysconf(_SC_CLK_TCK);
    *user_ns_out = user * tick_ns;
    *kernel_ns_out = kernel * tick_ns;
    return true;
}

/** The number behind a name in a file of lines such as "VmRSS:  1234 kB"; 0 if it is not there. */
static uint64_t read_field(const char *path, const char *name) {
    char line[256];
    uint64_t number = 0;
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            number = strtoull(line + strlen(name), NULL, 10);
    if (file != NULL)
        fclose(file);
    return number;
}

static uint64_t count_waits(uint64_t pid) {
    char path[320];
    uint64_t waits = 0;
    snprintf(path, sizeof path, "/proc/%" PRIu64 "/task", pid);
    DIR *threads = opendir(path);
    for (const struct dirent *entry; threads != NULL && (entry = readdir(threads)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%" PRIu64 "/task/%s/status", pid, entry->d_name);
        waits += read_field(path, "voluntary_ctxt_switches:");
    }
    if (threads != NULL)
        closedir(threads);
    return waits;
}

bool process_read_meter(uint64_t pid, struct process_meter *meter_out) {
    clockid_t clock;
    struct timespec now;
    uint64_t user_ns, kernel_ns;
    if (!read_stat(pid, &user_ns, &kernel_ns))
        return false;
    meter_out->cpu_ns = user_ns + kernel_ns;
    meter_out->ticks_ns = meter_out->cpu_ns;
    meter_out->kernel_ns = kernel_ns;
    meter_out->waits = count_waits(pid);
    if (clock_getcpuclockid((pid_t)pid, &clock) == 0 && clock_gettime(clock, &now) == 0)
        meter_out->cpu_ns = (uint64_t)now.tv_sec * second_ns + (uint64_t)now.tv_nsec;
    return true;
}

struct process_meter process_spent(const struct process_meter *before, const struct process_meter *after) {
    struct process_meter spent = {.cpu_ns = after->cpu_ns - before->cpu_ns,
                                  .ticks_ns = after->ticks_ns - before->ticks_ns,
                                  .waits = after->waits - before->waits};
    double ticks = (double)(after->kernel_ns - before->kernel_ns);
    double share = spent.ticks_ns > 0 ? ticks / (double)spent.ticks_ns : 0;
    spent.kernel_ns = (uint64_t)((double)spent.cpu_ns * share);
    return spent;
}

uint64_t process_resident(uint64_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%" PRIu64 "/status", pid);
    return read_field(path, "VmRSS:") * 1024;
}

uint64_t process_own_cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * second_ns + (uint64_t)now.tv_nsec;
}
