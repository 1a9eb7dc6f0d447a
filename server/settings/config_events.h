/**
 * @file
 * @brief Classes of keyspace events, as the letters of the setting `notify-keyspace-events` choose them.
 */
#ifndef BLITZDB_SERVER_CONFIG_EVENTS_H
#define BLITZDB_SERVER_CONFIG_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

/** One bit for each letter; `notify_events` of the configuration holds them. */
enum bzs_events {
    BZS_EVENTS_KEYSPACE = 1,    /**< K: told on __keyspace@DB__:KEY */
    BZS_EVENTS_KEYEVENT = 2,    /**< E: told on __keyevent@DB__:EVENT */
    BZS_EVENTS_GENERIC = 4,     /**< g: DEL, EXPIRE, RENAME and so on */
    BZS_EVENTS_STRING = 8,      /**< $ */
    BZS_EVENTS_LIST = 16,       /**< l */
    BZS_EVENTS_SET = 32,        /**< s */
    BZS_EVENTS_HASH = 64,       /**< h */
    BZS_EVENTS_ZSET = 128,      /**< z */
    BZS_EVENTS_EXPIRED = 256,   /**< x */
    BZS_EVENTS_EVICTED = 512,   /**< e */
    BZS_EVENTS_STREAM = 1024,   /**< t */
    BZS_EVENTS_MODULE = 2048,   /**< d */
    BZS_EVENTS_KEY_MISS = 4096, /**< m: not in A */
    BZS_EVENTS_NEW = 8192,      /**< n: not in A */
    BZS_EVENTS_ALL = 4092,      /**< A: everything from g to d */
};

/** Most letters, and a zero. */
#define BZS_EVENTS_TEXT_SIZE 20

/** Reads the letters; false if one of them stands for nothing. */
bool bzs_events_parse(const char *letters, int64_t *events_out);

/** Writes the letters the way Redis shows them. */
void bzs_events_show(int64_t events, char text_out[BZS_EVENTS_TEXT_SIZE]);

#endif
