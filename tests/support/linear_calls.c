/** Random calls for histories: what the simulated store and BlitzDB itself are asked. */
#include "linear.h"

/** Values are this far apart, so that sums of small numbers do not meet the next one. */
enum { VALUE_DISTANCE = 1000 };

/** A value that no other call sets; of some four lengths, so that values are written over and replaced. */
static int64_t new_value(struct rng *rng, uint64_t number) {
    static const int64_t lengths[] = {0, INT64_C(1000000000000), INT64_C(2000000000000),
                                      INT64_C(3000000000000000)};
    return lengths[rng_below(rng, 4)] + (int64_t)(number + 1) * VALUE_DISTANCE;
}

static void add_step(struct linear_call *call, enum linear_kind kind, unsigned key, int64_t argument) {
    call->steps[call->step_count++] =
        (struct linear_step){.kind = kind, .outcome = LINEAR_UNKNOWN, .key = key, .argument = argument};
}

static void make_one(struct rng *rng, unsigned key, int64_t value, struct linear_call *call) {
    static const enum linear_kind kinds[] = {
        LINEAR_GET,    LINEAR_GET,   LINEAR_GET, LINEAR_SET,           LINEAR_SET,
        LINEAR_ADD,    LINEAR_ADD,   LINEAR_ADD, LINEAR_SET_IF_ABSENT, LINEAR_SET_IF_PRESENT,
        LINEAR_REMOVE, LINEAR_REMOVE};
    enum linear_kind kind = kinds[rng_below(rng, sizeof kinds / sizeof kinds[0])];
    add_step(call, kind, key, kind == LINEAR_ADD ? 1 + (int64_t)rng_below(rng, 3) : value);
}

/** A set that tells the value before; on a condition, it is a compare-and-set of a value the caller fills in.
 */
static void make_old(struct rng *rng, unsigned key, int64_t value, struct linear_call *call) {
    static const enum linear_kind kinds[] = {LINEAR_SET, LINEAR_SET_IF_ABSENT, LINEAR_SET_IF_PRESENT,
                                             LINEAR_SET_IF_EQUAL, LINEAR_SET_IF_EQUAL};
    add_step(call, LINEAR_GET, key, 0);
    add_step(call, kinds[rng_below(rng, 5)], key, value);
}

/** Two changes; every fourth batch has a condition in front of the second one, which may fail. */
static void make_batch(struct rng *rng, unsigned first, unsigned second, int64_t value,
                       struct linear_call *call) {
    call->rolls_back = true;
    add_step(call, LINEAR_SET, first, value);
    switch (rng_below(rng, 4)) {
    case 0:
        add_step(call, LINEAR_SET_IF_ABSENT, second, value + VALUE_DISTANCE / 2);
        break;
    case 1:
        add_step(call, LINEAR_ADD, second, 7);
        break;
    case 2:
        add_step(call, LINEAR_REMOVE, second, 0);
        break;
    default:
        add_step(call, LINEAR_SET, second, value + VALUE_DISTANCE / 2);
        break;
    }
}

enum linear_shape linear_make_up(struct rng *rng, const struct linear_mix *mix, uint64_t number,
                                 struct linear_call *call_out) {
    unsigned key = (unsigned)rng_below(rng, mix->keys);
    unsigned other = mix->keys == 1 ? key : (key + 1 + (unsigned)rng_below(rng, mix->keys - 1)) % mix->keys;
    int64_t value = new_value(rng, number);
    *call_out = (struct linear_call){.step_count = 0};
    uint64_t dice = rng_below(rng, mix->has_many ? 10 : 5);
    if (dice < 4) {
        make_one(rng, key, value, call_out);
        return LINEAR_SHAPE_ONE;
    }
    if (dice < 5) {
        make_old(rng, key, value, call_out);
        return LINEAR_SHAPE_OLD;
    }
    if (dice < 7) {
        add_step(call_out, LINEAR_GET, key, 0);
        add_step(call_out, LINEAR_GET, other, 0);
        return LINEAR_SHAPE_LOOK;
    }
    if (dice < 9) {
        make_batch(rng, key, other, value, call_out);
        return LINEAR_SHAPE_BATCH;
    }
    add_step(call_out, LINEAR_GET, key, 0);
    add_step(call_out, LINEAR_GET, other, 0);
    add_step(call_out, LINEAR_SET, key, value);
    add_step(call_out, rng_below(rng, 3) == 0 ? LINEAR_REMOVE : LINEAR_SET, other,
             value + VALUE_DISTANCE / 2);
    return LINEAR_SHAPE_CHANGE;
}
