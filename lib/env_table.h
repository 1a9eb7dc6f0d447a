/**
 * @file
 * @brief The environment a caller gives, completed with the default's functions.
 */
#ifndef BZD_ENV_TABLE_H
#define BZD_ENV_TABLE_H

#include <blitzdb/env.h>
#include <blitzdb/status.h>

/**
 * Copies the caller's table, taking the default's function where a member is NULL; NULL: the default table.
 * BLITZDB_INVALID: the table has a `struct_size` this library does not know.
 */
blitzdb_status bzd_env_complete(const blitzdb_env *given, blitzdb_env *env_out);

#endif
