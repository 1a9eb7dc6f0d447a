#include "benchmark_settings.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <blitzdb/version.h>

static const char help_text[] =
    "usage: blitzdb-benchmark [option...]\n"
    "\n"
    "Drives a server that speaks the Redis protocol or memcached's text protocol, and says how fast it "
    "answers.\n"
    "\n"
    "where\n"
    "  -h, --host HOST          server (default 127.0.0.1)\n"
    "  -p, --port PORT          its port (default 6379, for memcached 11211)\n"
    "  -s, --socket PATH        a Unix socket instead\n"
    "  -a, --password PASSWORD  AUTH; also taken from the variable REDISCLI_AUTH, which others cannot see\n"
    "      --user NAME          AUTH with a user name\n"
    "      --db NUMBER          SELECT\n"
    "      --protocol NAME      resp2 (default), resp3 or memcached; -3 is resp3\n"
    "how much\n"
    "  -c, --connections N      busy connections of all threads (default 50)\n"
    "  -t, --threads N          threads of this program (default 1)\n"
    "  -P, --pipeline N         commands a connection sends before it waits for their replies (default 1)\n"
    "  -n, --requests N         commands (default 100000 if no time is given; 0: nothing after --fill)\n"
    "      --duration SECONDS   measure so long, 0.5 for half a second\n"
    "      --warm-up SECONDS    work so long before it is measured\n"
    "      --rate N             send N commands per second, no matter when replies come; latencies are then\n"
    "                           counted from the moment a command should have been sent\n"
    "      --idle N             so many connections more, which do nothing\n"
    "what\n"
    "  -r, --keys N             different keys (default 100000)\n"
    "      --distribution NAME  uniform (default), zipf (theta 0.99), zipf:THETA or sequential\n"
    "      --key-prefix TEXT    before the digits of a key (default key:, with --incr num:)\n"
    "      --key-size BYTES     size of a key with its prefix (default 16)\n"
    "  -d, --data-size SIZE     bytes of the values, such as 100 or 10kb, or MIN-MAX (default 64)\n"
    "      --ratio SETS:GETS    e.g. 1:9 (default), 0:1, 1:1\n"
    "      --mget N             GETs ask for N keys each\n"
    "      --incr               INCR and nothing else\n"
    "      --command TEXT       another command; __key__ and __data__ stand for a key and a value\n"
    "      --fill               SET every key once before anything else\n"
    "      --fill-pipeline N    pipeline while filling (default 64, less for values above 16 KiB)\n"
    "      --verify             compare the values that come back with what this program writes\n"
    "      --seed N             choices are repeatable; N gives others (default 1)\n"
    "result\n"
    "      --server-pid PID     read that process's time and memory: CPU per operation\n"
    "      --format NAME        text (default), csv or json; --csv and --json are the same\n"
    "      --label TEXT         name of the run, for csv and json\n"
    "  -q, --quiet              no progress\n"
    "      --help, --version\n"
    "\n"
    "exit status: 0 fine, 1 the run failed (no connection, no answer), 2 wrong usage, 3 the server answered "
    "with\n"
    "errors or wrong values\n";

enum kind { NUMBER, SECONDS, TEXT, FLAG, SPECIAL };

struct option {
    const char *short_name, *name;
    enum kind kind;
    void *target;
    uint64_t minimum, maximum;
};

