/**
 * @file
 * @brief What the golden directories have in common: the clock that goes with them, and a database as text.
 *
 * The text has a line for each entry, in the order of keyspaces and keys: keyspace, expiry (Unix time in
 * milliseconds, 0: never), key, value. In keys and values every byte but letters and digits is written as %
 * and two hexadecimal digits; nothing at all is "-".
 */
#ifndef BLITZDB_TESTS_GOLDEN_H
#define BLITZDB_TESTS_GOLDEN_H

#include <inttypes.h>
#include <stdio.h>

#include "mem_env.h"
#include "model.h"

/** The moment at which the directories were written, and at which they are read. */
static inline int64_t golden_now_ms(void *user) {
    (void)user;
    return MEM_ENV_START_MS;
}

static inline void golden_print_bytes(FILE *out, const uint8_t *bytes, size_t size) {
    if (size == 0)
        (void)fputc('-', out);
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = bytes[i];
        bool is_plain =
            (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        if (is_plain)
            (void)fputc(byte, out);
        else
            (void)fprintf(out, "%%%02x", byte);
    }
}

/** Writes a database as text; answers the first status that is not OK. */
static inline blitzdb_status golden_print(FILE *out, blitzdb *db) {
    struct model model = {0};
    blitzdb_status status = model_read_database(&model, db);
    for (size_t i = 0; i < model.count && status == BLITZDB_OK; i++) {
        const struct model_entry *entry = &model.entries[i];
        (void)fprintf(out, "%u %" PRId64 " ", entry->keyspace, entry->expire_at_ms);
        golden_print_bytes(out, entry->key, entry->key_size);
        (void)fputc(' ', out);
        golden_print_bytes(out, entry->value, entry->value_size);
        (void)fputc('\n', out);
    }
    model_deinit(&model);
    return status;
}

#endif
