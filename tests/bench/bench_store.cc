// BlitzDB against other stores in one process; see --help, contest.h for the method and store_*.cc for how
// each store is configured. Absolute figures belong to one machine and one hour; the ratios are what to
// compare.
#include "report.h"

namespace bench {
namespace {

std::vector<Footprint> measure_footprints(const Settings &settings, const Plan &plan) {
    std::vector<Footprint> footprints;
    for (const KnownStore &known : settings.stores)
        footprints.push_back(measure_footprint(known, plan, settings.by_processor));
    return footprints;
}

// Bytes of each store; a guess on the safe side if they were not measured.
std::vector<double> sizes_of(const Settings &settings, const Plan &plan,
                             const std::vector<Footprint> &footprints) {
    constexpr double OVERHEAD_GUESSED = 200;
    double guess = static_cast<double>(plan.items) * (KEY_SIZE + VALUE_SIZE + OVERHEAD_GUESSED);
    std::vector<double> sizes(settings.stores.size(), guess);
    for (size_t i = 0; i < footprints.size(); i++)
        sizes[i] = footprints[i].resident;
    return sizes;
}

void measure(const Settings &settings, uint64_t items) {
    Plan plan{items, KEY_SIZE, VALUE_SIZE};
    std::vector<Footprint> footprints;
    if (settings.with_memory)
        footprints = measure_footprints(settings, plan);
    std::vector<Group> groups = make_groups(sizes_of(settings, plan, footprints), available_bytes());
    Report report(settings, items, groups);
    report.add_footprints(footprints);
    for (size_t group = 0; group < groups.size(); group++)
        in_child([&](FILE *to) { run_group(settings, items, groups[group], to); },
                 [&](FILE *from) {
                     for (Measurement measurement; receive(from, &measurement);)
                         report.add(group, measurement);
                 });
    report.print();
}

} // namespace
} // namespace bench

int main(int argc, char **argv) {
    bench::Settings settings = bench::parse_settings(argc, argv);
    for (const std::string &package : bench::absent_packages())
        std::printf("left out, was not installed when this was compiled: %s\n", package.c_str());
    if (settings.csv != nullptr)
        bench::write_csv_header(settings.csv);
    for (uint64_t items : settings.items)
        bench::measure(settings, items);
    if (settings.csv != nullptr && std::fclose(settings.csv) != 0)
        bench::give_up("the CSV file is not complete");
    return 0;
}
