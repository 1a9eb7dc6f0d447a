/**
 * @file
 * @brief What the log says about a configuration that is in order but odd.
 */
#ifndef BLITZDB_SERVER_CONFIG_ODDITIES_H
#define BLITZDB_SERVER_CONFIG_ODDITIES_H

#include "config.h"
#include "messages.h"

/** Names the settings without effect, and warns of a password that others may read, and of data of Redis
 * where the database shall be. */
void bzs_config_say_oddities(const struct bzs_config *config, const struct bzs_messages *messages);

#endif
