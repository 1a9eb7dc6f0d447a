// Resident bytes per item beyond key and value, BlitzDB beside the other stores, with and without an expiry,
// and BlitzDB's own account (blitzdb_stats()) beside what its process really holds. Each store is filled
// alone in a process of its own; see --help.
#include <cinttypes>

#include "options.h"
#include "process.h"

namespace bench {
namespace {

const char HELP[] =
    R"(bench_memory: resident bytes per item beyond key and value, each store alone in a process.

    --items 1000000               items in each store
    --sizes 8+8,16+16,...         bytes of key (8 to 511) and value (1 to 1048576);
                                  default 8+8,16+16,16+64,32+256,20+1024
    --stores BlitzDB,TinyDBM,...  all that were installed; BlitzDB is always there
    --csv FILE                    every figure in a row
)";

struct Size {
    size_t key, value;
};

struct Settings {
    size_t items = 1000000;
    std::vector<Size> sizes{{8, 8}, {16, 16}, {16, 64}, {32, 256}, {20, 1024}};
    std::vector<KnownStore> stores = known_stores();
    FILE *csv = nullptr;
};

Size parse_size(const Options &options, const std::string &text) {
    Size size{};
    char rest;
    bool plain = text.find_first_not_of("0123456789+") == std::string::npos;
    if (!plain || std::sscanf(text.c_str(), "%7zu+%7zu%c", &size.key, &size.value, &rest) != 2 ||
        size.key < 8 || size.key > 511 || size.value < 1 || size.value > 1048576)
        options.refuse("sizes such as 16+64, keys of 8 to 511 bytes and values of 1 to 1048576");
    return size;
}

Settings parse(int count, char **words) {
    Settings settings;
    Options options(count, words, HELP);
    while (options.next()) {
        if (options.name() == "--items")
            settings.items = options.number(1, UINT32_MAX);
        else if (options.name() == "--sizes") {
            settings.sizes.clear();
            for (const std::string &text : options.list())
                settings.sizes.push_back(parse_size(options, text));
        } else if (options.name() == "--stores")
            settings.stores = choose_stores(options);
        else if (options.name() == "--csv")
            settings.csv = options.file_to_write();
        else
            options.refuse_name();
    }
    return settings;
}

void print_header(const Settings &settings) {
    std::printf("%zu items: resident bytes per item beyond key and value (-: the store has no expiry)\n",
                settings.items);
    std::printf("%-9s %-6s |", "key+value", "expiry");
    for (const KnownStore &store : settings.stores)
        std::printf(" %9s", store.name.c_str());
    std::printf(" | BlitzDB: MiB resident, its own figure, difference\n");
    if (settings.csv != nullptr)
        std::fprintf(settings.csv, "measure,items,key_size,value_size,expiry,store,value\n");
}

void write_csv(const Settings &settings, const Plan &plan, const char *measure, const std::string &store,
               double value) {
    if (settings.csv != nullptr)
        std::fprintf(settings.csv, "%s,%zu,%zu,%zu,%s,%s,%.2f\n", measure, plan.items, plan.key_size,
                     plan.value_size, plan.expiring ? "yes" : "no", store.c_str(), value);
}

void measure(const Settings &settings, const Plan &plan) {
    constexpr double MIB = 1024 * 1024;
    std::string sizes = std::to_string(plan.key_size) + "+" + std::to_string(plan.value_size);
    std::printf("%-9s %-6s |", sizes.c_str(), plan.expiring ? "yes" : "no");
    Footprint own{};
    for (const KnownStore &known : settings.stores) {
        if (plan.expiring && !known.has_expiry) {
            std::printf(" %9s", "-");
            continue;
        }
        Footprint footprint = measure_footprint(known, plan, false);
        if (footprint.own_figure > 0)
            own = footprint;
        double overhead = footprint.resident / static_cast<double>(plan.items) -
                          static_cast<double>(plan.key_size + plan.value_size);
        std::printf(" %9.1f", overhead);
        std::fflush(stdout);
        write_csv(settings, plan, "overhead_bytes", known.name, overhead);
        write_csv(settings, plan, "resident_bytes", known.name, footprint.resident);
        write_csv(settings, plan, "own_figure_bytes", known.name, footprint.own_figure);
    }
    std::printf(" | %9.1f %9.1f %+6.1f %%\n", own.resident / MIB, own.own_figure / MIB,
                100 * (own.own_figure / own.resident - 1));
}

} // namespace
} // namespace bench

int main(int argc, char **argv) {
    bench::Settings settings = bench::parse(argc, argv);
    for (const std::string &package : bench::absent_packages())
        std::printf("left out, was not installed when this was compiled: %s\n", package.c_str());
    bench::print_header(settings);
    for (const bench::Size &size : settings.sizes)
        for (bool expiring : {false, true})
            bench::measure(settings, {settings.items, size.key, size.value, expiring});
    if (settings.csv != nullptr && std::fclose(settings.csv) != 0)
        bench::give_up("the CSV file is not complete");
    return 0;
}
