#include "topics.h"

#include <stdlib.h>
#include <string.h>

#include "peer.h"

/** One name. */
struct bzs_topic {
    struct bzs_node node;
    struct bzs_link all; /* in the stripe's list */
    struct membership **members;
    size_t member_count, capacity;
    size_t name_size;
    char name[];
};

/** One peer that wants to hear of one name. */
struct membership {
    struct bzs_node node;
    struct bzs_topic *topic;
    struct bzs_peer *peer;
    size_t index;            /* in the topic's array */
    struct bzs_link of_peer; /* in the member's list, if it has one */
    bool is_listed;          /* it has; constant, where the link is the member's own thread's */
};

void bzs_topics_init(struct bzs_topics *topics, unsigned stripe_count) {
    *topics = (struct bzs_topics){.stripe_count = stripe_count};
    bzs_hash_key_init(&topics->hash_key);
    for (unsigned i = 0; i < stripe_count; i++) {
        pthread_rwlock_init(&topics->stripes[i].lock, NULL);
        bzs_link_init(&topics->stripes[i].list);
    }
}

static struct bzs_stripe *stripe_of(struct bzs_topics *topics, uint64_t hash) {
    return &topics->stripes[(hash >> 32) % topics->stripe_count];
}

static struct bzs_topic *find_topic(const struct bzs_stripe *stripe, uint64_t hash, struct bzs_slice name) {
    for (struct bzs_node *node = bzs_map_first(&stripe->topics, hash); node != NULL;
         node = bzs_map_next(node)) {
        struct bzs_topic *topic = BZS_NODE_OWNER(node, struct bzs_topic, node);
        if (topic->name_size == name.size && memcmp(topic->name, name.data, name.size) == 0)
            return topic;
    }
    return NULL;
}

/** Addresses are nobody's choice, so a multiplication is enough. */
static uint64_t membership_hash(const struct bzs_topic *topic, const struct bzs_peer *peer) {
    uint64_t mixed = (uint64_t)(uintptr_t)topic * UINT64_C(0x9E3779B97F4A7C15);
    mixed = (mixed ^ (uint64_t)(uintptr_t)peer) * UINT64_C(0xD6E8FEB86659FD93);
    return mixed ^ mixed >> 32;
}

static struct membership *find_membership(const struct bzs_stripe *stripe, const struct bzs_topic *topic,
                                          const struct bzs_peer *peer) {
    struct bzs_node *node = bzs_map_first(&stripe->members, membership_hash(topic, peer));
    for (; node != NULL; node = bzs_map_next(node)) {
        struct membership *membership = BZS_NODE_OWNER(node, struct membership, node);
        if (membership->topic == topic && membership->peer == peer)
            return membership;
    }
    return NULL;
}

static struct bzs_topic *add_topic(struct bzs_topics *topics, struct bzs_stripe *stripe, uint64_t hash,
                                   struct bzs_slice name) {
    struct bzs_topic *topic = malloc(sizeof(*topic) + name.size);
    if (topic == NULL)
        return NULL;
    *topic = (struct bzs_topic){.name_size = name.size};
    if (name.size > 0)
        memcpy(topic->name, name.data, name.size);
    if (!bzs_map_add(&stripe->topics, &topic->node, hash)) {
        free(topic);
        return NULL;
    }
    bzs_link_init(&topic->all);
    bzs_link_append(&stripe->list, &topic->all);
    atomic_fetch_add_explicit(&topics->topic_count, 1, memory_order_relaxed);
    return topic;
}

static void remove_topic(struct bzs_topics *topics, struct bzs_stripe *stripe, struct bzs_topic *topic) {
    bzs_map_remove(&stripe->topics, &topic->node);
    bzs_link_remove(&topic->all);
    free(topic->members);
    free(topic);
    atomic_fetch_sub_explicit(&topics->topic_count, 1, memory_order_relaxed);
}

/** The last member takes the place of the one that leaves. */
static void remove_member(struct bzs_topics *topics, struct bzs_stripe *stripe,
                          struct membership *membership) {
    struct bzs_topic *topic = membership->topic;
    struct membership *last = topic->members[--topic->member_count];
    topic->members[membership->index] = last;
    last->index = membership->index;
    bzs_map_remove(&stripe->members, &membership->node);
    bzs_link_remove(&membership->of_peer);
    bzs_peer_release(membership->peer);
    free(membership);
    atomic_fetch_sub_explicit(&topics->member_count, 1, memory_order_relaxed);
}

/** True for one that nobody will end, because its peer has gone. */
static bool is_orphan(const struct membership *membership) {
    return atomic_load_explicit(&membership->peer->gone, memory_order_relaxed) && !membership->is_listed;
}

