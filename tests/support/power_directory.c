#include <inttypes.h>
#include <string.h>

#include "power_internal.h"

/** Bytes that one operation may need on disk: its segment, one prepared for the next, its snapshot. */
#define BYTES_PER_OPERATION (4 * (uint64_t)POWER_SEGMENT_BYTES)
/** Operations' worth of bytes that are there without one. */
#define OPERATIONS_AT_FIRST 4
/** Segments kept for later use. */
#define SPARES_MAX 2
/** Longest MANIFEST that is read. */
#define TEXT_MAX 512

/** What is in a directory. */
struct directory {
    const blitzdb_env *env;
    uint64_t log_start;    /**< as the MANIFEST says */
    uint64_t bytes;        /**< of all files */
    uint64_t first_needed; /**< start of the last segment that begins at or before `log_start` */
    uint64_t first;        /**< start of the first segment */
    unsigned snapshots;
    unsigned spares;
    const char *fault; /**< NULL: none was found */
};

/** Reads a whole small file and answers its size, which may be larger than what was read. */
static uint64_t read_file(const blitzdb_env *env, const char *name, char text[TEXT_MAX]) {
    char path[64];
    blitzdb_file *file = NULL;
    uint64_t size = 0;
    size_t got = 0;
    (void)snprintf(path, sizeof(path), "db/%s", name);
    memset(text, 0, TEXT_MAX);
    if (env->open(env->user, path, BLITZDB_FILE_READ, &file) != 0)
        return 0;
    (void)env->file_size(env->user, file, &size);
    (void)env->read_at(env->user, file, text, TEXT_MAX - 1, 0, &got);
    (void)env->close(env->user, file);
    return size;
}

static int look_at_name(void *caller, const char *name) {
    struct directory *directory = caller;
    char text[TEXT_MAX];
    uint64_t start = 0;
    directory->bytes += read_file(directory->env, name, text);
    directory->snapshots += strncmp(name, "snapshot-", 9) == 0;
    directory->spares += strncmp(name, "spare-", 6) == 0;
    if (sscanf(name, "log-%16" SCNx64, &start) == 1) {
        directory->first = start < directory->first ? start : directory->first;
        if (start <= directory->log_start && start > directory->first_needed)
            directory->first_needed = start;
    }
    if (strstr(name, ".tmp") != NULL)
        directory->fault = "a temporary file was left";
    return 0;
}

void power_check_directory(const struct power_sight *sight, struct mem_env *env) {
    struct directory directory = {.env = mem_env_table(env), .first = UINT64_MAX};
    char text[TEXT_MAX];
    (void)read_file(directory.env, "MANIFEST", text);
    const char *line = strstr(text, "\nlog ");
    if (line == NULL || sscanf(line, "\nlog %16" SCNx64, &directory.log_start) != 1)
        directory.fault = "there is no MANIFEST";
    if (directory.env->list_dir(directory.env->user, "db", look_at_name, &directory) != 0)
        directory.fault = "the directory cannot be listed";
    bool has_snapshot = strstr(text, "\nsnapshot none\n") == NULL;
    if (directory.snapshots != has_snapshot)
        directory.fault = "a snapshot was left or is missing";
    if (directory.first < directory.first_needed)
        directory.fault = "a segment before the log's start was left";
    if (directory.spares > SPARES_MAX)
        directory.fault = "too many spare segments";
    if (directory.bytes > (OPERATIONS_AT_FIRST + sight->run->count) * BYTES_PER_OPERATION)
        directory.fault = "the files are too large";
    if (directory.fault != NULL)
        power_report(sight, &sight->run->counts->failures, directory.fault);
}
