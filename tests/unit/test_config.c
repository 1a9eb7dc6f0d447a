/* The configuration: defaults, the dialect of redis.conf, the command line, and what is refused with which
 * text. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_change.h"
#include "config_inert.h"
#include "tmpdir.h"

static struct bzs_config config;
static struct bzs_config_error error;

static void begin(void) {
    cr_assert(bzs_config_init(&config));
    error.text[0] = '\0';
}

static void end(void) {
    bzs_config_deinit(&config);
}

TestSuite(config, .init = begin, .fini = end);

/** Parses a text as the file "test.conf". */
static bool parse(const char *text) {
    size_t size = strlen(text);
    char *copy = malloc(size + 1);
    cr_assert_not_null(copy);
    memcpy(copy, text, size + 1);
    bool parsed = bzs_config_parse(&config, "test.conf", copy, size, &error);
    free(copy);
    return parsed;
}

static void refused(const char *text, const char *message) {
    cr_assert_not(parse(text), "%s", text);
    cr_assert_str_eq(error.text, message);
}

/** Reads a command line; the list ends with NULL. */
static enum bzs_config_result read_arguments(char *const arguments[]) {
    int count = 0;
    while (arguments[count] != NULL)
        count++;
    return bzs_config_read(&config, count, arguments, &error);
}

#define READ(...) read_arguments((char *const[]){(char[]){"blitzdb-server"}, __VA_ARGS__, NULL})
#define ARG(text) ((char[]){text})

static const char *shown(const char *name) {
    static char buffer[BZS_CONFIG_VALUE_SIZE];
    return bzs_config_value_of(&config, name, buffer, sizeof(buffer));
}

/* Without an argument: the loopback address, port 6379, memory only. */
Test(config, defaults) {
    cr_assert_eq(bzs_config_read(&config, 1, (char *const[]){ARG("blitzdb-server"), NULL}, &error),
                 BZS_CONFIG_OK);
    cr_assert_str_eq(config.bind, "127.0.0.1");
    cr_assert_eq(config.port, 6379);
    cr_assert_null(config.dir);
    cr_assert_eq(config.appendonly, 0);
    cr_assert_eq(config.appendfsync, BZS_APPENDFSYNC_EVERYSEC);
    cr_assert_eq(config.bulk_size_max, 512 * 1024 * 1024);
    cr_assert_eq(config.protected_mode, 1);
    cr_assert_str_eq(shown("save"), "");
    cr_assert_str_eq(shown("databases"), "16");
}

/* A directory makes the data durable, if nothing else is said. */
Test(config, directory_means_log) {
    cr_assert_eq(READ(ARG("--dir"), ARG("data")), BZS_CONFIG_OK);
    cr_assert_eq(config.appendonly, 1);
    cr_assert_eq(config.save_point_count, 0);
}

/* Without a log the save points of Redis are the default. */
Test(config, snapshots_only) {
    cr_assert_eq(READ(ARG("--dir"), ARG("data"), ARG("--appendonly"), ARG("no")), BZS_CONFIG_OK);
    cr_assert_eq(config.appendonly, 0);
    cr_assert_str_eq(shown("save"), "3600 1 300 100 60 10000");
}

/* Comments, blank lines, quotes, any case of names, a last line without an end. */
Test(config, dialect) {
    cr_assert(parse("# a comment\n"
                    "\n"
                    "  port 7000\r\n"
                    "\trequirepass \"a\\x41 b\\n\"\n"
                    "BIND 127.0.0.1 -::1\n"
                    "dir 'my data'\n"
                    "timeout 5"),
              "%s", error.text);
    cr_assert_eq(config.port, 7000);
    cr_assert(bzs_config_password_is(&config, "aA b\n", 5));
    cr_assert_not(bzs_config_password_is(&config, "aA b", 4));
    cr_assert_str_eq(config.bind, "127.0.0.1 -::1");
    cr_assert_str_eq(config.dir, "my data");
    cr_assert_eq(config.timeout_s, 5);
}

/* Units of sizes as in redis.conf. */
Test(config, sizes) {
    static const struct {
        const char *line;
        int64_t size;
    } cases[] = {{"maxmemory 100", 100},       {"maxmemory 100b", 100},   {"maxmemory 2k", 2000},
                 {"maxmemory 2kb", 2048},      {"maxmemory 2M", 2000000}, {"maxmemory 64mb", 64 << 20},
                 {"maxmemory 3g", 3000000000}, {"maxmemory 1GB", 1 << 30}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert(parse(cases[i].line), "%s", error.text);
        cr_assert_eq(config.memory_limit, cases[i].size, "%s", cases[i].line);
    }
    refused("maxmemory 12x", "test.conf:1: 'maxmemory' must be a size such as 64mb, not '12x'");
    refused("maxmemory 9223372036854775807gb",
            "test.conf:1: 'maxmemory' must be a size such as 64mb, not '9223372036854775807gb'");
}

