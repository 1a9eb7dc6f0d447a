/** Random calls on a real database, with what they answered and when. */
#include "linear_caller.h"

#include <inttypes.h>
#include <sched.h>

#include "stamp.h"

enum { TEXT_MAX = 24 };

static uint64_t now_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool chance(struct linear_caller *caller, unsigned one_in) {
    return rng_below(&caller->rng, one_in) == 0;
}

/* Values are decimal numbers, so that they can be added to. */

static size_t write_value(char text[TEXT_MAX], int64_t value) {
    return (size_t)snprintf(text, TEXT_MAX, "%" PRId64, value);
}

/** A text that is no number is one that nobody wrote. */
static int64_t read_value(const void *bytes, size_t size) {
    char text[TEXT_MAX];
    expect(size < sizeof(text), "a value is no longer than any that was written");
    memcpy(text, bytes, size);
    text[size] = '\0';
    char *end;
    int64_t value = strtoll(text, &end, 10);
    expect(size > 0 && *end == '\0', "a value is a number");
    return value;
}

static char key_name(unsigned key) {
    return (char)('a' + (int)key);
}

/* Calls on one key */

/** Notes a status as the outcome of a step. */
static void note(struct linear_step *step, blitzdb_status status, const char *what) {
    bool is_refusal = status == BLITZDB_NOT_FOUND || status == BLITZDB_CONDITION_FAILED;
    if (!is_refusal)
        check(status, what);
    step->outcome = is_refusal ? LINEAR_REFUSED : LINEAR_DONE;
}

static void note_value(struct linear_step *step, const void *value, size_t size) {
    step->outcome = value == NULL ? LINEAR_REFUSED : LINEAR_DONE;
    step->result = value == NULL ? 0 : read_value(value, size);
}

/** Looks in place, and lets others run while the lock is held. */
static void view_step(void *user, const blitzdb_view_entry *entry) {
    struct linear_call *call = user;
    note_value(&call->steps[entry->index], entry->value, entry->value_size);
    if (entry->index == 0)
        sched_yield();
}

static void call_get(struct linear_caller *caller, struct linear_call *call) {
    blitzdb *db = caller->db;
    char key = key_name(call->steps[0].key);
    const void *keys[] = {&key};
    const size_t key_sizes[] = {1};
    char text[TEXT_MAX];
    void *copy = NULL;
    size_t size = 0;
    blitzdb_status status;
    switch (rng_below(&caller->rng, 4)) {
    case 0:
        check(blitzdb_view(db, 1, keys, key_sizes, view_step, call), "view");
        return;
    case 1:
        status = blitzdb_get_alloc(db, &key, 1, &copy, &size);
        break;
    default:
        status = blitzdb_get(db, &key, 1, text, sizeof(text), &size);
        break;
    }
    note(&call->steps[0], status, "get");
    if (status == BLITZDB_OK)
        note_value(&call->steps[0], copy != NULL ? copy : text, size);
    blitzdb_free(db, copy);
}

static uint32_t condition_of(enum linear_kind kind) {
    switch (kind) {
    case LINEAR_SET_IF_ABSENT:
        return BLITZDB_IF_ABSENT;
    case LINEAR_SET_IF_PRESENT:
        return BLITZDB_IF_PRESENT;
    case LINEAR_SET_IF_EQUAL:
        return BLITZDB_IF_EQUAL;
    default:
        return BLITZDB_IF_ANY;
    }
}

/** A set as `step` says; `old` is a step in front of it that is told the value before, or NULL. */
static void call_set(struct linear_caller *caller, struct linear_step *step, struct linear_step *old) {
    blitzdb *db = caller->db;
    char key = key_name(step->key);
    char text[TEXT_MAX], expected[TEXT_MAX];
    void *old_value = NULL;
    size_t old_size = 0;
    size_t size = write_value(text, step->argument);
    if (step->kind == LINEAR_SET && old == NULL && chance(caller, 2)) {
        note(step, blitzdb_set(db, &key, 1, text, size), "set");
        return;
    }
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.condition = condition_of(step->kind);
    options.ttl_ms = chance(caller, 4) ? 86400000 : 0;
    options.durability = chance(caller, 16) ? BLITZDB_DURABILITY_ALWAYS : BLITZDB_DURABILITY_DEFAULT;
    if (old != NULL) {
        options.old_value_out = &old_value;
        options.old_size_out = &old_size;
    }
    if (step->kind == LINEAR_SET_IF_EQUAL) {
        options.expected = expected;
        options.expected_size = write_value(expected, step->expected);
    }
    note(step, blitzdb_set_with(db, &key, 1, text, size, &options), "set with options");
    if (old != NULL)
        note_value(old, old_value, old_size);
    blitzdb_free(db, old_value);
}

