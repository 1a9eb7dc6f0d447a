/**
 * @file
 * @brief CONFIG SET: several settings changed at once, all or none.
 *
 *     begin --> parsed and checked in `staged`, a configuration beside the one in force
 *           --> the caller makes the server follow `staged` --> commit --> in force
 *
 * Readers never see a value that was refused. One change at a time: the caller serializes them.
 */
#ifndef BLITZDB_SERVER_CONFIG_CHANGE_H
#define BLITZDB_SERVER_CONFIG_CHANGE_H

#include "config_place.h"
#include "reply.h"

/** Most settings in one change. */
#define BZS_CHANGE_MAX 64

/** A change under way. */
struct bzs_config_change {
    struct bzs_config *config;
    struct bzs_config staged; /**< what will be in force; only settings of the change are filled in */
    const struct bzs_setting *settings[BZS_CHANGE_MAX];
    size_t count;
    size_t failed; /**< index of the pair that was refused */
    struct bzs_config_error error;
};

/** How a change ended. */
enum bzs_change_result {
    BZS_CHANGE_OK = 0,
    BZS_CHANGE_UNKNOWN, /**< pair `failed` is no setting */
    BZS_CHANGE_REFUSED, /**< pair `failed`: `error` says why */
    BZS_CHANGE_NO_MEMORY,
};

/** Checks `count` pairs of name and value; whatever the result, end with bzs_config_change_end(). */
enum bzs_change_result bzs_config_change_begin(struct bzs_config_change *change, struct bzs_config *config,
                                               size_t count, const struct bzs_slice pairs[]);

/** True if the setting is part of the change. */
bool bzs_config_change_has(const struct bzs_config_change *change, const char *name);

/** Puts the staged values in force. */
void bzs_config_change_commit(struct bzs_config_change *change);

/** Releases the change. */
void bzs_config_change_end(struct bzs_config_change *change);

#endif
