#include "crashtest_verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crashtest_value.h"

enum {
    PIPELINE = 128, /* keys that are asked for at once */
    OTHERS = 256,   /* unchanged keys of a client that are looked at */
    TOLD_MAX = 20,  /* differences that are described */
};

/** One comparison of one client. */
struct comparison {
    struct wire *wire;
    struct ledger *ledger;
    struct verify_result *result;
};

/** The version a reply to GET stands for. */
static uint64_t version_of(const struct ledger *ledger, uint32_t key, const struct reply *reply) {
    uint64_t version;
    if (reply->kind == '0')
        return 0;
    if (reply->kind != '$')
        return LEDGER_DAMAGED;
    if (key != LEDGER_COUNTER)
        return value_check(reply->text, reply->size, ledger->client, key, &version) ? version
                                                                                    : LEDGER_DAMAGED;
    char number[32];
    char again[32];
    snprintf(number, sizeof(number), "%.*s", (int)reply->size, reply->text);
    version = strtoull(number, NULL, 10);
    /* Only the form the server writes is the counter. */
    int size = snprintf(again, sizeof(again), "%" PRIu64, version);
    return (size_t)size == reply->size && memcmp(again, reply->text, reply->size) == 0 ? version
                                                                                       : LEDGER_DAMAGED;
}

/** Reads what the server has of some keys. */
static bool read_keys(struct comparison *comparison, const uint32_t *keys, unsigned count) {
    struct reply reply;
    for (unsigned i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%u", keys[i]);
        wire_add_words(comparison->wire, "GET", name, (char *)NULL);
    }
    if (!wire_send(comparison->wire))
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (!wire_read(comparison->wire, &reply))
            return false;
        comparison->ledger->keys[keys[i]].found = version_of(comparison->ledger, keys[i], &reply);
    }
    return true;
}

static const char *describe(uint64_t version, char text[32]) {
    if (version == LEDGER_DAMAGED)
        return "a damaged or foreign value";
    if (version == 0)
        return "nothing";
    snprintf(text, 32, "version %" PRIu64, version);
    return text;
}

static bool may_tell(struct verify_result *result) {
    if (result->told == TOLD_MAX)
        fprintf(stderr, "... and more\n");
    return result->told++ < TOLD_MAX;
}

/** A key that is not as it must be. */
static void report(struct comparison *comparison, uint32_t number, const char *what) {
    char wanted[32];
    char found[32];
    const struct ledger_key *key = &comparison->ledger->keys[number];
    comparison->result->lost++;
    if (may_tell(comparison->result))
        fprintf(stderr, "client %u, key %u: %s: acknowledged %s, found %s\n", comparison->ledger->client,
                number, what, describe(key->acknowledged, wanted), describe(key->found, found));
}

/** What is there is the state to go on from, so that one loss is counted once. */
static void settle(struct ledger_key *key) {
    key->acknowledged = key->found;
    key->sent = key->found;
    key->is_touched = false;
}

static void compare_key(struct comparison *comparison, uint32_t number) {
    struct ledger_key *key = &comparison->ledger->keys[number];
    if (key->found == LEDGER_DAMAGED)
        report(comparison, number, "damaged");
    else if (key->found != key->acknowledged)
        report(comparison, number, key->found > key->acknowledged ? "never sent" : "lost");
    settle(key);
}

/** The keys of operations whose reply never came: as after the first few of these, each of them whole. */
static void compare_pending(struct comparison *comparison) {
    struct ledger *ledger = comparison->ledger;
    unsigned first = ledger->pending_first;
    unsigned count = ledger->pending_count;
    unsigned taken;
    if (ledger_match_pending(ledger, &taken)) {
        comparison->result->unanswered += taken;
        return;
    }
    for (unsigned i = first; i < count; i++)
        for (unsigned j = 0; j < ledger->pending[i].effect_count; j++) {
            uint32_t number = ledger->pending[i].effects[j].key;
            if (ledger->keys[number].found != ledger->keys[number].acknowledged)
                report(comparison, number, "fits no prefix of what was sent");
            settle(&ledger->keys[number]);
        }
    ledger_clear_pending(ledger);
}

static bool compare_keys(struct comparison *comparison, const uint32_t *keys, uint32_t count) {
    for (uint32_t done = 0; done < count; done += PIPELINE) {
        unsigned some = count - done < PIPELINE ? count - done : PIPELINE;
        if (!read_keys(comparison, keys + done, some))
            return false;
        for (unsigned i = 0; i < some; i++)
            compare_key(comparison, keys[done + i]);
    }
    return true;
}