/* Repeated save lines add up, and an empty one starts anew. */
Test(config, save) {
    cr_assert(parse("save 900 1\nsave 300 10 60 1000\n"));
    cr_assert_str_eq(shown("save"), "900 1 300 10 60 1000");
    cr_assert(parse("save \"\"\n"));
    cr_assert_str_eq(shown("save"), "");
    refused("save 900", "test.conf:1: 'save' takes pairs of seconds and changes");
    refused("save 0 1", "test.conf:1: 'save 0 1' is not a number of seconds and a number of changes");
}

/* The command line takes several values and lists as one argument, and wins over the file. */
Test(config, command_line) {
    cr_assert_eq(READ(ARG("--save"), ARG("900 1"), ARG("--save"), ARG("60"), ARG("5"), ARG("--dir"), ARG("d"),
                      ARG("--port"), ARG("0"), ARG("--bind"), ARG("127.0.0.1 ::1")),
                 BZS_CONFIG_OK, "%s", error.text);
    cr_assert_str_eq(shown("save"), "900 1 60 5");
    cr_assert_eq(config.port, 0);
    cr_assert_str_eq(config.bind, "127.0.0.1 ::1");
}

/* A file is named first; options behind it win. */
Test(config, file_then_options) {
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    tmpdir_create(&dir);
    tmpdir_join(&dir, "blitzdb.conf", path, sizeof(path));
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs("port 1111\ntimeout 7\n", file);
    fclose(file);

    enum bzs_config_result result = READ(path, ARG("--port"), ARG("2222"));

    tmpdir_remove(&dir);
    cr_assert_eq(result, BZS_CONFIG_OK, "%s", error.text);
    cr_assert_eq(config.port, 2222);
    cr_assert_eq(config.timeout_s, 7);
    cr_assert_not_null(strstr(config.file, "/blitzdb.conf"));
}

/* What cannot be done is refused with the place where it was said. */
Test(config, refusals) {
    refused("port 1\nnope 1\n", "test.conf:2: unknown setting 'nope'");
    refused("port=1234\n", "test.conf:1: unknown setting 'port=1234'; write port 1234");
    refused("\xEF\xBB\xBFport x\n", "test.conf:1: 'port' must be a number, not 'x'");
    refused("port 65536", "test.conf:1: 'port' must be between 0 and 65535");
    refused("port x", "test.conf:1: 'port' must be a number, not 'x'");
    refused("port", "test.conf:1: 'port' takes exactly one value");
    refused("port 1 2", "test.conf:1: 'port' takes exactly one value");
    refused("databases 8", "test.conf:1: 'databases': there are always 16 databases");
    refused("appendonly maybe", "test.conf:1: 'appendonly' must be one of no, yes, not 'maybe'");
    refused("maxmemory-policy allkeys-fifo", "test.conf:1: 'maxmemory-policy' must be one of noeviction, "
                                             "allkeys-lru, volatile-lru, allkeys-random, "
                                             "volatile-random, volatile-ttl, allkeys-lfu, volatile-lfu, "
                                             "not 'allkeys-fifo'");
    refused("requirepass \"x", "test.conf:1: unbalanced quotes");
    refused("requirepass \"a\\x00b\"", "test.conf:1: a zero byte cannot be part of a setting");
    refused("unixsocketperm 999",
            "test.conf:1: 'unixsocketperm' must be an octal number such as 700, not '999'");
    refused("proto-max-bulk-len 1gb", "test.conf:1: 'proto-max-bulk-len': must be between 1mb and 512mb, "
                                      "the largest value of the database");
}

/* On the command line the place is the command line. */
Test(config, command_line_refusals) {
    cr_assert_eq(READ(ARG("--port")), BZS_CONFIG_FAILED);
    cr_assert_str_eq(error.text, "command line: 'port' takes exactly one value");
    cr_assert_eq(READ(ARG("--nope"), ARG("1")), BZS_CONFIG_FAILED);
    cr_assert_str_eq(error.text, "command line: unknown setting 'nope'");
    cr_assert_eq(READ(ARG("/nowhere/blitzdb.conf")), BZS_CONFIG_FAILED);
    cr_assert_str_eq(error.text, "/nowhere/blitzdb.conf: cannot be opened: No such file or directory");
}

/* A log or save points without a directory would lose data silently. */
Test(config, needs_directory) {
    cr_assert_eq(READ(ARG("--appendonly"), ARG("yes")), BZS_CONFIG_FAILED);
    cr_assert_str_eq(error.text, "command line: 'appendonly yes' needs a directory: set 'dir'");
}

