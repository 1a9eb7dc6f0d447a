/* Configuration files that include others, the environment, and CONFIG REWRITE. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_change.h"
#include "config_check.h"
#include "config_rewrite.h"
#include "tmpdir.h"

static struct bzs_config config;
static struct bzs_config_error error;
static struct tmpdir dir;
static char path[TMPDIR_PATH_MAX];

static void write_file(const char *name, const char *text) {
    char full[TMPDIR_PATH_MAX];
    tmpdir_join(&dir, name, full, sizeof(full));
    FILE *file = fopen(full, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void begin(void) {
    tmpdir_create(&dir);
    tmpdir_join(&dir, "main.conf", path, sizeof(path));
    cr_assert(bzs_config_init(&config));
    error = (struct bzs_config_error){.all_to = NULL};
}

static void end(void) {
    bzs_config_deinit(&config);
    tmpdir_remove(&dir);
}

TestSuite(config_files, .init = begin, .fini = end);

/** Reads main.conf with this text, and these options. */
static enum bzs_config_result read_main(const char *text, const char *option, const char *value) {
    char *const arguments[] = {strdup("blitzdb-server"), path, option != NULL ? strdup(option) : NULL,
                               value != NULL ? strdup(value) : NULL};
    write_file("main.conf", text);
    enum bzs_config_result result =
        bzs_config_read(&config, 2 + (option != NULL) + (value != NULL), arguments, &error);
    free(arguments[0]);
    free(arguments[2]);
    free(arguments[3]);
    return result;
}

/** The error text behind the folder of the test. */
static const char *message(void) {
    const char *name = strstr(error.text, dir.path);
    return name != NULL ? name + strlen(dir.path) + 1 : error.text;
}

static const char *shown(const char *name) {
    static char buffer[BZS_CONFIG_VALUE_SIZE];
    return bzs_config_value_of(&config, name, buffer, sizeof(buffer));
}

/* An include stands for its lines: what follows wins; names begin at the folder of the file. */
Test(config_files, include) {
    write_file("more.conf", "timeout 1\nmaxmemory 1mb\n");
    cr_assert_eq(read_main("timeout 5\ninclude more.conf\nmaxmemory 2mb\n", NULL, NULL), BZS_CONFIG_OK, "%s",
                 error.text);
    cr_assert_eq(config.timeout_s, 1);
    cr_assert_eq(config.memory_limit, 2 << 20);
}

/* A pattern stands for the files that fit, in the order of the alphabet, and for none, too. */
Test(config_files, include_pattern) {
    write_file("20-b.conf", "timeout 20\n");
    write_file("10-a.conf", "timeout 10\ntcp-keepalive 10\n");
    cr_assert_eq(read_main("include *-?.conf\ninclude nothing*.conf\n", NULL, NULL), BZS_CONFIG_OK, "%s",
                 error.text);
    cr_assert_eq(config.timeout_s, 20);
    cr_assert_eq(config.tcp_keepalive, 10);
}

/* Errors name the file they are in; a file that is not there is an error where it was asked for. */
Test(config_files, include_errors) {
    write_file("more.conf", "timeout 1\nnope 1\n");
    cr_assert_eq(read_main("\ninclude more.conf\n", NULL, NULL), BZS_CONFIG_FAILED);
    cr_assert_str_eq(message(), "more.conf:2: unknown setting 'nope'");
    cr_assert_eq(read_main("include absent.conf\n", NULL, NULL), BZS_CONFIG_FAILED);
    cr_assert_not_null(strstr(message(), "main.conf:1: "));
    cr_assert_not_null(strstr(error.text, "absent.conf cannot be opened: No such file or directory"));
}

/* A file that includes itself ends in an error. */
Test(config_files, include_circle) {
    cr_assert_eq(read_main("include main.conf\n", NULL, NULL), BZS_CONFIG_FAILED);
    cr_assert_str_eq(message(), "main.conf:1: 'include' within 'include', 8 deep");
}

/* Wide rather than deep: the number of files has a limit as well. */
Test(config_files, include_count) {
    char text[64 * 24] = "";
    write_file("more.conf", "timeout 1\n");
    for (int i = 0; i < 64; i++)
        strcat(text, "include more.conf\n");
    cr_assert_eq(read_main(text, NULL, NULL), BZS_CONFIG_FAILED);
    cr_assert_str_eq(message(), "main.conf:64: more than 64 files");
}

