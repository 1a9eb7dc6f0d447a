/**
 * @file
 * @brief One segment of the log, read group by group.
 *
 * Knows what makes a header and a group valid, not what a fault means: whether it is the trace of a crash or
 * corruption is decided by wal_reader.c, which sees all segments. One thread; whoever opened a segment closes
 * it.
 */
#ifndef BZD_WAL_SEGMENT_H
#define BZD_WAL_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include <blitzdb/env.h>
#include <blitzdb/status.h>

#include "bytes.h"
#include "file_reader.h"
#include "wal_format.h"

struct bzd_wal_segment {
    struct bzd_file_reader file;
    uint64_t start; /**< position of the first group, from the name and checked against the header */
    uint64_t id;
    uint8_t database_id[BZD_DATABASE_ID_SIZE]; /**< as the header has it, for the caller to compare */
    uint64_t offset;                           /**< in the file, of the next group */
    bool recycled;                             /**< old bytes may stand behind the last group */
};

/** A valid group. */
struct bzd_wal_group {
    uint64_t position;
    uint64_t durable;
    uint32_t record_count;
    struct bzd_slice payload; /**< borrowed until the next call on the segment */
};

/**
 * Opens the segment that begins at a position. A header that was not written completely gives BLITZDB_OK and
 * names the reason in `fault_out` (NULL otherwise); then only the file's size can be used. On failure it is
 * closed.
 */
blitzdb_status bzd_wal_segment_open(struct bzd_wal_segment *segment, const blitzdb_env *env, const char *dir,
                                    uint64_t start, const char **fault_out, blitzdb_error *error);
void bzd_wal_segment_close(struct bzd_wal_segment *segment);

/** Position of the next group. */
uint64_t bzd_wal_segment_position(const struct bzd_wal_segment *segment);

/**
 * Reads the next group, of which there is at least one byte, and steps over it. If it is not valid, names the
 * reason in `fault_out` (NULL otherwise) and stays where it is.
 */
blitzdb_status bzd_wal_segment_next(struct bzd_wal_segment *segment, struct bzd_wal_group *group_out,
                                    const char **fault_out, blitzdb_error *error);

/** What stands behind the last valid group. */
struct bzd_wal_rest {
    uint64_t proven_to;  /**< highest position that a header calls durable; above the present one, the group
                            there was once good. The header need not stand where its position says: if bytes
                            were removed or inserted, what is behind them has moved */
    uint64_t torn_bytes; /**< from the present offset to the last trace of a write that was lost; 0: none */
};

/**
 * Looks at everything behind the present offset, where there is no valid group. In a recycled file only a
 * valid header is a trace, as other bytes may be older than the segment; else every byte is that is not zero.
 */
blitzdb_status bzd_wal_segment_inspect_rest(struct bzd_wal_segment *segment, struct bzd_wal_rest *rest_out,
                                            blitzdb_error *error);

/**
 * Goes from a group that is not valid to the next header of this segment at or behind its position, wherever
 * it stands; `start` is changed so that position and offset agree there. For salvage: what was between is
 * lost. Not found: the segment is left as it is.
 */
blitzdb_status bzd_wal_segment_find_group(struct bzd_wal_segment *segment, bool *found_out,
                                          blitzdb_error *error);

#endif
