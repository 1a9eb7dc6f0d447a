#include <blitzdb/blitzdb.h>
#include <blitzdb/status.h>

const char *blitzdb_status_text(blitzdb_status status) {
    switch (status) {
#define STATUS_TEXT(name, number, text)                                                                      \
    case BLITZDB_##name:                                                                                     \
        return text;
        BLITZDB_STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
    default:
        return "unknown status";
    }
}

const char *blitzdb_status_name(blitzdb_status status) {
    switch (status) {
#define STATUS_NAME(name, number, text)                                                                      \
    case BLITZDB_##name:                                                                                     \
        return #name;
        BLITZDB_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
    default:
        return "UNKNOWN";
    }
}

const char *blitzdb_version(void) {
    return BLITZDB_VERSION_TEXT;
}

uint32_t blitzdb_version_number(void) {
    return BLITZDB_VERSION_NUMBER;
}
