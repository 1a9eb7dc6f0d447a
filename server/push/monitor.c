#include "monitor.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "mailbox.h"
#include "server.h"

static const struct bzs_slice everybody = {"", 0};

bool bzs_monitor_start(struct bzs_server *server, struct bzs_peer *peer) {
    if (bzs_topics_join(&server->hub.monitors, everybody, peer, NULL) == BZS_JOIN_NO_MEMORY)
        return false;
    bzs_hub_refresh(&server->hub);
    return true;
}

void bzs_monitor_stop(struct bzs_server *server, struct bzs_peer *peer) {
    if (bzs_topics_leave(&server->hub.monitors, everybody, peer))
        bzs_hub_refresh(&server->hub);
}

/** The letter behind the backslash for a character that has one, else 0. */
static char escape_of(char c) {
    static const char from[] = "\\\"\n\r\t\a\b";
    static const char to[] = "\\\"nrtab";
    const char *at = c != '\0' ? strchr(from, c) : NULL;
    return at != NULL ? to[at - from] : 0;
}

static void put_quoted(struct bzs_reply *line, struct bzs_slice text) {
    bzs_reply_raw(line, " \"", 2);
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        char written[8] = {'\\', escape_of(c)};
        if (written[1] == 0 && c >= ' ' && c <= '~')
            bzs_reply_raw(line, &c, 1);
        else if (written[1] != 0)
            bzs_reply_raw(line, written, 2);
        else
            bzs_reply_raw(line, written,
                          (size_t)snprintf(written, sizeof(written), "\\x%02x", (unsigned char)c));
    }
    bzs_reply_raw(line, "\"", 1);
}

/** True for an argument that may be a password: all of AUTH's, and in HELLO the two behind the word AUTH. */
static bool is_secret(const struct bzs_call *call, size_t index) {
    if (strcmp(call->command->name, "auth") == 0)
        return index > 0;
    if (strcmp(call->command->name, "hello") != 0)
        return (call->command->flags & BZS_PRIVATE) != 0 && index > 0;
    return (index > 2 && bzs_arg_is(call->argv[index - 1], "auth")) ||
           (index > 3 && bzs_arg_is(call->argv[index - 2], "auth"));
}

static void put_line(struct bzs_reply *line, const struct bzs_call *call) {
    static const struct bzs_slice redacted = {"(redacted)", 10};
    char head[64 + BZS_ADDRESS_SIZE];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(head, sizeof(head), "+%lld.%06ld [%u %s]", (long long)now.tv_sec, now.tv_nsec / 1000,
             atomic_load_explicit(&call->client->keyspace, memory_order_relaxed), call->client->address);
    bzs_reply_raw(line, head, strlen(head));
    for (size_t i = 0; i < call->argc; i++)
        put_quoted(line, is_secret(call, i) ? redacted : call->argv[i]);
    bzs_reply_raw(line, "\r\n", 2);
}

static void send_to(void *user, struct bzs_peer *peer) {
    bzs_peer_post(peer, NULL, user);
}

void bzs_monitor_show(const struct bzs_call *call) {
    struct bzs_hub *hub = &call->server->hub;
    if ((call->command->flags & (BZS_ADMIN | BZS_SKIP_MONITOR)) != 0 || call->client->postponed != NULL)
        return;
    if (atomic_load(&hub->monitors.member_count) == 0)
        return;
    struct bzs_reply line;
    bzs_reply_init(&line);
    put_line(&line, call);
    struct bzs_message *message = bzs_message_of_reply(BZS_MESSAGE_PLAIN, &line);
    if (message != NULL)
        bzs_topics_visit(&hub->monitors, everybody, send_to, message);
    bzs_message_release(message);
    bzs_reply_deinit(&line);
}