/**
 * Makes room for one more. A full topic first lets go of members that have gone, and grows unless half of it
 * is free then: it takes what those who live need, and the search costs each join a constant.
 */
static bool reserve_member(struct bzs_topics *topics, struct bzs_stripe *stripe, struct bzs_topic *topic) {
    if (topic->member_count < topic->capacity)
        return true;
    for (size_t i = topic->member_count; i > 0; i--)
        if (is_orphan(topic->members[i - 1]))
            remove_member(topics, stripe, topic->members[i - 1]);
    if (topic->capacity > 0 && topic->member_count <= topic->capacity / 2)
        return true;
    size_t capacity = topic->capacity > 0 ? 2 * topic->capacity : 1;
    struct membership **members = realloc(topic->members, capacity * sizeof(*members));
    if (members == NULL)
        return topic->member_count < topic->capacity;
    topic->members = members;
    topic->capacity = capacity;
    return true;
}

static bool add_member(struct bzs_topics *topics, struct bzs_stripe *stripe, struct bzs_topic *topic,
                       struct bzs_peer *peer, struct bzs_link *list) {
    struct membership *membership =
        reserve_member(topics, stripe, topic) ? malloc(sizeof(*membership)) : NULL;
    if (membership == NULL)
        return false;
    *membership = (struct membership){
        .topic = topic, .peer = peer, .index = topic->member_count, .is_listed = list != NULL};
    if (!bzs_map_add(&stripe->members, &membership->node, membership_hash(topic, peer))) {
        free(membership);
        return false;
    }
    bzs_peer_hold(peer);
    bzs_link_init(&membership->of_peer);
    if (list != NULL)
        bzs_link_append(list, &membership->of_peer);
    topic->members[topic->member_count++] = membership;
    atomic_fetch_add_explicit(&topics->member_count, 1, memory_order_relaxed);
    return true;
}

enum bzs_join bzs_topics_join(struct bzs_topics *topics, struct bzs_slice name, struct bzs_peer *peer,
                              struct bzs_link *list) {
    uint64_t hash = bzs_hash(&topics->hash_key, name.data, name.size);
    struct bzs_stripe *stripe = stripe_of(topics, hash);
    enum bzs_join result = BZS_JOINED_BEFORE;
    pthread_rwlock_rdlock(&stripe->lock);
    struct bzs_topic *topic = find_topic(stripe, hash, name);
    bool is_member = topic != NULL && find_membership(stripe, topic, peer) != NULL;
    pthread_rwlock_unlock(&stripe->lock);
    if (is_member)
        return result;
    pthread_rwlock_wrlock(&stripe->lock);
    topic = find_topic(stripe, hash, name);
    if (topic == NULL)
        topic = add_topic(topics, stripe, hash, name);
    if (topic == NULL) {
        result = BZS_JOIN_NO_MEMORY;
    } else if (find_membership(stripe, topic, peer) == NULL) {
        result = add_member(topics, stripe, topic, peer, list) ? BZS_JOINED : BZS_JOIN_NO_MEMORY;
        if (topic->member_count == 0)
            remove_topic(topics, stripe, topic);
    }
    pthread_rwlock_unlock(&stripe->lock);
    return result;
}

bool bzs_topics_leave(struct bzs_topics *topics, struct bzs_slice name, struct bzs_peer *peer) {
    uint64_t hash = bzs_hash(&topics->hash_key, name.data, name.size);
    struct bzs_stripe *stripe = stripe_of(topics, hash);
    pthread_rwlock_wrlock(&stripe->lock);
    struct bzs_topic *topic = find_topic(stripe, hash, name);
    struct membership *membership = topic != NULL ? find_membership(stripe, topic, peer) : NULL;
    if (membership != NULL) {
        remove_member(topics, stripe, membership);
        if (topic->member_count == 0)
            remove_topic(topics, stripe, topic);
    }
    pthread_rwlock_unlock(&stripe->lock);
    return membership != NULL;
}

struct bzs_slice bzs_topic_name(const struct bzs_topic *topic) {
    return (struct bzs_slice){topic->name, topic->name_size};
}

bool bzs_topics_first_of(const struct bzs_link *list, struct bzs_slice *name_out) {
    if (bzs_link_is_alone(list))
        return false;
    *name_out = bzs_topic_name(BZS_LINK_OWNER(list->next, struct membership, of_peer)->topic);
    return true;
}

void bzs_topics_of(const struct bzs_link *list, void (*visit)(void *user, struct bzs_slice name),
                   void *user) {
    for (const struct bzs_link *link = list->next; link != list; link = link->next)
        visit(user, bzs_topic_name(BZS_LINK_OWNER(link, const struct membership, of_peer)->topic));
}

