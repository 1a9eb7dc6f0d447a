/**
 * @file
 * @brief CLIENT TRACKING, CACHING, TRACKINGINFO and GETREDIR; see tracking.h.
 */
#include <string.h>

#include "client.h"
#include "command_client.h"
#include "loop.h"
#include "peer.h"
#include "server.h"
#include "session.h"
#include "topics.h"
#include "tracking.h"

/** What CLIENT TRACKING ON was given. */
struct options {
    unsigned flags;
    uint64_t redirect;              /* 0: nobody */
    struct bzs_peer *redirect_peer; /* held */
    size_t prefixes;
};

/** Finds a client by its number and holds its peer; NULL: there is none, or no memory. */
static struct bzs_peer *find_peer(struct bzs_server *server, uint64_t id) {
    struct bzs_peer *peer = NULL;
    for (unsigned i = 0; i < server->loop_count && peer == NULL; i++) {
        struct bzs_loop *loop = &server->loops[i];
        pthread_mutex_lock(&loop->clients_mutex);
        for (struct bzs_link *link = loop->clients.next; link != &loop->clients; link = link->next) {
            struct bzs_client *client = BZS_LINK_OWNER(link, struct bzs_client, all);
            if (client->id == id)
                peer = bzs_peer_of(client);
        }
        if (peer != NULL)
            bzs_peer_hold(peer);
        pthread_mutex_unlock(&loop->clients_mutex);
    }
    return peer;
}

static bool read_redirect(struct bzs_call *call, size_t index, struct options *options) {
    int64_t id;
    if (options->redirect != 0) {
        bzs_reply_error(call->reply, "ERR A client can only redirect to a single other client");
        return false;
    }
    if (!bzs_arg_integer(call, index, &id))
        return false;
    options->redirect = (uint64_t)id;
    options->redirect_peer = id > 0 ? find_peer(call->server, (uint64_t)id) : NULL;
    if (options->redirect_peer == NULL) {
        bzs_reply_error(call->reply, "ERR The client ID you want redirect to does not exist");
        return false;
    }
    return true;
}

/** Reads what stands behind ON; false: the error reply has been written. */
static bool read_options(struct bzs_call *call, struct options *options) {
    static const struct {
        const char *word;
        unsigned flag;
    } words[] = {{"bcast", BZS_TRACKING_BCAST},
                 {"optin", BZS_TRACKING_OPTIN},
                 {"optout", BZS_TRACKING_OPTOUT},
                 {"noloop", BZS_TRACKING_NOLOOP}};
    for (size_t i = 3; i < call->argc; i++) {
        unsigned flag = 0;
        bool has_value = i + 1 < call->argc;
        for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
            if (bzs_arg_is(call->argv[i], words[k].word))
                flag = words[k].flag;
        if (has_value && bzs_arg_is(call->argv[i], "redirect")) {
            if (!read_redirect(call, ++i, options))
                return false;
        } else if (has_value && bzs_arg_is(call->argv[i], "prefix")) {
            options->prefixes++;
            i++;
        } else if (flag == 0) {
            bzs_reply_syntax_error(call);
            return false;
        }
        options->flags |= flag;
    }
    return true;
}

/** What forbids these options, also with what is in force; NULL: nothing. */
static const char *find_conflict(const struct options *options, unsigned present) {
    const unsigned opts = BZS_TRACKING_OPTIN | BZS_TRACKING_OPTOUT;
    unsigned flags = options->flags;
    bool is_on = (present & BZS_TRACKING_ON) != 0;
    if (options->prefixes > 0 && (flags & BZS_TRACKING_BCAST) == 0)
        return "PREFIX option requires BCAST mode to be enabled";
    if (is_on && ((flags ^ present) & BZS_TRACKING_BCAST) != 0)
        return "You can't switch BCAST mode on/off before disabling tracking for this client, and then "
               "re-enabling it with a different mode.";
    if ((flags & BZS_TRACKING_BCAST) != 0 && (flags & opts) != 0)
        return "OPTIN and OPTOUT are not compatible with BCAST";
    if ((flags & opts) == opts)
        return "You can't specify both OPTIN mode and OPTOUT mode";
    if (((flags & BZS_TRACKING_OPTIN) != 0 && (present & BZS_TRACKING_OPTOUT) != 0) ||
        ((flags & BZS_TRACKING_OPTOUT) != 0 && (present & BZS_TRACKING_OPTIN) != 0))
        return "You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then "
               "re-enabling it with a different mode.";
    return NULL;
}

