/* What stands between the sessions of clients: who is told of what another one does, and who has to wait. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server_fixture.h"
#include "tracking.h"

static void open_server(void) {
    char text[] = "bind 127.0.0.1\nport 0\nthreads 1\nloglevel warning\n ";
    create_server_with(text);
}

TestSuite(session, .init = open_server, .fini = destroy_server);

static struct bzs_client *connect_client(void) {
    struct bzs_client *client = bzs_client_create(&server->loops[0], -1);
    cr_assert_not_null(client);
    return client;
}

/* ---- A change that waits for its locks ---- */

/** A command that another thread runs. */
struct other_thread {
    struct bzs_client *client;
    const char *command;
    _Atomic long number; /* of the thread; 0: it has not begun */
};

static void *run_command(void *argument) {
    struct other_thread *other = argument;
    atomic_store(&other->number, syscall(SYS_gettid));
    run(other->client, other->command);
    return NULL;
}

/** True if the thread sleeps, which in the middle of a command it does for a lock only. */
static bool sleeps(long number) {
    char path[64], line[256] = "";
    snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", number);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    cr_assert_not_null(fgets(line, sizeof(line), file));
    fclose(file);
    const char *behind_name = strrchr(line, ')');
    return behind_name != NULL && behind_name[1] == ' ' && behind_name[2] == 'S';
}

/** The first tracker begins, and reads the old value, when the command already waits for the lock of the key;
 * it has to be told all the same. */
static void expect_told(const char *command, const char *key) {
    struct bzs_client *reader = connect_client();
    struct other_thread other = {.client = connect_client(), .command = command};
    struct bzs_slice name = {key, strlen(key)};
    blitzdb_section *section = NULL;
    blitzdb_section_options options = BLITZDB_SECTION_OPTIONS_INIT;
    pthread_t thread;
    options.whole = 1;
    run(reader, "HELLO 3\r\nMSET a old b old\r\n");
    cr_assert_eq(blitzdb_section_begin(reader->db, &options, &section), BLITZDB_OK);
    cr_assert_eq(pthread_create(&thread, NULL, run_command, &other), 0);
    while (atomic_load(&other.number) == 0 || !sleeps(other.number))
        sched_yield();

    struct bzs_peer *peer = bzs_peer_of(reader);
    cr_assert(bzs_tracking_start(server, peer, 0, NULL));
    bzs_tracking_remember(server, peer, name);
    cr_assert_eq(blitzdb_section_end(section, BLITZDB_DURABILITY_DEFAULT), BLITZDB_OK);
    pthread_join(thread, NULL);

    cr_assert_eq(bzs_topics_size(&server->hub.cached_keys, name), 0, "%s", command);
    cr_assert_eq(server->loops[0].mailbox.count, 1, "%s", command);
    bzs_client_destroy(reader);
    bzs_client_destroy(other.client);
    struct bzs_mail mail = {NULL, 0, 0, false};
    bzs_mailbox_take(&server->loops[0].mailbox, &mail);
    for (size_t i = 0; i < mail.count; i++)
        bzs_letter_release(&mail.letters[i]);
    bzs_mail_deinit(&mail);
}

/* Whoever reads an old value before a change takes effect hears of the change. */
Test(session, first_tracker_is_told_of_changes_under_way) {
    static const char *const commands[] = {
        "DEL a b\r\n",
        "UNLINK x a\r\n",
        "DEL a\r\n",
        "MSET b new a new\r\n",
        "RENAME a b\r\n",
        "RENAME b a\r\n",
        "COPY b a REPLACE\r\n",
        "MOVE a 1\r\n",
        "FLUSHALL\r\n",
        "FLUSHDB\r\n",
        "EXPIRE a 100\r\n",
        "GETDEL a\r\n",
        "GETEX a PX 1000\r\n",
        "SORT none STORE a\r\n",
        "BITOP NOT a b\r\n",
        "BITOP NOT a none\r\n",
        "SETRANGE a 1 x\r\n",
        "APPEND a x\r\n",
        "SETBIT a 0 1\r\n",
        "BITFIELD a SET u8 0 1\r\n",
        "SET a new\r\n",
        "GETSET a new\r\n",
        "SETEX a 100 x\r\n",
        "SET a new XX GET\r\n",
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        expect_told(commands[i], "a");
}

/* ---- CLIENT PAUSE ---- */

/** Lets time pass. */
static void wait_ms(int64_t ms) {
    server->loops[0].tick_ms += ms;
}

/** True if the client has to wait with a command. */
static bool has_to_wait(const char *command) {
    struct bzs_client *client = connect_client();
    run(client, command);
    bool waits = bzs_client_is_waiting(client);
    bzs_client_destroy(client);
    return waits;
}

/* A pause that is over leaves nothing behind: it makes no later one larger, and no command looks at it. */
Test(session, pause_is_taken_back) {
    struct bzs_client *client = connect_client();
    run(client, "CLIENT PAUSE 100 ALL\r\n");
    cr_assert(has_to_wait("GET k\r\n"));
    wait_ms(101);
    cr_assert_not(has_to_wait("SET k v\r\n"));
    cr_assert_eq(server->hub.watching, 0);

    run(client, "CLIENT PAUSE 100 ALL\r\n");
    wait_ms(101);
    run(client, "CLIENT PAUSE 1500 WRITE\r\n");
    cr_assert_not(has_to_wait("GET k\r\n"), "writes pause only");
    cr_assert(has_to_wait("SET k v\r\n"));
    run(client, "CLIENT UNPAUSE\r\n");
    cr_assert_eq(server->hub.watching, 0);
    bzs_client_destroy(client);
}

/* While a pause lasts, another one may prolong it and make it one of all commands, and no less. */
Test(session, pauses_add_up) {
    struct bzs_client *client = connect_client();
    run(client, "CLIENT PAUSE 100 WRITE\r\n");
    cr_assert_not(has_to_wait("GET k\r\n"));
    run(client, "CLIENT PAUSE 50 ALL\r\n");
    run(client, "CLIENT PAUSE 0 WRITE\r\n");
    wait_ms(99);
    cr_assert(has_to_wait("GET k\r\n"));
    wait_ms(2);
    cr_assert_not(has_to_wait("GET k\r\n"));

    bzs_client_destroy(client);
}

/* What is left of an old pause does not count for a new one, whether or not a command came in between. */
Test(session, old_pause_does_not_count) {
    struct bzs_hub *hub = &server->hub;
    bzs_hub_pause(hub, 1000, 1100, true);
    bzs_hub_pause(hub, 1099, 1200, false);
    cr_assert(hub->pause_all && hub->pause_until_ms == 1200 && hub->watching == BZS_WATCHING_PAUSE);
    bzs_hub_pause(hub, 1200, 1300, false);
    cr_assert(!hub->pause_all && hub->pause_until_ms == 1300);
    bzs_hub_end_old_pause(hub, 1299);
    cr_assert(hub->pause_until_ms == 1300, "it lasts");
    bzs_hub_end_old_pause(hub, 1300);
    cr_assert(hub->pause_until_ms == 0 && hub->watching == 0);
}
