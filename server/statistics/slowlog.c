#include "slowlog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS_MAX = 32, ARGUMENT_SIZE_MAX = 128 };

/** One entry. */
struct entry {
    struct bzs_link all;
    int64_t id;
    int64_t unix_s;
    uint64_t microseconds;
    struct bzs_reply rest; /* arguments, address and name, encoded */
};

void bzs_slowlog_init(struct bzs_slowlog *log) {
    *log = (struct bzs_slowlog){0};
    pthread_mutex_init(&log->mutex, NULL);
    bzs_link_init(&log->entries);
}

/** Removes the oldest entries until so many are left. The mutex is held. */
static void shorten(struct bzs_slowlog *log, size_t count) {
    while (log->count > count) {
        struct entry *oldest = BZS_LINK_OWNER(log->entries.next, struct entry, all);
        bzs_link_remove(&oldest->all);
        bzs_reply_deinit(&oldest->rest);
        free(oldest);
        log->count--;
    }
}

void bzs_slowlog_deinit(struct bzs_slowlog *log) {
    shorten(log, 0);
    pthread_mutex_destroy(&log->mutex);
}

static void encode_argument(struct bzs_reply *rest, struct bzs_slice argument) {
    char text[ARGUMENT_SIZE_MAX + 64];
    if (argument.size <= ARGUMENT_SIZE_MAX) {
        bzs_reply_bulk(rest, argument.data, argument.size);
        return;
    }
    memcpy(text, argument.data, ARGUMENT_SIZE_MAX);
    int size = snprintf(text + ARGUMENT_SIZE_MAX, sizeof(text) - ARGUMENT_SIZE_MAX, "... (%zu more bytes)",
                        argument.size - ARGUMENT_SIZE_MAX);
    bzs_reply_bulk(rest, text, ARGUMENT_SIZE_MAX + (size_t)size);
}

static void encode_arguments(struct bzs_reply *rest, const struct bzs_slow_command *command) {
    char text[64];
    bool is_cut = command->argc > ARGUMENTS_MAX;
    size_t shown = is_cut ? ARGUMENTS_MAX - 1 : command->argc;
    bzs_reply_array(rest, shown + is_cut + (command->together > 1));
    for (size_t i = 0; i < shown; i++)
        encode_argument(rest, command->argv[i]);
    if (is_cut) {
        snprintf(text, sizeof(text), "... (%zu more arguments)", command->argc - shown);
        bzs_reply_text(rest, text);
    }
    if (command->together > 1) {
        snprintf(text, sizeof(text), "... (%zu more commands, timed together)", command->together - 1);
        bzs_reply_text(rest, text);
    }
}

/** Makes an entry without its number; NULL if memory ran out. */
static struct entry *create_entry(const struct bzs_slow_command *command) {
    struct entry *entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return NULL;
    entry->unix_s = command->unix_s;
    entry->microseconds = command->microseconds;
    bzs_link_init(&entry->all);
    bzs_reply_init(&entry->rest);
    encode_arguments(&entry->rest, command);
    bzs_reply_text(&entry->rest, command->address);
    bzs_reply_text(&entry->rest, command->name != NULL ? command->name : "");
    if (entry->rest.failed) {
        bzs_reply_deinit(&entry->rest);
        free(entry);
        return NULL;
    }
    return entry;
}

void bzs_slowlog_add(struct bzs_slowlog *log, const struct bzs_slow_command *command, size_t entries_max) {
    struct entry *entry = create_entry(command);
    if (entry == NULL)
        return;
    pthread_mutex_lock(&log->mutex);
    entry->id = log->next_id++;
    bzs_link_append(&log->entries, &entry->all);
    log->count++;
    shorten(log, entries_max);
    pthread_mutex_unlock(&log->mutex);
}

void bzs_slowlog_reset(struct bzs_slowlog *log) {
    pthread_mutex_lock(&log->mutex);
    shorten(log, 0);
    pthread_mutex_unlock(&log->mutex);
}

size_t bzs_slowlog_count(struct bzs_slowlog *log) {
    pthread_mutex_lock(&log->mutex);
    size_t count = log->count;
    pthread_mutex_unlock(&log->mutex);
    return count;
}

void bzs_slowlog_reply(struct bzs_slowlog *log, size_t count_max, struct bzs_reply *reply) {
    pthread_mutex_lock(&log->mutex);
    size_t count = log->count < count_max ? log->count : count_max;
    bzs_reply_array(reply, count);
    struct bzs_link *link = log->entries.previous;
    for (size_t i = 0; i < count; i++, link = link->previous) {
        const struct entry *entry = BZS_LINK_OWNER(link, struct entry, all);
        bzs_reply_array(reply, 6);
        bzs_reply_integer(reply, entry->id);
        bzs_reply_integer(reply, entry->unix_s);
        bzs_reply_integer(reply, (int64_t)entry->microseconds);
        bzs_reply_raw(reply, entry->rest.data, entry->rest.size);
    }
    pthread_mutex_unlock(&log->mutex);
}
