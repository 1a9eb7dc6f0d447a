/**
 * @file
 * @brief SET, GET and their relatives: whole values, one key or many.
 */
#include "command_data.h"
#include "events.h"

/** The words that SET and GETEX understand. */
enum option {
    OPTION_NX = 1,
    OPTION_XX = 2,
    OPTION_GET = 4,
    OPTION_KEEPTTL = 8,
    OPTION_PERSIST = 16,
    OPTION_EX = 32,
    OPTION_PX = 64,
    OPTION_EXAT = 128,
    OPTION_PXAT = 256,

    OPTIONS_TIME = OPTION_EX | OPTION_PX | OPTION_EXAT | OPTION_PXAT,
    OPTIONS_EXPIRY = OPTIONS_TIME | OPTION_KEEPTTL | OPTION_PERSIST,
    OPTIONS_CONDITION = OPTION_NX | OPTION_XX,
    OPTIONS_SET = OPTIONS_CONDITION | OPTION_GET | OPTIONS_TIME | OPTION_KEEPTTL,
    OPTIONS_GETEX = OPTIONS_TIME | OPTION_PERSIST,
};

/** Of each group at most one member may be given, but that one several times: the last one counts. */
static const struct option_word {
    const char *word;
    unsigned option;
    unsigned group;
    unsigned time; /**< ::bzs_data_time of the time that follows the word */
} option_words[] = {
    {"nx", OPTION_NX, OPTIONS_CONDITION, 0},
    {"xx", OPTION_XX, OPTIONS_CONDITION, 0},
    {"get", OPTION_GET, OPTION_GET, 0},
    {"keepttl", OPTION_KEEPTTL, OPTIONS_EXPIRY, 0},
    {"persist", OPTION_PERSIST, OPTIONS_EXPIRY, 0},
    {"ex", OPTION_EX, OPTIONS_EXPIRY, BZS_TIME_POSITIVE | BZS_TIME_SECONDS | BZS_TIME_RELATIVE},
    {"px", OPTION_PX, OPTIONS_EXPIRY, BZS_TIME_POSITIVE | BZS_TIME_RELATIVE},
    {"exat", OPTION_EXAT, OPTIONS_EXPIRY, BZS_TIME_POSITIVE | BZS_TIME_SECONDS},
    {"pxat", OPTION_PXAT, OPTIONS_EXPIRY, BZS_TIME_POSITIVE},
};

/** Options of one command. The time is not looked at before the rest is known to be good. */
struct options {
    unsigned given;    /**< ::option */
    unsigned time;     /**< ::bzs_data_time of the time, if one was given */
    size_t time_index; /**< its argument, 0: none was given */
};

static const struct option_word *find_option(struct bzs_slice argument) {
    for (size_t i = 0; i < sizeof(option_words) / sizeof(option_words[0]); i++)
        if (bzs_arg_is(argument, option_words[i].word))
            return &option_words[i];
    return NULL;
}

/** Reads the options from the argument `index` on; false: the error reply has been written. */
static bool parse_options(struct bzs_call *call, size_t index, unsigned allowed,
                          struct options *options_out) {
    struct options options = {0, 0, 0};

    for (; index < call->argc; index++) {
        const struct option_word *found = find_option(call->argv[index]);

        if (found == NULL || (found->option & allowed) == 0 ||
            (options.given & found->group & ~found->option) != 0 ||
            (found->time != 0 && index + 1 == call->argc)) {
            bzs_reply_syntax_error(call);
            return false;
        }
        options.given |= found->option;
        if (found->time != 0) {
            options.time = found->time;
            options.time_index = ++index;
        }
    }
    *options_out = options;
    return true;
}

/** Tells what a SET has done; a deadline that has passed has removed the key. */
static void note_set(const struct bzs_call *call, int64_t expire_at_ms) {
    bzs_call_changed(call, BZS_EVENTS_STRING, "set", call->argv[1]);
    if (expire_at_ms != 0)
        bzs_call_event(call, BZS_EVENTS_GENERIC, "expire", call->argv[1]);
    if (expire_at_ms != 0 && expire_at_ms <= bzs_call_now_ms(call))
        bzs_call_event(call, BZS_EVENTS_EXPIRED, "expired", call->argv[1]);
}

