/**
 * @file
 * @brief BITFIELD and BITFIELD_RO: integers of any width at any bit of a value; see bits.h.
 */
#include <stdlib.h>

#include "bits.h"
#include "command_bitmap.h"
#include "events.h"

enum { STEPS_INLINE = 16 };

/** One GET, SET or INCRBY. */
struct step {
    enum { STEP_GET, STEP_SET, STEP_INCREMENT } kind;
    enum bzs_bits_overflow overflow;
    struct bzs_bits_type type;
    uint64_t offset;
    int64_t number;
};

/** All of a call. */
struct program {
    struct step on_stack[STEPS_INLINE];
    struct step *steps;
    size_t count;
    bool writes;
    uint64_t bits_written; /**< the last bit that is written, and one */
};

/** "u1" to "u63" and "i1" to "i64"; false: the error reply has been written. */
static bool parse_type(struct bzs_call *call, struct bzs_slice text, struct bzs_bits_type *type_out) {
    int64_t width = 0;
    bool is_signed = text.size > 0 && text.data[0] == 'i';
    bool is_known = is_signed || (text.size > 0 && text.data[0] == 'u');
    if (!is_known || !bzs_parse_integer((struct bzs_slice){text.data + 1, text.size - 1}, &width) ||
        width < 1 || width > (is_signed ? 64 : 63)) {
        bzs_reply_error(call->reply, "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is "
                                     "not supported but i64 is.");
        return false;
    }
    *type_out = (struct bzs_bits_type){(unsigned)width, is_signed};
    return true;
}

static bool parse_overflow(struct bzs_call *call, struct bzs_slice word, enum bzs_bits_overflow *overflow) {
    if (bzs_arg_is(word, "wrap"))
        *overflow = BZS_BITS_WRAP;
    else if (bzs_arg_is(word, "sat"))
        *overflow = BZS_BITS_SATURATE;
    else if (bzs_arg_is(word, "fail"))
        *overflow = BZS_BITS_FAIL;
    else
        bzs_reply_error(call->reply, "ERR Invalid OVERFLOW type specified");
    return bzs_arg_is(word, "wrap") || bzs_arg_is(word, "sat") || bzs_arg_is(word, "fail");
}

/** Reads one step, whose word is the argument `index`; answers how many arguments it has, 0: the error reply
 * has been written. */
static size_t parse_step(struct bzs_call *call, size_t index, struct step *step) {
    struct bzs_slice word = call->argv[index];
    size_t left = call->argc - index - 1;
    if (bzs_arg_is(word, "get") && left >= 2) {
        step->kind = STEP_GET;
    } else if (bzs_arg_is(word, "set") && left >= 3) {
        step->kind = STEP_SET;
    } else if (bzs_arg_is(word, "incrby") && left >= 3) {
        step->kind = STEP_INCREMENT;
    } else {
        bzs_reply_syntax_error(call);
        return 0;
    }
    if (!parse_type(call, call->argv[index + 1], &step->type) ||
        !bzs_bitmap_offset(call, call->argv[index + 2], step->type.width, &step->offset))
        return 0;
    if (step->kind == STEP_GET)
        return 3;
    return bzs_arg_integer(call, index + 3, &step->number) ? 4 : 0;
}

/** Reads all arguments behind the key; false: the error reply has been written. */
static bool parse_program(struct bzs_call *call, struct program *program) {
    enum bzs_bits_overflow overflow = BZS_BITS_WRAP;
    for (size_t i = 2, taken = 0; i < call->argc; i += taken) {
        if (bzs_arg_is(call->argv[i], "overflow") && i + 1 < call->argc) {
            if (!parse_overflow(call, call->argv[i + 1], &overflow))
                return false;
            taken = 2;
            continue;
        }
        struct step *step = &program->steps[program->count++];
        *step = (struct step){.overflow = overflow};
        taken = parse_step(call, i, step);
        if (taken == 0)
            return false;
        if (step->kind != STEP_GET) {
            uint64_t end = step->offset + step->type.width;
            program->writes = true;
            program->bits_written = end > program->bits_written ? end : program->bits_written;
        }
    }
    return true;
}

