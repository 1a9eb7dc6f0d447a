/**
 * @file
 * @brief LCS: the longest common subsequence of two values.
 *
 * The usual table of lengths (dynamic programming), four bytes for each pair of positions: bounded as in
 * Redis by proto-max-bulk-len. It is filled on copies, without a lock.
 */
#include <stdlib.h>
#include <string.h>

#include "command_data.h"
#include "events.h"
#include "server.h"

/** What is asked for. */
struct wish {
    bool length;          /**< LEN: only the length */
    bool ranges;          /**< IDX: where the pieces are */
    bool range_lengths;   /**< WITHMATCHLEN */
    int64_t length_least; /**< MINMATCHLEN */
};

/** Two texts, and for each two of their beginnings the length of what these have in common. */
struct table {
    struct bzs_slice a, b;
    uint32_t *lengths; /**< (a.size + 1) rows of (b.size + 1) */
};

static uint32_t *length_at(const struct table *table, size_t a_size, size_t b_size) {
    return &table->lengths[a_size * (table->b.size + 1) + b_size];
}

static void fill_table(const struct table *table) {
    for (size_t i = 1; i <= table->a.size; i++)
        for (size_t j = 1; j <= table->b.size; j++) {
            uint32_t without_a = *length_at(table, i - 1, j);
            uint32_t without_b = *length_at(table, i, j - 1);
            uint32_t longer = without_a > without_b ? without_a : without_b;
            bool match = table->a.data[i - 1] == table->b.data[j - 1];
            *length_at(table, i, j) = match ? *length_at(table, i - 1, j - 1) + 1 : longer;
        }
}

/** A piece that both texts have, one byte behind the other. */
struct piece {
    size_t a_end, b_end, size; /**< positions behind it */
};

/**
 * Finds the last piece before two positions, which are moved in front of it; false: there is none. Of two
 * ways back that are as good, the one that shortens the second text is taken, as in Redis.
 */
static bool find_piece(const struct table *table, size_t *i, size_t *j, struct piece *piece_out) {
    while (*i > 0 && *j > 0 && table->a.data[*i - 1] != table->b.data[*j - 1])
        if (*length_at(table, *i - 1, *j) > *length_at(table, *i, *j - 1))
            (*i)--;
        else
            (*j)--;
    *piece_out = (struct piece){*i, *j, 0};
    while (*i > 0 && *j > 0 && table->a.data[*i - 1] == table->b.data[*j - 1]) {
        (*i)--;
        (*j)--;
        piece_out->size++;
    }
    return piece_out->size > 0;
}

static void reply_text(struct bzs_call *call, const struct table *table) {
    size_t i = table->a.size, j = table->b.size;
    size_t left = *length_at(table, i, j);
    size_t size = left;
    char *text = malloc(size + 1);
    struct piece piece;
    if (text == NULL) {
        bzs_reply_status(call, BLITZDB_NO_MEMORY);
        return;
    }
    while (find_piece(table, &i, &j, &piece)) {
        left -= piece.size;
        memcpy(text + left, table->a.data + piece.a_end - piece.size, piece.size);
    }
    bzs_reply_bulk(call->reply, text, size);
    free(text);
}

static void write_range(struct bzs_reply *reply, size_t end, size_t size) {
    bzs_reply_array(reply, 2);
    bzs_reply_integer(reply, (int64_t)(end - size));
    bzs_reply_integer(reply, (int64_t)end - 1);
}

/** Walks over the pieces that are long enough, the last one first; writes them if there is a reply. */
static size_t walk_ranges(const struct table *table, const struct wish *wish, struct bzs_reply *reply) {
    size_t i = table->a.size, j = table->b.size;
    size_t count = 0;
    struct piece piece;
    while (find_piece(table, &i, &j, &piece)) {
        if ((int64_t)piece.size < wish->length_least)
            continue;
        count++;
        if (reply == NULL)
            continue;
        bzs_reply_array(reply, wish->range_lengths ? 3 : 2);
        write_range(reply, piece.a_end, piece.size);
        write_range(reply, piece.b_end, piece.size);
        if (wish->range_lengths)
            bzs_reply_integer(reply, (int64_t)piece.size);
    }
    return count;
}