static bool wrong(char error[ERROR_SIZE], const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool wrong(char error[ERROR_SIZE], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, ERROR_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

/** Digits only: strtoull alone would take a sign and spaces. */
static bool parse_number(const char *text, uint64_t *number_out) {
    if (*text == '\0' || strspn(text, "0123456789") != strlen(text))
        return false;
    errno = 0;
    *number_out = strtoull(text, NULL, 10);
    return errno == 0;
}

static bool parse_decimal(const char *text, double *number_out) {
    char *end;
    if (*text == '\0' || strspn(text, "0123456789.") != strlen(text))
        return false;
    *number_out = strtod(text, &end);
    return *end == '\0' && isfinite(*number_out);
}

static bool set_number(const struct option *option, const char *text, char error[ERROR_SIZE]) {
    uint64_t number;
    if (!parse_number(text, &number) || number < option->minimum || number > option->maximum)
        return wrong(error, "%s must be a number from %" PRIu64 " to %" PRIu64, option->name, option->minimum,
                     option->maximum);
    *(uint64_t *)option->target = number;
    return true;
}

static bool set_seconds(const struct option *option, const char *text, char error[ERROR_SIZE]) {
    double seconds;
    if (!parse_decimal(text, &seconds) || seconds < 0.001 || seconds > 1e6)
        return wrong(error, "%s must be a number of seconds from 0.001 to 1000000", option->name);
    *(uint64_t *)option->target = (uint64_t)llround(seconds * 1e9);
    return true;
}

/** A number of bytes, with a unit as in redis.conf: k is a thousand, kb is 1024, and so on. */
static bool parse_size(const char *text, uint64_t *size_out) {
    static const struct {
        const char *name;
        uint64_t factor;
    } units[] = {{"", 1}, {"b", 1}, {"k", 1000}, {"kb", 1024}, {"m", 1000000}, {"mb", 1024 * 1024}};
    char digits[24];
    size_t size = strspn(text, "0123456789");
    if (size >= sizeof digits)
        return false;
    memcpy(digits, text, size);
    digits[size] = '\0';
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcasecmp(text + size, units[i].name) == 0)
            return parse_number(digits, size_out) &&
                   !__builtin_mul_overflow(*size_out, units[i].factor, size_out);
    return false;
}

/** Two numbers with a sign between them. */
static bool split_numbers(const char *text, char sign, bool (*parse)(const char *text, uint64_t *number_out),
                          uint64_t *first_out, uint64_t *second_out) {
    char first[24];
    const char *middle = strchr(text, sign);
    if (middle == NULL || (size_t)(middle - text) >= sizeof first)
        return false;
    memcpy(first, text, (size_t)(middle - text));
    first[middle - text] = '\0';
    return parse(first, first_out) && parse(middle + 1, second_out);
}

static bool set_data_size(struct settings *settings, const char *text, char error[ERROR_SIZE]) {
    const uint64_t most = 512 * 1024 * 1024;
    bool one = parse_size(text, &settings->value_min);
    if (one)
        settings->value_max = settings->value_min;
    else if (!split_numbers(text, '-', parse_size, &settings->value_min, &settings->value_max))
        return wrong(error, "--data-size must be a size or MIN-MAX, e.g. 64, 10kb or 10-1000");
    if (settings->value_min > settings->value_max || settings->value_max > most)
        return wrong(error, "--data-size must be at most 536870912, the smaller size first");
    return true;
}

static bool set_ratio(struct settings *settings, const char *text, char error[ERROR_SIZE]) {
    const uint64_t most = 1000000;
    if (!split_numbers(text, ':', parse_number, &settings->set_share, &settings->get_share) ||
        settings->set_share > most || settings->get_share > most ||
        settings->set_share + settings->get_share == 0)
        return wrong(error, "--ratio must be SETS:GETS, e.g. 1:9");
    return true;
}

static bool set_distribution(struct settings *settings, const char *text, char error[ERROR_SIZE]) {
    if (strcmp(text, "uniform") == 0)
        settings->order = KEYS_UNIFORM;
    else if (strcmp(text, "sequential") == 0)
        settings->order = KEYS_SEQUENTIAL;
    else if (strcmp(text, "zipf") == 0)
        settings->order = KEYS_ZIPF;
    else if (strncmp(text, "zipf:", 5) == 0 && parse_decimal(text + 5, &settings->theta) &&
             settings->theta >= 0.01 && settings->theta <= 10)
        settings->order = KEYS_ZIPF;
    else
        return wrong(error, "--distribution must be uniform, sequential, zipf or zipf:THETA with 0.01 to 10");
    return true;
}

/** The place of a word in a list that ends with NULL; the place of the NULL if it is not there. */
static unsigned find_word(const char *const words[], const char *word) {
    unsigned i = 0;
    while (words[i] != NULL && strcmp(words[i], word) != 0)
        i++;
    return i;
}

static bool set_special(struct settings *settings, const char *name, const char *text,
                        char error[ERROR_SIZE]) {
    static const char *const protocols[] = {"resp2", "resp3", "memcached", NULL};
    static const char *const formats[] = {"text", "csv", "json", NULL};
    unsigned found;
    if (strcmp(name, "--data-size") == 0)
        return set_data_size(settings, text, error);
    if (strcmp(name, "--ratio") == 0)
        return set_ratio(settings, text, error);
    if (strcmp(name, "--distribution") == 0)
        return set_distribution(settings, text, error);
    if (strcmp(name, "--protocol") == 0) {
        found = find_word(protocols, text);
        settings->protocol = (enum protocol)found;
        return protocols[found] != NULL || wrong(error, "--protocol must be resp2, resp3 or memcached");
    }
    found = find_word(formats, text);
    settings->format = (enum format)found;
    return formats[found] != NULL || wrong(error, "--format must be text, csv or json");
}

/** Words that need no value and are not a yes alone. */
static bool set_short_cut(struct settings *settings, const char *word) {
    if (strcmp(word, "-3") == 0)
        settings->protocol = PROTOCOL_RESP3;
    else if (strcmp(word, "--csv") == 0)
        settings->format = FORMAT_CSV;
    else if (strcmp(word, "--json") == 0)
        settings->format = FORMAT_JSON;
    else
        return false;
    return true;
}

static bool set_option(struct settings *settings, const struct option *option, const char *text,
                       char error[ERROR_SIZE]) {
    switch (option->kind) {
    case NUMBER:
        return set_number(option, text, error);
    case SECONDS:
        return set_seconds(option, text, error);
    case TEXT:
        *(const char **)option->target = text;
        return true;
    case FLAG:
        *(bool *)option->target = true;
        return true;
    case SPECIAL:
        break;
    }
    return set_special(settings, option->name, text, error);
}

/** One word, and the value behind it if it needs one. */
static bool take_option(struct settings *settings, char **argv, int *at, char error[ERROR_SIZE]) {
    const struct option options[] = {
        {"-h", "--host", TEXT, &settings->host, 0, 0},
        {"-p", "--port", NUMBER, &settings->port, 1, 65535},
        {"-s", "--socket", TEXT, &settings->socket, 0, 0},
        {"-a", "--password", TEXT, &settings->password, 0, 0},
        {"", "--user", TEXT, &settings->user, 0, 0},
        {"", "--db", NUMBER, &settings->database, 0, 1000000},
        {"", "--protocol", SPECIAL, NULL, 0, 0},
        {"-c", "--connections", NUMBER, &settings->connections, 1, 100000},
        {"-t", "--threads", NUMBER, &settings->threads, 1, 256},
        {"-P", "--pipeline", NUMBER, &settings->pipeline, 1, 100000},
        {"-n", "--requests", NUMBER, &settings->operations, 0, UINT64_MAX - 1},
        {"", "--duration", SECONDS, &settings->duration_ns, 0, 0},
        {"", "--warm-up", SECONDS, &settings->warm_up_ns, 0, 0},
        {"", "--rate", NUMBER, &settings->rate, 1, 1000000000},
        {"", "--idle", NUMBER, &settings->idle, 0, 1000000},
        {"-r", "--keys", NUMBER, &settings->keys, 1, UINT32_MAX},
        {"", "--distribution", SPECIAL, NULL, 0, 0},
        {"", "--key-prefix", TEXT, &settings->key_prefix, 0, 0},
        {"", "--key-size", NUMBER, &settings->key_size, 1, KEY_SIZE_MAX},
        {"-d", "--data-size", SPECIAL, NULL, 0, 0},
        {"", "--ratio", SPECIAL, NULL, 0, 0},
        {"", "--mget", NUMBER, &settings->mget, 1, 10000},
        {"", "--incr", FLAG, &settings->incr, 0, 0},
        {"", "--command", TEXT, &settings->command, 0, 0},
        {"", "--fill", FLAG, &settings->fill, 0, 0},
        {"", "--fill-pipeline", NUMBER, &settings->fill_pipeline, 1, 100000},
        {"", "--verify", FLAG, &settings->verify, 0, 0},
        {"", "--seed", NUMBER, &settings->seed, 0, UINT64_MAX},
        {"", "--server-pid", NUMBER, &settings->server_pid, 1, INT32_MAX},
        {"", "--format", SPECIAL, NULL, 0, 0},
        {"", "--label", TEXT, &settings->label, 0, 0},
        {"-q", "--quiet", FLAG, &settings->quiet, 0, 0},
    };
    const char *word = argv[*at];
    if (set_short_cut(settings, word))
        return true;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const struct option *option = &options[i];
        if (strcmp(word, option->name) != 0 && strcmp(word, option->short_name) != 0)
            continue;
        if (option->kind != FLAG && argv[*at + 1] == NULL)
            return wrong(error, "%s needs a value", word);
        if (strcmp(option->name, "--requests") == 0)
            settings->operations_given = true;
        return set_option(settings, option, option->kind != FLAG ? argv[++*at] : NULL, error);
    }
    return wrong(error, "unknown option %s; --help lists them", word);
}