size_t bzs_topic_members(const struct bzs_topic *topic, bzs_member_fn visit, void *user) {
    for (size_t i = 0; visit != NULL && i < topic->member_count; i++)
        visit(user, topic->members[i]->peer);
    return topic->member_count;
}

size_t bzs_topics_visit(struct bzs_topics *topics, struct bzs_slice name, bzs_member_fn visit, void *user) {
    if (atomic_load_explicit(&topics->topic_count, memory_order_relaxed) == 0)
        return 0;
    uint64_t hash = bzs_hash(&topics->hash_key, name.data, name.size);
    struct bzs_stripe *stripe = stripe_of(topics, hash);
    pthread_rwlock_rdlock(&stripe->lock);
    const struct bzs_topic *topic = find_topic(stripe, hash, name);
    size_t count = topic != NULL ? bzs_topic_members(topic, visit, user) : 0;
    pthread_rwlock_unlock(&stripe->lock);
    return count;
}

size_t bzs_topics_size(struct bzs_topics *topics, struct bzs_slice name) {
    return bzs_topics_visit(topics, name, NULL, NULL);
}

/** Ends all memberships of a name, and with them the name. */
static void drop_topic(struct bzs_topics *topics, struct bzs_stripe *stripe, struct bzs_topic *topic) {
    while (topic->member_count > 0)
        remove_member(topics, stripe, topic->members[topic->member_count - 1]);
    remove_topic(topics, stripe, topic);
}

void bzs_topics_take(struct bzs_topics *topics, struct bzs_slice name, bzs_member_fn visit, void *user) {
    uint64_t hash = bzs_hash(&topics->hash_key, name.data, name.size);
    struct bzs_stripe *stripe = stripe_of(topics, hash);
    pthread_rwlock_rdlock(&stripe->lock); /* most names nobody wants to hear of */
    bool is_there = find_topic(stripe, hash, name) != NULL;
    pthread_rwlock_unlock(&stripe->lock);
    if (!is_there)
        return;
    pthread_rwlock_wrlock(&stripe->lock);
    struct bzs_topic *topic = find_topic(stripe, hash, name);
    if (topic != NULL) {
        bzs_topic_members(topic, visit, user);
        drop_topic(topics, stripe, topic);
    }
    pthread_rwlock_unlock(&stripe->lock);
}

static void clear_stripe(struct bzs_topics *topics, struct bzs_stripe *stripe) {
    while (!bzs_link_is_alone(&stripe->list))
        drop_topic(topics, stripe, BZS_LINK_OWNER(stripe->list.next, struct bzs_topic, all));
}

void bzs_topics_clear(struct bzs_topics *topics) {
    for (unsigned i = 0; i < topics->stripe_count; i++) {
        pthread_rwlock_wrlock(&topics->stripes[i].lock);
        clear_stripe(topics, &topics->stripes[i]);
        pthread_rwlock_unlock(&topics->stripes[i].lock);
    }
}

void bzs_topics_deinit(struct bzs_topics *topics) {
    bzs_topics_clear(topics);
    for (unsigned i = 0; i < topics->stripe_count; i++)
        pthread_rwlock_destroy(&topics->stripes[i].lock);
}

bool bzs_topics_take_any(struct bzs_topics *topics, uint64_t dice,
                         void (*visit_name)(void *user, struct bzs_slice name), bzs_member_fn visit,
                         void *user) {
    for (unsigned i = 0; i < topics->stripe_count; i++) {
        struct bzs_stripe *stripe = &topics->stripes[(dice + i) % topics->stripe_count];
        pthread_rwlock_wrlock(&stripe->lock);
        struct bzs_node *node = bzs_map_any(&stripe->topics, dice >> 8);
        if (node != NULL) {
            struct bzs_topic *topic = BZS_NODE_OWNER(node, struct bzs_topic, node);
            visit_name(user, bzs_topic_name(topic));
            bzs_topic_members(topic, visit, user);
            drop_topic(topics, stripe, topic);
        }
        pthread_rwlock_unlock(&stripe->lock);
        if (node != NULL)
            return true;
    }
    return false;
}

void bzs_topics_walk(struct bzs_topics *topics, bzs_topic_fn visit, void *user) {
    for (unsigned i = 0; i < topics->stripe_count; i++) {
        struct bzs_stripe *stripe = &topics->stripes[i];
        pthread_rwlock_rdlock(&stripe->lock);
        for (struct bzs_link *link = stripe->list.next; link != &stripe->list; link = link->next)
            visit(user, BZS_LINK_OWNER(link, struct bzs_topic, all));
        pthread_rwlock_unlock(&stripe->lock);
    }
}
