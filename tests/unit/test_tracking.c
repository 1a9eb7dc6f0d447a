/* The table of keys that clients keep: who is told, once, and who is not. */
#include "tracking.h"

#include "peer_fixture.h"

TestSuite(tracking, .init = peers_open, .fini = peers_close);

static void start(unsigned index, unsigned flags, struct bzs_peer *redirect) {
    cr_assert(bzs_tracking_start(&fixture_server, peers[index], flags, redirect));
}

static void remember(unsigned index, const char *key) {
    bzs_tracking_remember(&fixture_server, peers[index], slice_of(key));
}

static const char *after_change_of(const char *key, uint64_t writer) {
    bzs_tracking_invalidate(&fixture_server, slice_of(key), writer);
    return peers_mail();
}

/* A client is told once of a key that it has read, and not of others. */
Test(tracking, tells_once) {
    start(0, 0, NULL);
    remember(0, "a");
    remember(0, "a");

    cr_assert_str_eq(after_change_of("b", 0), "");
    cr_assert_str_eq(after_change_of("a", 0), "1:*1..$1..a.. ");
    cr_assert_str_eq(after_change_of("a", 0), "");
    remember(0, "a");
    cr_assert_str_eq(after_change_of("a", 0), "1:*1..$1..a.. ");
}

/* The writer is told as well, unless it said NOLOOP. */
Test(tracking, spares_the_writer_with_noloop) {
    start(0, 0, NULL);
    start(1, BZS_TRACKING_NOLOOP, NULL);
    remember(0, "a");
    remember(1, "a");
    cr_assert_str_eq(after_change_of("a", peers[1]->id), "1:*1..$1..a.. ");
    remember(0, "a");
    cr_assert_str_eq(after_change_of("a", peers[0]->id), "1:*1..$1..a.. ");
}

/* With BCAST everything with the prefix is told, read or not, again and again. */
Test(tracking, broadcasts_prefixes) {
    start(2, BZS_TRACKING_BCAST, NULL);
    cr_assert(bzs_tracking_add_prefix(&fixture_server, peers[2], slice_of("user:")));

    cr_assert_str_eq(after_change_of("user:1", 0), "3:*1..$6..user:1.. ");
    cr_assert_str_eq(after_change_of("user:1", 0), "3:*1..$6..user:1.. ");
    cr_assert_str_eq(after_change_of("user", 0), "");
    cr_assert_str_eq(after_change_of("a user:", 0), "");
}

/* Another client may take the invalidations. */
Test(tracking, redirects) {
    start(0, 0, peers[3]);
    remember(0, "a");
    cr_assert_str_eq(after_change_of("a", 0), "4:*1..$1..a.. ");
}

/* A flush forgets every key and tells everybody who tracks, whatever it has read. */
Test(tracking, tells_a_flush) {
    start(0, 0, NULL);
    start(1, BZS_TRACKING_BCAST, NULL);
    remember(0, "a");
    bzs_tracking_invalidate_all(&fixture_server);

    const char *mail = peers_mail();
    cr_assert(strcmp(mail, "1: 2: ") == 0 || strcmp(mail, "2: 1: ") == 0, "%s", mail);
    cr_assert_eq(fixture_server.hub.cached_keys.topic_count, 0);
}

/* Beyond its bound the table forgets keys, and their readers are told that these are not valid. */
Test(tracking, bounds_the_table) {
    char key[16];
    fixture_config.tracking_keys_max = 10;
    start(0, 0, NULL);
    for (unsigned i = 0; i < 30; i++) {
        snprintf(key, sizeof(key), "key%02u", i);
        remember(0, key);
    }
    size_t told = 0;
    for (const char *at = peers_mail(); (at = strstr(at, "key")) != NULL; at++)
        told++;

    cr_assert_eq(told, 20);
    cr_assert_eq(fixture_server.hub.cached_keys.topic_count, 10);
}

/** A client that reads a key and goes. */
static void visit(const char *key) {
    struct bzs_client *client = calloc(1, sizeof(*client));
    cr_assert_not_null(client);
    client->server = &fixture_server;
    client->loop = &fixture_loop;
    struct bzs_peer *peer = bzs_peer_of(client);
    cr_assert_not_null(peer);
    bzs_tracking_remember(&fixture_server, peer, slice_of(key));
    bzs_peer_retire(peer);
    free(client);
}

/* The bound is one of keys, so a key that everybody reads must not keep all who ever came. */
Test(tracking, forgets_readers_that_have_gone) {
    for (unsigned i = 0; i < PEERS; i++)
        start(i, 0, NULL);
    for (unsigned i = 0; i < 10000; i++) {
        visit("hot");
        if (i % 2000 == 0)
            remember(i / 2000, "hot");
        cr_assert_leq(fixture_server.hub.cached_keys.member_count, 4 * PEERS);
    }
    const char *mail = after_change_of("hot", 0);
    for (unsigned i = 0; i < PEERS; i++) {
        char expected[32];
        snprintf(expected, sizeof(expected), "%u:*1..$3..hot.. ", i + 1);
        cr_assert_not_null(strstr(mail, expected), "%s in %s", expected, mail);
    }
    cr_assert_eq(fixture_server.hub.cached_keys.member_count, 0);
}

/* Who has turned it off is told nothing, also of what was read before. */
Test(tracking, ends) {
    start(0, 0, NULL);
    cr_assert_eq(fixture_server.hub.watching, BZS_WATCHING_TRACKING);
    remember(0, "a");
    bzs_tracking_stop(&fixture_server, peers[0]);

    cr_assert_str_eq(after_change_of("a", 0), "");
    cr_assert_eq(fixture_server.hub.watching, 0);
}