/** Sets the key in argument 1 and answers with the value it had; `shows_miss` as GET does. */
static void set_and_get(struct bzs_call *call, struct bzs_slice value, blitzdb_set_options *how) {
    const struct bzs_slice *key = &call->argv[1];
    void *old = NULL;
    size_t old_size = 0;

    how->old_value_out = &old;
    how->old_size_out = &old_size;

    blitzdb_status status = blitzdb_set_with(call->db, key->data, key->size, value.data, value.size, how);

    if (status != BLITZDB_OK && status != BLITZDB_CONDITION_FAILED) {
        bzs_reply_status(call, status);
    } else if (old == NULL) {
        bzs_call_missed(call, *key);
        bzs_reply_null(call->reply);
    } else {
        bzs_call_hit(call);
        bzs_reply_bulk(call->reply, old, old_size);
    }
    if (status == BLITZDB_OK)
        note_set(call, how->expire_at_ms);
    blitzdb_free(call->db, old);
}

/** SET with something behind the value. */
static void set_with_options(struct bzs_call *call) {
    const struct bzs_slice *key = &call->argv[1];
    const struct bzs_slice *value = &call->argv[2];
    blitzdb_set_options how = {.struct_size = sizeof(how)};
    struct options options;

    if (!parse_options(call, 3, OPTIONS_SET, &options))
        return;
    if (options.time_index != 0 &&
        !bzs_data_deadline(call, options.time_index, options.time, &how.expire_at_ms))
        return;
    how.keep_ttl = (options.given & OPTION_KEEPTTL) != 0;
    if ((options.given & OPTION_NX) != 0)
        how.condition = BLITZDB_IF_ABSENT;
    else if ((options.given & OPTION_XX) != 0)
        how.condition = BLITZDB_IF_PRESENT;
    if ((options.given & OPTION_GET) != 0) {
        set_and_get(call, *value, &how);
        return;
    }

    blitzdb_status status = blitzdb_set_with(call->db, key->data, key->size, value->data, value->size, &how);

    if (status == BLITZDB_CONDITION_FAILED) {
        bzs_reply_null(call->reply);
    } else if (bzs_data_succeeded(call, status)) {
        note_set(call, how.expire_at_ms);
        bzs_reply_simple(call->reply, "OK");
    }
}

static void run_set(struct bzs_call *call) {
    const struct bzs_slice *key = &call->argv[1];
    const struct bzs_slice *value = &call->argv[2];

    if (call->argc > 3) {
        set_with_options(call);
    } else if (bzs_data_succeeded(call,
                                  blitzdb_set(call->db, key->data, key->size, value->data, value->size))) {
        note_set(call, 0);
        bzs_reply_simple(call->reply, "OK");
    }
}

static void run_setnx(struct bzs_call *call) {
    const struct bzs_slice *key = &call->argv[1];
    const struct bzs_slice *value = &call->argv[2];
    blitzdb_set_options how = {.struct_size = sizeof(how), .condition = BLITZDB_IF_ABSENT};

    blitzdb_status status = blitzdb_set_with(call->db, key->data, key->size, value->data, value->size, &how);

    if (status == BLITZDB_OK)
        note_set(call, 0);
    if (status == BLITZDB_CONDITION_FAILED || bzs_data_succeeded(call, status))
        bzs_reply_integer(call->reply, status == BLITZDB_OK);
}

