/**
 * @file
 * @brief AUTH and HELLO: how a connection logs in.
 */
#ifndef BLITZDB_SERVER_COMMAND_LOGIN_H
#define BLITZDB_SERVER_COMMAND_LOGIN_H

struct bzs_client;

/** Answers an attempt to log in that had to wait; see login_limit.h. */
void bzs_login_end(struct bzs_client *client);

#endif
