/* Any bytes are a sequence of valid records or are refused; what is accepted encodes to records that read the
 * same. */
#include <stdlib.h>

#include <blitzdb/blitzdb.h>

#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Ends the run: a property does not hold. */
static void require(int holds) {
    if (!holds)
        abort();
}

static void check_round_trip(const struct bzd_record *record) {
    size_t size = bzd_record_size(record);
    uint8_t *bytes = malloc(size);
    if (bytes == NULL)
        return;
    require(bzd_record_encode(bytes, record) == bytes + size);

    struct bzd_cursor cursor = bzd_cursor_over(bzd_slice_of(bytes, size));
    struct bzd_record again;
    require(bzd_record_decode(&cursor, &again) && bzd_cursor_left(&cursor) == 0);
    require(again.type == record->type && again.keyspace == record->keyspace &&
            again.number == record->number && again.expire_at_ms == record->expire_at_ms &&
            bzd_slice_equal(again.key, record->key) && bzd_slice_equal(again.value, record->value));
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bzd_cursor cursor = bzd_cursor_over(bzd_slice_of(data, size));
    struct bzd_record record;
    while (bzd_cursor_left(&cursor) > 0 && bzd_record_decode(&cursor, &record)) {
        require(record.keyspace < BLITZDB_KEYSPACES && record.key.size <= size && record.value.size <= size);
        check_round_trip(&record);
    }
    return 0;
}
