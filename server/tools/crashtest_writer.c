#include "crashtest_writer.h"

#include <stdio.h>
#include <stdlib.h>

#include "crashtest_value.h"

/** The replies of one pipeline in the order they have to come. */
enum wanted_kind { WANTED_OK, WANTED_NUMBER };

struct wanted {
    enum wanted_kind kind;
    uint64_t number;
};

void writer_init(struct writer *writer, unsigned number, uint64_t seed, const char *socket_path) {
    *writer = (struct writer){.random = {seed}, .socket_path = socket_path, .wire = {.fd = -1}};
    ledger_init(&writer->ledger, number);
    writer->value = malloc(VALUE_SIZE_MAX);
    if (writer->value == NULL) {
        fprintf(stderr, "blitzdb-crashtest: out of memory\n");
        exit(2);
    }
}

void writer_deinit(struct writer *writer) {
    ledger_deinit(&writer->ledger);
    free(writer->value);
}

static void complain(struct writer *writer, const char *what, const struct reply *reply) {
    writer->is_refused = true;
    snprintf(writer->complaint, sizeof(writer->complaint), "client %u: %s: the reply is %c%.*s",
             writer->ledger.client, what, reply->kind, (int)(reply->size < 150 ? reply->size : 150),
             reply->text);
}

/** A key that may or may not be there. */
static uint32_t any_key(struct writer *writer) {
    uint32_t count = writer->ledger.key_count - LEDGER_FIRST_KEY;
    if (count == 0)
        return ledger_add_key(&writer->ledger);
    return LEDGER_FIRST_KEY + (uint32_t)random_below(&writer->random, count);
}

/** Adds a key and its new value as two words of a command. */
static size_t make_value(struct writer *writer, const struct ledger_effect *effect, size_t size, char *value,
                         char name[32]) {
    struct value_head head = {writer->ledger.client, effect->key, effect->version, size};
    value_make(&head, value);
    writer->bytes += size;
    return (size_t)snprintf(name, 32, "%u", effect->key);
}

static size_t small_size(struct writer *writer) {
    return VALUE_SIZE_MIN + random_magnitude(&writer->random, 8, 4096);
}

/** SET, sometimes with an expiry far away, which is another kind of record. */
static struct wanted add_set(struct writer *writer, struct ledger_operation *operation, uint32_t key,
                             size_t value_size) {
    *operation = (struct ledger_operation){1, {{key, ledger_new_version(&writer->ledger)}}};
    char name[32];
    size_t name_size = make_value(writer, &operation->effects[0], value_size, writer->value, name);
    const char *words[] = {"SET", name, writer->value, "EX", "10000000"};
    size_t sizes[] = {3, name_size, value_size, 2, 8};
    wire_add(&writer->wire, random_percent(&writer->random, 10) ? 5 : 3, words, sizes);
    return (struct wanted){WANTED_OK, 0};
}

/** Two keys that change together or not at all. */
static struct wanted add_mset(struct writer *writer, struct ledger_operation *operation) {
    uint64_t version = ledger_new_version(&writer->ledger);
    uint32_t first = any_key(writer);
    uint32_t second = ledger_add_key(&writer->ledger);
    *operation = (struct ledger_operation){2, {{first, version}, {second, version}}};
    char names[2][32];
    size_t first_size = small_size(writer);
    size_t second_size = small_size(writer);
    char *second_value = writer->value + first_size;
    size_t first_name = make_value(writer, &operation->effects[0], first_size, writer->value, names[0]);
    size_t second_name = make_value(writer, &operation->effects[1], second_size, second_value, names[1]);
    const char *words[] = {"MSET", names[0], writer->value, names[1], second_value};
    size_t sizes[] = {4, first_name, first_size, second_name, second_size};
    wire_add(&writer->wire, 5, words, sizes);
    return (struct wanted){WANTED_OK, 0};
}

static struct wanted add_del(struct writer *writer, struct ledger_operation *operation) {
    uint32_t key = any_key(writer);
    char name[32];
    snprintf(name, sizeof(name), "%u", key);
    wire_add_words(&writer->wire, "DEL", name, (char *)NULL);
    *operation = (struct ledger_operation){1, {{key, 0}}};
    return (struct wanted){WANTED_NUMBER, writer->ledger.keys[key].sent != 0};
}