/** Decimal digits a key needs. */
static uint64_t digits_of(uint64_t number) {
    uint64_t digits = 1;
    while ((number /= 10) > 0)
        digits++;
    return digits;
}

/** Of large values less, so that the batches of all connections need little memory. */
static uint64_t choose_fill_pipeline(uint64_t value_size) {
    const uint64_t batch_size = 1024 * 1024;
    uint64_t count = batch_size / (value_size + 1);
    return count > 64 ? 64 : count > 0 ? count : 1;
}

/** What depends on several options. */
static bool check(struct settings *settings, char error[ERROR_SIZE]) {
    bool memcached = settings->protocol == PROTOCOL_MEMCACHED;
    if (settings->port == 0)
        settings->port = memcached ? 11211 : 6379;
    if (settings->key_prefix == NULL)
        settings->key_prefix = settings->incr ? "num:" : "key:";
    if (settings->password == NULL && !memcached)
        settings->password = getenv("REDISCLI_AUTH");
    uint64_t needed = strlen(settings->key_prefix) + digits_of(settings->keys - 1);
    if (needed > settings->key_size)
        return wrong(error, "%" PRIu64 " keys with the prefix '%s' need --key-size %" PRIu64 " or more",
                     settings->keys, settings->key_prefix, needed);
    if (strpbrk(settings->key_prefix, " \r\n") != NULL && memcached)
        return wrong(error, "memcached's keys have no spaces");
    if (settings->connections < settings->threads)
        return wrong(error, "every thread needs a connection: -c must be at least %" PRIu64,
                     settings->threads);
    if (memcached && (settings->password != NULL || settings->database != 0 || settings->command != NULL))
        return wrong(error, "--password, --db and --command are for the Redis protocol only");
    if ((settings->incr || settings->command != NULL) && (settings->mget > 1 || settings->verify))
        return wrong(error, "--mget and --verify are for SET and GET only");
    if (settings->incr && (settings->fill || settings->command != NULL))
        return wrong(error, "--incr makes its own keys, without --fill or --command");
    if (settings->user != NULL && settings->password == NULL)
        return wrong(error, "--user needs --password, or the variable REDISCLI_AUTH");
    if (!settings->operations_given)
        settings->operations = settings->duration_ns > 0 ? UINT64_MAX : 100000;
    if (settings->mget == 0)
        settings->mget = 1;
    if (settings->fill_pipeline == 0)
        settings->fill_pipeline = choose_fill_pipeline(settings->value_max);
    return true;
}

static void set_defaults(struct settings *settings) {
    *settings = (struct settings){
        .host = "127.0.0.1",
        .threads = 1,
        .connections = 50,
        .pipeline = 1,
        .keys = 100000,
        .theta = 0.99,
        .key_size = 16,
        .value_min = 64,
        .value_max = 64,
        .set_share = 1,
        .get_share = 9,
        .seed = 1,
        .label = "",
    };
}

enum settings_result settings_parse(struct settings *settings, int argc, char **argv,
                                    char error[ERROR_SIZE]) {
    set_defaults(settings);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(help_text, stdout);
            return SETTINGS_SHOWN;
        }
        if (strcmp(argv[i], "--version") == 0) {
            printf("blitzdb-benchmark %s\n", BLITZDB_VERSION_TEXT);
            return SETTINGS_SHOWN;
        }
        if (!take_option(settings, argv, &i, error))
            return SETTINGS_WRONG;
    }
    return check(settings, error) ? SETTINGS_FINE : SETTINGS_WRONG;
}
