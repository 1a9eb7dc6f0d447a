#include "wal_spare.h"

#include "listing.h"
#include "path.h"
#include "wal_format.h"

static void spare_path(char path[BZD_PATH_MAX], const char *dir, uint64_t number) {
    bzd_path_numbered(path, dir, BZD_WAL_SPARE_PREFIX, number, "");
}

static size_t count_spares(const blitzdb_env *env, const char *dir) {
    struct bzd_listing spares;
    if (bzd_listing_init(&spares, env, dir, BZD_WAL_SPARE_PREFIX, "") != BLITZDB_OK)
        return BZD_WAL_SPARES_MAX; /* unknown: no more of them */
    size_t count = spares.count;
    bzd_listing_deinit(&spares);
    return count;
}

void bzd_wal_spare_keep(const blitzdb_env *env, const char *dir, uint64_t segment_start) {
    char from[BZD_PATH_MAX];
    char to[BZD_PATH_MAX];
    bzd_path_numbered(from, dir, BZD_WAL_NAME_PREFIX, segment_start, "");
    spare_path(to, dir, segment_start);
    if (count_spares(env, dir) >= BZD_WAL_SPARES_MAX || env->rename(env->user, from, to) != 0)
        (void)env->remove(env->user, from);
}

void bzd_wal_spare_remove_all(const blitzdb_env *env, const char *dir) {
    struct bzd_listing spares;
    if (bzd_listing_init(&spares, env, dir, BZD_WAL_SPARE_PREFIX, "") != BLITZDB_OK)
        return;
    for (size_t i = 0; i < spares.count; i++) {
        char path[BZD_PATH_MAX];
        spare_path(path, dir, spares.numbers[i]);
        (void)env->remove(env->user, path);
    }
    bzd_listing_deinit(&spares);
}

bool bzd_wal_spare_open(struct bzd_wal_spare *spare, const blitzdb_env *env, const char *dir) {
    struct bzd_listing spares;
    if (bzd_listing_init(&spares, env, dir, BZD_WAL_SPARE_PREFIX, "") != BLITZDB_OK)
        return false;
    bool found = spares.count > 0;
    if (found)
        spare->number = spares.numbers[0];
    bzd_listing_deinit(&spares);
    char path[BZD_PATH_MAX];
    if (!found)
        return false;
    spare_path(path, dir, spare->number);
    if (env->open(env->user, path, BLITZDB_FILE_WRITE, &spare->file) != 0)
        return false;
    if (env->file_size(env->user, spare->file, &spare->size) == 0 &&
        spare->size >= BZD_WAL_SEGMENT_HEADER_SIZE)
        return true;
    bzd_wal_spare_discard(spare, env, dir);
    return false;
}

int bzd_wal_spare_rename(const struct bzd_wal_spare *spare, const blitzdb_env *env, const char *dir,
                         uint64_t start) {
    char from[BZD_PATH_MAX];
    char to[BZD_PATH_MAX];
    spare_path(from, dir, spare->number);
    bzd_path_numbered(to, dir, BZD_WAL_NAME_PREFIX, start, "");
    return env->rename(env->user, from, to);
}

void bzd_wal_spare_discard(const struct bzd_wal_spare *spare, const blitzdb_env *env, const char *dir) {
    char path[BZD_PATH_MAX];
    (void)env->close(env->user, spare->file);
    spare_path(path, dir, spare->number);
    (void)env->remove(env->user, path);
}
