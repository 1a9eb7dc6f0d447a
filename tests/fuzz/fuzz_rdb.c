/* Any bytes are a payload of RESTORE or are refused, as they are and with a good footer behind them; what is
 * accepted can be packed again and reads the same. */
#include <stdlib.h>
#include <string.h>

#include "rdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MAX_ACCEPTED = 1 << 20 };

/** Ends the run: a property does not hold. */
static void require(int holds) {
    if (!holds)
        abort();
}

/** Packs a value; the caller frees it. */
static struct bzs_slice pack(struct bzs_slice value) {
    uint8_t head[BZS_RDB_HEAD_MAX];
    uint8_t tail[BZS_RDB_TAIL_SIZE];
    size_t head_size = bzs_rdb_encode_head(head, &value);
    bzs_rdb_encode_tail(tail, head, head_size, value);
    char *payload = malloc(head_size + value.size + sizeof tail);
    require(payload != NULL);
    memcpy(payload, head, head_size);
    if (value.size > 0)
        memcpy(payload + head_size, value.data, value.size);
    memcpy(payload + head_size + value.size, tail, sizeof tail);
    return (struct bzs_slice){payload, head_size + value.size + sizeof tail};
}

static void check(struct bzs_slice payload) {
    struct bzs_rdb_value value, again;
    if (bzs_rdb_decode(payload, SIZE_MAX_ACCEPTED, &value) != BZS_RDB_OK)
        return;
    require(value.bytes.size <= SIZE_MAX_ACCEPTED);
    struct bzs_slice packed = pack(value.bytes);
    require(bzs_rdb_decode(packed, SIZE_MAX_ACCEPTED, &again) == BZS_RDB_OK);
    require(again.bytes.size == value.bytes.size &&
            memcmp(again.bytes.data, value.bytes.data, again.bytes.size) == 0);
    free(again.unpacked);
    free(value.unpacked);
    free((void *)(uintptr_t)packed.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check((struct bzs_slice){(const char *)data, size});
    uint8_t *copy = malloc(size + BZS_RDB_TAIL_SIZE);
    require(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    bzs_rdb_encode_tail(copy + size, copy, size, (struct bzs_slice){"", 0});
    check((struct bzs_slice){(const char *)copy, size + BZS_RDB_TAIL_SIZE});
    free(copy);
    return 0;
}