/* Who asks for syncs expects a log. */
Test(config, syncs_need_directory) {
    cr_assert_eq(READ(ARG("--appendfsync"), ARG("always")), BZS_CONFIG_FAILED);
    cr_assert_str_eq(error.text, "command line: 'appendfsync always' needs a directory: set 'dir'");
}

Test(config, syncs_need_log) {
    cr_assert_eq(
        READ(ARG("--dir"), ARG("data"), ARG("--appendonly"), ARG("no"), ARG("--appendfsync"), ARG("always")),
        BZS_CONFIG_FAILED);
    cr_assert_str_eq(error.text,
                     "command line: 'appendfsync always' needs a log: it does not go with 'appendonly no'");
}

/* An empty directory, as a script with a variable that is not set gives it, would keep nothing. */
Test(config, empty_directory) {
    cr_assert_eq(READ(ARG("--dir"), ARG("")), BZS_CONFIG_FAILED);
    cr_assert_str_eq(error.text,
                     "command line: 'dir' is empty; leave it out to keep the data in memory only");
    refused("dir \"\"", "test.conf:1: 'dir' is empty; leave it out to keep the data in memory only");
}

/* What Redis has and this server has no use for is noted; what would be less safe than it seems is refused.
 */
Test(config, without_effect) {
    cr_assert(parse("hz 10\nlist-max-listpack-size -2\noom-score-adj-values 0 200 800\ntls-port 0\n"), "%s",
              error.text);
    cr_assert(config.inert_was_set[bzs_inert_find("hz") - bzs_inert_settings]);
    cr_assert_not(config.inert_was_set[bzs_inert_find("repl-timeout") - bzs_inert_settings]);
    refused("tls-port 6380", "test.conf:1: 'tls-port' is not supported; leave it out");
    cr_assert(parse("replicaof no one\nSLAVEOF NO ONE"));
    refused("user default on nopass ~* &* +@all",
            "test.conf:1: 'user' is not supported: there is one password for all, see 'requirepass'");
    refused("loadmodule x.so", "test.conf:1: 'loadmodule' is not supported: there are no modules");
    refused("bind", "test.conf:1: 'bind' takes one value or more");
    refused("http-bind localhost",
            "test.conf:1: 'http-bind' must be an address such as 127.0.0.1 or ::1, not 'localhost'");
    refused("replicaof 10.0.0.1 6379", "test.conf:1: 'replicaof' is not supported; leave it out");
    cr_assert_leq(bzs_inert_count, BZS_CONFIG_INERT_MAX);
}

/* Letters of events and limits of output, as Redis shows them. */
Test(config, letters_and_limits) {
    cr_assert(parse("notify-keyspace-events KEg$mn\nclient-output-buffer-limit replica 1kb 2 3\n"));
    cr_assert_str_eq(shown("notify-keyspace-events"), "g$nKEm");
    cr_assert_str_eq(shown("client-output-buffer-limit"),
                     "normal 0 0 0 slave 1024 2 3 pubsub 33554432 8388608 60");
    refused("notify-keyspace-events q",
            "test.conf:1: 'notify-keyspace-events' must be letters of KEg$lshzxetdmnA, not 'q'");
    refused("client-output-buffer-limit normal 1 2",
            "test.conf:1: 'client-output-buffer-limit' takes a class and three numbers");
}

/* Only a salted hash of the password is kept: nobody finds it in the memory of the server. */
Test(config, password_is_hashed) {
    char text[BZS_PASSWORD_TEXT_SIZE];
    struct bzs_password read;
    cr_assert(parse("requirepass correct-horse\n"));
    cr_assert_eq(config.has_password, 1);
    cr_assert_null(memmem(&config, sizeof(config), "correct-horse", 13));
    cr_assert_str_eq(shown("requirepass"), "(hidden)");
    bzs_password_show(&config.password, text);
    cr_assert(bzs_password_read(&read, text));
    cr_assert(bzs_password_is(&read, "correct-horse", 13));
    cr_assert_not(bzs_password_is(&read, "correct-horsf", 13));
    cr_assert_not(bzs_password_read(&read, "00:11"));
    cr_assert(parse("requirepass \"\"\n"));
    cr_assert_eq(config.has_password, 0);
}

/* ---- CONFIG SET ---- */

static struct bzs_config_change change;

/** Begins a change of pairs; the list ends with NULL. */
static enum bzs_change_result begin_change(const char *const words[]) {
    struct bzs_slice pairs[16];
    size_t count = 0;
    for (; words[count] != NULL; count++)
        pairs[count] = (struct bzs_slice){words[count], strlen(words[count])};
    return bzs_config_change_begin(&change, &config, count / 2, pairs);
}

