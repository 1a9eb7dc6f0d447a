/* Names and their members: what SUBSCRIBE, the table of cached keys and the list of monitors are made of. */
#include "topics.h"

#include "peer_fixture.h"
#include "pubsub.h"

static struct bzs_topics topics;

static void open_topics(void) {
    peers_open();
    bzs_topics_init(&topics, BZS_STRIPES_MAX);
}

static void close_topics(void) {
    bzs_topics_deinit(&topics);
    peers_close();
}

TestSuite(topics, .init = open_topics, .fini = close_topics);

static unsigned visited; /* one bit for each peer */

static void visit(void *user, struct bzs_peer *peer) {
    (void)user;
    visited |= 1u << peer->id;
}

static unsigned members_of(const char *name) {
    visited = 0;
    bzs_topics_visit(&topics, slice_of(name), visit, NULL);
    return visited;
}

static enum bzs_join join(const char *name, unsigned index) {
    return bzs_topics_join(&topics, slice_of(name), peers[index], &peers[index]->subscriptions[0]);
}

/* A peer joins a name once, and leaves it once; a name without members is gone. */
Test(topics, joins_and_leaves) {
    cr_assert_eq(join("a", 0), BZS_JOINED);
    cr_assert_eq(join("a", 0), BZS_JOINED_BEFORE);
    cr_assert_eq(join("a", 1), BZS_JOINED);
    cr_assert_eq(members_of("a"), 1u << 1 | 1u << 2);
    cr_assert_eq(members_of("b"), 0);
    cr_assert_eq(topics.topic_count, 1);
    cr_assert_eq(topics.member_count, 2);

    cr_assert(bzs_topics_leave(&topics, slice_of("a"), peers[0]));
    cr_assert_not(bzs_topics_leave(&topics, slice_of("a"), peers[0]));
    cr_assert_eq(members_of("a"), 1u << 2);
    cr_assert(bzs_topics_leave(&topics, slice_of("a"), peers[1]));
    cr_assert_eq(topics.topic_count, 0);
}

/* Names are bytes: the empty one, zeros inside, one the begin of another. */
Test(topics, compares_all_bytes) {
    struct bzs_slice with_zero = {"a\0b", 3};
    cr_assert_eq(bzs_topics_join(&topics, with_zero, peers[0], NULL), BZS_JOINED);
    cr_assert_eq(join("a", 1), BZS_JOINED);
    cr_assert_eq(join("", 2), BZS_JOINED);

    cr_assert_eq(bzs_topics_size(&topics, with_zero), 1);
    cr_assert_eq(members_of("a"), 1u << 2);
    cr_assert_eq(members_of(""), 1u << 3);
}

/* Whoever leaves from the middle, the others stay, in a table of many names. */
Test(topics, holds_many) {
    char name[32];
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "name%u", i);
        for (unsigned k = 0; k < PEERS; k++)
            cr_assert_eq(join(name, k), BZS_JOINED);
    }
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "name%u", i);
        cr_assert(bzs_topics_leave(&topics, slice_of(name), peers[i % PEERS]));
        cr_assert(bzs_topics_leave(&topics, slice_of(name), peers[(i + 4) % PEERS]));
    }
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "name%u", i);
        cr_assert_eq(members_of(name), (62u & ~(2u << i % PEERS) & ~(2u << (i + 4) % PEERS)));
    }
    cr_assert_eq(topics.member_count, 3000 * (PEERS - 2));
}

/* A member's list shows its names in the order in which it joined them, until it leaves. */
Test(topics, lists_the_names_of_a_member) {
    struct bzs_slice name;
    join("a", 0);
    join("b", 0);
    cr_assert(bzs_topics_first_of(&peers[0]->subscriptions[0], &name));
    cr_assert_eq(name.data[0], 'a');
    bzs_topics_leave(&topics, slice_of("a"), peers[0]);
    cr_assert(bzs_topics_first_of(&peers[0]->subscriptions[0], &name));
    cr_assert_eq(name.data[0], 'b');
    bzs_topics_leave(&topics, slice_of("b"), peers[0]);
    cr_assert_not(bzs_topics_first_of(&peers[0]->subscriptions[0], &name));
}

/* Taking a name tells its members and forgets it, no other one. */
Test(topics, takes_a_name) {
    join("a", 0);
    join("a", 1);
    join("b", 2);
    visited = 0;
    bzs_topics_take(&topics, slice_of("a"), visit, NULL);

    cr_assert_eq(visited, 1u << 1 | 1u << 2);
    cr_assert_eq(members_of("a"), 0);
    cr_assert_eq(members_of("b"), 1u << 3);
    cr_assert(bzs_link_is_alone(&peers[0]->subscriptions[0]));
}

/* Patterns of channels know upper and lower case; each one that fits is a receiver of its own. */
Test(topics, publishes_to_channels_and_patterns) {
    struct bzs_hub *hub = &fixture_server.hub;
    bzs_topics_join(&hub->channels, slice_of("news"), peers[0], NULL);
    bzs_topics_join(&hub->patterns, slice_of("n*"), peers[0], NULL);
    bzs_topics_join(&hub->patterns, slice_of("N*"), peers[1], NULL);
    bzs_topics_join(&hub->patterns, slice_of("ne[vw]s"), peers[2], NULL);

    cr_assert_eq(bzs_publish(hub, slice_of("news"), slice_of("x")), 3);
    const char *mail = peers_mail();
    cr_assert_not_null(strstr(mail, "1:*3..$7..message..$4..news..$1..x.. "));
    cr_assert_not_null(strstr(mail, "1:*4..$8..pmessage..$2..n*..$4..news..$1..x.. "));
    cr_assert_not_null(strstr(mail, "3:*4..$8..pmessage..$7..ne[vw]s..$4..news..$1..x.. "));
    cr_assert_eq(bzs_publish(hub, slice_of("none"), slice_of("x")), 1, "n* fits this one, too");
    cr_assert_eq(bzs_publish_shard(hub, slice_of("news"), slice_of("x")), 0);
}
