/**
 * @file
 * @brief Where blitzdb-crashtest puts its files: a temporary folder for the socket and, as a rule, the data.
 */
#ifndef BLITZDB_CRASHTEST_FOLDER_H
#define BLITZDB_CRASHTEST_FOLDER_H

#include <stdbool.h>

#define FOLDER_PATH_MAX 4096

struct folder {
    char path[FOLDER_PATH_MAX];
    char data[FOLDER_PATH_MAX + 8];
    char socket[FOLDER_PATH_MAX + 8];
    bool keeps_data; /**< the user named the directory */
};

/** Makes the folder; `data` NULL: the data goes there, too. Prints why if that cannot be done. */
bool folder_make(struct folder *folder, const char *data);

/** Removes what was made, but not a data directory of the user's. */
void folder_remove(struct folder *folder);

#endif