/* Options win over the environment, and that over the file. */
Test(config_files, precedence) {
    setenv("BLITZDB_TCP_KEEPALIVE", "2", 1);
    setenv("BLITZDB_MAXMEMORY", "2mb", 1);
    setenv("BLITZDB_BIND", "127.0.0.1 -::1", 1);
    cr_assert_eq(read_main("timeout 1\ntcp-keepalive 1\nmaxmemory 1mb\n", "--maxmemory", "3mb"),
                 BZS_CONFIG_OK, "%s", error.text);
    cr_assert_eq(config.timeout_s, 1);
    cr_assert_eq(config.tcp_keepalive, 2);
    cr_assert_eq(config.memory_limit, 3 << 20);
    cr_assert_str_eq(shown("bind"), "127.0.0.1 -::1");
}

/* Save points of a stronger source replace those of a weaker one, and add up within one. */
Test(config_files, save_points) {
    setenv("BLITZDB_DIR", "data", 1);
    setenv("BLITZDB_SAVE", "30 3", 1);
    cr_assert_eq(read_main("save 900 1\nsave 300 10\n", "--save", "60 5"), BZS_CONFIG_OK, "%s", error.text);
    cr_assert_str_eq(shown("save"), "60 5");
}

/* What Kubernetes says about a service that is called "blitzdb" is no setting. */
Test(config_files, kubernetes) {
    setenv("BLITZDB_SERVICE_HOST", "10.0.0.1", 1);
    setenv("BLITZDB_PORT", "tcp://10.0.0.1:6379", 1);
    setenv("BLITZDB_PORT_6379_TCP_PROTO", "tcp", 1);
    cr_assert_eq(read_main("port 7\n", NULL, NULL), BZS_CONFIG_OK, "%s", error.text);
    cr_assert_eq(config.port, 7);
}

/* A mistake in the environment is one. */
Test(config_files, environment_errors) {
    setenv("BLITZDB_TIMEOUT", "soon", 1);
    cr_assert_eq(read_main("", NULL, NULL), BZS_CONFIG_FAILED);
    cr_assert_str_eq(error.text, "BLITZDB_TIMEOUT: 'timeout' must be a number, not 'soon'");
    setenv("BLITZDB_TIMEOUT", "1", 1);
    setenv("BLITZDB_TIEMOUT", "1", 1);
    cr_assert_eq(read_main("", NULL, NULL), BZS_CONFIG_FAILED);
    cr_assert_str_eq(error.text, "environment: BLITZDB_TIEMOUT stands for no setting");
}

/* --check-config tells all mistakes, not the first one. */
Test(config_files, check) {
    char told[1024] = "";
    fflush(stderr);
    int stderr_fd = dup(STDERR_FILENO);
    char log[TMPDIR_PATH_MAX];
    tmpdir_join(&dir, "told", log, sizeof(log));
    cr_assert_not_null(freopen(log, "w", stderr));
    write_file("more.conf", "timeout x\n");
    enum bzs_config_result result =
        read_main("port 1\nnope 1\ninclude more.conf\nmaxmemory y\n", "--check-config", NULL);
    fflush(stderr);
    dup2(stderr_fd, STDERR_FILENO);
    FILE *file = fopen(log, "r");
    size_t size = fread(told, 1, sizeof(told) - 1, file);
    fclose(file);

    cr_assert_eq(result, BZS_CONFIG_FAILED);
    cr_assert_eq(error.count, 3);
    cr_assert_gt(size, 0);
    cr_assert_not_null(strstr(told, "main.conf:2: unknown setting 'nope'\n"));
    cr_assert_not_null(strstr(told, "more.conf:1: 'timeout' must be a number, not 'x'\n"));
    cr_assert_not_null(strstr(told, "main.conf:4: 'maxmemory' must be a size such as 64mb, not 'y'\n"));
}

Test(config_files, check_passes) {
    cr_assert_eq(read_main("port 1\n", "--check-config", NULL), BZS_CONFIG_CHECKED);
}

/* Who mistypes a name is told the right one. */
Test(config_files, nearest_name) {
    cr_assert_eq(read_main("maxmemroy 1mb\n", NULL, NULL), BZS_CONFIG_FAILED);
    cr_assert_str_eq(message(), "main.conf:1: unknown setting 'maxmemroy'; is 'maxmemory' meant?");
}

