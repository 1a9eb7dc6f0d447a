/**
 * @file
 * @brief One writing call of the public API as data, so that the same call can be made on a database and on
 * the model, printed, and made again.
 *
 * An operation is a kind and up to ::OPERATION_STEPS_MAX steps; a step changes one key. A single call has one
 * step, a batch and a transaction have several. Operations are plain values: copy them, compare them, keep
 * them.
 */
#ifndef BLITZDB_TESTS_OPERATION_H
#define BLITZDB_TESTS_OPERATION_H

#include <stdio.h>

#include "model.h"
#include "rng.h"

/** Most steps of a batch or transaction. */
#define OPERATION_STEPS_MAX 4
/** Room for the text of a key and for the pattern of a value. */
#define OPERATION_TEXT_MAX 24

/** The value that a set on condition of equality expects. */
#define OPERATION_EXPECTED "expected"

/** What a step does to its key. */
enum step_kind {
    STEP_SET,
    STEP_DEL,
    STEP_INCREMENT,
    STEP_INCREMENT_DOUBLE,
    STEP_APPEND,
    STEP_EXPIRE,
    STEP_EXPIRE_AT,
    STEP_PERSIST,
    STEP_CHECK_PRESENT,
    STEP_CHECK_ABSENT,
    STEP_KINDS,
};

/** A change of one key. */
struct step {
    enum step_kind kind;
    unsigned keyspace;
    char key[OPERATION_TEXT_MAX];
    char text[OPERATION_TEXT_MAX]; /**< value or data: repeated up to `value_size` bytes */
    size_t value_size;
    int64_t number;       /**< increment (in quarters for a double), or time to live of a set or an expiry */
    int64_t expire_at_ms; /**< of a set or an expiry; 0: never */
    uint32_t condition;   /**< of a set: ::blitzdb_condition */
    bool keep_ttl;        /**< of a set */
    unsigned flags;       /**< of an expiry: ::blitzdb_expire_flags, not in a batch or transaction */
};

/** What kind of call it is. */
enum operation_kind {
    OPERATION_SINGLE, /**< the call of its one step */
    OPERATION_BATCH,
    OPERATION_TXN,
    OPERATION_SECTION, /**< the single calls of all steps in one section; their answers do not matter */
    OPERATION_ABORTED_TXN,
    OPERATION_FLUSH_KEYSPACE, /**< the keyspace of step 0 */
    OPERATION_FLUSH_ALL,
    OPERATION_SWAP_KEYSPACES, /**< those of the steps 0 and 1 */
    OPERATION_SNAPSHOT,
    OPERATION_SYNC,
    OPERATION_WRITE_OUT,
    OPERATION_PUMP,
    OPERATION_KINDS,
};

/** One call. */
struct operation {
    enum operation_kind kind;
    uint32_t durability; /**< ::blitzdb_durability of a single set, a batch or a transaction */
    size_t step_count;
    struct step steps[OPERATION_STEPS_MAX];
};

/** A call with one step, whose value is the text; an increment adds 7. Change what should be different. */
struct operation operation_single(enum step_kind kind, unsigned keyspace, const char *key, const char *text);

/** A batch or transaction of the first steps of two operations. */
struct operation operation_joined(enum operation_kind kind, struct operation first, struct operation second);

/** Makes the call; `db` is the handle of keyspace 0. */
blitzdb_status operation_run(blitzdb *db, const struct operation *operation);

/** Makes the same call on the model and answers what the database must answer. */
blitzdb_status operation_apply(struct model *model, const struct operation *operation, int64_t now_ms);

/** Writes the value of a step out in full; release it with free(). */
uint8_t *operation_value(const struct step *step);

/** Whether the call writes: after an acknowledged write in mode always, it is on disk. */
bool operation_is_write(const struct operation *operation);

/** An operation drawn at random; few keys, so that operations meet. */
struct operation operation_random(struct rng *rng, int64_t now_ms);

/** Prints an operation in one line. */
void operation_print(const struct operation *operation, FILE *out);

#endif
