#include "crashtest_campaign.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crashtest_folder.h"
#include "crashtest_process.h"
#include "crashtest_verify.h"

enum {
    WRITERS = 6,
    KEYS_MAX = 20000,         /* then everything is compared and removed, so that a long run stays as quick */
    LOG_BYTES_MAX = 48 << 20, /* then a snapshot shortens the log, for the same reason */
    RECOVERY_KILLS_MAX = 3,   /* in a row */
    PROGRESS_MS = 200,
    PROGRESS_LINE_MS = 5000, /* where lines stay */
};

static const uint64_t start_us = 120 * 1000000ull; /* a server that is not ready by then hangs */

enum round_kind { ROUND_LOAD, ROUND_SNAPSHOT, ROUND_ROTATION, ROUND_SHUTDOWN, ROUND_NO_LOG };

static const char *const kind_names[] = {"load", "snapshot", "log file", "shutdown", "no log"};

/** A run. */
struct campaign {
    const struct campaign_settings *settings;
    struct folder folder;
    struct process process;
    struct random random;
    struct writer writers[WRITERS];
    struct verify_result result;
    enum round_kind kind, last_kind;
    uint64_t begin_us, told_us;
    uint64_t rounds, kills, kills_in_recovery;
    uint64_t recovery_us, longest_us; /* of the last start, of all */
    uint64_t bytes_before;            /* that were sent before the last SAVE */
    bool has_failed;
};

static volatile sig_atomic_t is_stopped;

void campaign_stop(void) {
    is_stopped = 1;
}

/** Says what went wrong, with the last words of the server. */
static bool fail(struct campaign *campaign, const char *what) {
    campaign->has_failed = true;
    fprintf(stderr, "\nround %" PRIu64 " (%s, after %s): %s\n", campaign->rounds, kind_names[campaign->kind],
            kind_names[campaign->last_kind], what);
    if (campaign->process.said[0] != '\0')
        fprintf(stderr, "the server said last:\n%s\n", campaign->process.said);
    return false;
}

/* -- The server -------------------------------------------------------------------------------------- */

/** Tells whether the server shall have a log in this round; the options handed on may turn it off, too. */
static bool has_log(const struct campaign *campaign) {
    bool has = campaign->kind != ROUND_NO_LOG;
    for (unsigned i = 0; i + 1 < campaign->settings->more_count; i++)
        if (strcmp(campaign->settings->more[i], "--appendonly") == 0)
            has = strcmp(campaign->settings->more[i + 1], "no") != 0;
    return has;
}

/** Starts the server with the settings of this round. */
static bool start(struct campaign *campaign) {
    static const char *const modes[] = {"always", "everysec", "no"};
    static const char *const threads[] = {"1", "2", "3", "4"};
    static const char *const saves[] = {"", "1 100", "1 1", "60 1000"};
    const char *arguments[PROCESS_ARGUMENTS_MAX] = {campaign->settings->server,
                                                    "--bind",
                                                    "",
                                                    "--unixsocket",
                                                    campaign->folder.socket,
                                                    "--dir",
                                                    campaign->folder.data,
                                                    "--appendonly",
                                                    campaign->kind == ROUND_NO_LOG ? "no" : "yes",
                                                    "--threads",
                                                    threads[random_below(&campaign->random, 4)]};
    unsigned count = 11;
    const char *mode = modes[random_below(&campaign->random, 3)];
    if (has_log(campaign)) {
        arguments[count++] = "--appendfsync";
        arguments[count++] = mode;
    }
    arguments[count++] = "--save";
    arguments[count++] = saves[random_below(&campaign->random, 4)];
    for (unsigned i = 0; i < campaign->settings->more_count; i++)
        arguments[count++] = campaign->settings->more[i];
    return process_start(&campaign->process, arguments) ||
           fail(campaign, "the system refused to start the server");
}