static void reply_table(struct bzs_call *call, const struct table *table, const struct wish *wish) {
    int64_t length = *length_at(table, table->a.size, table->b.size);
    if (wish->ranges) {
        bzs_reply_map(call->reply, 2);
        bzs_reply_text(call->reply, "matches");
        bzs_reply_array(call->reply, walk_ranges(table, wish, NULL));
        (void)walk_ranges(table, wish, call->reply);
        bzs_reply_text(call->reply, "len");
        bzs_reply_integer(call->reply, length);
    } else if (wish->length) {
        bzs_reply_integer(call->reply, length);
    } else {
        reply_text(call, table);
    }
}

/** Reads the words behind the keys; false: the error reply has been written. */
static bool parse_wish(struct bzs_call *call, struct wish *wish) {
    for (size_t i = 3; i < call->argc; i++) {
        if (bzs_arg_is(call->argv[i], "idx")) {
            wish->ranges = true;
        } else if (bzs_arg_is(call->argv[i], "len")) {
            wish->length = true;
        } else if (bzs_arg_is(call->argv[i], "withmatchlen")) {
            wish->range_lengths = true;
        } else if (bzs_arg_is(call->argv[i], "minmatchlen") && i + 1 < call->argc) {
            if (!bzs_arg_integer(call, ++i, &wish->length_least))
                return false;
        } else {
            bzs_reply_syntax_error(call);
            return false;
        }
    }
    if (wish->ranges && wish->length)
        bzs_reply_error(call->reply, "ERR If you want both the length and indexes, please just use IDX.");
    return !wish->ranges || !wish->length;
}

/** Copies of both values. */
struct texts {
    struct bzs_call *call;
    char *bytes[2];
    size_t sizes[2];
    bool failed; /**< memory ran out */
};

static void keep_text(void *user, const blitzdb_view_entry *entry) {
    struct texts *texts = user;
    if (entry->value == NULL)
        bzs_call_missed(texts->call, texts->call->argv[entry->index + 1]);
    else
        bzs_call_hit(texts->call);
    texts->sizes[entry->index] = entry->value_size;
    char *copy = texts->bytes[entry->index] = malloc(entry->value_size + 1);
    texts->failed |= copy == NULL;
    if (copy != NULL && entry->value_size > 0)
        memcpy(copy, entry->value, entry->value_size);
}

/** Makes the table; false: the error reply has been written. */
static bool make_table(struct bzs_call *call, const struct texts *texts, struct table *table) {
    uint64_t limit =
        (uint64_t)atomic_load_explicit(&call->server->config->bulk_size_max, memory_order_relaxed);
    *table = (struct table){{texts->bytes[0], texts->sizes[0]}, {texts->bytes[1], texts->sizes[1]}, NULL};
    uint64_t cells = (uint64_t)(table->a.size + 1) * (table->b.size + 1); /* below 2^60 */
    if (cells > limit / sizeof(uint32_t)) {
        bzs_reply_error(call->reply, "ERR Insufficient memory, transient memory for LCS exceeds "
                                     "proto-max-bulk-len");
        return false;
    }
    table->lengths = calloc((size_t)cells, sizeof(uint32_t));
    if (table->lengths == NULL)
        bzs_reply_error(call->reply, "ERR Insufficient memory, failed allocating transient memory for LCS");
    return table->lengths != NULL;
}

static void run_lcs(struct bzs_call *call) {
    struct texts texts = {.call = call};
    struct wish wish = {false, false, false, 0};
    struct table table = {.lengths = NULL};

    blitzdb_status status = bzs_data_view(call, 2, keep_text, &texts);

    if (status == BLITZDB_OK && texts.failed)
        status = BLITZDB_NO_MEMORY;
    if (bzs_data_succeeded(call, status) && parse_wish(call, &wish) && make_table(call, &texts, &table)) {
        fill_table(&table);
        reply_table(call, &table, &wish);
    }
    free(table.lengths);
    free(texts.bytes[0]);
    free(texts.bytes[1]);
}

const struct bzs_command bzs_commands_lcs[] = {
    {"lcs", run_lcs, -3, BZS_READONLY, 1, 2, 1, NULL, "string", "7.0.0",
     "Finds the longest common subsequence of two values."},
    {.name = NULL},
};
