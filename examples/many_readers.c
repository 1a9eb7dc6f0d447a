/**
 * @file
 * @brief One thread writes, three read, and no reader ever sees half of a change.
 *
 * The writer moves a unit between two keys whose sum is always 1000. The readers look at both with one
 * blitzdb_mget(), which sees all its keys at one moment. Readers do not wait for each other.
 */
#include <pthread.h>

#include "check.h"

enum { READERS = 3, LOOKS = 20000, MOVES = 20000, SUM = 1000 };

/** Moves one unit from the left to the right and back, as one atomic batch each time. */
static void *write_moves(void *argument) {
    blitzdb *db = argument;
    blitzdb_batch *batch;
    check(blitzdb_batch_create(db, &batch), "creating a batch");
    for (int i = 0; i < MOVES; i++) {
        int64_t unit = i % 2 == 0 ? 1 : -1;
        blitzdb_batch_clear(batch);
        check(blitzdb_batch_increment(batch, "left", 4, -unit), "adding to a batch");
        check(blitzdb_batch_increment(batch, "right", 5, unit), "adding to a batch");
        check(blitzdb_batch_commit(batch, BLITZDB_DURABILITY_DEFAULT, NULL), "committing a batch");
    }
    blitzdb_batch_destroy(batch);
    return NULL;
}

//! [mget]
/** Reads both keys at one moment and returns their sum. */
static long read_sum(blitzdb *db) {
    static const void *const keys[] = {"left", "right"};
    static const size_t key_sizes[] = {4, 5};
    char left[16], right[16];
    void *const buffers[] = {left, right};
    const size_t buffer_sizes[] = {sizeof left - 1, sizeof right - 1};
    size_t value_sizes[2];
    blitzdb_status statuses[2];

    check(blitzdb_mget(db, 2, keys, key_sizes, buffers, buffer_sizes, value_sizes, statuses), "reading");
    check(statuses[0], "left");
    check(statuses[1], "right");
    left[value_sizes[0]] = '\0';
    right[value_sizes[1]] = '\0';
    return strtol(left, NULL, 10) + strtol(right, NULL, 10);
}
//! [mget]

static void *look_at_sums(void *argument) {
    for (int i = 0; i < LOOKS; i++) {
        long sum = read_sum(argument);
        if (sum != SUM) {
            fprintf(stderr, "saw half of a change: the sum is %ld\n", sum);
            exit(1);
        }
    }
    return NULL;
}

static void start(pthread_t *thread, void *(*body)(void *), blitzdb *db) {
    if (pthread_create(thread, NULL, body, db) != 0) {
        fprintf(stderr, "cannot start a thread\n");
        exit(1);
    }
}

int main(void) {
    blitzdb *db;
    check(blitzdb_open(NULL, NULL, &db), "opening a database");
    check(blitzdb_set(db, "left", 4, "1000", 4), "setting up");
    check(blitzdb_set(db, "right", 5, "0", 1), "setting up");

    pthread_t writer, readers[READERS];
    start(&writer, write_moves, db);
    for (int i = 0; i < READERS; i++)
        start(&readers[i], look_at_sums, db);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    pthread_join(writer, NULL);

    printf("%d readers looked %d times each while a writer made %d changes\n", READERS, LOOKS, MOVES);
    printf("the sum was %d every time\n", SUM);
    check(blitzdb_close(db), "closing the database");
    return 0;
}
