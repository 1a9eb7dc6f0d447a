#include "operation.h"

#include <inttypes.h>
#include <string.h>

/** Keyspaces that random operations use. */
#define KEYSPACES 3

/** A number of milliseconds from now: mostly near, sometimes past, sometimes far. */
static int64_t random_expiry(struct rng *rng, int64_t now_ms) {
    switch (rng_below(rng, 4)) {
    case 0:
        return now_ms - (int64_t)rng_below(rng, 1000);
    case 1:
        return now_ms + 1000000 + (int64_t)rng_below(rng, 1000000);
    default:
        return now_ms + 1 + (int64_t)rng_below(rng, 2000);
    }
}

static size_t random_size(struct rng *rng, size_t text_size) {
    switch (rng_below(rng, 16)) {
    case 0:
        return 0;
    case 1:
        return rng_below(rng, 3000);
    case 2:
        return rng_below(rng, 300);
    default:
        return text_size;
    }
}

/** Keys beginning with 'n' hold whole numbers or text, with 'd' small decimals or text, with 'k' anything. */
static void random_value(struct rng *rng, struct step *step) {
    uint64_t kind = rng_below(rng, 4);
    if (step->key[0] == 'd' && kind != 0) {
        (void)snprintf(step->text, sizeof(step->text), "%g", (double)rng_below(rng, 1000) / 4);
    } else if (step->key[0] == 'n' && kind != 0) {
        (void)snprintf(step->text, sizeof(step->text), "%" PRId64,
                       (int64_t)rng_next(rng) >> rng_below(rng, 64));
    } else if (kind == 1) {
        (void)snprintf(step->text, sizeof(step->text), "expected");
    } else {
        (void)snprintf(step->text, sizeof(step->text), "x%" PRIx64, rng_below(rng, UINT64_C(1) << 40));
    }
    step->value_size = strlen(step->text);
    if (step->text[0] == 'x')
        step->value_size = random_size(rng, step->value_size);
}

static void random_key(struct rng *rng, struct step *step) {
    static const char kinds[] = "kkkknnd";
    step->keyspace = (unsigned)rng_below(rng, KEYSPACES);
    char kind = kinds[rng_below(rng, sizeof(kinds) - 1)];
    unsigned number = (unsigned)rng_below(rng, kind == 'k' ? 24 : 6);
    /* The empty key is a key like others. */
    if (kind != 'k' || number > 0)
        (void)snprintf(step->key, sizeof(step->key), "%c%u", kind, number);
}

static void random_set(struct rng *rng, struct step *step, int64_t now_ms, bool is_plain) {
    random_value(rng, step);
    uint64_t expiry = rng_below(rng, 6);
    if (expiry == 0 && !is_plain)
        step->keep_ttl = true;
    else if (expiry == 1)
        step->expire_at_ms = random_expiry(rng, now_ms);
    else if (expiry == 2 && !is_plain)
        step->number = 1 + (int64_t)rng_below(rng, 2000);
    if (!is_plain && rng_below(rng, 3) == 0)
        step->condition = (uint32_t)rng_below(rng, BLITZDB_IF_EQUAL + 1);
}

static void random_increment(struct rng *rng, struct step *step) {
    step->number = (int64_t)rng_below(rng, 2001) - 1000;
    if (step->kind == STEP_INCREMENT && step->key[0] == 'n' && rng_below(rng, 8) == 0)
        step->number = rng_below(rng, 2) == 0 ? INT64_MAX : INT64_MIN;
}

static void random_flags(struct rng *rng, struct step *step) {
    static const unsigned flags[] = {0,
                                     0,
                                     BLITZDB_EXPIRE_IF_NONE,
                                     BLITZDB_EXPIRE_IF_SET,
                                     BLITZDB_EXPIRE_IF_GREATER,
                                     BLITZDB_EXPIRE_IF_LESS};
    step->flags = flags[rng_below(rng, sizeof(flags) / sizeof(flags[0]))];
}

