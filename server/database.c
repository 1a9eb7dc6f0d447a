#include "database.h"

#include <stdio.h>
#include <string.h>

/* The setting maxmemory-policy lists its choices in the order of this enum. */
_Static_assert(BLITZDB_EVICTION_NONE == 0 && BLITZDB_EVICTION_ALLKEYS_LRU == 1 &&
                   BLITZDB_EVICTION_VOLATILE_LRU == 2 && BLITZDB_EVICTION_ALLKEYS_RANDOM == 3 &&
                   BLITZDB_EVICTION_VOLATILE_RANDOM == 4 && BLITZDB_EVICTION_VOLATILE_TTL == 5 &&
                   BLITZDB_EVICTION_ALLKEYS_LFU == 6 && BLITZDB_EVICTION_VOLATILE_LFU == 7,
               "choices and enum differ");

static void forward_message(void *user, int level, const char *module, const char *text) {
    enum bzs_message_level said = level <= BLITZDB_LOG_WARNING ? BZS_WARNING
                                  : level == BLITZDB_LOG_INFO  ? BZS_NOTICE
                                                               : BZS_DEBUG;
    bzs_say(user, said, "%s: %s", module, text);
}

const char *bzs_database_reason(blitzdb_status status, const blitzdb_error *error,
                                char text_out[BZS_REASON_SIZE]) {
    const char *text = error->text[0] != '\0' ? error->text : blitzdb_status_text(status);
    const char *system = error->system_errno != 0 ? strerror(error->system_errno) : "";
    bool adds_system = strstr(text, system) == NULL;
    snprintf(text_out, BZS_REASON_SIZE, "%s%s%s%s", text, adds_system ? ": " : "", adds_system ? system : "",
             status == BLITZDB_LOCKED ? "; stop it or use another --dir" : "");
    return text_out;
}

blitzdb_status bzs_database_open(const struct bzs_config *config, struct bzs_messages *messages,
                                 blitzdb **db_out) {
    blitzdb_error error = {0};
    blitzdb_options options = {
        .struct_size = sizeof(options),
        .flags = config->dir != NULL && !config->appendonly ? BLITZDB_OPEN_NO_LOG : 0,
        .durability = config->appendfsync == BZS_APPENDFSYNC_EVERYSEC ? BLITZDB_DURABILITY_INTERVAL
                                                                      : BLITZDB_DURABILITY_NONE,
        .eviction = (uint32_t)config->eviction,
        .memory_limit_bytes = (uint64_t)config->memory_limit,
        .background = BLITZDB_BACKGROUND_THREAD,
        .log = forward_message,
        .log_user = messages,
        .log_level = config->log_level <= BZS_DEBUG ? BLITZDB_LOG_DEBUG : BLITZDB_LOG_INFO,
        .error = &error,
    };
    blitzdb_status status = blitzdb_open(config->dir, &options, db_out);
    if (status != BLITZDB_OK) {
        char reason[BZS_REASON_SIZE];
        bzs_say(messages, BZS_WARNING, "the database cannot be opened: %s",
                bzs_database_reason(status, &error, reason));
    }
    return status;
}
