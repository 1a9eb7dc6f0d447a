#include "crashtest_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crashtest_random.h"

enum { CHECKSUM_DIGITS = 16 };

/** FNV-1a, 64 bits. */
static uint64_t checksum(const char *bytes, size_t size) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001B3u;
    return hash;
}

static void fill(char *to, size_t size, struct random *random) {
    while (size > 0) {
        uint64_t bits = random_next(random);
        for (unsigned i = 0; i < 8 && size > 0; i++, size--, bits >>= 8)
            *to++ = (char)('a' + bits % 16);
    }
}

void value_make(const struct value_head *head, char *to) {
    char text[VALUE_SIZE_MIN];
    int used = snprintf(text, sizeof(text), "%u:%u:%" PRIu64 ":%zu:", head->client, head->key, head->version,
                        head->size);
    size_t filled = head->size - CHECKSUM_DIGITS;
    struct random random = {head->version * 16 + head->client};
    memcpy(to, text, (size_t)used);
    fill(to + used, filled - (size_t)used, &random);
    snprintf(text, sizeof(text), "%0*" PRIx64, CHECKSUM_DIGITS, checksum(to, filled));
    memcpy(to + filled, text, CHECKSUM_DIGITS);
}

bool value_check(const char *bytes, size_t size, unsigned client, unsigned key, uint64_t *version_out) {
    struct value_head head;
    char text[VALUE_SIZE_MIN];
    if (size < VALUE_SIZE_MIN || size > VALUE_SIZE_MAX)
        return false;
    memcpy(text, bytes, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    if (sscanf(text, "%u:%u:%" SCNu64 ":%zu:", &head.client, &head.key, &head.version, &head.size) != 4)
        return false;
    if (head.client != client || head.key != key || head.size != size)
        return false;
    char *wanted = malloc(size);
    if (wanted == NULL)
        return false;
    value_make(&head, wanted);
    bool same = memcmp(wanted, bytes, size) == 0;
    free(wanted);
    *version_out = head.version;
    return same;
}