/** Waits for the end of the server. It must come by the kill, or cleanly where a shutdown was asked for. */
static bool take_end(struct campaign *campaign) {
    int status = process_end(&campaign->process);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        campaign->kills++;
        return true;
    }
    if (campaign->kind == ROUND_SHUTDOWN && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    char text[80];
    snprintf(text, sizeof(text), "the server ended by itself, with %s %d",
             WIFSIGNALED(status) ? "signal" : "exit status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return fail(campaign, text);
}

static bool kill_server(struct campaign *campaign) {
    process_signal(&campaign->process, SIGKILL);
    return take_end(campaign);
}

/** Some starts are killed before they are done: recovery must bear that, again and again. */
static bool kill_in_recovery(struct campaign *campaign) {
    for (unsigned i = 0; i < RECOVERY_KILLS_MAX && random_percent(&campaign->random, 20); i++) {
        struct process_wait wait = {
            .time_us = random_below(&campaign->random, campaign->recovery_us * 5 / 4 + 2000)};
        if (!start(campaign))
            return false;
        if (process_wait_for(&campaign->process, &wait) == PROCESS_TROUBLE)
            return fail(campaign, strerror(errno));
        if (!kill_server(campaign))
            return false;
        campaign->kills_in_recovery++;
    }
    return true;
}

static bool start_until_ready(struct campaign *campaign) {
    uint64_t begin = process_clock_us();
    struct process_wait wait = {.time_us = start_us, .until_is_ready = true};
    if (!start(campaign))
        return false;
    switch (process_wait_for(&campaign->process, &wait)) {
    case PROCESS_READY:
        break;
    case PROCESS_ENDED:
        (void)process_end(&campaign->process);
        return fail(campaign, "the server refused to start on the data it had left");
    default:
        (void)kill_server(campaign);
        return fail(campaign, "the server did not become ready");
    }
    campaign->recovery_us = process_clock_us() - begin;
    if (campaign->recovery_us > campaign->longest_us)
        campaign->longest_us = campaign->recovery_us;
    return true;
}

/* -- What is compared -------------------------------------------------------------------------------- */

static bool verify(struct campaign *campaign, enum verify_extent extent) {
    if (verify_server(campaign->folder.socket, campaign->writers, WRITERS, extent, &campaign->random,
                      &campaign->result))
        return true;
    process_signal(&campaign->process, SIGKILL);
    (void)process_end(&campaign->process);
    return fail(campaign, "what was acknowledged is not what is there");
}

/** Sends a command that needs no answer from the ledger. */
static bool command(struct campaign *campaign, const char *word) {
    struct wire wire;
    struct reply reply;
    bool done =
        wire_open(&wire, campaign->folder.socket) && wire_ask(&wire, &reply, word) && reply.kind == '+';
    wire_close(&wire);
    return done;
}

/** Removes all keys when they have become many. Nothing of them may come back. */
static bool empty_if_large(struct campaign *campaign) {
    uint64_t keys = 0;
    for (unsigned i = 0; i < WRITERS; i++)
        keys += campaign->writers[i].ledger.key_count;
    if (keys < KEYS_MAX)
        return true;
    if (!verify(campaign, VERIFY_ALL))
        return false;
    if (!command(campaign, "FLUSHALL"))
        return fail(campaign, "FLUSHALL was refused");
    for (unsigned i = 0; i < WRITERS; i++)
        ledger_empty(&campaign->writers[i].ledger);
    campaign->result.shared = 0;
    return true;
}

/** Keeps the time of a start from growing with the time of the run. */
static bool tidy_up(struct campaign *campaign) {
    if (campaign->kind == ROUND_NO_LOG)
        return true; /* a change would not be durable */
    if (!empty_if_large(campaign))
        return false;
    uint64_t bytes = 0;
    for (unsigned i = 0; i < WRITERS; i++)
        bytes += campaign->writers[i].bytes;
    /* SAVE is refused while a save point has one written, which is as good. */
    if (bytes - campaign->bytes_before > LOG_BYTES_MAX) {
        (void)command(campaign, "SAVE");
        campaign->bytes_before = bytes;
    }
    return true;
}

/* -- A round ----------------------------------------------------------------------------------------- */

static void choose_kind(struct campaign *campaign) {
    uint64_t choice = random_below(&campaign->random, 100);
    campaign->last_kind = campaign->kind;
    campaign->kind = choice < 45   ? ROUND_LOAD
                     : choice < 65 ? ROUND_SNAPSHOT
                     : choice < 77 ? ROUND_ROTATION
                     : choice < 92 ? ROUND_SHUTDOWN
                                   : ROUND_NO_LOG;
}

static bool start_writers(struct campaign *campaign) {
    for (unsigned i = 0; i < WRITERS; i++) {
        campaign->writers[i].writes_large = campaign->kind == ROUND_ROTATION;
        if (!writer_start(&campaign->writers[i]))
            return fail(campaign, "the system refused a thread");
    }
    return true;
}

static bool join_writers(struct campaign *campaign) {
    for (unsigned i = 0; i < WRITERS; i++)
        writer_join(&campaign->writers[i]);
    for (unsigned i = 0; i < WRITERS; i++)
        if (campaign->writers[i].is_refused)
            return fail(campaign, campaign->writers[i].complaint);
    return true;
}

/** Lets the server work for a time, or until its directory has changed so many times. */
static void let_run(struct campaign *campaign, uint64_t least_us, uint64_t most_us, unsigned events) {
    struct process_wait wait = {.time_us = random_magnitude(&campaign->random, least_us, most_us)};
    if (events > 0)
        wait.events = 1 + (unsigned)random_below(&campaign->random, events);
    (void)process_wait_for(&campaign->process, &wait); /* a server that is gone shows at its end */
}

/** Waits for the moment of this round and kills. */
static bool run_until_killed(struct campaign *campaign) {
    process_forget_events(&campaign->process);
    switch (campaign->kind) {
    case ROUND_LOAD:
        let_run(campaign, 5000, 500000, 0);
        break;
    case ROUND_SNAPSHOT:
        let_run(campaign, 2000, 100000, 0);
        process_forget_events(&campaign->process);
        (void)command(campaign, "BGSAVE"); /* that one is under way already is as good */
        let_run(campaign, 2000, 200000, 10);
        break;
    case ROUND_ROTATION:
        let_run(campaign, 20000, 500000, 2);
        let_run(campaign, 1, 2000, 0);
        break;
    case ROUND_SHUTDOWN:
        let_run(campaign, 5000, 200000, 0);
        process_signal(&campaign->process, SIGTERM);
        if (random_percent(&campaign->random, 30))
            return take_end(campaign);
        let_run(campaign, 50, 20000, 0);
        break;
    case ROUND_NO_LOG:
        if (random_percent(&campaign->random, 50))
            (void)command(campaign, "BGSAVE"); /* that one is under way already is as good */
        let_run(campaign, 50, 50000, 10);
        break;
    }
    return kill_server(campaign);
}

static bool run_round(struct campaign *campaign) {
    campaign->rounds++;
    choose_kind(campaign);
    if (!kill_in_recovery(campaign) || !start_until_ready(campaign) || !verify(campaign, VERIFY_CHANGED) ||
        !tidy_up(campaign))
        return false;
    bool writes = campaign->kind != ROUND_NO_LOG;
    if (writes && !start_writers(campaign))
        return false;
    bool ended = run_until_killed(campaign);
    bool joined = !writes || join_writers(campaign);
    return ended && joined;
}

/** The last start: every key is compared, and the server ends cleanly. */
static bool finish(struct campaign *campaign) {
    campaign->last_kind = campaign->kind;
    campaign->kind = ROUND_SHUTDOWN;
    if (!start_until_ready(campaign) || !verify(campaign, VERIFY_ALL))
        return false;
    process_signal(&campaign->process, SIGTERM);
    return take_end(campaign);
}

/* -- The run ----------------------------------------------------------------------------------------- */

static uint64_t acknowledged(const struct campaign *campaign) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < WRITERS; i++)
        sum += campaign->writers[i].ledger.acknowledged;
    return sum;
}

