#include "accounting.h"

#include <stdlib.h>

#include "client.h"
#include "loop.h"
#include "server.h"
#include "telemetry.h"

void bzs_account_deinit(struct bzs_account *account) {
    for (size_t i = 0; i < BZS_COMMAND_ROWS_MAX; i++)
        free(atomic_load(&account->commands[i].histogram));
}

/** Begins with zeros if the numbers were reset since the last group. */
static void follow_reset(struct bzs_account *account, uint64_t generation) {
    if (atomic_load_explicit(&account->generation, memory_order_relaxed) == generation)
        return;
    for (size_t i = 0; i < BZS_COMMAND_ROWS_MAX; i++) {
        struct bzs_command_account *command = &account->commands[i];
        struct bzs_histogram *histogram = atomic_load(&command->histogram);
        atomic_store(&command->calls, 0);
        atomic_store(&command->nanoseconds, 0);
        atomic_store(&command->rejected, 0);
        atomic_store(&command->failed, 0);
        if (histogram != NULL)
            bzs_histogram_clear(histogram);
    }
    atomic_store_explicit(&account->generation, generation, memory_order_release);
}

static void begin_group(struct bzs_account *account, const struct bzs_telemetry *telemetry, int64_t now_ns) {
    struct bzs_group *group = &account->group;
    bool one_by_one = atomic_load_explicit(&telemetry->times_one_by_one, memory_order_relaxed);
    group->begin_ns = now_ns;
    group->quick_flag = one_by_one ? 0 : BZS_QUICK;
    group->runs = 0;
    follow_reset(account, atomic_load_explicit(&telemetry->generation, memory_order_acquire));
}

/** The histogram of a command, made when it is needed first; NULL if memory ran out. */
static struct bzs_histogram *histogram_of(struct bzs_command_account *command) {
    struct bzs_histogram *histogram = atomic_load_explicit(&command->histogram, memory_order_relaxed);
    if (histogram == NULL) {
        histogram = calloc(1, sizeof(*histogram));
        atomic_store_explicit(&command->histogram, histogram, memory_order_release);
    }
    return histogram;
}

static void book_run(struct bzs_account *account, const struct bzs_run *run, uint64_t each_ns,
                     uint64_t all_ns, bool keeps_histogram) {
    struct bzs_command_account *command = &account->commands[bzs_command_id(run->command)];
    bzs_counter_add(&command->calls, run->count);
    bzs_counter_add(&command->nanoseconds, all_ns);
    struct bzs_histogram *histogram = keeps_histogram ? histogram_of(command) : NULL;
    if (histogram != NULL)
        bzs_histogram_add(histogram, each_ns, run->count);
}

static bool is_unlogged(const struct bzs_group *group) {
    for (size_t i = 0; i < group->runs; i++)
        if ((group->run[i].command->flags & (BZS_PRIVATE | BZS_SKIP_SLOWLOG)) != 0)
            return true;
    return false;
}

/** Tells slow log and latency monitor about a group that took long. */
static void note_slow(const struct bzs_client *client, const struct bzs_group *group, uint64_t taken_ns,
                      size_t commands) {
    struct bzs_telemetry *telemetry = client->server->telemetry;
    bool is_fast = true;
    for (size_t i = 0; i < group->runs; i++)
        is_fast &= (group->run[i].command->flags & BZS_FAST) != 0;
    bzs_telemetry_note_event(telemetry, is_fast ? BZS_LATENCY_FAST_COMMAND : BZS_LATENCY_COMMAND,
                             (int64_t)taken_ns);
    int64_t slow_us = atomic_load(&telemetry->slow_us);
    if (slow_us < 0 || taken_ns / 1000 < (uint64_t)slow_us || is_unlogged(group))
        return;
    struct bzs_slow_command slow = {.unix_s = client->loop->now_ms / 1000,
                                    .microseconds = taken_ns / 1000,
                                    .argv = group->first_argv,
                                    .argc = group->first_argc,
                                    .together = commands,
                                    .address = client->address,
                                    .name = client->name};
    bzs_slowlog_add(&telemetry->slowlog, &slow, (size_t)atomic_load(&telemetry->slow_max));
}

static size_t count_commands(const struct bzs_group *group) {
    size_t count = 0;
    for (unsigned i = 0; i < group->runs; i++)
        count += group->run[i].count;
    return count;
}

