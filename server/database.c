#include "database.h"

#include "clock.h"

enum { PROGRESS_MS = 1000 }; /* between two lines about the loading */

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

/** What is known of the loading while it goes on. */
struct report {
    const struct bzs_messages *messages;
    struct bzs_loading *loading;
    const _Atomic bool *canceled;
    int64_t begin_ms;
    int64_t said_ms; /**< when there was a line last */
};

static int64_t uptime_ms(void) {
    return bzs_clock_ms(CLOCK_MONOTONIC);
}

/** Says now and then how far the loading is; what takes less than a second is not worth a line. */
static int say_progress(void *user, const blitzdb_progress *progress) {
    struct report *report = user;
    int64_t now = uptime_ms();
    report->loading->bytes_total = progress->bytes_total;
    report->loading->bytes_done = progress->bytes_done;
    report->loading->records_done = progress->records_done;
    if (atomic_load(report->canceled))
        return 1;
    if (now - report->said_ms < PROGRESS_MS || progress->bytes_total == 0)
        return 0;
    report->said_ms = now;
    const char *what = progress->phase == BLITZDB_PHASE_SNAPSHOT ? "the snapshot" : "the log";
    bzs_say(report->messages, BZS_NOTICE, "loading %s: %d %%, %llu records", what,
            (int)((double)progress->bytes_done * 100 / (double)progress->bytes_total),
            (unsigned long long)progress->records_done);
    return 0;
}

/** Says what was loaded, if anything was. */
static void say_loaded(const struct report *report, blitzdb *db) {
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    if (blitzdb_stats(db, &stats) != BLITZDB_OK || stats.recovered_entries + stats.recovered_records == 0)
        return;
    bzs_say(report->messages, BZS_NOTICE, "loaded %llu keys in %.3f seconds", (unsigned long long)stats.keys,
            (double)(uptime_ms() - report->begin_ms) / 1000);
}

/** Says why the database cannot be opened, and what helps where the files are at fault. */
static void say_refused(const struct bzs_config *config, const struct bzs_messages *messages,
                        blitzdb_status status, const blitzdb_error *error) {
    bzs_say(messages, BZS_WARNING, "the database cannot be opened: %s",
            error->text[0] != '\0' ? error->text : blitzdb_status_text(status));
    if (status == BLITZDB_CORRUPT || status == BLITZDB_NOT_A_DATABASE)
        bzs_say(messages, BZS_WARNING,
                "restore a backup, or save what is sound: blitzdb-check %s --salvage OUT", config->dir);
}

blitzdb_status bzs_database_open_placeholder(blitzdb **db_out) {
    const blitzdb_options options = {.struct_size = sizeof(options), .shard_count = 1};
    return blitzdb_open(NULL, &options, db_out);
}

blitzdb_status bzs_database_open(struct bzs_config *config, struct bzs_messages *messages,
                                 struct bzs_loading *loading, const _Atomic bool *canceled,
                                 blitzdb **db_out) {
    blitzdb_error error = {0};
    struct report report = {messages, loading, canceled, uptime_ms(), uptime_ms()};
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
        .progress = say_progress,
        .progress_user = &report,
    };
    blitzdb_status status = blitzdb_open(config->dir, &options, db_out);
    if (status == BLITZDB_OK)
        say_loaded(&report, *db_out);
    else if (status == BLITZDB_CANCELED)
        bzs_say(messages, BZS_NOTICE, "the loading was ended early; nothing has changed");
    else
        say_refused(config, messages, status, &error);
    return status;
}