static void set_with_ttl(struct bzs_call *call, unsigned unit) {
    const struct bzs_slice *key = &call->argv[1];
    const struct bzs_slice *value = &call->argv[3];
    blitzdb_set_options how = {.struct_size = sizeof(how)};

    if (!bzs_data_deadline(call, 2, unit | BZS_TIME_RELATIVE | BZS_TIME_POSITIVE, &how.expire_at_ms))
        return;
    if (bzs_data_succeeded(
            call, blitzdb_set_with(call->db, key->data, key->size, value->data, value->size, &how))) {
        note_set(call, how.expire_at_ms);
        bzs_reply_simple(call->reply, "OK");
    }
}

static void run_setex(struct bzs_call *call) {
    set_with_ttl(call, BZS_TIME_SECONDS);
}

static void run_psetex(struct bzs_call *call) {
    set_with_ttl(call, 0);
}

static void run_getset(struct bzs_call *call) {
    blitzdb_set_options how = {.struct_size = sizeof(how)};

    set_and_get(call, call->argv[2], &how);
}

/** View callback of GET and MGET: one value or null, counted as hit or miss. */
static void reply_value(void *user, const blitzdb_view_entry *entry) {
    struct bzs_call *call = user;

    if (entry->value == NULL) {
        bzs_call_missed(call, call->argv[entry->index + 1]);
        bzs_reply_null(call->reply);
    } else {
        bzs_call_hit(call);
        bzs_reply_bulk(call->reply, entry->value, entry->value_size);
    }
}

/** View callback of MGET. The array is announced with its first value: an error reply would have none. */
static void reply_array_of_values(void *user, const blitzdb_view_entry *entry) {
    struct bzs_call *call = user;

    if (entry->index == 0)
        bzs_reply_array(call->reply, call->argc - 1);
    reply_value(call, entry);
}

/* From this size on a value is sent from where it stands: the library keeps those without a copy. */
static const size_t kept_value_min = (size_t)1024 * 1024;

/** A GET that looks before it answers. */
struct get {
    struct bzs_call *call;
    bool is_large; /**< it did not answer: the value is better sent without a copy */
};

static void reply_unless_large(void *user, const blitzdb_view_entry *entry) {
    struct get *get = user;

    get->is_large = entry->value_size >= kept_value_min;
    if (!get->is_large)
        reply_value(get->call, entry);
}

static void unpin(void *pinned) {
    blitzdb_unpin(pinned);
}

/** Answers with a value that stays where it is; by now it may be gone, or small. */
static void get_large(struct bzs_call *call) {
    blitzdb_pinned *pinned = NULL;
    const void *value = NULL;
    size_t size = 0;

    blitzdb_status status =
        blitzdb_get_pinned(call->db, call->argv[1].data, call->argv[1].size, &pinned, &value, &size);

    if (status == BLITZDB_INVALID) { /* in a transaction, which ends before the value is sent */
        (void)bzs_data_succeeded(call, bzs_data_view(call, 1, reply_value, call));
    } else if (status == BLITZDB_NOT_FOUND) {
        reply_value(call, &(blitzdb_view_entry){0});
    } else if (bzs_data_succeeded(call, status)) {
        bzs_call_hit(call);
        bzs_reply_bulk_kept(call->reply, value, size, unpin, pinned);
    }
}

static void run_get(struct bzs_call *call) {
    struct get get = {call, false};
    const void *key = call->argv[1].data;

    if (bzs_data_succeeded(call,
                           blitzdb_view(call->db, 1, &key, &call->argv[1].size, reply_unless_large, &get)) &&
        get.is_large)
        get_large(call);
}

static void run_mget(struct bzs_call *call) {
    (void)bzs_data_succeeded(call, bzs_data_view(call, call->argc - 1, reply_array_of_values, call));
}

/**
 * Begins a transaction over the key and reads its value. False: it was absent or the read failed, the reply
 * is complete and nothing is open.
 */
