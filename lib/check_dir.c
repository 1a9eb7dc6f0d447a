/** Reads a directory: MANIFEST, snapshot, log, and what else is there. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "check.h"
#include "codec.h"
#include "logger.h"
#include "manifest.h"
#include "path.h"
#include "snapshot_format.h"
#include "temporary.h"

/** One directory. */
struct visit {
    struct bzd_check *check;
    struct bzd_check_plan plan;
    struct bzd_listing snapshots;
    struct bzd_listing segments;
    bool has_manifest; /**< and it is valid */
};

/** Size of a file, 0 if it cannot be had. */
static uint64_t size_of(const struct bzd_check *check, const char *name) {
    uint64_t size = 0;
    (void)bzd_file_size_of(check->env, check->dir, name, &size);
    return size;
}

static uint64_t numbered_size(const struct bzd_check *check, const char *prefix, uint64_t number) {
    char name[BZD_NAME_MAX];
    bzd_name_numbered(name, prefix, number, "");
    return size_of(check, name);
}

/** An interrupted creation leaves a first segment without groups and temporary files, nothing more. */
static bool is_unborn(const struct visit *visit) {
    const struct bzd_listing *segments = &visit->segments;
    if (visit->snapshots.count > 0 || segments->count > 1)
        return false;
    return segments->count == 0 ||
           (segments->numbers[0] == 0 &&
            numbered_size(visit->check, BZD_WAL_NAME_PREFIX, 0) <= BZD_WAL_SEGMENT_HEADER_SIZE);
}

/** Reads the MANIFEST into the plan. NOT_FOUND, VERSION and NO_MEMORY end the check. */
static blitzdb_status read_manifest(struct visit *visit) {
    struct bzd_check *check = visit->check;
    struct bzd_check_plan *plan = &visit->plan;
    struct bzd_manifest manifest;
    struct bzd_manifest_fault fault;
    blitzdb_error error = {0};
    *plan = (struct bzd_check_plan){.log_end = UINT64_MAX};
    blitzdb_status status = bzd_manifest_examine(check->env, check->dir, &manifest, &fault, &error);
    if (status == BLITZDB_NOT_FOUND) {
        if (is_unborn(visit))
            return bzd_error_set(check->options.error, status, 0, "there is no database in %s", check->dir);
        bzd_check_damage(check, BLITZDB_NOT_A_DATABASE, BZD_MANIFEST_NAME, 0, 0,
                         "there are log or snapshot files but no MANIFEST");
        return BLITZDB_OK;
    }
    check->result.files++;
    check->result.bytes += size_of(check, BZD_MANIFEST_NAME);
    if (status == BLITZDB_CORRUPT || status == BLITZDB_VERSION) {
        bzd_check_damage(check, status, BZD_MANIFEST_NAME, fault.offset, 0, "%s", fault.reason);
        return status == BLITZDB_VERSION ? status : BLITZDB_OK;
    }
    if (status != BLITZDB_OK)
        return bzd_check_unreadable(check, BZD_MANIFEST_NAME, 0, 0, &error);
    visit->has_manifest = true;
    plan->has_id = true;
    memcpy(plan->database_id, manifest.database_id, sizeof plan->database_id);
    plan->has_snapshot = manifest.has_snapshot;
    plan->snapshot_serial = manifest.snapshot_serial;
    plan->log_start = manifest.log_start;
    plan->log_end = manifest.log_end;
    plan->is_sealed = manifest.is_sealed;
    return BLITZDB_OK;
}