void bzs_account_begin(struct bzs_client *client) {
    begin_group(client->loop->account, client->server->telemetry, bzs_clock_ns());
}

void bzs_account_close(const struct bzs_client *client) {
    struct bzs_account *account = client->loop->account;
    struct bzs_telemetry *telemetry = client->server->telemetry;
    struct bzs_group *group = &account->group;
    if (group->runs == 0)
        return;
    int64_t now_ns = bzs_clock_ns();
    uint64_t taken_ns = (uint64_t)(now_ns - group->begin_ns);
    uint64_t rest_ns = taken_ns;
    size_t commands = count_commands(group);
    uint64_t each_ns = taken_ns / commands;
    bool keeps_histograms = atomic_load_explicit(&telemetry->keeps_histograms, memory_order_relaxed);
    for (unsigned i = 0; i < group->runs; i++) {
        const struct bzs_run *run = &group->run[i];
        uint64_t all_ns =
            i + 1 < group->runs ? each_ns * run->count : rest_ns; /* the last one takes the rest */
        book_run(account, run, each_ns, all_ns, keeps_histograms);
        rest_ns -= all_ns;
    }
    if (taken_ns >= (uint64_t)atomic_load_explicit(&telemetry->notable_ns, memory_order_relaxed))
        note_slow(client, group, taken_ns, commands);
    begin_group(account, telemetry, now_ns);
}

bool bzs_account_error(const struct bzs_client *client, uint64_t output) {
    const struct bzs_reply *reply = &client->reply;
    size_t begin = (size_t)(output - reply->discarded);
    bool is_error = output >= reply->discarded && begin < reply->size && reply->data[begin] == '-';
    if (is_error)
        bzs_telemetry_count_error(client->server->telemetry, reply->data + begin + 1,
                                  reply->size - begin - 1);
    return is_error;
}

void bzs_account_failed(const struct bzs_call *call, uint64_t output) {
    if (bzs_account_error(call->client, output)) /* not one inside the answer of EXEC */
        bzs_counter_add(&call->client->loop->account->commands[bzs_command_id(call->command)].failed, 1);
}

void bzs_account_rejected(const struct bzs_call *call, uint64_t output) {
    bzs_account_error(call->client, output);
    if (call->command != NULL)
        bzs_counter_add(&call->client->loop->account->commands[bzs_command_id(call->command)].rejected, 1);
}

/** The account of a loop, unless its numbers are from before a reset. */
static const struct bzs_account *valid_account(const struct bzs_server *server, unsigned loop) {
    const struct bzs_account *account = server->loops[loop].account;
    uint64_t generation = atomic_load_explicit(&account->generation, memory_order_acquire);
    return generation == atomic_load(&server->telemetry->generation) ? account : NULL;
}

struct bzs_command_sum bzs_account_sum(const struct bzs_server *server, const struct bzs_command *command) {
    struct bzs_command_sum sum = {0};
    for (unsigned i = 0; i < server->loop_count; i++) {
        const struct bzs_account *account = valid_account(server, i);
        if (account == NULL)
            continue;
        const struct bzs_command_account *numbers = &account->commands[bzs_command_id(command)];
        sum.calls += atomic_load_explicit(&numbers->calls, memory_order_relaxed);
        sum.nanoseconds += atomic_load_explicit(&numbers->nanoseconds, memory_order_relaxed);
        sum.rejected += atomic_load_explicit(&numbers->rejected, memory_order_relaxed);
        sum.failed += atomic_load_explicit(&numbers->failed, memory_order_relaxed);
    }
    return sum;
}

bool bzs_account_histogram(const struct bzs_server *server, const struct bzs_command *command,
                           struct bzs_histogram_sum *sum_out) {
    *sum_out = (struct bzs_histogram_sum){.total = 0};
    for (unsigned i = 0; i < server->loop_count; i++) {
        const struct bzs_account *account = valid_account(server, i);
        const struct bzs_histogram *histogram =
            account != NULL ? atomic_load_explicit(&account->commands[bzs_command_id(command)].histogram,
                                                   memory_order_acquire)
                            : NULL;
        if (histogram != NULL)
            bzs_histogram_collect(histogram, sum_out);
    }
    return sum_out->total > 0;
}