static bool begin_with_value(struct bzs_call *call, blitzdb_txn **txn_out, struct bzs_slice *value_out,
                             int64_t *expire_at_ms_out) {
    const void *value = NULL;
    size_t size = 0;

    if (!bzs_data_begin(call, 1, txn_out))
        return false;

    blitzdb_status status = blitzdb_txn_get(*txn_out, 0, &value, &size, expire_at_ms_out);

    if (status == BLITZDB_NOT_FOUND) {
        bzs_call_missed(call, call->argv[1]);
        bzs_reply_null(call->reply);
    } else if (bzs_data_succeeded(call, status)) {
        bzs_call_hit(call);
        *value_out = (struct bzs_slice){value, size};
        return true;
    }
    blitzdb_txn_abort(*txn_out);
    return false;
}

/**
 * Ends what begin_with_value() began; true: it is changed. The value is in the reply by then, because it is
 * only visible before the change is staged; if the change fails, the error takes its place.
 */
static bool end_after_value(struct bzs_call *call, uint64_t reply_start, blitzdb_txn *txn,
                            blitzdb_status staged) {
    blitzdb_status status = bzs_data_end(txn, staged);

    if (status != BLITZDB_OK) {
        bzs_reply_truncate(call->reply, reply_start);
        bzs_reply_status(call, status);
    }
    return status == BLITZDB_OK;
}

static void run_getdel(struct bzs_call *call) {
    uint64_t reply_start = bzs_reply_stream_end(call->reply);
    struct bzs_slice value = {NULL, 0};
    blitzdb_txn *txn = NULL;

    if (begin_with_value(call, &txn, &value, NULL)) {
        bzs_reply_bulk(call->reply, value.data, value.size);
        if (end_after_value(call, reply_start, txn, blitzdb_txn_del(txn, 0)))
            bzs_call_changed(call, BZS_EVENTS_GENERIC, "del", call->argv[1]);
    }
}

/** Tells what GETEX has done to a key that had this expiry (0: none). */
static void note_expiry(const struct bzs_call *call, int64_t before_ms, int64_t expire_at_ms) {
    if (expire_at_ms == 0 && before_ms != 0)
        bzs_call_changed(call, BZS_EVENTS_GENERIC, "persist", call->argv[1]);
    else if (expire_at_ms != 0)
        bzs_call_changed(call, BZS_EVENTS_GENERIC, expire_at_ms <= bzs_call_now_ms(call) ? "del" : "expire",
                         call->argv[1]);
}

/** GETEX with an option. An absent key answers null before the time is looked at. */
static void get_and_expire(struct bzs_call *call, const struct options *options) {
    uint64_t reply_start = bzs_reply_stream_end(call->reply);
    int64_t expire_at_ms = 0; /* PERSIST */
    int64_t before_ms = 0;
    struct bzs_slice value = {NULL, 0};
    blitzdb_txn *txn = NULL;

    if (!begin_with_value(call, &txn, &value, &before_ms))
        return;
    if (options->time_index != 0 &&
        !bzs_data_deadline(call, options->time_index, options->time, &expire_at_ms)) {
        blitzdb_txn_abort(txn);
        return;
    }
    bzs_reply_bulk(call->reply, value.data, value.size);
    if (end_after_value(call, reply_start, txn, blitzdb_txn_expire_at(txn, 0, expire_at_ms)))
        note_expiry(call, before_ms, expire_at_ms);
}

static void run_getex(struct bzs_call *call) {
    struct options options;

    if (!parse_options(call, 2, OPTIONS_GETEX, &options))
        return;
    if (options.given == 0)
        run_get(call);
    else
        get_and_expire(call, &options);
}

/**
 * Collects the pairs of MSET or MSETNX. All checks come first: a key that is named twice must not find
 * itself.
 */
static blitzdb_status collect_pairs(const struct bzs_call *call, blitzdb_batch *batch, bool only_absent) {
    const struct bzs_slice *argv = call->argv;
    blitzdb_status status = BLITZDB_OK;

    for (size_t i = 1; only_absent && i < call->argc && status == BLITZDB_OK; i += 2)
        status = blitzdb_batch_check_absent(batch, argv[i].data, argv[i].size);
    for (size_t i = 1; i < call->argc && status == BLITZDB_OK; i += 2) {
        status =
            blitzdb_batch_set(batch, argv[i].data, argv[i].size, argv[i + 1].data, argv[i + 1].size, NULL);
    }
    return status;
}

