/* Messages and the box of a loop: encoded once, in order, counted, bounded. */
#include "peer_fixture.h"

TestSuite(mailbox, .init = peers_open, .fini = peers_close);

static struct bzs_message *make_message(const char *text) {
    struct bzs_message *message = bzs_message_create(BZS_MESSAGE_PLAIN, strlen(text));
    memcpy(message->bytes, text, message->size);
    return message;
}

static void post(struct bzs_peer *peer, const char *text) {
    struct bzs_message *message = make_message(text);
    bzs_peer_post(peer, NULL, message);
    bzs_message_release(message);
}

/* An array of bulk strings, the empty one included. */
Test(mailbox, encodes_bulk_strings) {
    struct bzs_slice parts[] = {slice_of("message"), slice_of(""), slice_of("a\r\nb")};
    struct bzs_message *message = bzs_message_of_bulks(BZS_MESSAGE_PUSH, parts, 3);
    static const char expected[] = "*3\r\n$7\r\nmessage\r\n$0\r\n\r\n$4\r\na\r\nb\r\n";

    cr_assert_eq(message->size, strlen(expected));
    cr_assert_eq(memcmp(message->bytes, expected, message->size), 0);
    bzs_message_release(message);
}

/* Letters come out in the order in which they went in, whoever they are for, and once. */
Test(mailbox, keeps_the_order) {
    post(peers[0], "a");
    post(peers[2], "b");
    post(peers[0], "c");

    cr_assert_str_eq(peers_mail(), "1:a 3:b 1:c ");
    cr_assert_str_eq(peers_mail(), "");
}

/* More letters than the first room of a box. */
Test(mailbox, grows) {
    for (int i = 0; i < 1000; i++)
        post(peers[0], "x");
    struct bzs_mail mail = {NULL, 0, 0, false};
    bzs_mailbox_take(&fixture_loop.mailbox, &mail);

    cr_assert_eq(mail.count, 1000);
    cr_assert_eq(peers[0]->queued_bytes, 1000);
    for (size_t i = 0; i < mail.count; i++)
        bzs_letter_release(&mail.letters[i]);
    bzs_mail_deinit(&mail);
}

/* The loop is told by the first letter, and not by those behind it. */
Test(mailbox, tells_the_loop_once) {
    eventfd_t count = 0;
    post(peers[0], "a");
    post(peers[1], "b");

    cr_assert_eq(fixture_loop.calls, BZS_CALL_MAIL);
    cr_assert_eq(eventfd_read(fixture_loop.wake_fd, &count), 0);
    cr_assert_eq(count, 1);
    peers_mail();
    post(peers[0], "c");
    cr_assert_eq(eventfd_read(fixture_loop.wake_fd, &count), 0, "an empty box tells again");
}

/* Beyond the limit of its class a peer is closed, once, and gets no letters any more. */
Test(mailbox, closes_who_does_not_read) {
    fixture_config.output_limits[BZS_OUTPUT_NORMAL].hard = 10;
    post(peers[0], "12345678");
    post(peers[0], "9 is too much");
    post(peers[0], "late");
    post(peers[1], "other");

    cr_assert_str_eq(peers_mail(), "1:12345678 1:9 is too much 1! 2:other ");
}

/* A client that has gone gets nothing, and what was under way is released with it. */
Test(mailbox, forgets_who_has_gone) {
    struct bzs_message *message = make_message("x");
    bzs_peer_post(peers[4], NULL, message);
    bzs_peer_hold(peers[4]);
    bzs_peer_retire(peers[4]);
    bzs_peer_post(peers[4], NULL, message);

    cr_assert_eq(message->holders, 2, "one letter, and this test");
    cr_assert_str_eq(peers_mail(), "5:x ");
    bzs_message_release(message);
    atomic_store(&peers[4]->gone, false); /* peers_close() ends it once more */
}
