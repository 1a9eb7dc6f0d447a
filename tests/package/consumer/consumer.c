/* A program of somebody else's: it compiles against what was installed, as C and as C++, and uses it. */
#include <blitzdb/blitzdb.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    blitzdb *db = NULL;
    char value[16];
    size_t size = 0;
    int ok = blitzdb_version_number() == BLITZDB_VERSION_NUMBER;

    ok = ok && blitzdb_open(NULL, NULL, &db) == BLITZDB_OK;
    ok = ok && blitzdb_set(db, "key", 3, "value", 5) == BLITZDB_OK;
    ok = ok && blitzdb_get(db, "key", 3, value, sizeof value, &size) == BLITZDB_OK;
    ok = ok && size == 5 && memcmp(value, "value", 5) == 0;
    ok = ok && blitzdb_close(db) == BLITZDB_OK;
    puts(ok ? "consumer: ok" : "consumer: failed");
    return ok ? 0 : 1;
}