static void tell_progress(struct campaign *campaign) {
    bool overwrites = isatty(2) != 0 && !campaign->settings->is_verbose;
    uint64_t now = process_clock_us();
    uint64_t pause_ms = overwrites ? PROGRESS_MS : PROGRESS_LINE_MS;
    if (campaign->settings->is_verbose)
        fprintf(stderr, "round %" PRIu64 ", %s: recovery %" PRIu64 " ms\n", campaign->rounds,
                kind_names[campaign->kind], campaign->recovery_us / 1000);
    if (now - campaign->told_us < pause_ms * 1000)
        return;
    campaign->told_us = now;
    fprintf(stderr, "%s%" PRIu64 " s: %" PRIu64 " kills, %" PRIu64 " writes acknowledged, %" PRIu64 " lost%s",
            overwrites ? "\r" : "", (now - campaign->begin_us) / 1000000, campaign->kills,
            acknowledged(campaign), campaign->result.lost, overwrites ? "" : "\n");
}

static bool is_over(const struct campaign *campaign) {
    const struct campaign_settings *settings = campaign->settings;
    uint64_t passed_us = process_clock_us() - campaign->begin_us;
    return is_stopped != 0 || (settings->kills != 0 && campaign->kills >= settings->kills) ||
           (settings->seconds != 0 && passed_us >= settings->seconds * 1000000);
}

