/*
 * Any bytes are the same commands, and end in the same error, whether they come in one piece or cut anywhere,
 * and whether they are read one by one or in batches. The first byte says which limits hold and where the
 * cuts are from; the rest is the stream. An unfinished command must take no memory of its own.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "resp.h"
#include "resp_batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** What a stream came to; two of them are compared. */
struct outcome {
    uint64_t sum; /**< of all arguments, their sizes and their number */
    size_t commands;
    size_t consumed;
    char error[BZS_RESP_ERROR_SIZE]; /**< empty: none */
};

/** How a stream is read. */
struct reading {
    struct bzs_resp_limits limits;
    uint32_t cuts; /**< seed; 0: in one piece */
    bool in_batches;
};

/** Ends the run: a property does not hold. */
static void require(int holds) {
    if (!holds)
        abort();
}

/** FNV-1a: the order counts. */
static void add(struct outcome *outcome, const void *bytes, size_t size) {
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++)
        outcome->sum = (outcome->sum ^ at[i]) * 0x100000001b3;
}

static void note(struct outcome *outcome, const struct bzs_slice *argv, size_t argc) {
    add(outcome, &argc, sizeof(argc));
    for (size_t i = 0; i < argc; i++) {
        add(outcome, &argv[i].size, sizeof(argv[i].size));
        add(outcome, argv[i].data, argv[i].size);
    }
    outcome->commands++;
}

/** Reads plain commands together, as a connection does; how many bytes that were. */
static size_t read_batch(const struct reading *reading, const struct bzs_resp *resp, const char *data,
                         size_t size, struct outcome *outcome) {
    static struct bzs_resp_batch batch;
    if (!reading->in_batches || !reading->limits.authenticated || resp->missing > 0)
        return 0;
    bzs_resp_batch_read(&batch, data, size, reading->limits.bulk_size_max);
    require(batch.count <= BZS_BATCH_COMMANDS_MAX);
    for (size_t i = 0; i < batch.count; i++)
        note(outcome, batch.commands[i].argv, batch.commands[i].argc);
    return batch.count > 0 ? batch.commands[batch.count - 1].end : 0;
}

/** Reads all commands at the beginning of these bytes; false after an error. */
static bool read_commands(const struct reading *reading, struct bzs_resp *resp, char *data, size_t size,
                          size_t *used_out, struct outcome *outcome) {
    size_t used = 0;
    enum bzs_resp_result result;
    do {
        used += read_batch(reading, resp, data + used, size - used, outcome);
        size_t consumed;
        result = bzs_resp_next(resp, data + used, size - used, &reading->limits, &consumed);
        require(consumed <= size - used && (consumed > 0) == (result == BZS_RESP_COMMAND));
        if (result == BZS_RESP_COMMAND && resp->argc > 0)
            note(outcome, resp->argv, resp->argc);
        used += consumed;
    } while (result == BZS_RESP_COMMAND);
    bzs_resp_shrink(resp);
    require(result == BZS_RESP_MALFORMED || resp->capacity == 0);
    *used_out = used;
    if (result == BZS_RESP_MALFORMED)
        bzs_resp_error_text(resp, outcome->error);
    return result == BZS_RESP_MORE;
}

static size_t next_piece(uint32_t *cuts, size_t left) {
    if (*cuts == 0)
        return left;
    *cuts = *cuts * 1664525 + 1013904223;
    size_t piece = (*cuts >> 24) % 4 == 0 ? 1 : 1 + (*cuts >> 8) % (left < 64 ? 64 : left);
    return piece < left ? piece : left;
}

/** Shows the stream piece by piece, each time in a block of just the size, so that nothing is read behind it.
 */
static struct outcome read_stream(const struct reading *reading, const uint8_t *stream, size_t size) {
    struct outcome outcome = {.sum = 0xcbf29ce484222325};
    struct bzs_resp resp;
    bzs_resp_init(&resp);
    char *data = NULL;
    size_t waiting = 0;
    uint32_t cuts = reading->cuts;
    bool sound = true;
    for (size_t at = 0; at < size && sound;) {
        size_t piece = next_piece(&cuts, size - at);
        char *shown = malloc(waiting + piece);
        require(shown != NULL);
        if (waiting > 0)
            memcpy(shown, data, waiting);
        memcpy(shown + waiting, stream + at, piece);
        free(data);
        data = shown;
        waiting += piece;
        at += piece;
        size_t used;
        sound = read_commands(reading, &resp, data, waiting, &used, &outcome);
        outcome.consumed += used;
        memmove(data, data + used, waiting - used);
        waiting -= used;
    }
    free(data);
    bzs_resp_deinit(&resp);
    return outcome;
}

static void require_same(const struct outcome *a, const struct outcome *b) {
    require(a->sum == b->sum && a->commands == b->commands && a->consumed == b->consumed);
    require(strcmp(a->error, b->error) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    struct bzs_resp_limits limits = {(data[0] & 2) != 0 ? 20 : (size_t)512 << 20, (data[0] & 1) == 0};
    struct reading reading = {limits, 0, false};
    struct outcome whole = read_stream(&reading, data + 1, size - 1);
    reading.in_batches = true;
    struct outcome batched = read_stream(&reading, data + 1, size - 1);
    require_same(&whole, &batched);
    reading.cuts = 1 + (data[0] >> 2);
    struct outcome cut = read_stream(&reading, data + 1, size - 1);
    require_same(&whole, &cut);
    reading.in_batches = false;
    reading.cuts += 64;
    cut = read_stream(&reading, data + 1, size - 1);
    require_same(&whole, &cut);
    return 0;
}
