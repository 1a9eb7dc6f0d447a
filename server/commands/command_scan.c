/**
 * @file
 * @brief KEYS, SCAN and RANDOMKEY: commands that look for keys.
 */
#include "command_data.h"

#include <inttypes.h>
#include <stdio.h>

/** Entries that KEYS looks at in one step; nothing stays locked between the steps. */
#define KEYS_STEP 1024

/** Keys found so far, as a reply of their own: their number must be announced before they can be sent. */
struct findings {
    struct bzs_reply keys;
    size_t count;
};

static void add_finding(void *user, const blitzdb_scan_entry *entry) {
    struct findings *findings = user;

    bzs_reply_bulk(&findings->keys, entry->key, entry->key_size);
    findings->count++;
}

/** Writes the array of the keys found. */
static void reply_findings(struct bzs_call *call, const struct findings *findings) {
    bzs_reply_array(call->reply, findings->count);
    bzs_reply_raw(call->reply, findings->keys.data, findings->keys.size);
}

static void run_keys(struct bzs_call *call) {
    const struct bzs_slice *pattern = &call->argv[1];
    struct findings findings = {.count = 0};
    uint64_t cursor = 0;
    blitzdb_status status = BLITZDB_OK;

    bzs_reply_init(&findings.keys);
    do {
        status =
            blitzdb_scan(call->db, &cursor, pattern->data, pattern->size, KEYS_STEP, add_finding, &findings);
    } while (status == BLITZDB_OK && cursor != 0 && !findings.keys.failed);

    if (bzs_data_succeeded(call, findings.keys.failed ? BLITZDB_NO_MEMORY : status))
        reply_findings(call, &findings);
    bzs_reply_deinit(&findings.keys);
}

/** What SCAN asks for. */
struct scan_request {
    uint64_t cursor;
    struct bzs_slice pattern; /**< data NULL: all keys */
    size_t count;
    bool other_type; /**< only keys of a type that no key has */
};

/**
 * Reads a cursor as strtoull() reads a zero-terminated text, because Redis does: a sign is allowed (minus
 * wraps around), nothing at all is 0.
 */
static bool parse_cursor(struct bzs_slice argument, uint64_t *cursor_out) {
    size_t i = 0;
    size_t digits = 0;
    uint64_t cursor = 0;
    bool negative = argument.size > 0 && argument.data[0] == '-';

    if (negative || (argument.size > 0 && argument.data[0] == '+'))
        i++;
    for (; i < argument.size && argument.data[i] >= '0' && argument.data[i] <= '9'; i++, digits++) {
        uint64_t digit = (uint64_t)(argument.data[i] - '0');

        if (cursor > (UINT64_MAX - digit) / 10)
            return false;
        cursor = cursor * 10 + digit;
    }
    if ((i > 0 && digits == 0) || (i < argument.size && argument.data[i] != '\0'))
        return false;
    *cursor_out = negative ? 0 - cursor : cursor;
    return true;
}

/** Reads `COUNT number`; false: the error reply has been written. */
static bool parse_count(struct bzs_call *call, size_t index, size_t *count_out) {
    int64_t count = 0;

    if (!bzs_arg_integer(call, index, &count))
        return false;
    if (count < 1) {
        bzs_reply_syntax_error(call);
        return false;
    }
    *count_out = (size_t)count;
    return true;
}

/** Reads cursor and options of SCAN; false: the error reply has been written. */
static bool parse_scan(struct bzs_call *call, struct scan_request *request) {
    if (!parse_cursor(call->argv[1], &request->cursor)) {
        bzs_reply_error(call->reply, "ERR invalid cursor");
        return false;
    }
    for (size_t i = 2; i < call->argc; i += 2) {
        struct bzs_slice word = call->argv[i];
        bool has_value = i + 1 < call->argc;

        if (has_value && bzs_arg_is(word, "count")) {
            if (!parse_count(call, i + 1, &request->count))
                return false;
        } else if (has_value && bzs_arg_is(word, "match")) {
            request->pattern = call->argv[i + 1];
        } else if (has_value && bzs_arg_is(word, "type")) {
            request->other_type = !bzs_arg_is(call->argv[i + 1], "string");
        } else {
            bzs_reply_syntax_error(call);
            return false;
        }
    }
    return true;
}

static void skip_finding(void *user, const blitzdb_scan_entry *entry) {
    (void)user;
    (void)entry;
}

static void run_scan(struct bzs_call *call) {
    struct scan_request request = {0, {NULL, 0}, 10, false};
    struct findings findings = {.count = 0};
    char cursor[24];

    if (!parse_scan(call, &request))
        return;
    bzs_reply_init(&findings.keys);

    blitzdb_status status =
        blitzdb_scan(call->db, &request.cursor, request.pattern.data, request.pattern.size, request.count,
                     request.other_type ? skip_finding : add_finding, &findings);

    if (bzs_data_succeeded(call, findings.keys.failed ? BLITZDB_NO_MEMORY : status)) {
        int size = snprintf(cursor, sizeof(cursor), "%" PRIu64, request.cursor);

        bzs_reply_array(call->reply, 2);
        bzs_reply_bulk(call->reply, cursor, (size_t)size);
        reply_findings(call, &findings);
    }
    bzs_reply_deinit(&findings.keys);
}

static void run_randomkey(struct bzs_call *call) {
    void *key = NULL;
    size_t size = 0;
    blitzdb_status status = blitzdb_random_key(call->db, &key, &size);

    if (status == BLITZDB_NOT_FOUND) {
        bzs_reply_null(call->reply);
    } else if (bzs_data_succeeded(call, status)) {
        bzs_reply_bulk(call->reply, key, size);
        blitzdb_free(call->db, key);
    }
}

const struct bzs_command bzs_commands_scan[] = {
    {"keys", run_keys, 2, BZS_READONLY, 0, 0, 0, NULL, "generic", "1.0.0",
     "Lists the keys that match a pattern."},
    {"scan", run_scan, -2, BZS_READONLY, 0, 0, 0, NULL, "generic", "2.8.0",
     "Lists the keys piece by piece, from one cursor to the next."},
    {"randomkey", run_randomkey, 1, BZS_READONLY, 0, 0, 0, NULL, "generic", "1.0.0",
     "Picks a key at random."},
    {NULL, NULL, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL},
};