/** Takes the newest snapshot that could do, and the log from its position. */
static blitzdb_status choose_snapshot(struct visit *visit) {
    struct bzd_check_plan *plan = &visit->plan;
    for (size_t i = visit->snapshots.count; i-- > 0;) {
        struct bzd_check_snapshot_info info;
        uint64_t serial = visit->snapshots.numbers[i];
        blitzdb_status status = bzd_check_peek_snapshot(visit->check, serial, &info);
        if (status != BLITZDB_OK)
            return status;
        bool is_ours =
            !plan->has_id || memcmp(info.database_id, plan->database_id, BZD_DATABASE_ID_SIZE) == 0;
        if (!info.is_readable || !is_ours)
            continue;
        plan->has_id = true;
        memcpy(plan->database_id, info.database_id, BZD_DATABASE_ID_SIZE);
        plan->has_snapshot = true;
        plan->snapshot_serial = serial;
        plan->log_start = info.start_position;
        bzd_check_note(visit->check, ".", 0, 0,
                       "reading snapshot %016" PRIx64
                       " and the log behind it; whether that is the newest state is not known",
                       serial);
        return BLITZDB_OK;
    }
    return BLITZDB_OK;
}

/** Without a MANIFEST: what it may have said. */
static blitzdb_status guess_plan(struct visit *visit) {
    struct bzd_check_plan *plan = &visit->plan;
    plan->has_snapshot = false;
    blitzdb_status status = choose_snapshot(visit);
    if (status != BLITZDB_OK || plan->has_snapshot)
        return status;
    /* No header can be read. A damaged snapshot is better than none, and the log is read from its start. */
    plan->has_snapshot = visit->snapshots.count > 0;
    if (plan->has_snapshot)
        plan->snapshot_serial = visit->snapshots.numbers[visit->snapshots.count - 1];
    plan->log_start = visit->segments.count > 0 ? visit->segments.numbers[0] : 0;
    return BLITZDB_OK;
}

/** If the snapshot the MANIFEST names is not there, another one may be. */
static blitzdb_status replace_missing_snapshot(struct visit *visit) {
    struct bzd_check_plan *plan = &visit->plan;
    for (size_t i = 0; i < visit->snapshots.count; i++)
        if (visit->snapshots.numbers[i] == plan->snapshot_serial)
            return BLITZDB_OK;
    char name[BZD_NAME_MAX];
    bzd_name_numbered(name, BZD_SNAPSHOT_NAME_PREFIX, plan->snapshot_serial, "");
    bzd_check_damage(visit->check, BLITZDB_CORRUPT, name, 0, 0, "the MANIFEST names it, but it is missing");
    plan->has_snapshot = false;
    return choose_snapshot(visit);
}

/** Sums up what will be read, for the progress. */
static void count_bytes(struct visit *visit) {
    struct bzd_check *check = visit->check;
    const struct bzd_check_plan *plan = &visit->plan;
    if (check->options.progress == NULL)
        return;
    if (plan->has_snapshot)
        check->bytes_total += numbered_size(check, BZD_SNAPSHOT_NAME_PREFIX, plan->snapshot_serial);
    for (size_t i = 0; i < visit->segments.count; i++)
        check->bytes_total += numbered_size(check, BZD_WAL_NAME_PREFIX, visit->segments.numbers[i]);
}

static blitzdb_status read_snapshot(struct visit *visit) {
    struct bzd_check_plan *plan = &visit->plan;
    struct bzd_check_snapshot_info info;
    blitzdb_status status = bzd_check_snapshot(visit->check, plan, &info);
    if (status != BLITZDB_OK || !info.is_readable)
        return status;
    if (info.start_position != plan->log_start) {
        char name[BZD_NAME_MAX];
        bzd_name_numbered(name, BZD_SNAPSHOT_NAME_PREFIX, plan->snapshot_serial, "");
        bzd_check_damage(visit->check, BLITZDB_CORRUPT, name, 24, 0,
                         "the snapshot does not belong to the MANIFEST beside it, which begins at another "
                         "position of the log; the log is read from the snapshot's");
        plan->log_start = info.start_position;
        if (plan->log_end < plan->log_start)
            plan->log_end = UINT64_MAX;
    }
    plan->log_least = info.end_position;
    return BLITZDB_OK;
}

