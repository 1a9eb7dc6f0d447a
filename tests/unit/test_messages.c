/* Messages of the server: their two forms, the log file, and what service managers are told. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "json.h"
#include "messages.h"
#include "service.h"
#include "tmpdir.h"

static const char *escaped(const char *text) {
    static char out[256];
    cr_assert_eq(bzs_json_escape(text, out, sizeof(out)), strlen(out));
    return out;
}

/* Whatever the bytes, the result can stand in a JSON string. */
Test(json, escapes) {
    cr_assert_str_eq(escaped("plain text"), "plain text");
    cr_assert_str_eq(escaped("a\"b\\c"), "a\\\"b\\\\c");
    cr_assert_str_eq(escaped("\n\t\x01\x7f"), "\\u000a\\u0009\\u0001\\u007f");
    cr_assert_str_eq(escaped("h\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"),
                     "h\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
}

/* What is not UTF-8 becomes the character for that: stray, cut, overlong, surrogate, too large. */
Test(json, not_utf8) {
    cr_assert_str_eq(escaped("\x80x"), "\\ufffdx");
    cr_assert_str_eq(escaped("\xc3"), "\\ufffd");
    cr_assert_str_eq(escaped("\xc0\xaf"), "\\ufffd\\ufffd");
    cr_assert_str_eq(escaped("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd");
    cr_assert_str_eq(escaped("\xf4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd");
}

/* No result is longer than its room, and none ends within an escape. */
Test(json, room) {
    char out[10];
    for (size_t room = 7; room <= sizeof(out); room++) {
        memset(out, 'x', sizeof(out));
        size_t size = bzs_json_escape("\x01\x01\x01", out, room);
        cr_assert_eq(size, 6);
        cr_assert_eq(out[size], '\0');
    }
}

/* ---- The log file ---- */

static struct tmpdir dir;
static struct bzs_config config;
static struct bzs_messages messages;
static char path[TMPDIR_PATH_MAX], moved[TMPDIR_PATH_MAX];

static void open_log(const char *format) {
    tmpdir_create(&dir);
    tmpdir_join(&dir, "log", path, sizeof(path));
    tmpdir_join(&dir, "log.1", moved, sizeof(moved));
    cr_assert(bzs_config_init(&config));
    config.logfile = strdup(path);
    config.log_format = strcmp(format, "json") == 0 ? BZS_LOG_JSON : BZS_LOG_TEXT;
    cr_assert(bzs_messages_open(&messages, &config));
}

static void close_log(void) {
    bzs_messages_close(&messages);
    bzs_config_deinit(&config);
    tmpdir_remove(&dir);
}

static const char *content(const char *name) {
    static char text[65536];
    FILE *file = fopen(name, "r");
    cr_assert_not_null(file, "%s", name);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* One line for each message that is important enough; nobody else may read the file. */
Test(messages, text) {
    open_log("text");
    bzs_say(&messages, BZS_NOTICE, "number %d", 7);
    bzs_say(&messages, BZS_VERBOSE, "hidden");
    messages.level = BZS_VERBOSE;
    bzs_say(&messages, BZS_VERBOSE, "shown");

    const char *text = content(path);
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    close_log();

    cr_assert_eq(status.st_mode & 0777, 0600);
    cr_assert_not_null(strstr(text, "Z notice number 7\n"));
    cr_assert_null(strstr(text, "hidden"));
    cr_assert_not_null(strstr(text, "Z verbose shown\n"));
}

/* The same as JSON, of the longest message with the worst bytes: a whole object in one line. */
Test(messages, json) {
    char worst[5000];
    memset(worst, '\x01', sizeof(worst) - 1);
    worst[sizeof(worst) - 1] = '\0';
    open_log("json");
    bzs_say(&messages, BZS_WARNING, "%s", worst);

    const char *text = content(path);
    close_log();

    cr_assert_not_null(strstr(text, "\"level\":\"warning\",\"message\":\"\\u0001"));
    cr_assert_str_eq(text + strlen(text) - 9, "\\u0001\"}\n");
    cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1);
}

/* After the file was moved away, the messages go on in a new one under the old name. */
Test(messages, reopen) {
    open_log("text");
    bzs_say(&messages, BZS_NOTICE, "before");
    cr_assert_eq(rename(path, moved), 0);
    bzs_say(&messages, BZS_NOTICE, "still the old one");
    bzs_messages_reopen(&messages);
    bzs_say(&messages, BZS_NOTICE, "after");

    bool new_has_it = strstr(content(path), "after") != NULL;
    bool old_has_all = strstr(content(moved), "still the old one") != NULL;
    bool old_has_more = strstr(content(moved), "after") != NULL;
    close_log();

    cr_assert(new_has_it);
    cr_assert(old_has_all);
    cr_assert_not(old_has_more);
}

/* A log that cannot be written loses messages and says how many as soon as it can be written again. */
Test(messages, lost) {
    open_log("text");
    int log_fd = dup(messages.fd);
    int full_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    cr_assert_geq(dup2(full_fd, messages.fd), 0);
    bzs_say(&messages, BZS_NOTICE, "lost");
    bzs_say(&messages, BZS_NOTICE, "lost");
    cr_assert_geq(dup2(log_fd, messages.fd), 0);
    bzs_say(&messages, BZS_NOTICE, "written");

    const char *text = content(path);
    close(log_fd);
    close(full_fd);
    close_log();

    cr_assert_null(strstr(text, "lost"));
    cr_assert_not_null(strstr(text, "written\n"));
    cr_assert_not_null(strstr(text, "2 messages before this one could not be written"));
}

/* ---- The service manager ---- */

static int listen_at(const char *name, size_t size) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, name, size);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&address,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)),
                 0);
    return fd;
}

