/*
 * Checks a database directory byte by byte, and saves what is sound of a damaged one; docs/tools.md.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <blitzdb/check.h>

/* Exit codes beside 0. */
enum { EXIT_DAMAGE = 1, EXIT_TROUBLE = 2 };

static const char usage[] =
    "usage: blitzdb-check DIR [--salvage OUT] [--quiet]\n"
    "       blitzdb-check --help | --version\n"
    "\n"
    "Reads every byte of the database in DIR, which nobody may have open, and prints what is not as it was\n"
    "written, one finding in a line, and a summary. Nothing in DIR is changed.\n"
    "\n"
    "  --salvage OUT  write a new database to OUT, absent or empty, with everything that is sound in DIR\n"
    "  --quiet        print nothing but damage and errors\n"
    "\n"
    "Exit status: 0 sound, 1 there is damage (with --salvage: and OUT was written), 2 wrong usage, no\n"
    "database, in use, or OUT could not be written.\n";

/* What the command line says, and what the callbacks need. */
struct request {
    const char *dir;
    const char *out;
    bool is_quiet;
    bool shows_progress;
};

/* Takes the progress off the terminal's line again. */
static void end_progress(const struct request *request) {
    if (request->shows_progress)
        (void)fprintf(stderr, "\r\033[K");
}

static void print_finding(void *user, const blitzdb_finding *finding) {
    const struct request *request = user;
    bool is_note = finding->severity == BLITZDB_SEVERITY_NOTE;
    if (is_note && request->is_quiet)
        return;
    end_progress(request);
    (void)printf("%s: ", finding->file);
    if (finding->offset > 0) /* else it is about the file as a whole */
        (void)printf("offset %llu: ", (unsigned long long)finding->offset);
    (void)printf("%s%s", is_note ? "note: " : "", finding->reason);
    if (finding->bytes > 0)
        (void)printf(" (%llu bytes)", (unsigned long long)finding->bytes);
    (void)printf("\n");
}

static void print_progress(void *user, uint64_t bytes_done, uint64_t bytes_total) {
    (void)user;
    enum { MIB = 1 << 20 };
    if (bytes_total >= 16 * (uint64_t)MIB) /* less is done before anybody can read it */
        (void)fprintf(stderr, "\r%llu of %llu MiB", (unsigned long long)(bytes_done / MIB),
                      (unsigned long long)(bytes_total / MIB));
}

static void print_damage(const blitzdb_check_result *result) {
    (void)printf("damaged in %llu place%s", (unsigned long long)result->damages,
                 result->damages == 1 ? "" : "s");
    if (result->damage_bytes > 0)
        (void)printf(", %llu bytes or more cannot be used", (unsigned long long)result->damage_bytes);
    (void)printf("\n");
}

static void print_summary(const struct request *request, const blitzdb_check_result *result) {
    end_progress(request);
    if (request->is_quiet && result->damages == 0)
        return;
    (void)printf("%s: %llu entries in the snapshot, %llu records in the log, %llu bytes in %llu files read: ",
                 request->dir, (unsigned long long)result->entries, (unsigned long long)result->records,
                 (unsigned long long)result->bytes, (unsigned long long)result->files);
    if (result->damages == 0)
        (void)printf("sound\n");
    else
        print_damage(result);
    if (request->out != NULL)
        (void)printf("%s: %llu keys written%s\n", request->out, (unsigned long long)result->keys,
                     result->damages == 0 ? ""
                                          : "; some may be missing, have older values or have been deleted, "
                                            "as said above");
}

/* Whether the directory was read and the findings are all there is to say. */
static bool is_about_damage(blitzdb_status status, const blitzdb_check_result *result) {
    bool is_damage = status == BLITZDB_CORRUPT || status == BLITZDB_VERSION || status == BLITZDB_IO ||
                     status == BLITZDB_NOT_A_DATABASE;
    return status == BLITZDB_OK || (is_damage && result->damages > 0);
}

/** Says why nothing is known; the text of the error says it all, but where memory was refused. */
static void print_trouble(const struct request *request, blitzdb_status status, const blitzdb_error *error) {
    end_progress(request);
    const char *what = error->text[0] != '\0' ? error->text : request->dir;
    if (error->text[0] != '\0' && (status != BLITZDB_NO_MEMORY || error->system_errno != 0))
        (void)fprintf(stderr, "blitzdb-check: %s\n", what);
    else
        (void)fprintf(stderr, "blitzdb-check: %s: %s\n", what, blitzdb_status_text(status));
}

static int run(struct request *request) {
    blitzdb_error error = {0};
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;
    blitzdb_check_options options = BLITZDB_CHECK_OPTIONS_INIT;
    options.finding = print_finding;
    options.finding_user = request;
    options.progress = request->shows_progress ? print_progress : NULL;
    options.error = &error;
    blitzdb_status status = request->out != NULL
                                ? blitzdb_salvage(request->dir, request->out, &options, &result)
                                : blitzdb_verify(request->dir, &options, &result);
    bool is_done = request->out != NULL ? status == BLITZDB_OK : is_about_damage(status, &result);
    if (!is_done) {
        print_trouble(request, status, &error);
        return EXIT_TROUBLE;
    }
    print_summary(request, &result);
    if (fflush(stdout) != 0)
        return EXIT_TROUBLE;
    return result.damages == 0 ? 0 : EXIT_DAMAGE;
}

/* Takes the command line apart; false: it is wrong. */
static bool parse(int argc, char *argv[], struct request *request) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--quiet") == 0)
            request->is_quiet = true;
        else if (strcmp(argv[i], "--salvage") == 0 && i + 1 < argc && request->out == NULL)
            request->out = argv[++i];
        else if (argv[i][0] != '-' && request->dir == NULL)
            request->dir = argv[i];
        else
            return false;
    return request->dir != NULL;
}

int main(int argc, char *argv[]) {
    struct request request = {NULL, NULL, false, false};
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return fputs(usage, stdout) < 0 || fflush(stdout) != 0 ? EXIT_TROUBLE : 0;
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("blitzdb-check %s\n", blitzdb_version()) < 0 || fflush(stdout) != 0 ? EXIT_TROUBLE : 0;
    if (!parse(argc, argv, &request)) {
        (void)fputs(usage, stderr);
        return EXIT_TROUBLE;
    }
    request.shows_progress = !request.is_quiet && isatty(STDERR_FILENO) == 1;
    return run(&request);
}