/** Whether a segment is a part of what was read. */
static bool is_read(const struct visit *visit, uint64_t start) {
    const struct bzd_check_plan *plan = &visit->plan;
    const struct bzd_listing *segments = &visit->segments;
    if ((start >= plan->log_end && !plan->is_sealed) || plan->log_start == plan->log_end)
        return false;
    for (size_t i = 0; i < segments->count; i++)
        if (segments->numbers[i] > start && segments->numbers[i] <= plan->log_start)
            return false;
    return true;
}

/** Names what does not belong to the database. */
static int note_leftover(void *caller, const char *name) {
    const struct visit *visit = caller;
    const struct bzd_check_plan *plan = &visit->plan;
    uint64_t number;
    if (strcmp(name, BZD_LOCK_NAME) == 0 || strcmp(name, BZD_MANIFEST_NAME) == 0)
        return 0;
    if (bzd_name_number(name, BZD_WAL_NAME_PREFIX, "", &number)) {
        if (!is_read(visit, number))
            bzd_check_note(visit->check, name, 0, 0, "a segment that is not needed any more; not read");
    } else if (bzd_name_number(name, BZD_WAL_SPARE_PREFIX, "", &number)) {
        return 0; /* kept on purpose; it holds nothing */
    } else if (bzd_name_number(name, BZD_SNAPSHOT_NAME_PREFIX, "", &number)) {
        if (!plan->has_snapshot || number != plan->snapshot_serial)
            bzd_check_note(visit->check, name, 0, 0, "a snapshot that is not the one in use; not read");
    } else if (bzd_name_number(name, BZD_SNAPSHOT_NAME_PREFIX, BZD_TEMPORARY_SUFFIX, &number) ||
               strcmp(name, BZD_MANIFEST_NAME BZD_TEMPORARY_SUFFIX) == 0) {
        bzd_check_note(visit->check, name, 0, 0, "left by interrupted work; not read");
    } else {
        bzd_check_note(visit->check, name, 0, 0, "not a part of the database; not read");
    }
    return 0;
}

static blitzdb_status read_all(struct visit *visit) {
    struct bzd_check *check = visit->check;
    blitzdb_status status = read_manifest(visit);
    if (status == BLITZDB_OK && !visit->has_manifest)
        status = guess_plan(visit);
    else if (status == BLITZDB_OK && visit->plan.has_snapshot)
        status = replace_missing_snapshot(visit);
    if (status != BLITZDB_OK)
        return status;
    count_bytes(visit);
    if (visit->plan.has_snapshot)
        status = read_snapshot(visit);
    if (status == BLITZDB_OK)
        status = bzd_check_log(check, &visit->plan, &visit->segments);
    if (status != BLITZDB_OK)
        return status;
    int failure = check->env->list_dir(check->env->user, check->dir, note_leftover, visit);
    if (failure != 0)
        return bzd_error_set(check->options.error, bzd_status_of_errno(failure), failure, "listing %s",
                             check->dir);
    return BLITZDB_OK;
}

blitzdb_status bzd_check_directory(struct bzd_check *check) {
    const blitzdb_env *env = check->env;
    struct visit visit = {.check = check};
    blitzdb_status status = bzd_listing_init(&visit.snapshots, env, check->dir, BZD_SNAPSHOT_NAME_PREFIX, "");
    if (visit.snapshots.failure == ENOENT)
        return bzd_error_set(check->options.error, BLITZDB_NOT_FOUND, ENOENT, "there is no directory %s",
                             check->dir);
    if (status != BLITZDB_OK)
        return bzd_error_set(check->options.error, status, visit.snapshots.failure, "listing %s", check->dir);
    status = bzd_listing_init(&visit.segments, env, check->dir, BZD_WAL_NAME_PREFIX, "");
    if (status != BLITZDB_OK) {
        bzd_listing_deinit(&visit.snapshots);
        return bzd_error_set(check->options.error, status, visit.segments.failure, "listing %s", check->dir);
    }
    status = read_all(&visit);
    bzd_listing_deinit(&visit.snapshots);
    bzd_listing_deinit(&visit.segments);
    return status;
}