static void told_at(int fd, const char *variable) {
    struct bzs_service service;
    char text[64];
    setenv("NOTIFY_SOCKET", variable, 1);
    bzs_service_open(&service);
    bzs_service_tell(&service, "READY=%d", 1);
    ssize_t size = recv(fd, text, sizeof(text), MSG_DONTWAIT);
    bzs_service_close(&service);
    close(fd);
    cr_assert_eq(size, 7);
    cr_assert_eq(memcmp(text, "READY=1", 7), 0);
}

/* A socket with a path, and one with an abstract name. */
Test(service, sockets) {
    char name[64];
    tmpdir_create(&dir);
    tmpdir_join(&dir, "notify", path, sizeof(path));
    told_at(listen_at(path, strlen(path) + 1), path);
    tmpdir_remove(&dir);
    int size = snprintf(name, sizeof(name), "@blitzdb-test-%ld", (long)getpid());
    char abstract[64];
    memcpy(abstract, name, sizeof(name));
    abstract[0] = '\0';
    told_at(listen_at(abstract, (size_t)size), name);
}

/* Without a manager, or with a strange one, nothing happens. */
Test(service, silent) {
    struct bzs_service service;
    static const char *const names[] = {"", "/", "@", "relative", "/nowhere/socket"};
    unsetenv("NOTIFY_SOCKET");
    bzs_service_open(&service);
    cr_assert_eq(service.fd, -1);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        bzs_service_open(&service);
        cr_assert_eq(service.fd, -1, "%s", names[i]);
        bzs_service_tell(&service, "READY=1");
    }
}

/* The watchdog is for the process that is named, if one is. */
Test(service, watchdog) {
    char pid[32];
    struct bzs_service service;
    tmpdir_create(&dir);
    tmpdir_join(&dir, "notify", path, sizeof(path));
    int fd = listen_at(path, strlen(path) + 1);
    setenv("NOTIFY_SOCKET", path, 1);
    setenv("WATCHDOG_USEC", "30000000", 1);
    snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    static const int64_t expected[] = {30000, 30000, 0};
    for (size_t i = 0; i < 3; i++) {
        i == 0 ? unsetenv("WATCHDOG_PID") : setenv("WATCHDOG_PID", i == 1 ? pid : "1", 1);
        bzs_service_open(&service);
        cr_assert_eq(service.watchdog_ms, expected[i]);
        bzs_service_close(&service);
    }
    close(fd);
    tmpdir_remove(&dir);
}