static struct wanted add_increment(struct writer *writer, struct ledger_operation *operation) {
    uint64_t value = writer->ledger.keys[LEDGER_COUNTER].sent + 1;
    *operation = (struct ledger_operation){1, {{LEDGER_COUNTER, value}}};
    wire_add_words(&writer->wire, "INCR", "0", (char *)NULL);
    return (struct wanted){WANTED_NUMBER, value};
}

/** Chooses an operation, enters it in the ledger and adds its command to the pipeline. */
static struct wanted add_operation(struct writer *writer) {
    struct ledger_operation operation;
    struct wanted wanted;
    uint64_t choice = random_below(&writer->random, 100);
    if (writer->writes_large && choice < 70) {
        uint32_t key = LEDGER_FIRST_LARGE + (uint32_t)random_below(&writer->random, LEDGER_LARGE_KEYS);
        size_t size = VALUE_SIZE_MAX / 8 + random_below(&writer->random, VALUE_SIZE_MAX * 7 / 8);
        wanted = add_set(writer, &operation, key, size);
    } else if (choice < 50) {
        wanted = add_set(writer, &operation, ledger_add_key(&writer->ledger), small_size(writer));
    } else if (choice < 68) {
        wanted = add_set(writer, &operation, any_key(writer), small_size(writer));
    } else if (choice < 80) {
        wanted = add_del(writer, &operation);
    } else if (choice < 90) {
        wanted = add_increment(writer, &operation);
    } else {
        wanted = add_mset(writer, &operation);
    }
    ledger_send(&writer->ledger, &operation);
    return wanted;
}

/** Compares a reply with what had to come and notes the acknowledgement. */
static bool take_reply(struct writer *writer, const struct wanted *wanted, const struct reply *reply) {
    bool right = wanted->kind == WANTED_OK ? reply->kind == '+'
                                           : reply->kind == ':' && (uint64_t)reply->number == wanted->number;
    if (right)
        ledger_acknowledge(&writer->ledger);
    else if (wanted->kind == WANTED_OK)
        complain(writer, "a write was refused", reply);
    else
        complain(writer, "INCR or DEL found something that cannot be there", reply);
    return right;
}

/** One pipeline: everything is entered in the ledger before the first byte is sent. */
static bool run_pipeline(struct writer *writer) {
    struct wanted wanted[LEDGER_PENDING_MAX];
    unsigned most = writer->writes_large ? 4 : LEDGER_PENDING_MAX;
    unsigned count = (unsigned)random_magnitude(&writer->random, 1, most);
    ledger_clear_pending(&writer->ledger);
    for (unsigned i = 0; i < count; i++)
        wanted[i] = add_operation(writer);
    struct reply reply;
    /* What was answered before the connection broke counts, even if not all of the pipeline was taken. */
    bool sent = wire_send(&writer->wire);
    for (unsigned i = 0; i < count; i++)
        if (!wire_read(&writer->wire, &reply) || !take_reply(writer, &wanted[i], &reply))
            return false;
    return sent;
}

/** The counter that all clients share: it never goes back, whoever looks. */
static bool increment_shared(struct writer *writer, struct wire *wire) {
    struct reply reply;
    writer->ledger.shared_sent++;
    if (!wire_ask(wire, &reply, "INCR", "shared"))
        return false;
    if (reply.kind != ':' || (uint64_t)reply.number <= writer->ledger.shared_values) {
        complain(writer, "the shared counter went back", &reply);
        return false;
    }
    writer->ledger.shared_values = (uint64_t)reply.number;
    writer->ledger.acknowledged++;
    return true;
}

static bool select_keyspace(struct wire *wire, unsigned keyspace) {
    char number[16];
    struct reply reply;
    snprintf(number, sizeof(number), "%u", keyspace);
    return wire_ask(wire, &reply, "SELECT", number) && reply.kind == '+';
}

static void *run(void *argument) {
    struct writer *writer = argument;
    struct wire shared = {.fd = -1};
    bool goes_on = wire_open(&writer->wire, writer->socket_path) && wire_open(&shared, writer->socket_path) &&
                   select_keyspace(&writer->wire, writer->ledger.client) &&
                   select_keyspace(&shared, WRITER_SHARED_KEYSPACE);
    while (goes_on)
        goes_on = run_pipeline(writer) && increment_shared(writer, &shared);
    wire_close(&writer->wire);
    wire_close(&shared);
    return NULL;
}

bool writer_start(struct writer *writer) {
    return pthread_create(&writer->thread, NULL, run, writer) == 0;
}

void writer_join(struct writer *writer) {
    pthread_join(writer->thread, NULL);
}
