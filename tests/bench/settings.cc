#include "settings.h"

#include "options.h"

namespace bench {
namespace {

const char HELP[] =
    R"(bench_store: BlitzDB against other stores in one process, keys of 16 bytes, values of 64.

    --items 100000,1000000        items in each store; if not all stores fit the memory at once, they are
                                  measured in groups, each with BlitzDB (10000000: 12 GiB for all)
    --threads 1,2,4               1 to 64; more than there are cores is allowed
    --loads get,set5,set50,churn  setN: N % of the operations are SETs, the others GETs;
                                  churn: an operation deletes a key and inserts a fresh one
    --keys uniform,zipf,hot       Zipf 0.99; one hot key in 100 operations; churn is always uniform
    --batches 1,4,16,64           keys per call; more than 1 only with the first of --keys
    --stores BlitzDB,TinyDBM,...  all that were installed; BlitzDB is always there
    --rounds 5                    measurements of each figure, of which medians are shown
    --seconds 0.15                length of a measurement
    --clock wall                  or processor, where other work disturbs
    --memory yes                  or no: without the bytes per item, which need each store to be filled twice
    --csv FILE                    every measurement in a row

GLIBC_TUNABLES=glibc.malloc.hugetlb=1 in the environment gives huge pages to the stores that use malloc.
)";

Load parse_load(const Options &options, const std::string &name) {
    if (name == "get")
        return {0, false};
    if (name == "churn")
        return {0, true};
    for (unsigned percent = 1; percent <= 100; percent++)
        if (name == name_of(Load{percent, false}))
            return {percent, false};
    options.refuse("loads such as get, set5, set50, churn");
}

Keys parse_keys(const Options &options, const std::string &name) {
    for (Keys keys : {Keys::uniform, Keys::zipf, Keys::hot})
        if (name == name_of(keys))
            return keys;
    options.refuse("choices out of uniform, zipf, hot");
}

// Single calls are always there: they are what a store without batches does.
std::vector<uint64_t> parse_batches(const Options &options) {
    std::vector<uint64_t> batches = options.numbers(1, Batch::MAX);
    for (uint64_t batch : batches)
        if ((batch & (batch - 1)) != 0)
            options.refuse("powers of two up to " + std::to_string(Batch::MAX));
    if (batches[0] != 1)
        batches.insert(batches.begin(), 1);
    return batches;
}

void take_option(const Options &options, Settings *settings) {
    if (options.name() == "--items")
        settings->items = options.numbers(ChurnOrder::ITEMS_MIN, UINT32_MAX);
    else if (options.name() == "--threads")
        settings->threads = options.numbers(1, THREADS_MAX);
    else if (options.name() == "--loads") {
        settings->loads.clear();
        for (const std::string &name : options.list())
            settings->loads.push_back(parse_load(options, name));
    } else if (options.name() == "--keys") {
        settings->keys.clear();
        for (const std::string &name : options.list())
            settings->keys.push_back(parse_keys(options, name));
    } else if (options.name() == "--batches")
        settings->batches = parse_batches(options);
    else if (options.name() == "--stores")
        settings->stores = choose_stores(options);
    else if (options.name() == "--rounds")
        settings->rounds = options.number(1, 10000);
    else if (options.name() == "--seconds")
        settings->seconds = options.seconds();
    else if (options.name() == "--clock")
        settings->by_processor = options.choice("processor", "wall");
    else if (options.name() == "--memory")
        settings->with_memory = options.choice("yes", "no");
    else if (options.name() == "--csv")
        settings->csv = options.file_to_write();
    else
        options.refuse_name();
}

} // namespace

Settings parse_settings(int count, char **words) {
    Settings settings;
    Options options(count, words, HELP);
    while (options.next())
        take_option(options, &settings);
    return settings;
}

std::vector<Work> all_work(const Settings &settings) {
    std::vector<Work> all;
    bool churns = false;
    for (const Load &load : settings.loads) {
        churns = churns || load.churn;
        for (size_t i = 0; i < settings.keys.size() && !load.churn; i++)
            all.push_back({load, settings.keys[i], i == 0 ? settings.batches : std::vector<uint64_t>{1}});
    }
    if (churns)
        all.push_back({{0, true}, Keys::uniform, settings.batches});
    return all;
}

} // namespace bench
