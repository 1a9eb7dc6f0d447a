#include "linear.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/** A call of the part under search, with its invocation and its return as marks in one list by time. */
struct mark {
    uint64_t time;
    size_t call; /* index in the part */
    bool is_return;
    struct mark *before;
    struct mark *after;
};

/** What has been seen: records of one size, found by a hash. */
struct memory {
    uint64_t *records; /* count of them, each `width` words */
    size_t width;
    size_t count;
    size_t room;
    uint32_t *places; /* index of a record plus one, 0: free; a power of two of them */
    size_t place_count;
};

/** A choice that can be taken back. */
struct choice {
    struct mark *invocation;
    int64_t before[LINEAR_KEYS_MAX];
};

struct search {
    const struct linear_call *const *calls;
    size_t count;
    unsigned key_count;
    struct mark *marks; /* two for each call */
    struct mark head;   /* before the first mark */
    struct mark **return_of;
    size_t unanswered; /* calls with a return that are not placed yet */
    uint64_t *record;  /* the present state as the memory keeps it: bits of placed calls, then values */
    size_t bit_words;
    int64_t state[LINEAR_KEYS_MAX];
    struct choice *choices;
    size_t depth;
    struct memory memory;
    size_t deepest;
    size_t stuck;
};

static void *need(size_t count, size_t size) {
    void *memory = calloc(count > 0 ? count : 1, size);
    if (memory == NULL) {
        (void)fprintf(stderr, "linear: out of memory\n");
        exit(1);
    }
    return memory;
}

/* Steps */

/** Changes the value as the step would; returns whether it is done, and what it answers. */
static bool run_step(const struct linear_step *step, int64_t *value, int64_t *result_out) {
    int64_t before = *value;
    *result_out = 0;
    switch (step->kind) {
    case LINEAR_GET:
        *result_out = before;
        return before != LINEAR_ABSENT;
    case LINEAR_SET:
        *value = step->argument;
        return true;
    case LINEAR_SET_IF_ABSENT:
        *value = before == LINEAR_ABSENT ? step->argument : before;
        return before == LINEAR_ABSENT;
    case LINEAR_SET_IF_PRESENT:
        *value = before != LINEAR_ABSENT ? step->argument : before;
        return before != LINEAR_ABSENT;
    case LINEAR_SET_IF_EQUAL:
        *value = before == step->expected ? step->argument : before;
        return before == step->expected;
    case LINEAR_ADD:
        *value = (before == LINEAR_ABSENT ? 0 : before) + step->argument;
        *result_out = *value;
        return true;
    case LINEAR_REMOVE:
        *value = LINEAR_ABSENT;
        return before != LINEAR_ABSENT;
    }
    return false;
}

bool linear_play_step(const struct linear_step *step, int64_t *value) {
    int64_t result;
    bool is_done = run_step(step, value, &result);
    if (step->outcome == LINEAR_UNKNOWN)
        return true;
    if (is_done != (step->outcome == LINEAR_DONE))
        return false;
    bool answers = step->kind == LINEAR_GET || step->kind == LINEAR_ADD;
    return !is_done || !answers || result == step->result;
}

void linear_perform_step(struct linear_step *step, int64_t *value) {
    step->outcome = run_step(step, value, &step->result) ? LINEAR_DONE : LINEAR_REFUSED;
}

/** Plays a whole call on the values of all keys; false if it cannot have gone as it says. */
static bool play_call(const struct linear_call *call, int64_t state[LINEAR_KEYS_MAX]) {
    int64_t before[LINEAR_KEYS_MAX];
    memcpy(before, state, sizeof before);
    for (unsigned i = 0; i < call->step_count; i++) {
        const struct linear_step *step = &call->steps[i];
        if (!linear_play_step(step, &state[step->key]))
            return false;
        if (call->rolls_back && step->outcome == LINEAR_REFUSED) {
            memcpy(state, before, sizeof before);
            return true;
        }
    }
    return true;
}

/* The memory of states */

static uint64_t hash_record(const uint64_t *record, size_t width) {
    struct rng mixer = {width};
    uint64_t hash = 0;
    for (size_t i = 0; i < width; i++) {
        mixer.state ^= record[i] + hash;
        hash = rng_next(&mixer);
    }
    return hash;
}

/** The place of a record, or the free one where it belongs. */
static uint32_t *find_place(const struct memory *memory, const uint64_t *record) {
    size_t at = (size_t)hash_record(record, memory->width) & (memory->place_count - 1);
    for (; memory->places[at] != 0; at = (at + 1) & (memory->place_count - 1))
        if (memcmp(memory->records + (memory->places[at] - 1) * memory->width, record,
                   memory->width * sizeof *record) == 0)
            break;
    return &memory->places[at];
}

