#include "crashtest_folder.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool refuse(const char *path, const char *why) {
    fprintf(stderr, "blitzdb-crashtest: %s: %s\n", path, why);
    return false;
}

/** A database that is there already has keys the ledger knows nothing of. */
static bool is_empty(const char *path) {
    DIR *dir = opendir(path);
    if (dir == NULL)
        return false;
    unsigned entries = 0;
    while (readdir(dir) != NULL)
        entries++;
    closedir(dir);
    return entries <= 2; /* itself and its parent */
}

bool folder_make(struct folder *folder, const char *data) {
    const char *parent = getenv("TMPDIR");
    *folder = (struct folder){.keeps_data = data != NULL};
    snprintf(folder->path, sizeof(folder->path), "%s/blitzdb-crashtest-XXXXXX",
             parent != NULL && parent[0] != '\0' ? parent : "/tmp");
    if (mkdtemp(folder->path) == NULL)
        return refuse(folder->path, strerror(errno));
    snprintf(folder->socket, sizeof(folder->socket), "%s/socket", folder->path);
    if (data != NULL)
        snprintf(folder->data, sizeof(folder->data), "%s", data);
    else
        snprintf(folder->data, sizeof(folder->data), "%s/data", folder->path);
    bool made = false;
    if (strlen(folder->socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        refuse(folder->path, "the path is too long for a socket; set TMPDIR to a shorter one");
    else if (mkdir(folder->data, 0700) != 0 && errno != EEXIST)
        refuse(folder->data, strerror(errno));
    else if (!is_empty(folder->data))
        refuse(folder->data, "is not an empty directory");
    else
        made = true;
    if (!made)
        rmdir(folder->path);
    return made;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at) {
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

void folder_remove(struct folder *folder) {
    nftw(folder->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}
