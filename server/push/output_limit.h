/**
 * @file
 * @brief How much a client may leave unread: what the setting `client-output-buffer-limit` means for it.
 *
 * Beyond the hard limit a client is closed at once, beyond the soft one when it has been there for so many
 * seconds. Where there is no limit, pushes are bounded by ::BZS_PUSHES_MAX all the same. Any thread: the
 * settings are atomic.
 */
#ifndef BLITZDB_SERVER_OUTPUT_LIMIT_H
#define BLITZDB_SERVER_OUTPUT_LIMIT_H

#include <stdint.h>

#include "config.h"

/** Most that waits unread for a client that is sent pushes and has no limit of its own. */
#define BZS_PUSHES_MAX ((uint64_t)256 * 1024 * 1024)

/** What a limit says about a client. */
enum bzs_output_verdict { BZS_OUTPUT_FITS, BZS_OUTPUT_OVER_SOFT, BZS_OUTPUT_OVER_HARD };

/** Judges so many unread bytes. */
enum bzs_output_verdict bzs_output_judge(const struct bzs_output_limit *limit, uint64_t bytes);

/** The most that may wait, in bytes. */
uint64_t bzs_output_most(const struct bzs_output_limit *limit);

#endif
