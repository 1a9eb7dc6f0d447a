#include <inttypes.h>
#include <string.h>

#include "power_internal.h"

/** Value size that fills a log segment with two writes, and one that fills it with one. */
enum { LARGE_SIZE = 2500, SEGMENT_SIZE = POWER_SEGMENT_BYTES + 100 };

const struct power_mode power_modes[POWER_MODES] = {
    {"always", 0, BLITZDB_DURABILITY_ALWAYS, .writes_out = false},
    {"interval", 0, BLITZDB_DURABILITY_INTERVAL, .writes_out = false},
    {"interval-written-out", 0, BLITZDB_DURABILITY_INTERVAL, .writes_out = true},
    {"none-mixed-with-always", 0, BLITZDB_DURABILITY_NONE, .writes_out = true, .mixes = true},
    {"no-log", BLITZDB_OPEN_NO_LOG, BLITZDB_DURABILITY_DEFAULT, .writes_out = false},
    {"switching", 0, BLITZDB_DURABILITY_INTERVAL, .writes_out = true, .switches = true},
    {"always-sync-fails", 0, BLITZDB_DURABILITY_ALWAYS, .fails_sync = true},
    {"interval-sync-fails", 0, BLITZDB_DURABILITY_INTERVAL, .writes_out = true, .fails_sync = true},
};

/* Without a thread the pump syncs after one interval of a second, and after two the next write does. */
const struct power_letter power_letters[POWER_LETTERS] = {
    {"set", 0, false},         {"del", 0, false},     {"batch", 0, false},  {"set-ttl", 0, false},
    {"snapshot", 0, false},    {"rotate", 0, false},  {"sync", 0, false},   {"reopen", 0, true},
    {"late-set", 2000, false}, {"pump", 1000, false}, {"append", 0, false}, {"increment", 0, false},
    {"flush-all", 0, false},   {"txn", 0, false},
};

/** A single operation whose value tells the position. */
static struct operation single(enum step_kind kind, const char *key, size_t position, size_t size) {
    char text[OPERATION_TEXT_MAX];
    (void)snprintf(text, sizeof(text), "%s%zu ", key, position);
    struct operation operation = operation_single(kind, 0, key, text);
    operation.steps[0].value_size = size;
    return operation;
}

static struct operation of_kind(enum operation_kind kind) {
    return (struct operation){.kind = kind};
}

struct operation power_operation(unsigned letter, size_t position) {
    struct operation operation;
    switch (letter) {
    case 0:
        return single(STEP_SET, "a", position, LARGE_SIZE);
    case 1:
        return single(STEP_DEL, "a", position, 0);
    case 2:
        return operation_joined(OPERATION_BATCH, single(STEP_SET, "b", position, 40),
                                single(STEP_SET, "a", position, LARGE_SIZE));
    case 3:
        operation = single(STEP_SET, "c", position, 5);
        operation.steps[0].expire_at_ms = MEM_ENV_START_MS + 2500;
        return operation;
    case 4:
        return of_kind(OPERATION_SNAPSHOT);
    case 5:
        return single(STEP_SET, "r", position, SEGMENT_SIZE);
    case 6:
    case 7: /* a reopen, which is no call by itself */
        return of_kind(OPERATION_SYNC);
    case 8:
        return single(STEP_SET, "l", position, 20);
    case 9:
        return of_kind(OPERATION_PUMP);
    case 10:
        return single(STEP_APPEND, "a", position, LARGE_SIZE);
    case 11:
        return single(STEP_INCREMENT, "n", position, 0);
    case 12:
        return of_kind(OPERATION_FLUSH_ALL);
    default:
        return operation_joined(position % 2 == 0 ? OPERATION_TXN : OPERATION_SECTION,
                                single(STEP_SET, "t", position, 30), single(STEP_DEL, "a", position, 0));
    }
}

uint64_t power_sequences(size_t length, unsigned letters) {
    uint64_t count = 1;
    for (size_t i = 0; i < length; i++)
        count *= letters;
    return count;
}

void power_spec_number(struct power_spec *spec, size_t length, unsigned letters, uint64_t number) {
    spec->length = length;
    for (size_t i = 0; i < length; i++) {
        spec->letters[i] = (unsigned)(number % letters);
        number /= letters;
    }
}

void power_spec_print(const struct power_spec *spec, FILE *out) {
    (void)fprintf(out, "%s ", power_modes[spec->mode].name);
    for (size_t i = 0; i < spec->length; i++)
        (void)fprintf(out, "%s%s", i > 0 ? "," : "", power_letters[spec->letters[i]].name);
    (void)fprintf(out, "%s %" PRIu64 " %" PRIu64 "\n", spec->length == 0 ? "-" : "", spec->seed,
                  spec->images);
}

/** Finds one of the names up to a comma or the end; answers `count` if there is none. */
static unsigned find_letter(const char *text, size_t size) {
    unsigned letter = 0;
    while (letter < POWER_LETTERS && (strlen(power_letters[letter].name) != size ||
                                      memcmp(power_letters[letter].name, text, size) != 0))
        letter++;
    return letter;
}

bool power_spec_set(struct power_spec *spec, const char *letters) {
    *spec = (struct power_spec){.images = 1};
    while (*letters != '\0') {
        size_t size = strcspn(letters, ",");
        unsigned letter = find_letter(letters, size);
        if (letter == POWER_LETTERS || spec->length == POWER_LENGTH_MAX)
            return false;
        spec->letters[spec->length++] = letter;
        letters += size + (letters[size] == ',');
    }
    return true;
}

bool power_spec_parse(struct power_spec *spec, const char *line) {
    char mode[64];
    char letters[256];
    uint64_t seed;
    uint64_t images;
    if (sscanf(line, "%63s %255s %" SCNu64 " %" SCNu64, mode, letters, &seed, &images) != 4 ||
        !power_spec_set(spec, strcmp(letters, "-") == 0 ? "" : letters))
        return false;
    spec->seed = seed;
    spec->images = images;
    while (spec->mode < POWER_MODES && strcmp(power_modes[spec->mode].name, mode) != 0)
        spec->mode++;
    return spec->mode < POWER_MODES && spec->images > 0;
}

uint64_t power_violations(const struct power_counts *counts) {
    return counts->lost + counts->phantom + counts->torn + counts->failures;
}

void power_counts_print(const struct power_counts *counts, FILE *out) {
    (void)fprintf(out,
                  "crash points %" PRIu64 " (and %" PRIu64 " in recoveries), states recovered %" PRIu64
                  ", lost %" PRIu64 ", phantoms %" PRIu64 ", torn %" PRIu64 ", failures %" PRIu64 "\n",
                  counts->crash_points, counts->recovery_points, counts->recovered, counts->lost,
                  counts->phantom, counts->torn, counts->failures);
}