/** One is the begin of the other. */
static bool overlaps(struct bzs_slice a, struct bzs_slice b) {
    size_t size = a.size < b.size ? a.size : b.size;
    return size == 0 || memcmp(a.data, b.data, size) == 0;
}

/** A prefix that is to be new, and the first it overlaps with. */
struct overlap {
    struct bzs_slice prefix, other;
    bool found;
};

static void compare_prefix(void *user, struct bzs_slice name) {
    struct overlap *overlap = user;
    if (!overlap->found && overlaps(overlap->prefix, name)) {
        overlap->other = name;
        overlap->found = true;
    }
}

static void compare_to_given(struct bzs_call *call, size_t from, struct overlap *overlap) {
    for (size_t i = from; i + 1 < call->argc; i++)
        if (bzs_arg_is(call->argv[i], "prefix"))
            compare_prefix(overlap, call->argv[++i]);
        else if (bzs_arg_is(call->argv[i], "redirect"))
            i++;
}

/** Checks every prefix against those in force and those that are given with it. */
static bool prefixes_fit(struct bzs_call *call, const struct bzs_peer *peer) {
    for (size_t i = 3; i + 1 < call->argc; i++) {
        if (bzs_arg_is(call->argv[i], "redirect")) {
            i++;
            continue;
        }
        if (!bzs_arg_is(call->argv[i], "prefix"))
            continue;
        struct overlap overlap = {.prefix = call->argv[++i]};
        bzs_topics_of(&peer->subscriptions[BZS_SUBSCRIPTION_PREFIX], compare_prefix, &overlap);
        compare_to_given(call, i + 1, &overlap);
        if (overlap.found) {
            bzs_reply_error(
                call->reply,
                "ERR Prefix '%.*s' overlaps with an existing prefix '%.*s'. Prefixes for a single "
                "client must not overlap.",
                (int)overlap.prefix.size, overlap.prefix.data, (int)overlap.other.size, overlap.other.data);
            return false;
        }
    }
    return true;
}

static bool add_prefixes(struct bzs_call *call, struct bzs_peer *peer, const struct options *options) {
    bool added = true;
    if ((options->flags & BZS_TRACKING_BCAST) == 0)
        return true;
    if (options->prefixes == 0 && bzs_link_is_alone(&peer->subscriptions[BZS_SUBSCRIPTION_PREFIX]))
        return bzs_tracking_add_prefix(call->server, peer, (struct bzs_slice){"", 0});
    for (size_t i = 3; added && i + 1 < call->argc; i++)
        if (bzs_arg_is(call->argv[i], "prefix"))
            added = bzs_tracking_add_prefix(call->server, peer, call->argv[++i]);
        else if (bzs_arg_is(call->argv[i], "redirect"))
            i++;
    return added;
}

/** Turns tracking on with options that were read. */
static void turn_on(struct bzs_call *call, struct bzs_peer *peer, const struct options *options) {
    unsigned present = peer != NULL ? atomic_load(&peer->tracking) : 0;
    const char *conflict = find_conflict(options, present);
    if (conflict != NULL) {
        bzs_reply_error(call->reply, "ERR %s", conflict);
    } else if (peer == NULL) {
        bzs_reply_status(call, BLITZDB_NO_MEMORY);
    } else if (prefixes_fit(call, peer)) {
        if (add_prefixes(call, peer, options) &&
            bzs_tracking_start(call->server, peer, options->flags, options->redirect_peer))
            bzs_reply_simple(call->reply, "OK");
        else
            bzs_reply_status(call, BLITZDB_NO_MEMORY);
    }
}