static void call_remove(struct linear_caller *caller, struct linear_step *step) {
    blitzdb *db = caller->db;
    char key = key_name(step->key);
    switch (rng_below(&caller->rng, 4)) {
    case 0:
        note(step, blitzdb_expire(db, &key, 1, 0), "expire");
        break;
    case 1:
        note(step, blitzdb_expire_at(db, &key, 1, 1, 0), "expire at a past time");
        break;
    default:
        note(step, blitzdb_del(db, &key, 1), "delete");
        break;
    }
}

static void call_one(struct linear_caller *caller, struct linear_call *call) {
    struct linear_step *step = &call->steps[0];
    char key = key_name(step->key);
    switch (step->kind) {
    case LINEAR_GET:
        call_get(caller, call);
        break;
    case LINEAR_ADD:
        note(step, blitzdb_increment(caller->db, &key, 1, step->argument, &step->result), "increment");
        break;
    case LINEAR_REMOVE:
        call_remove(caller, step);
        break;
    default:
        call_set(caller, step, NULL);
        break;
    }
}

/* Calls on several keys */

static void call_look(struct linear_caller *caller, struct linear_call *call) {
    blitzdb *db = caller->db;
    char names[2] = {key_name(call->steps[0].key), key_name(call->steps[1].key)};
    const void *keys[2] = {&names[0], &names[1]};
    const size_t key_sizes[2] = {1, 1};
    char texts[2][TEXT_MAX];
    void *const buffers[2] = {texts[0], texts[1]};
    const size_t buffer_sizes[2] = {TEXT_MAX, TEXT_MAX};
    size_t sizes[2];
    blitzdb_status statuses[2];
    if (chance(caller, 2)) {
        check(blitzdb_view(db, 2, keys, key_sizes, view_step, call), "view of two");
        return;
    }
    check(blitzdb_mget(db, 2, keys, key_sizes, buffers, buffer_sizes, sizes, statuses), "mget");
    for (unsigned i = 0; i < 2; i++) {
        note(&call->steps[i], statuses[i], "mget of a key");
        if (statuses[i] == BLITZDB_OK)
            note_value(&call->steps[i], texts[i], sizes[i]);
    }
}

/** Adds one step to a batch. */
static void add_change(blitzdb_batch *batch, const struct linear_step *step) {
    char key = key_name(step->key);
    char text[TEXT_MAX];
    size_t size = write_value(text, step->argument);
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.condition = condition_of(step->kind);
    switch (step->kind) {
    case LINEAR_ADD:
        check(blitzdb_batch_increment(batch, &key, 1, step->argument), "add an increment");
        break;
    case LINEAR_REMOVE:
        check(blitzdb_batch_del(batch, &key, 1), "add a deletion");
        break;
    default:
        check(blitzdb_batch_set(batch, &key, 1, text, size, &options), "add a set");
        break;
    }
}

/** A batch tells what failed, not what its changes met. */
static void call_batch(struct linear_caller *caller, struct linear_call *call) {
    blitzdb_batch *batch = NULL;
    size_t failed_index = 0;
    check(blitzdb_batch_create(caller->db, &batch), "create a batch");
    for (unsigned i = 0; i < call->step_count; i++)
        add_change(batch, &call->steps[i]);
    call->invoked = now_ns();
    blitzdb_status status = blitzdb_batch_commit(batch, BLITZDB_DURABILITY_DEFAULT, &failed_index);
    call->returned = now_ns();
    blitzdb_batch_destroy(batch);
    if (status != BLITZDB_CONDITION_FAILED)
        check(status, "commit a batch");
    for (unsigned i = 0; i < call->step_count; i++) {
        bool is_told = call->steps[i].kind != LINEAR_ADD && call->steps[i].kind != LINEAR_REMOVE;
        call->steps[i].outcome = is_told ? LINEAR_DONE : LINEAR_UNKNOWN;
        if (status != BLITZDB_OK && i == failed_index)
            call->steps[i].outcome = LINEAR_REFUSED;
    }
}

