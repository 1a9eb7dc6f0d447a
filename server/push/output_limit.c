#include "output_limit.h"

static uint64_t value_of(const _Atomic int64_t *setting) {
    return (uint64_t)atomic_load_explicit(setting, memory_order_relaxed);
}

enum bzs_output_verdict bzs_output_judge(const struct bzs_output_limit *limit, uint64_t bytes) {
    uint64_t hard = value_of(&limit->hard);
    uint64_t soft = value_of(&limit->soft);
    if (hard > 0 && bytes >= hard)
        return BZS_OUTPUT_OVER_HARD;
    return soft > 0 && bytes >= soft ? BZS_OUTPUT_OVER_SOFT : BZS_OUTPUT_FITS;
}

uint64_t bzs_output_most(const struct bzs_output_limit *limit) {
    uint64_t hard = value_of(&limit->hard);
    return hard > 0 ? hard : BZS_PUSHES_MAX;
}