/** Sets many keys as one batch; false: the error reply has been written. `status_out` is OK or
 * CONDITION_FAILED. */
static bool set_pairs(struct bzs_call *call, bool only_absent, blitzdb_status *status_out) {
    blitzdb_batch *batch = NULL;

    if (call->argc % 2 == 0) {
        bzs_reply_error(call->reply, "ERR wrong number of arguments for '%s' command", call->command->name);
        return false;
    }
    if (!bzs_data_succeeded(call, blitzdb_batch_create(call->db, &batch)))
        return false;

    blitzdb_status status = collect_pairs(call, batch, only_absent);

    if (status == BLITZDB_OK)
        status = blitzdb_batch_commit(batch, BLITZDB_DURABILITY_DEFAULT, NULL);
    blitzdb_batch_destroy(batch);
    if (status == BLITZDB_OK)
        for (size_t i = 1; i < call->argc; i += 2)
            bzs_call_changed(call, BZS_EVENTS_STRING, "set", call->argv[i]);
    *status_out = status;
    return status == BLITZDB_CONDITION_FAILED || bzs_data_succeeded(call, status);
}

static void run_mset(struct bzs_call *call) {
    blitzdb_status status = BLITZDB_OK;

    if (set_pairs(call, false, &status))
        bzs_reply_simple(call->reply, "OK");
}

static void run_msetnx(struct bzs_call *call) {
    blitzdb_status status = BLITZDB_OK;

    if (set_pairs(call, true, &status))
        bzs_reply_integer(call->reply, status == BLITZDB_OK);
}

const struct bzs_command bzs_commands_string[] = {
    {"set", run_set, -3, BZS_WRITE | BZS_DENYOOM, 1, 1, 1, NULL, "string", "1.0.0",
     "Sets a key to a value, if wanted with a condition, an expiry or the old value as the answer."},
    {"get", run_get, 2, BZS_READONLY | BZS_FAST, 1, 1, 1, NULL, "string", "1.0.0",
     "Gets the value of a key."},
    {"getdel", run_getdel, 2, BZS_WRITE | BZS_FAST, 1, 1, 1, NULL, "string", "6.2.0",
     "Gets the value of a key and deletes the key."},
    {"getex", run_getex, -2, BZS_WRITE | BZS_FAST, 1, 1, 1, NULL, "string", "6.2.0",
     "Gets the value of a key and changes or removes its expiry."},
    {"getset", run_getset, 3, BZS_WRITE | BZS_DENYOOM | BZS_FAST, 1, 1, 1, NULL, "string", "1.0.0",
     "Sets a key and gets the value it had."},
    {"setnx", run_setnx, 3, BZS_WRITE | BZS_DENYOOM | BZS_FAST, 1, 1, 1, NULL, "string", "1.0.0",
     "Sets a key unless it exists."},
    {"setex", run_setex, 4, BZS_WRITE | BZS_DENYOOM, 1, 1, 1, NULL, "string", "2.0.0",
     "Sets a key that expires after some seconds."},
    {"psetex", run_psetex, 4, BZS_WRITE | BZS_DENYOOM, 1, 1, 1, NULL, "string", "2.6.0",
     "Sets a key that expires after some milliseconds."},
    {"mget", run_mget, -2, BZS_READONLY | BZS_FAST, 1, -1, 1, NULL, "string", "1.0.0",
     "Gets the values of many keys at one moment."},
    {"mset", run_mset, -3, BZS_WRITE | BZS_DENYOOM, 1, -1, 2, NULL, "string", "1.0.1",
     "Sets many keys in one step."},
    {"msetnx", run_msetnx, -3, BZS_WRITE | BZS_DENYOOM, 1, -1, 2, NULL, "string", "1.0.1",
     "Sets many keys in one step unless one of them exists."},
    {NULL, NULL, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL},
};