/* Every value of an address and every folder of a file is looked for, and nothing is made. */
Test(config_files, check_of_the_machine) {
    char text[600];
    struct bzs_config_error found = {.all_to = fopen("/dev/null", "we")};
    const struct bzs_config_place place = {.source = "test", .error = &found};
    cr_assert_not_null(found.all_to);
    snprintf(text, sizeof(text), "bind 127.0.0.1 -10.255.255.1\nlogfile %s.log\nunixsocket socket\n", path);
    cr_assert_eq(read_main(text, NULL, NULL), BZS_CONFIG_OK);
    bzs_config_check(&config, &place);
    cr_assert_eq(found.count, 0, "%s", found.text);
    snprintf(text, sizeof(text), "bind 192.0.2.1\nlogfile %s/log\nunixsocket /no/such/socket\n", path);
    cr_assert_eq(read_main(text, NULL, NULL), BZS_CONFIG_OK);
    bzs_config_check(&config, &place);
    cr_assert_eq(found.count, 3);
    cr_assert_str_eq(found.text, "test: 'unixsocket': the folder /no/such: No such file or directory");
    fclose(found.all_to);
}

/* A password that others may read is noticed, in the file it is in. */
Test(config_files, exposed_password) {
    write_file("main.conf", "");
    cr_assert_eq(chmod(path, 0600), 0);
    cr_assert_eq(read_main("requirepass secret\n", NULL, NULL), BZS_CONFIG_OK);
    cr_assert_not(config.password_is_exposed);
    cr_assert_eq(chmod(path, 0644), 0);
    cr_assert_eq(read_main("requirepass secret\n", NULL, NULL), BZS_CONFIG_OK);
    cr_assert(config.password_is_exposed);
    config.password_is_exposed = false;
    cr_assert_eq(read_main("requirepass-hash 00:11\n", NULL, NULL), BZS_CONFIG_FAILED);
    cr_assert(config.password_is_exposed, "its hash can be guessed at");
}

/* rename-command keeps both names in lower case; whether there is such a command is not looked at here. */
Test(config_files, rename_command) {
    cr_assert_eq(read_main("rename-command FLUSHALL \"\"\nrename-command Config b8\n", NULL, NULL),
                 BZS_CONFIG_OK);
    cr_assert_eq(config.renamed_count, 2);
    cr_assert_str_eq(config.renamed[0].from, "flushall");
    cr_assert_str_eq(config.renamed[0].to, "");
    cr_assert_str_eq(config.renamed[1].from, "config");
    cr_assert_eq(read_main("rename-command x\n", NULL, NULL), BZS_CONFIG_FAILED);
}

/* ---- CONFIG REWRITE ---- */

/** Changes a setting as CONFIG SET does. */
static void change(const char *name, const char *value) {
    struct bzs_config_change change;
    const struct bzs_slice pair[] = {{name, strlen(name)}, {value, strlen(value)}};
    cr_assert_eq(bzs_config_change_begin(&change, &config, 1, pair), BZS_CHANGE_OK, "%s", change.error.text);
    bzs_config_change_commit(&change);
    bzs_config_change_end(&change);
}