void bzs_run_client_tracking(struct bzs_call *call) {
    struct options options = {.flags = 0};
    struct bzs_peer *peer = bzs_peer_of(call->client);
    bool parsed = read_options(call, &options);
    if (parsed && bzs_arg_is(call->argv[2], "on")) {
        turn_on(call, peer, &options);
    } else if (parsed && bzs_arg_is(call->argv[2], "off")) {
        if (peer != NULL)
            bzs_tracking_stop(call->server, peer);
        bzs_session_set_mode(call->client, BZS_MODE_CACHING, false);
        bzs_reply_simple(call->reply, "OK");
    } else if (parsed) {
        bzs_reply_syntax_error(call);
    }
    bzs_peer_release(options.redirect_peer);
}

static unsigned tracking_of(const struct bzs_call *call) {
    struct bzs_peer *peer = atomic_load_explicit(&call->client->peer, memory_order_relaxed);
    return peer != NULL ? atomic_load(&peer->tracking) : 0;
}

void bzs_run_client_caching(struct bzs_call *call) {
    unsigned flags = tracking_of(call);
    bool yes = bzs_arg_is(call->argv[2], "yes");
    bool no = bzs_arg_is(call->argv[2], "no");
    if ((flags & BZS_TRACKING_ON) == 0) {
        bzs_reply_error(call->reply,
                        "ERR CLIENT CACHING can be called only when the client is in tracking mode "
                        "with OPTIN or OPTOUT mode enabled");
    } else if (yes && (flags & BZS_TRACKING_OPTIN) == 0) {
        bzs_reply_error(call->reply,
                        "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
    } else if (no && (flags & BZS_TRACKING_OPTOUT) == 0) {
        bzs_reply_error(call->reply,
                        "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
    } else if (!yes && !no) {
        bzs_reply_syntax_error(call);
    } else {
        bzs_session_set_mode(call->client, BZS_MODE_CACHING, true);
        bzs_reply_simple(call->reply, "OK");
    }
}

static int64_t redirect_of(const struct bzs_call *call) {
    return bzs_peer_redirection_id(atomic_load_explicit(&call->client->peer, memory_order_relaxed));
}

void bzs_run_client_getredir(struct bzs_call *call) {
    bzs_reply_integer(call->reply, redirect_of(call));
}

static void reply_prefix(void *user, struct bzs_slice name) {
    bzs_reply_bulk(user, name.data, name.size);
}

static void count_prefix(void *user, struct bzs_slice name) {
    (void)name;
    ++*(size_t *)user;
}

static void reply_flags(struct bzs_call *call, unsigned flags) {
    bool caching = (call->client->modes & BZS_MODE_CACHING) != 0;
    bool optin = (flags & BZS_TRACKING_OPTIN) != 0;
    bool optout = (flags & BZS_TRACKING_OPTOUT) != 0;
    const struct {
        bool is_set;
        const char *name;
    } names[] = {{(flags & BZS_TRACKING_ON) == 0, "off"},
                 {(flags & BZS_TRACKING_ON) != 0, "on"},
                 {(flags & BZS_TRACKING_BCAST) != 0, "bcast"},
                 {optin, "optin"},
                 {optin && caching, "caching-yes"},
                 {optout, "optout"},
                 {optout && caching, "caching-no"},
                 {(flags & BZS_TRACKING_NOLOOP) != 0, "noloop"},
                 {(flags & BZS_TRACKING_BROKEN) != 0, "broken_redirect"}};
    size_t count = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        count += names[i].is_set;
    bzs_reply_set(call->reply, count);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].is_set)
            bzs_reply_text(call->reply, names[i].name);
}

void bzs_run_client_trackinginfo(struct bzs_call *call) {
    struct bzs_peer *peer = atomic_load_explicit(&call->client->peer, memory_order_relaxed);
    size_t prefixes = 0;
    if (peer != NULL)
        bzs_topics_of(&peer->subscriptions[BZS_SUBSCRIPTION_PREFIX], count_prefix, &prefixes);
    bzs_reply_map(call->reply, 3);
    bzs_reply_text(call->reply, "flags");
    reply_flags(call, tracking_of(call));
    bzs_reply_text(call->reply, "redirect");
    bzs_reply_integer(call->reply, redirect_of(call));
    bzs_reply_text(call->reply, "prefixes");
    bzs_reply_array(call->reply, prefixes);
    if (peer != NULL)
        bzs_topics_of(&peer->subscriptions[BZS_SUBSCRIPTION_PREFIX], reply_prefix, call->reply);
}
