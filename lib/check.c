#include "check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "logger.h"

/** Bytes between two calls of the progress callback. */
enum { PROGRESS_STEP = 1 << 20 };

/** Keeps the first damage, or the first note as long as there is no damage. */
static void keep_first(blitzdb_check_result *result, const blitzdb_finding *finding) {
    bool is_damage = finding->severity == BLITZDB_SEVERITY_DAMAGE;
    bool is_first = is_damage ? result->damages == 0 : result->damages == 0 && result->notes == 0;
    if (!is_first)
        return;
    (void)snprintf(result->first_file, sizeof result->first_file, "%s", finding->file);
    (void)snprintf(result->first_reason, sizeof result->first_reason, "%s", finding->reason);
    result->first_offset = finding->offset;
}

static void report(struct bzd_check *check, const blitzdb_finding *finding) {
    keep_first(&check->result, finding);
    if (finding->severity == BLITZDB_SEVERITY_NOTE) {
        check->result.notes++;
    } else {
        check->result.damages++;
        check->result.damage_bytes += finding->bytes;
        if (check->status == BLITZDB_OK)
            check->status =
                bzd_error_set(check->options.error, finding->status, 0, "%s: offset %" PRIu64 ": %s",
                              finding->file, finding->offset, finding->reason);
    }
    if (check->options.finding != NULL)
        check->options.finding(check->options.finding_user, finding);
}

void bzd_check_damage(struct bzd_check *check, blitzdb_status status, const char *file, uint64_t offset,
                      uint64_t bytes, const char *format, ...) {
    char reason[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    blitzdb_finding finding = {BLITZDB_SEVERITY_DAMAGE, status, file, offset, bytes, reason};
    report(check, &finding);
}

void bzd_check_note(struct bzd_check *check, const char *file, uint64_t offset, uint64_t bytes,
                    const char *format, ...) {
    char reason[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    blitzdb_finding finding = {BLITZDB_SEVERITY_NOTE, BLITZDB_OK, file, offset, bytes, reason};
    report(check, &finding);
}

blitzdb_status bzd_check_unreadable(struct bzd_check *check, const char *file, uint64_t offset,
                                    uint64_t bytes, const blitzdb_error *error) {
    if (error->status == BLITZDB_NO_MEMORY)
        return bzd_error_set(check->options.error, BLITZDB_NO_MEMORY, 0, "%s", error->text);
    bzd_check_damage(check, BLITZDB_IO, file, offset, bytes,
                     "the system cannot read it (errno %d); what is behind it in this file was not checked",
                     error->system_errno);
    return BLITZDB_OK;
}

void bzd_check_progress(struct bzd_check *check, uint64_t bytes) {
    check->bytes_done += bytes;
    bool is_due =
        check->bytes_done - check->bytes_shown >= PROGRESS_STEP || check->bytes_done == check->bytes_total;
    if (check->options.progress == NULL || !is_due || check->bytes_done > check->bytes_total)
        return;
    check->bytes_shown = check->bytes_done;
    check->options.progress(check->options.progress_user, check->bytes_done, check->bytes_total);
}

blitzdb_status bzd_check_open(struct bzd_check *check, struct bzd_file_reader *file, const char *name) {
    blitzdb_error error = {0};
    blitzdb_status status = bzd_file_reader_open(file, check->env, check->dir, name, &error);
    if (status == BLITZDB_OK) {
        check->result.files++;
        check->result.bytes += file->size;
        return BLITZDB_OK;
    }
    if (status == BLITZDB_NOT_FOUND) {
        bzd_check_damage(check, BLITZDB_CORRUPT, name, 0, 0, "the MANIFEST names it, but it is missing");
        return BLITZDB_IO;
    }
    status = bzd_check_unreadable(check, name, 0, 0, &error);
    return status == BLITZDB_OK ? BLITZDB_IO : status;
}

blitzdb_status bzd_check_take(struct bzd_check *check, const struct bzd_record *record) {
    return check->take != NULL ? check->take(check->user, record) : BLITZDB_OK;
}
