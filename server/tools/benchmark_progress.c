#include "benchmark_progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static const uint64_t second_ns = 1000000000;

void progress_begin(struct progress *progress, const char *doing, bool silent, uint64_t now_ns) {
    *progress = (struct progress){.silent = silent, .doing = doing, .begin_ns = now_ns, .last_ns = now_ns};
    progress->terminal = isatty(STDERR_FILENO) == 1;
}

uint64_t progress_next_ns(const struct progress *progress) {
    return progress->last_ns + (progress->terminal ? second_ns / 2 : 5 * second_ns);
}

static double rate_between(uint64_t from_ns, uint64_t to_ns, uint64_t count) {
    return to_ns > from_ns ? (double)count * 1e9 / (double)(to_ns - from_ns) : 0;
}

void progress_show(struct progress *progress, uint64_t now_ns, uint64_t done, double share) {
    if (!progress->silent) {
        fprintf(stderr, "%s%s: %3.0f %%, %" PRIu64 " commands, %.0f per second%s",
                progress->terminal ? "\r" : "", progress->doing, share * 100, done,
                rate_between(progress->last_ns, now_ns, done - progress->last_done),
                progress->terminal ? "   " : "\n");
        fflush(stderr);
        progress->open = progress->terminal;
    }
    progress->last_ns = now_ns;
    progress->last_done = done;
}

void progress_end(struct progress *progress, uint64_t now_ns, uint64_t done, bool fine) {
    if (!fine && progress->open)
        fputc('\n', stderr);
    if (!fine || progress->silent)
        return;
    fprintf(stderr, "%s%s: %" PRIu64 " commands in %.1f s, %.0f per second%s\n", progress->open ? "\r" : "",
            progress->doing, done, (double)(now_ns - progress->begin_ns) * 1e-9,
            rate_between(progress->begin_ns, now_ns, done), progress->open ? "        " : "");
}