/** Reads both keys, then changes both; others get the processor while the locks are held. */
static void call_change(struct linear_caller *caller, struct linear_call *call) {
    char names[2] = {key_name(call->steps[0].key), key_name(call->steps[1].key)};
    blitzdb_key keys[2] = {{&names[0], 1, 0}, {&names[1], 1, 0}};
    char text[TEXT_MAX];
    blitzdb_txn *txn = NULL;
    check(blitzdb_txn_begin(caller->db, keys, 2, &txn), "begin");
    for (unsigned i = 0; i < 2; i++) {
        const void *value = NULL;
        size_t size = 0;
        blitzdb_status status = blitzdb_txn_get(txn, i, &value, &size, NULL);
        note(&call->steps[i], status, "read in a transaction");
        if (status == BLITZDB_OK)
            note_value(&call->steps[i], value, size);
    }
    sched_yield();
    for (unsigned i = 0; i < 2; i++) {
        struct linear_step *step = &call->steps[2 + i];
        if (step->kind == LINEAR_REMOVE)
            note(step, blitzdb_txn_del(txn, i), "delete in a transaction");
        else
            note(step, blitzdb_txn_set(txn, i, text, write_value(text, step->argument), 0),
                 "set in a transaction");
    }
    check(blitzdb_txn_commit(txn, BLITZDB_DURABILITY_DEFAULT), "commit a transaction");
}

/** Fills in what a compare-and-set expects: the value this thread saw last. */
static void choose_expected(struct linear_caller *caller, struct linear_call *call) {
    for (unsigned i = 0; i < call->step_count; i++) {
        struct linear_step *step = &call->steps[i];
        step->expected = caller->seen[step->key] == LINEAR_ABSENT ? 1 : caller->seen[step->key];
    }
}

static void remember_seen(struct linear_caller *caller, const struct linear_call *call) {
    for (unsigned i = 0; i < call->step_count; i++) {
        const struct linear_step *step = &call->steps[i];
        int64_t *seen = &caller->seen[step->key];
        if (step->kind == LINEAR_GET || step->kind == LINEAR_ADD)
            *seen = step->outcome == LINEAR_DONE ? step->result : LINEAR_ABSENT;
        else if (step->kind != LINEAR_REMOVE && step->outcome == LINEAR_DONE)
            *seen = step->argument;
    }
}

void linear_caller_call(struct linear_caller *caller, const struct linear_mix *mix, uint64_t number,
                        struct linear_call *call_out) {
    enum linear_shape shape = linear_make_up(&caller->rng, mix, number, call_out);
    call_out->thread = caller->thread;
    choose_expected(caller, call_out);
    call_out->invoked = now_ns();
    switch (shape) {
    case LINEAR_SHAPE_ONE:
        call_one(caller, call_out);
        break;
    case LINEAR_SHAPE_OLD:
        call_set(caller, &call_out->steps[1], &call_out->steps[0]);
        break;
    case LINEAR_SHAPE_LOOK:
        call_look(caller, call_out);
        break;
    case LINEAR_SHAPE_BATCH:
        call_batch(caller, call_out); /* takes the times by itself: making the batch is not a part of it */
        break;
    case LINEAR_SHAPE_CHANGE:
        call_change(caller, call_out);
        break;
    }
    if (shape != LINEAR_SHAPE_BATCH)
        call_out->returned = now_ns();
    remember_seen(caller, call_out);
}

void linear_caller_read(struct linear_caller *caller, unsigned key, struct linear_call *call_out) {
    *call_out = (struct linear_call){.thread = caller->thread, .step_count = 1};
    call_out->steps[0] = (struct linear_step){.kind = LINEAR_GET, .key = key};
    call_out->invoked = now_ns();
    call_get(caller, call_out);
    call_out->returned = now_ns();
    remember_seen(caller, call_out);
}
