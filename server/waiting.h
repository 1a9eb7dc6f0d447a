/**
 * @file
 * @brief What a connection waits for that has called WAITAOF or WAIT.
 *
 * A waiting client runs none of its later commands; everybody else goes on. Its loop looks whether the wait
 * is over when the log has become durable further on, when a sync has failed and when the time is up, and
 * writes the answer then. Waiting for the log ends as soon as it can; waiting for replicas, of which there
 * are none, ends with its time, or with the server.
 */
#ifndef BLITZDB_SERVER_WAITING_H
#define BLITZDB_SERVER_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "reply.h"

/** Which command waits, and so what is answered. */
enum bzs_wait_kind {
    BZS_WAIT_NONE = 0, /**< nobody waits */
    BZS_WAIT_REPLICAS, /**< WAIT: answered by the number of replicas */
    BZS_WAIT_LOG,      /**< WAITAOF: answered by two numbers, of logs here and at replicas */
    BZS_WAIT_LOGIN,    /**< AUTH, HELLO: answered by bzs_login_end() */
    BZS_WAIT_PAUSE,    /**< CLIENT PAUSE: the command runs when it is over */
};

/** One wait. */
struct bzs_wait {
    enum bzs_wait_kind kind;
    bool needs_log : 1;      /**< asks the syncer, and a failed sync ends it */
    bool needs_replicas : 1; /**< nothing but time ends it */
    bool needs_time : 1;     /**< nothing but time ends it, or the end of the server */
    bool granted : 1;        /**< the login was right */
    bool bad_name : 1;       /**< but the name that HELLO gives is none */
    int8_t protocol;         /**< that HELLO asks for; 0: AUTH */
    uint64_t log_position;   /**< the connection has written up to here */
    int64_t until_ms;        /**< on the clock of the loop's `tick_ms`; INT64_MAX: forever */
};

/** What is known when a loop looks at its waits. */
struct bzs_wait_state {
    bool has_log;
    uint64_t durable; /**< the log is durable up to here */
    bool failed;      /**< a sync has failed since the loop looked last */
    bool stopping;    /**< the server ends */
    int64_t tick_ms;
};

/** True if only the end of the server would end it. */
bool bzs_wait_is_endless(const struct bzs_wait *wait);

/** True if there is nothing more to wait for. */
bool bzs_wait_is_over(const struct bzs_wait *wait, const struct bzs_wait_state *state);

/** Writes the answer as things are: what was asked for, or less if the time was up. */
void bzs_wait_answer(const struct bzs_wait *wait, const struct bzs_wait_state *state,
                     struct bzs_reply *reply);

#endif
