/**
 * @file
 * @brief What has to be done when a setting changes while the server runs.
 *
 * Most settings are read wherever they are needed and need nothing. The others have a function in the table
 * of setting_effects.c, which runs in the thread of the client that sent CONFIG SET.
 */
#ifndef BLITZDB_SERVER_SETTING_EFFECTS_H
#define BLITZDB_SERVER_SETTING_EFFECTS_H

#include "config_change.h"

struct bzs_server;

/**
 * Makes the server follow a change that is about to be committed. False, with the reason in `change->error`
 * and the setting's name in `name_out`, if it cannot.
 */
bool bzs_setting_effects(struct bzs_server *server, struct bzs_config_change *change, const char **name_out);

#endif
