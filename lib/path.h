/**
 * @file
 * @brief File names of a database directory, composed in bounded buffers.
 *
 * A name is what stands in the directory (`log-0000000000000000`), a path has the directory in front. Nothing
 * here touches a file.
 */
#ifndef BZD_PATH_H
#define BZD_PATH_H

#include <stdbool.h>
#include <stdint.h>

/** Longest path composed; open refuses directories that leave no room. */
enum { BZD_PATH_MAX = 4096, BZD_NAME_MAX = 64 };

/** The file whose lock says that a directory is in use. */
#define BZD_LOCK_NAME "LOCK"

/** Writes `dir/name`; the directory's length was checked at open. */
void bzd_path_join(char path_out[BZD_PATH_MAX], const char *dir, const char *name);
/** Writes the folder a directory stands in: "." if the path names none. */
void bzd_path_parent(char path_out[BZD_PATH_MAX], const char *dir);
/** Writes `dir/prefix<16 hex digits>suffix`. */
void bzd_path_numbered(char path_out[BZD_PATH_MAX], const char *dir, const char *prefix, uint64_t number,
                       const char *suffix);
/** Writes `prefix<16 hex digits>suffix`. */
void bzd_name_numbered(char name_out[BZD_NAME_MAX], const char *prefix, uint64_t number, const char *suffix);
/** True if a name is prefix, 16 lower-case hexadecimal digits and suffix; gives the number. */
bool bzd_name_number(const char *name, const char *prefix, const char *suffix, uint64_t *number_out);

#endif
