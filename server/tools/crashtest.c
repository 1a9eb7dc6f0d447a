/**
 * @file
 * @brief blitzdb-crashtest: kills a server again and again while clients write, and looks for what it had
 * acknowledged.
 *
 * A customer of the server like any other: it speaks the Redis protocol and knows nothing of the library.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include <blitzdb/version.h>

#include "crashtest_campaign.h"

enum { EXIT_LOST = 1, EXIT_USAGE = 2, DEFAULT_SECONDS = 30 };

static const char help_text[] =
    "usage: blitzdb-crashtest [option...] [-- server option...]\n"
    "\n"
    "Starts blitzdb-server on a temporary directory, lets clients write, kills it with SIGKILL at random\n"
    "moments - under load, during snapshots, changes of the log file, recovery and shutdown -, starts it "
    "again\n"
    "with other settings, and compares every write it had acknowledged. The last line sums it up.\n"
    "\n"
    "  --seconds SECONDS   run so long (default: 30, without a limit if --kills is given)\n"
    "  --kills NUMBER      end after so many kills\n"
    "  --seed NUMBER       repeat the choices of an earlier run; its moments cannot be repeated\n"
    "  --server PATH       the program (default: blitzdb-server beside this one)\n"
    "  --dir DIRECTORY     where the data is kept: new or empty, and left there (default: a temporary one)\n"
    "  --verbose           a line for every round\n"
    "  --help, --version\n"
    "  -- OPTION...        handed on to the server, which may make it lose data: -- --appendonly no\n"
    "\n"
    "exit status: 0 nothing was lost, 1 something was or the server failed (see above the last line; the "
    "data\n"
    "is kept), 2 the test could not be carried out\n";

static void stop(int number) {
    (void)number;
    campaign_stop();
}

/** The server that was built or installed together with this program. */
static bool find_server(char path[PATH_MAX]) {
    static const char name[] = "blitzdb-server";
    ssize_t size = readlink("/proc/self/exe", path, PATH_MAX - sizeof(name));
    if (size < 0)
        return false;
    path[size] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return false;
    memcpy(slash + 1, name, sizeof(name));
    return true;
}

static bool parse_number(const char *word, uint64_t *number_out) {
    char *end;
    errno = 0;
    *number_out = strtoull(word, &end, 10);
    return word[0] >= '0' && word[0] <= '9' && *end == '\0' && errno == 0;
}

/** Takes what stands behind `--`. */
static bool take_more(struct campaign_settings *settings, int count, char *const words[]) {
    if (count > CAMPAIGN_MORE_MAX) {
        fprintf(stderr, "blitzdb-crashtest: too many options for the server\n");
        return false;
    }
    for (int i = 0; i < count; i++)
        settings->more[settings->more_count++] = words[i];
    return true;
}

/** Takes an option with a value; `is_known_out` tells a bad option from a bad value. */
static bool take_option(struct campaign_settings *settings, const char *name, const char *value,
                        bool *is_known_out) {
    *is_known_out = true;
    if (value == NULL) /* no option without one is left */
        return false;
    if (strcmp(name, "--seconds") == 0)
        return parse_number(value, &settings->seconds) && settings->seconds > 0;
    if (strcmp(name, "--kills") == 0)
        return parse_number(value, &settings->kills) && settings->kills > 0;
    if (strcmp(name, "--seed") == 0)
        return parse_number(value, &settings->seed);
    if (strcmp(name, "--server") == 0)
        settings->server = value;
    else if (strcmp(name, "--dir") == 0)
        settings->dir = value;
    else
        *is_known_out = false;
    return *is_known_out;
}

/** Says what is wrong with an option; always false. */
static bool refuse(const char *name, const char *value, bool is_known) {
    if (!is_known)
        fprintf(stderr, "blitzdb-crashtest: there is no option '%s'; --help lists them\n", name);
    else if (value == NULL)
        fprintf(stderr, "blitzdb-crashtest: '%s' needs a value, or is no option; --help lists them\n", name);
    else
        fprintf(stderr, "blitzdb-crashtest: '%s' is no value for '%s'; --help says more\n", value, name);
    return false;
}

/** Reads the command line; false, after saying why: it makes no sense. */
static bool read_options(struct campaign_settings *settings, int argc, char *const argv[]) {
    for (int i = 1; i < argc; i++) {
        bool is_known;
        if (strcmp(argv[i], "--") == 0)
            return take_more(settings, argc - i - 1, argv + i + 1);
        if (strcmp(argv[i], "--verbose") == 0)
            settings->is_verbose = true;
        else if (!take_option(settings, argv[i], argv[i + 1], &is_known))
            return refuse(argv[i], argv[i + 1], is_known);
        else
            i++;
    }
    if (settings->seconds == 0 && settings->kills == 0)
        settings->seconds = DEFAULT_SECONDS;
    return true;
}

/** Lets the server check the options that are handed on to it; it says itself what is wrong with them. */
static bool server_takes(const struct campaign_settings *settings) {
    const char *words[CAMPAIGN_MORE_MAX + 5] = {settings->server, "--dir", "data"};
    unsigned count = 3;
    int status = -1;
    for (unsigned i = 0; i < settings->more_count; i++)
        words[count++] = settings->more[i];
    words[count] = "--check-config";
    pid_t child = fork();
    if (child == 0) {
        execv(words[0], (char *const *)(const void *)words);
        _exit(EXIT_USAGE);
    }
    bool is_fine =
        child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!is_fine)
        fprintf(stderr, "blitzdb-crashtest: the server %s does not start like that\n", settings->server);
    return is_fine;
}

int main(int argc, char *argv[]) {
    char server[PATH_MAX] = "";
    uint32_t seed = 1;
    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return fputs(help_text, stdout) < 0 ? EXIT_USAGE : 0;
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        return printf("blitzdb-crashtest %s\n", BLITZDB_VERSION_TEXT) < 0 ? EXIT_USAGE : 0;
    (void)!getrandom(&seed, sizeof(seed), 0);
    struct campaign_settings settings = {.seed = seed};
    if (!read_options(&settings, argc, argv))
        return EXIT_USAGE;
    if (settings.server == NULL && find_server(server))
        settings.server = server;
    if (settings.server == NULL || access(settings.server, X_OK) != 0) {
        fprintf(stderr, "blitzdb-crashtest: there is no server at %s; name it with --server\n",
                settings.server != NULL ? settings.server : "?");
        return EXIT_USAGE;
    }
    if (!server_takes(&settings))
        return EXIT_USAGE;
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    switch (campaign_run(&settings)) {
    case CAMPAIGN_SOUND:
        return 0;
    case CAMPAIGN_FAILED:
        return EXIT_LOST;
    default:
        return EXIT_USAGE;
    }
}
