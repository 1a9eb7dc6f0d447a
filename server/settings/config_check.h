/**
 * @file
 * @brief What --check-config finds out about the machine: are the addresses and folders there?
 */
#ifndef BLITZDB_SERVER_CONFIG_CHECK_H
#define BLITZDB_SERVER_CONFIG_CHECK_H

#include "config_place.h"

/** Looks for the addresses of `bind` and `http-bind`, and for the folders of `logfile` and
 * `unixsocket`; what is not there is refused and counted in the error. Nothing is made or listened on. */
void bzs_config_check(const struct bzs_config *config, const struct bzs_config_place *place);

#endif
