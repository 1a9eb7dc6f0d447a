// What bench_store is asked to measure.
#ifndef BLITZDB_BENCH_SETTINGS_H
#define BLITZDB_BENCH_SETTINGS_H

#include <cstdio>
#include <vector>

#include "measure.h"

namespace bench {

struct Settings {
    std::vector<uint64_t> items{100000, 1000000};
    std::vector<uint64_t> threads{1, 2, 4};
    std::vector<uint64_t> batches{1, 4, 16, 64};
    std::vector<Load> loads{{0, false}, {5, false}, {50, false}, {0, true}};
    std::vector<Keys> keys{Keys::uniform, Keys::zipf, Keys::hot};
    std::vector<KnownStore> stores = known_stores();
    uint64_t rounds = 5;
    double seconds = 0.15;
    bool by_processor = false;
    bool with_memory = true;
    FILE *csv = nullptr;
};

Settings parse_settings(int count, char **words);

// One kind of work: a load, the choice of keys, and the keys per call. Churn comes last, because it replaces
// the items that the others ask for.
struct Work {
    Load load;
    Keys keys;
    std::vector<uint64_t> batches;
};
std::vector<Work> all_work(const Settings &settings);

} // namespace bench

#endif