#define CHANGE(...) begin_change((const char *const[]){__VA_ARGS__, NULL})

/* What was checked is in force with the commit, and not before; what is not part of it stays. */
Test(config_change, all_at_once, .init = begin, .fini = end) {
    cr_assert(parse("timeout 7\nsave 900 1\n"));

    cr_assert_eq(
        CHANGE("maxmemory", "1mb", "SAVE", "60 5 10 6", "client-output-buffer-limit", "pubsub 1 2 3"),
        BZS_CHANGE_OK, "%s", change.error.text);
    cr_assert_eq(config.memory_limit, 0);
    bzs_config_change_commit(&change);
    bzs_config_change_end(&change);

    cr_assert_eq(config.memory_limit, 1048576);
    cr_assert_eq(config.timeout_s, 7);
    cr_assert_str_eq(shown("save"), "60 5 10 6");
    cr_assert_str_eq(shown("client-output-buffer-limit"),
                     "normal 0 0 0 slave 268435456 67108864 60 pubsub 1 2 3");
}

static void change_refused(enum bzs_change_result result, size_t failed, const char *why) {
    bzs_config_change_end(&change);
    cr_assert_eq(result, BZS_CHANGE_REFUSED);
    cr_assert_eq(change.failed, failed);
    cr_assert_str_eq(change.error.text, why);
}

/* One bad pair refuses all, in the words of Redis; names are looked at before values. */
Test(config_change, refusals, .init = begin, .fini = end) {
    change_refused(CHANGE("timeout", "3", "maxmemory", "x"), 1, "argument must be a memory value");
    cr_assert_eq(config.timeout_s, 0);
    change_refused(CHANGE("timeout", "x"), 0, "argument couldn't be parsed into an integer");
    change_refused(CHANGE("timeout", "-1"), 0, "argument must be between 0 and 2147483647 inclusive");
    change_refused(CHANGE("timeout", "x", "port", "1"), 1, "can't set immutable config");
    change_refused(CHANGE("dir", "/etc"), 0, "can't set protected config");
    change_refused(CHANGE("dbfilename", "authorized_keys"), 0, "can't set protected config");
    change_refused(CHANGE("enable-debug-command", "yes"), 0, "can't set immutable config");
    change_refused(CHANGE("logfile", "/etc/cron.d/x"), 0, "can't set immutable config");
    change_refused(CHANGE("timeout", "3", "TIMEOUT", "4"), 1, "duplicate parameter");
    change_refused(CHANGE("save", "1"), 0, "Invalid save parameters");
    change_refused(CHANGE("protected-mode", "maybe"), 0, "argument must be 'yes' or 'no'");
    change_refused(CHANGE("hz", "11"), 0, "the setting has no effect in this server");
    cr_assert_eq(CHANGE("timeout", "3", "nosuch", "1"), BZS_CHANGE_UNKNOWN);
    bzs_config_change_end(&change);
    cr_assert_eq(CHANGE("hz", "10"), BZS_CHANGE_OK);
    bzs_config_change_end(&change);
}

/* What is no option, and a file in the wrong place, are named as what they are. */
Test(config, wrong_words) {
    static const char first[] = "a configuration file comes first";
    cr_assert_eq(READ(ARG("-p"), ARG("1")), BZS_CONFIG_FAILED);
    cr_assert_str_eq(error.text,
                     "command line: '-p' is no option, such as --port; a configuration file comes first");
    cr_assert_eq(READ(ARG("--port"), ARG("1"), ARG("a.conf")), BZS_CONFIG_FAILED);
    cr_assert_not_null(strstr(error.text, first));
    cr_assert_eq(READ(ARG("--check-config"), ARG("a.conf")), BZS_CONFIG_FAILED);
    cr_assert_not_null(strstr(error.text, first));
}

/* Asking for help or the version ends the reading at once. */
Test(config, help_and_version) {
    cr_assert_eq(READ(ARG("--help")), BZS_CONFIG_HELP);
    cr_assert_eq(READ(ARG("--version")), BZS_CONFIG_VERSION);
}

/* Every setting has a name and shows a value. */
Test(config, shows_everything) {
    char buffer[BZS_CONFIG_VALUE_SIZE];
    for (size_t i = 0; i < bzs_config_count(); i++)
        cr_assert_not_null(bzs_config_value(&config, i, buffer, sizeof(buffer)), "%s", bzs_config_name(i));
    cr_assert(parse("unixsocketperm 700\nmaxmemory 1mb\nappendfsync always"));
    cr_assert_str_eq(shown("unixsocketperm"), "700");
    cr_assert_str_eq(shown("maxmemory"), "1048576");
    cr_assert_str_eq(shown("appendfsync"), "always");
}