static const char *rewritten(void) {
    static char text[4096];
    cr_assert(bzs_config_rewrite(&config, &error), "%s", error.text);
    FILE *file = fopen(path, "r");
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* What has not changed stays byte for byte. */
Test(config_files, rewrite_nothing) {
    static const char text[] = "# head\n\n  maxmemory   64mb\n# tail\ntimeout 3\ntimeout 0\nhz 10";
    cr_assert_eq(read_main(text, NULL, NULL), BZS_CONFIG_OK);
    cr_assert_str_eq(rewritten(), "# head\n\n  maxmemory   64mb\n# tail\ntimeout 3\ntimeout 0\nhz 10\n");
}

/* A new value stands where the last old one stood; what has no line comes last, under the marker, once. */
Test(config_files, rewrite_values) {
    cr_assert_eq(
        read_main("# head\ntimeout 3\ndir data\nsave 900 1\nsave 300 10\n# middle\ntimeout 4\nport 7\n", NULL,
                  NULL),
        BZS_CONFIG_OK, "%s", error.text);
    change("timeout", "9");
    change("save", "60 5");
    change("maxmemory", "1gb");
    cr_assert_str_eq(rewritten(),
                     "# head\ndir data\nsave 60 5\n# middle\ntimeout 9\nport 7\n\n" BZS_REWRITE_MARKER
                     "\nmaxmemory 1073741824\n");
    change("maxmemory", "2gb");
    change("slowlog-max-len", "7");
    cr_assert_str_eq(rewritten(),
                     "# head\ndir data\nsave 60 5\n# middle\ntimeout 9\nport 7\n\n" BZS_REWRITE_MARKER
                     "\nmaxmemory 2147483648\nslowlog-max-len 7\n");
}

/* A file that is included below a line may overrule it: the new value goes to the end. */
Test(config_files, rewrite_include) {
    write_file("more.conf", "timeout 2\n");
    cr_assert_eq(read_main("timeout 1\ninclude more.conf\ntcp-keepalive 7\n", NULL, NULL), BZS_CONFIG_OK);
    change("timeout", "9");
    change("tcp-keepalive", "8");
    cr_assert_str_eq(rewritten(),
                     "include more.conf\ntcp-keepalive 8\n\n" BZS_REWRITE_MARKER "\ntimeout 9\n");
}

/* A changed password is written as its hash, which lets the next server know it; an old one is not touched.
 */
Test(config_files, rewrite_password) {
    cr_assert_eq(read_main("requirepass \"old one\"\n", NULL, NULL), BZS_CONFIG_OK);
    cr_assert_str_eq(rewritten(), "requirepass \"old one\"\n");
    change("requirepass", "new one");
    const char *text = rewritten();
    cr_assert_null(strstr(text, "one"));
    cr_assert_eq(strncmp(text, "requirepass-hash ", 17), 0);
    char again[4096];
    strcpy(again, text);
    bzs_config_deinit(&config);
    cr_assert(bzs_config_init(&config));
    cr_assert_eq(read_main(again, NULL, NULL), BZS_CONFIG_OK, "%s", error.text);
    cr_assert(bzs_config_password_is(&config, "new one", 7));
    cr_assert_not(bzs_config_password_is(&config, "old one", 7));
}

/* What the new file says is what is in force, whatever the kind of setting. */
Test(config_files, rewrite_round_trip) {
    cr_assert_eq(read_main("dir data\n", NULL, NULL), BZS_CONFIG_OK);
    change("client-output-buffer-limit", "normal 1 2 3 pubsub 4kb 5 6");
    change("notify-keyspace-events", "KEA");
    change("save", "");
    change("maxmemory-policy", "allkeys-lru");
    char text[4096];
    strcpy(text, rewritten());
    bzs_config_deinit(&config);
    cr_assert(bzs_config_init(&config));
    cr_assert_eq(read_main(text, NULL, NULL), BZS_CONFIG_OK, "%s", error.text);
    cr_assert_str_eq(shown("client-output-buffer-limit"),
                     "normal 1 2 3 slave 268435456 67108864 60 pubsub 4096 5 6");
    cr_assert_str_eq(shown("notify-keyspace-events"), "AKE");
    cr_assert_str_eq(shown("save"), "");
    cr_assert_str_eq(shown("maxmemory-policy"), "allkeys-lru");
}

/* The mode stays, nothing is left beside the file, and a link goes on leading to the file. */
Test(config_files, rewrite_in_place) {
    char real[TMPDIR_PATH_MAX], link[TMPDIR_PATH_MAX], left[TMPDIR_PATH_MAX + 64];
    struct stat status;
    cr_assert_eq(read_main("timeout 1\n", NULL, NULL), BZS_CONFIG_OK);
    tmpdir_join(&dir, "real.conf", real, sizeof(real));
    tmpdir_join(&dir, "main.conf", link, sizeof(link));
    cr_assert_eq(rename(path, real), 0);
    cr_assert_eq(chmod(real, 0640), 0);
    cr_assert_eq(symlink("real.conf", link), 0);
    bzs_config_deinit(&config);
    cr_assert(bzs_config_init(&config));
    cr_assert_eq(bzs_config_read(&config, 2, (char *const[]){path, link}, &error), BZS_CONFIG_OK, "%s",
                 error.text);
    change("timeout", "2");
    cr_assert(bzs_config_rewrite(&config, &error), "%s", error.text);

    cr_assert_eq(lstat(link, &status), 0);
    cr_assert(S_ISLNK(status.st_mode));
    cr_assert_eq(lstat(real, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0640);
    snprintf(left, sizeof(left), "%s.rewrite-%ld", real, (long)getpid());
    cr_assert_eq(access(left, F_OK), -1);
}

/* A file that is gone is an error, and so is a folder that cannot be written; the old file stays. */
Test(config_files, rewrite_fails) {
    cr_assert_eq(read_main("timeout 1\n", NULL, NULL), BZS_CONFIG_OK);
    change("timeout", "2");
    char beside[TMPDIR_PATH_MAX + 64];
    snprintf(beside, sizeof(beside), "%s.rewrite-%ld", config.file, (long)getpid());
    cr_assert_eq(mkdir(beside, 0700), 0);
    cr_assert_not(bzs_config_rewrite(&config, &error));
    cr_assert_str_eq(error.text, strerror(EEXIST));
    cr_assert_eq(rmdir(beside), 0);
    cr_assert_eq(access(path, F_OK), 0);
    cr_assert_eq(unlink(path), 0);
    cr_assert_not(bzs_config_rewrite(&config, &error));
}