/** Fills a step whose kind is chosen. */
static void random_step(struct rng *rng, enum operation_kind kind, struct step *step, int64_t now_ms) {
    random_key(rng, step);
    switch (step->kind) {
    case STEP_SET:
        random_set(rng, step, now_ms, kind == OPERATION_TXN || kind == OPERATION_ABORTED_TXN);
        break;
    case STEP_INCREMENT_DOUBLE:
        /* Only where the sums stay small, see apply_increment_double(). */
        step->key[0] = 'd';
        step->key[1] = (char)('0' + rng_below(rng, 6));
        step->key[2] = '\0';
        random_increment(rng, step);
        break;
    case STEP_INCREMENT:
        random_increment(rng, step);
        break;
    case STEP_APPEND:
        (void)snprintf(step->text, sizeof(step->text), "x%" PRIx64, rng_below(rng, 4096));
        step->value_size = rng_below(rng, 8) == 0 ? rng_below(rng, 200) : strlen(step->text);
        break;
    case STEP_EXPIRE:
        step->number = (int64_t)rng_below(rng, 2200) - 200;
        break;
    case STEP_EXPIRE_AT:
        step->expire_at_ms = random_expiry(rng, now_ms);
        if (kind == OPERATION_SINGLE || kind == OPERATION_SECTION)
            random_flags(rng, step);
        else if (rng_below(rng, 4) == 0)
            step->expire_at_ms = 0;
        break;
    default:
        break;
    }
}

static enum step_kind random_step_kind(struct rng *rng, enum operation_kind kind) {
    static const enum step_kind in_single[] = {
        STEP_SET,    STEP_SET,       STEP_SET,    STEP_DEL,     STEP_INCREMENT,    STEP_INCREMENT_DOUBLE,
        STEP_APPEND, STEP_EXPIRE_AT, STEP_EXPIRE, STEP_PERSIST, STEP_CHECK_PRESENT};
    static const enum step_kind in_batch[] = {STEP_SET,       STEP_SET,          STEP_SET,
                                              STEP_DEL,       STEP_INCREMENT,    STEP_APPEND,
                                              STEP_EXPIRE_AT, STEP_CHECK_ABSENT, STEP_CHECK_PRESENT};
    static const enum step_kind in_txn[] = {STEP_SET, STEP_SET, STEP_DEL, STEP_EXPIRE_AT};
    switch (kind) {
    case OPERATION_SINGLE:
    case OPERATION_SECTION:
        return in_single[rng_below(rng, sizeof(in_single) / sizeof(in_single[0]))];
    case OPERATION_BATCH:
        return in_batch[rng_below(rng, sizeof(in_batch) / sizeof(in_batch[0]))];
    default:
        return in_txn[rng_below(rng, sizeof(in_txn) / sizeof(in_txn[0]))];
    }
}

static enum operation_kind random_kind(struct rng *rng) {
    uint64_t chance = rng_below(rng, 200);
    if (chance < 130)
        return OPERATION_SINGLE;
    if (chance < 160)
        return OPERATION_BATCH;
    if (chance < 171)
        return OPERATION_TXN;
    if (chance < 182)
        return OPERATION_SECTION;
    return (enum operation_kind)(OPERATION_ABORTED_TXN +
                                 rng_below(rng, OPERATION_KINDS - OPERATION_ABORTED_TXN));
}

struct operation operation_random(struct rng *rng, int64_t now_ms) {
    struct operation operation = {.kind = random_kind(rng)};
    bool is_list = operation.kind >= OPERATION_BATCH && operation.kind <= OPERATION_ABORTED_TXN;
    operation.step_count = is_list ? 1 + rng_below(rng, OPERATION_STEPS_MAX) : 1;
    operation.durability = (uint32_t)rng_below(rng, BLITZDB_DURABILITY_ALWAYS + 1);
    if (operation.kind == OPERATION_SWAP_KEYSPACES)
        operation.step_count = 2;
    for (size_t i = 0; i < operation.step_count; i++) {
        operation.steps[i].kind = random_step_kind(rng, operation.kind);
        random_step(rng, operation.kind, &operation.steps[i], now_ms);
    }
    return operation;
}

void operation_print(const struct operation *operation, FILE *out) {
    static const char *const kinds[] = {"single",      "batch",          "txn",       "section",
                                        "aborted txn", "flush keyspace", "flush all", "swap keyspaces",
                                        "snapshot",    "sync",           "write out", "pump"};
    static const char *const steps[] = {"set",           "del",         "increment", "increment double",
                                        "append",        "expire",      "expire at", "persist",
                                        "check present", "check absent"};
    (void)fprintf(out, "%s (durability %" PRIu32 ")", kinds[operation->kind], operation->durability);
    for (size_t i = 0; i < operation->step_count; i++) {
        const struct step *step = &operation->steps[i];
        (void)fprintf(out,
                      "; %s %u:\"%s\" \"%s\"*%zu number %" PRId64 " expires %" PRId64 " if %" PRIu32 "%s",
                      steps[step->kind], step->keyspace, step->key, step->text, step->value_size,
                      step->number, step->expire_at_ms, step->condition, step->keep_ttl ? " keep ttl" : "");
        (void)fprintf(out, " flags %u", step->flags);
    }
    (void)fprintf(out, "\n");
}
