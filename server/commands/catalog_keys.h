/**
 * @file
 * @brief Handlers of COMMAND GETKEYS and COMMAND GETKEYSANDFLAGS.
 */
#ifndef BLITZDB_SERVER_CATALOG_KEYS_H
#define BLITZDB_SERVER_CATALOG_KEYS_H

#include "command.h"

/** Answers with the keys of the command in the arguments. */
void bzs_catalog_run_getkeys(struct bzs_call *call);
/** Answers with them and what happens to each. */
void bzs_catalog_run_getkeysandflags(struct bzs_call *call);

#endif
