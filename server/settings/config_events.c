#include "config_events.h"

#include <string.h>

/* In the order Redis shows them: first the kinds of events, which A stands for, then the rest. */
static const char letters_of_kinds[] = "g$lshzxetd";
static const int bits_of_kinds[] = {
    BZS_EVENTS_GENERIC, BZS_EVENTS_STRING,  BZS_EVENTS_LIST,    BZS_EVENTS_SET,    BZS_EVENTS_HASH,
    BZS_EVENTS_ZSET,    BZS_EVENTS_EXPIRED, BZS_EVENTS_EVICTED, BZS_EVENTS_STREAM, BZS_EVENTS_MODULE};

/** What one letter stands for; 0: nothing. */
static int bits_of(char letter) {
    const char *kind = letter != '\0' ? strchr(letters_of_kinds, letter) : NULL;
    if (kind != NULL)
        return bits_of_kinds[kind - letters_of_kinds];
    switch (letter) {
    case 'A':
        return BZS_EVENTS_ALL;
    case 'K':
        return BZS_EVENTS_KEYSPACE;
    case 'E':
        return BZS_EVENTS_KEYEVENT;
    case 'm':
        return BZS_EVENTS_KEY_MISS;
    case 'n':
        return BZS_EVENTS_NEW;
    default:
        return 0;
    }
}

bool bzs_events_parse(const char *letters, int64_t *events_out) {
    int64_t events = 0;
    for (; *letters != '\0'; letters++) {
        int bits = bits_of(*letters);
        if (bits == 0)
            return false;
        events |= bits;
    }
    *events_out = events;
    return true;
}

void bzs_events_show(int64_t events, char text_out[BZS_EVENTS_TEXT_SIZE]) {
    char *end = text_out;
    if ((events & BZS_EVENTS_ALL) == BZS_EVENTS_ALL) {
        *end++ = 'A'; /* n is not shown beside it, as in Redis 7.0 */
    } else {
        for (size_t i = 0; letters_of_kinds[i] != '\0'; i++)
            if ((events & bits_of_kinds[i]) != 0)
                *end++ = letters_of_kinds[i];
        if ((events & BZS_EVENTS_NEW) != 0)
            *end++ = 'n';
    }
    if ((events & BZS_EVENTS_KEYSPACE) != 0)
        *end++ = 'K';
    if ((events & BZS_EVENTS_KEYEVENT) != 0)
        *end++ = 'E';
    if ((events & BZS_EVENTS_KEY_MISS) != 0)
        *end++ = 'm';
    *end = '\0';
}