static void grow_memory(struct memory *memory) {
    uint64_t *records = memory->records;
    memory->room = memory->room == 0 ? 1024 : memory->room * 2;
    memory->records = need(memory->room * memory->width, sizeof *memory->records);
    if (memory->count > 0)
        memcpy(memory->records, records, memory->count * memory->width * sizeof *records);
    free(records);
    free(memory->places);
    memory->place_count = memory->room * 2;
    memory->places = need(memory->place_count, sizeof *memory->places);
    for (size_t i = 0; i < memory->count; i++)
        *find_place(memory, memory->records + i * memory->width) = (uint32_t)i + 1;
}

/** Keeps a record; false if it is there already. */
static bool remember(struct memory *memory, const uint64_t *record) {
    if (memory->count == memory->room)
        grow_memory(memory);
    uint32_t *place = find_place(memory, record);
    if (*place != 0)
        return false;
    memcpy(memory->records + memory->count * memory->width, record, memory->width * sizeof *record);
    *place = (uint32_t)++memory->count;
    return true;
}

/* The search */

/** By time; at one moment invocations come first, so that calls that touch are concurrent. */
static int compare_marks(const void *left, const void *right) {
    const struct mark *a = left;
    const struct mark *b = right;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    if (a->is_return != b->is_return)
        return a->is_return ? 1 : -1;
    return a->call < b->call ? -1 : a->call > b->call;
}

static void take_out(struct mark *mark) {
    mark->before->after = mark->after;
    if (mark->after != NULL)
        mark->after->before = mark->before;
}

/** Undoes take_out(); in the opposite order of the taking. */
static void put_back(struct mark *mark) {
    mark->before->after = mark;
    if (mark->after != NULL)
        mark->after->before = mark;
}

static void link_marks(struct search *search) {
    size_t used = 0;
    for (size_t i = 0; i < search->count; i++) {
        const struct linear_call *call = search->calls[i];
        search->marks[used++] = (struct mark){.time = call->invoked, .call = i};
        if (call->returned == LINEAR_NEVER)
            continue;
        search->marks[used++] = (struct mark){.time = call->returned, .call = i, .is_return = true};
        search->unanswered++;
    }
    qsort(search->marks, used, sizeof *search->marks, compare_marks);
    struct mark *last = &search->head;
    for (size_t i = 0; i < used; i++) {
        struct mark *mark = &search->marks[i];
        mark->before = last;
        last->after = mark;
        last = mark;
        if (mark->is_return)
            search->return_of[mark->call] = mark;
    }
}

static void flip_bit(struct search *search, size_t call) {
    search->record[call / 64] ^= UINT64_C(1) << (call % 64);
}

/** Places a call next, if its results allow it and this state is a new one. */
static bool place(struct search *search, struct mark *invocation) {
    int64_t state[LINEAR_KEYS_MAX];
    memcpy(state, search->state, sizeof state);
    if (!play_call(search->calls[invocation->call], state))
        return false;
    flip_bit(search, invocation->call);
    memcpy(search->record + search->bit_words, state, search->key_count * sizeof *state);
    if (!remember(&search->memory, search->record)) {
        flip_bit(search, invocation->call);
        return false;
    }
    struct choice *choice = &search->choices[search->depth++];
    choice->invocation = invocation;
    memcpy(choice->before, search->state, sizeof state);
    memcpy(search->state, state, sizeof state);
    take_out(invocation);
    struct mark *its_return = search->return_of[invocation->call];
    if (its_return != NULL) {
        take_out(its_return);
        search->unanswered--;
    }
    return true;
}

/** Takes the last choice back; returns where the search goes on, or NULL: there is no other choice. */
static struct mark *retreat(struct search *search) {
    if (search->depth == 0)
        return NULL;
    const struct choice *choice = &search->choices[--search->depth];
    struct mark *its_return = search->return_of[choice->invocation->call];
    if (its_return != NULL) {
        put_back(its_return);
        search->unanswered++;
    }
    put_back(choice->invocation);
    memcpy(search->state, choice->before, sizeof search->state);
    flip_bit(search, choice->invocation->call);
    return choice->invocation->after;
}

/** Any call may come next whose invocation stands before the first return of those that are not placed. */
static bool run_search(struct search *search) {
    struct mark *at = search->head.after;
    while (search->unanswered > 0) {
        if (at != NULL && !at->is_return) {
            at = place(search, at) ? search->head.after : at->after;
            continue;
        }
        if (at != NULL && search->depth >= search->deepest) {
            search->deepest = search->depth;
            search->stuck = at->call;
        }
        at = retreat(search);
        if (at == NULL && search->depth == 0)
            return false;
    }
    return true;
}