/** First the pending operations, whose keys decide together; then the other changed keys one by one. */
static bool compare_changed(struct comparison *comparison) {
    struct ledger *ledger = comparison->ledger;
    uint32_t keys[2 * LEDGER_PENDING_MAX];
    unsigned count = 0;
    for (unsigned i = ledger->pending_first; i < ledger->pending_count; i++)
        for (unsigned j = 0; j < ledger->pending[i].effect_count; j++)
            keys[count++] = ledger->pending[i].effects[j].key;
    if (!read_keys(comparison, keys, count))
        return false;
    compare_pending(comparison);
    if (!compare_keys(comparison, ledger->touched, ledger->touched_count))
        return false;
    ledger->touched_count = 0;
    return true;
}

/** Keys that did not change: some of them, or all. */
static bool compare_others(struct comparison *comparison, enum verify_extent extent, struct random *random) {
    struct ledger *ledger = comparison->ledger;
    uint32_t wanted = extent == VERIFY_ALL || ledger->key_count < OTHERS ? ledger->key_count : OTHERS;
    for (uint32_t done = 0; done < wanted;) {
        uint32_t keys[PIPELINE];
        unsigned count = 0;
        for (; count < PIPELINE && done < wanted; count++, done++)
            keys[count] =
                wanted == ledger->key_count ? done : (uint32_t)random_below(random, ledger->key_count);
        if (!compare_keys(comparison, keys, count))
            return false;
    }
    return true;
}

/** A number the server must answer with, within limits. */
static bool ask_number(struct wire *wire, const char *command, const char *argument, uint64_t *number_out) {
    struct reply reply;
    wire_add_words(wire, command, argument, (char *)NULL);
    if (!wire_send(wire) || !wire_read(wire, &reply))
        return false;
    *number_out = reply.kind == '0' ? 0 : strtoull(reply.text, NULL, 10);
    return reply.kind == ':' || reply.kind == '$' || reply.kind == '0';
}

/** Keys that nobody wrote, or that are gone and were not looked at. */
static bool compare_count(struct comparison *comparison) {
    uint64_t found;
    uint64_t wanted = ledger_live_keys(comparison->ledger);
    if (!ask_number(comparison->wire, "DBSIZE", NULL, &found))
        return false;
    if (found == wanted)
        return true;
    comparison->result->lost += found < wanted ? wanted - found : found - wanted;
    if (may_tell(comparison->result))
        fprintf(stderr, "client %u: %" PRIu64 " keys must be there, and %" PRIu64 " are\n",
                comparison->ledger->client, wanted, found);
    return true;
}

static bool compare_client(struct comparison *comparison, enum verify_extent extent, struct random *random) {
    char number[16];
    struct reply reply;
    snprintf(number, sizeof(number), "%u", comparison->ledger->client);
    return wire_ask(comparison->wire, &reply, "SELECT", number) && reply.kind == '+' &&
           compare_changed(comparison) && compare_others(comparison, extent, random) &&
           compare_count(comparison);
}

/** The shared counter: between the highest value a reply named and what was sent. */
static bool compare_shared(struct wire *wire, struct writer *writers, unsigned count,
                           struct verify_result *result) {
    char keyspace[16];
    struct reply reply;
    snprintf(keyspace, sizeof(keyspace), "%u", WRITER_SHARED_KEYSPACE);
    uint64_t least = result->shared;
    uint64_t most = result->shared;
    for (unsigned i = 0; i < count; i++) {
        uint64_t value = writers[i].ledger.shared_values;
        least = value > least ? value : least;
        most += writers[i].ledger.shared_sent;
    }
    uint64_t found;
    if (!wire_ask(wire, &reply, "SELECT", keyspace) || !ask_number(wire, "GET", "shared", &found))
        return false;
    if (found < least || found > most) {
        result->lost += found < least ? least - found : found - most;
        if (may_tell(result))
            fprintf(stderr,
                    "shared counter: at least %" PRIu64 " were acknowledged, %" PRIu64 " sent, found %" PRIu64
                    "\n",
                    least, most, found);
    }
    result->shared = found;
    for (unsigned i = 0; i < count; i++) {
        writers[i].ledger.shared_sent = 0;
        writers[i].ledger.shared_values = found;
    }
    return true;
}

bool verify_server(const char *socket_path, struct writer *writers, unsigned count, enum verify_extent extent,
                   struct random *random, struct verify_result *result) {
    struct wire wire;
    uint64_t lost = result->lost;
    result->is_broken = !wire_open(&wire, socket_path);
    for (unsigned i = 0; i < count && !result->is_broken; i++) {
        struct comparison comparison = {&wire, &writers[i].ledger, result};
        result->is_broken = !compare_client(&comparison, extent, random);
    }
    if (!result->is_broken)
        result->is_broken = !compare_shared(&wire, writers, count, result);
    if (result->is_broken)
        fprintf(stderr, "the server did not answer while it was compared\n");
    wire_close(&wire);
    return !result->is_broken && result->lost == lost;
}
