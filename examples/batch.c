/**
 * @file
 * @brief Money moves from one account to another: all of it or nothing.
 *
 * A batch collects changes and checks and applies them in one step. If one of them cannot be done, none is;
 * no other thread ever sees the money gone from one account and not yet on the other, and neither does a
 * crash.
 */
#include <inttypes.h>
#include <string.h>

#include "check.h"

enum { NUMBER_SIZE = 24 };

/** Reads an account as text, as it is stored, and returns the number it means. */
static int64_t balance_of(blitzdb *db, const char *account, char text_out[NUMBER_SIZE]) {
    size_t size;
    check(blitzdb_get(db, account, strlen(account), text_out, NUMBER_SIZE - 1, &size), account);
    text_out[size] = '\0';
    return strtoll(text_out, NULL, 10);
}

//! [transfer]
/** Collects the steps of a transfer. They are only looked at when the batch is committed. */
static blitzdb_status add_steps(blitzdb_batch *batch, const char *from, const char *to, int64_t amount,
                                const char *before, const char *after) {
    /* Withdraw, but only if nobody has changed the account since we read `before`. */
    blitzdb_set_options if_unchanged = BLITZDB_SET_OPTIONS_INIT;
    if_unchanged.condition = BLITZDB_IF_EQUAL;
    if_unchanged.expected = before;
    if_unchanged.expected_size = strlen(before);
    blitzdb_status status = blitzdb_batch_set(batch, from, strlen(from), after, strlen(after), &if_unchanged);
    /* Deposit, but only if there is such an account. */
    if (status == BLITZDB_OK)
        status = blitzdb_batch_check_present(batch, to, strlen(to));
    if (status == BLITZDB_OK)
        status = blitzdb_batch_increment(batch, to, strlen(to), amount);
    return status;
}

/** Moves an amount, or answers why it cannot be done; then nothing has changed. */
static blitzdb_status transfer(blitzdb *db, const char *from, const char *to, int64_t amount) {
    char before[NUMBER_SIZE];
    char after[NUMBER_SIZE];
    int64_t balance = balance_of(db, from, before);
    if (balance < amount)
        return BLITZDB_OUT_OF_RANGE;
    snprintf(after, sizeof after, "%" PRId64, balance - amount);

    blitzdb_batch *batch;
    blitzdb_status status = blitzdb_batch_create(db, &batch);
    if (status != BLITZDB_OK)
        return status;
    status = add_steps(batch, from, to, amount, before, after);
    if (status == BLITZDB_OK)
        status = blitzdb_batch_commit(batch, BLITZDB_DURABILITY_DEFAULT, NULL);
    blitzdb_batch_destroy(batch);
    return status;
}
//! [transfer]

/** Tries a transfer and shows what came of it. Ends the program if it is not what was expected. */
static void show(blitzdb *db, const char *to, int64_t amount, blitzdb_status expected) {
    char text[NUMBER_SIZE];
    blitzdb_status status = transfer(db, "alice", to, amount);
    printf("alice sends %" PRId64 " to %s: %s\n", amount, to, blitzdb_status_name(status));
    printf("  alice has %" PRId64 ",", balance_of(db, "alice", text));
    printf(" bob has %" PRId64 "\n", balance_of(db, "bob", text));
    if (status != expected)
        exit(1);
}

int main(void) {
    blitzdb *db;
    check(blitzdb_open(NULL, NULL, &db), "opening a database");
    check(blitzdb_set(db, "alice", 5, "100", 3), "setting a balance");
    check(blitzdb_set(db, "bob", 3, "0", 1), "setting a balance");

    show(db, "bob", 30, BLITZDB_OK);
    /* The withdrawal comes first and is rolled back when the check behind it finds no account. */
    show(db, "carol", 30, BLITZDB_CONDITION_FAILED);
    show(db, "bob", 500, BLITZDB_OUT_OF_RANGE);

    check(blitzdb_close(db), "closing the database");
    return 0;
}