static uint64_t count_overlaps(const struct search *search) {
    uint64_t overlaps = 0;
    size_t under_way = 0;
    for (const struct mark *mark = search->head.after; mark != NULL; mark = mark->after) {
        if (mark->is_return) {
            under_way--;
            continue;
        }
        overlaps += under_way > 0;
        under_way += search->calls[mark->call]->returned != LINEAR_NEVER;
    }
    return overlaps;
}

/** Searches one part; `stuck_out` is an index in the part. */
static bool check_part(const struct linear_call *const *calls, size_t count, const int64_t *initial,
                       struct linear_verdict *verdict, size_t *stuck_out) {
    struct search search = {.calls = calls, .count = count, .key_count = LINEAR_KEYS_MAX};
    search.bit_words = (count + 63) / 64;
    search.memory.width = search.bit_words + search.key_count;
    search.marks = need(count * 2, sizeof *search.marks);
    search.return_of = need(count, sizeof(struct mark *));
    search.record = need(search.memory.width, sizeof *search.record);
    search.choices = need(count, sizeof *search.choices);
    memcpy(search.state, initial, sizeof search.state);
    link_marks(&search);
    verdict->overlaps += count_overlaps(&search);
    bool found = run_search(&search);
    verdict->states += search.memory.count;
    *stuck_out = search.stuck;
    free(search.marks);
    free(search.return_of);
    free(search.record);
    free(search.choices);
    free(search.memory.records);
    free(search.memory.places);
    return found;
}

/* Parts */

/** The group of keys that a key belongs to: keys that calls touch together are in one group. */
static unsigned group_of(const unsigned groups[LINEAR_KEYS_MAX], unsigned key) {
    while (groups[key] != key)
        key = groups[key];
    return key;
}

static void group_keys(const struct linear_history *history, unsigned groups[LINEAR_KEYS_MAX]) {
    for (unsigned key = 0; key < LINEAR_KEYS_MAX; key++)
        groups[key] = key;
    for (size_t i = 0; i < history->count; i++) {
        const struct linear_call *call = &history->calls[i];
        for (unsigned step = 1; step < call->step_count; step++)
            groups[group_of(groups, call->steps[step].key)] = group_of(groups, call->steps[0].key);
    }
}

bool linear_check(const struct linear_history *history, struct linear_verdict *verdict_out) {
    unsigned groups[LINEAR_KEYS_MAX];
    const struct linear_call **part = need(history->count, sizeof(struct linear_call *));
    *verdict_out = (struct linear_verdict){.is_linearizable = true};
    group_keys(history, groups);
    for (unsigned group = 0; group < LINEAR_KEYS_MAX && verdict_out->is_linearizable; group++) {
        size_t count = 0;
        size_t stuck = 0;
        for (size_t i = 0; i < history->count; i++)
            if (group_of(groups, history->calls[i].steps[0].key) == group)
                part[count++] = &history->calls[i];
        if (count == 0)
            continue;
        verdict_out->is_linearizable = check_part(part, count, history->initial, verdict_out, &stuck);
        verdict_out->stuck = (size_t)(part[stuck] - history->calls);
    }
    free(part);
    return verdict_out->is_linearizable;
}

/* Text */

static void print_number(FILE *to, int64_t number) {
    if (number == LINEAR_ABSENT)
        (void)fprintf(to, " none");
    else
        (void)fprintf(to, " %" PRId64, number);
}

static void print_step(FILE *to, const struct linear_step *step) {
    static const char *const names[] = {"get",          "set", "set if absent", "set if present",
                                        "set if equal", "add", "remove"};
    static const char *const outcomes[] = {"?", "done", "refused"};
    (void)fprintf(to, "  %s %c", names[step->kind], (char)('a' + (int)step->key));
    if (step->kind == LINEAR_SET_IF_EQUAL)
        print_number(to, step->expected);
    if (step->kind != LINEAR_GET && step->kind != LINEAR_REMOVE)
        print_number(to, step->argument);
    (void)fprintf(to, ": %s", outcomes[step->outcome]);
    if (step->outcome == LINEAR_DONE && (step->kind == LINEAR_GET || step->kind == LINEAR_ADD))
        print_number(to, step->result);
}

void linear_print(FILE *to, const struct linear_history *history, size_t call) {
    const struct linear_call *centre = &history->calls[call];
    for (size_t i = 0; i < history->count; i++) {
        const struct linear_call *other = &history->calls[i];
        if (other->invoked > centre->returned || other->returned < centre->invoked)
            continue;
        (void)fprintf(to, "%s thread %u, %" PRIu64 " to %" PRIu64 "%s:", other == centre ? ">" : " ",
                      other->thread, other->invoked, other->returned, other->rolls_back ? ", batch" : "");
        for (unsigned step = 0; step < other->step_count; step++)
            print_step(to, &other->steps[step]);
        (void)fprintf(to, "\n");
    }
}