static void sum_up(const struct campaign *campaign) {
    uint64_t written = acknowledged(campaign);
    uint64_t lost = campaign->result.lost;
    if (campaign->settings->is_verbose)
        fprintf(stderr,
                "%" PRIu64 " rounds; %" PRIu64 " kills during recovery; %" PRIu64
                " writes were there although their reply never came\n",
                campaign->rounds, campaign->kills_in_recovery, campaign->result.unanswered);
    if (isatty(2) != 0)
        fprintf(stderr, "\r\033[K");
    printf("acknowledged %" PRIu64 ", recovered %" PRIu64 ", lost %" PRIu64 ", kills %" PRIu64
           ", longest recovery %" PRIu64 " ms, seed %" PRIu64 "\n",
           written, lost < written ? written - lost : 0, lost, campaign->kills, campaign->longest_us / 1000,
           campaign->settings->seed);
}

static void run_rounds(struct campaign *campaign) {
    bool sound = true;
    while (sound && !is_over(campaign)) {
        sound = run_round(campaign);
        tell_progress(campaign);
    }
    if (sound)
        (void)finish(campaign);
    sum_up(campaign);
}

enum campaign_result campaign_run(const struct campaign_settings *settings) {
    static struct campaign campaign;
    campaign = (struct campaign){.settings = settings, .random = {settings->seed}, .recovery_us = 10000};
    if (!folder_make(&campaign.folder, settings->dir))
        return CAMPAIGN_IMPOSSIBLE;
    if (!process_init(&campaign.process, campaign.folder.data)) {
        fprintf(stderr, "blitzdb-crashtest: %s cannot be watched: %s\n", campaign.folder.data,
                strerror(errno));
        return CAMPAIGN_IMPOSSIBLE;
    }
    for (unsigned i = 0; i < WRITERS; i++)
        writer_init(&campaign.writers[i], i, random_next(&campaign.random), campaign.folder.socket);
    campaign.begin_us = campaign.told_us = process_clock_us();

    run_rounds(&campaign);

    for (unsigned i = 0; i < WRITERS; i++)
        writer_deinit(&campaign.writers[i]);
    process_deinit(&campaign.process);
    if (campaign.has_failed)
        fprintf(stderr, "the data is kept in %s\n", campaign.folder.data);
    else
        folder_remove(&campaign.folder);
    return campaign.has_failed ? CAMPAIGN_FAILED : CAMPAIGN_SOUND;
}
