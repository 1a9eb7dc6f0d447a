#include "tmpdir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

void tmpdir_create(struct tmpdir *dir) {
    const char *base = getenv("TMPDIR");
    if (base == NULL || *base == '\0')
        base = "/tmp";
    int length = snprintf(dir->path, sizeof(dir->path), "%s/blitzdb-test-XXXXXX", base);
    if (length < 0 || (size_t)length >= sizeof(dir->path) || mkdtemp(dir->path) == NULL) {
        perror("tmpdir_create");
        exit(2);
    }
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *level) {
    (void)info;
    (void)type;
    (void)level;
    return remove(path);
}

void tmpdir_remove(struct tmpdir *dir) {
    if (dir->path[0] == '\0')
        return;
    if (nftw(dir->path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        perror("tmpdir_remove");
    dir->path[0] = '\0';
}

void tmpdir_join(const struct tmpdir *dir, const char *name, char *path, size_t size) {
    int length = snprintf(path, size, "%s/%s", dir->path, name);
    if (length < 0 || (size_t)length >= size) {
        (void)fprintf(stderr, "tmpdir_join: path too long\n");
        exit(2);
    }
}