/** Runs a step that writes and answers it; true if the number is another one now. */
static bool run_write(struct bzs_call *call, const struct step *step, struct bzs_bitmap *bitmap) {
    int64_t before = bzs_bits_read(bitmap->data, bitmap->size, step->offset, step->type);
    bool adds = step->kind == STEP_INCREMENT;
    int64_t value = adds ? before : step->number;
    int64_t after = 0;
    if (!bzs_bits_add(step->type, value, adds ? step->number : 0, step->overflow, &after)) {
        bzs_reply_null(call->reply);
        return false;
    }
    bzs_bits_write(bitmap->data, step->offset, step->type, after);
    bzs_reply_integer(call->reply, adds ? after : before);
    return after != before;
}

static void reply_get(struct bzs_call *call, const struct step *step, const void *data, size_t size) {
    bzs_reply_integer(call->reply, bzs_bits_read(data, size, step->offset, step->type));
}

/** Runs a program that writes. */
static blitzdb_status stage_program(struct bzs_call *call, const struct program *program, blitzdb_txn *txn,
                                    bool *changes_out) {
    struct bzs_bitmap bitmap;
    bool has_changed = false;
    blitzdb_status status = bzs_bitmap_open(txn, (size_t)((program->bits_written + 7) / 8), &bitmap);
    if (status != BLITZDB_OK)
        return status;
    bzs_reply_array(call->reply, program->count);
    for (size_t i = 0; i < program->count; i++)
        if (program->steps[i].kind == STEP_GET)
            reply_get(call, &program->steps[i], bitmap.data, bitmap.size);
        else
            has_changed |= run_write(call, &program->steps[i], &bitmap);
    *changes_out = has_changed || bitmap.size != bitmap.size_before;
    return bzs_bitmap_close(txn, &bitmap, *changes_out);
}

static void write_and_read(struct bzs_call *call, const struct program *program) {
    uint64_t reply_start = bzs_reply_stream_end(call->reply);
    blitzdb_txn *txn = NULL;

    if (!bzs_data_begin(call, 1, &txn))
        return;

    bool changes = false;
    blitzdb_status status = bzs_data_end(txn, stage_program(call, program, txn, &changes));

    if (status == BLITZDB_OK && changes)
        bzs_call_changed(call, BZS_EVENTS_STRING, "setbit", call->argv[1]);
    if (status != BLITZDB_OK) { /* nothing was changed: the answers are void */
        bzs_reply_truncate(call->reply, reply_start);
        bzs_reply_status(call, status);
    }
}

/** For the view callback. */
struct reading {
    struct bzs_call *call;
    const struct program *program;
};

static void reply_gets(void *user, const blitzdb_view_entry *entry) {
    const struct reading *reading = user;
    struct bzs_call *call = reading->call;

    if (entry->value == NULL)
        bzs_call_missed(call, call->argv[1]);
    else
        bzs_call_hit(call);
    bzs_reply_array(call->reply, reading->program->count);
    for (size_t i = 0; i < reading->program->count; i++)
        reply_get(call, &reading->program->steps[i], entry->value, entry->value_size);
}

static void run_program(struct bzs_call *call, bool may_write) {
    struct program program = {.count = 0};
    struct reading reading = {call, &program};
    program.steps = program.on_stack;
    if (call->argc > STEPS_INLINE)
        program.steps = calloc(call->argc, sizeof(*program.steps));
    if (program.steps == NULL) {
        bzs_reply_status(call, BLITZDB_NO_MEMORY);
        return;
    }
    if (parse_program(call, &program)) {
        if (program.writes && !may_write)
            bzs_reply_error(call->reply, "ERR BITFIELD_RO only supports the GET subcommand");
        else if (program.writes)
            write_and_read(call, &program);
        else
            (void)bzs_data_succeeded(call, bzs_data_view(call, 1, reply_gets, &reading));
    }
    if (program.steps != program.on_stack)
        free(program.steps);
}

static void run_bitfield(struct bzs_call *call) {
    run_program(call, true);
}

static void run_bitfield_ro(struct bzs_call *call) {
    run_program(call, false);
}

const struct bzs_command bzs_commands_bitfield[] = {
    {"bitfield", run_bitfield, -2, BZS_WRITE | BZS_DENYOOM, 1, 1, 1, NULL, "bitmap", "3.2.0",
     "Reads and changes integers of any width at any bit of a value."},
    {"bitfield_ro", run_bitfield_ro, -2, BZS_READONLY | BZS_FAST, 1, 1, 1, NULL, "bitmap", "6.0.0",
     "Reads integers of any width at any bit of a value."},
    {.name = NULL},
};
