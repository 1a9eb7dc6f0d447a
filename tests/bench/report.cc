#include "report.h"

#include <algorithm>
#include <cinttypes>
#include <thread>

namespace bench {
namespace {

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// One to another, round by round.
std::vector<double> ratios_of(const std::vector<Result> &results, const std::vector<Result> &others) {
    std::vector<double> values;
    for (size_t i = 0; i < results.size(); i++)
        values.push_back(results[i].rate / others[i].rate);
    return values;
}

} // namespace

void write_csv_header(FILE *csv) {
    std::fprintf(csv, "measure,items,group,load,keys,threads,batch,store,round,value,processor_share\n");
}

void Report::add(size_t group, const Measurement &from) {
    results_[{from.work, from.batch, from.threads, group, from.store}].push_back(from.result);
    if (settings_.csv == nullptr)
        return;
    Work work = all_work(settings_)[from.work];
    std::fprintf(settings_.csv, "mops,%" PRIu64 ",%zu,%s,%s,%u,%u,%s,%u,%.4f,%.3f\n", items_, group + 1,
                 name_of(work.load).c_str(), name_of(work.keys).c_str(), from.threads, from.batch,
                 settings_.stores[from.store].name.c_str(), from.round + 1, from.result.rate,
                 from.result.processor_share);
}

void Report::add_footprints(const std::vector<Footprint> &footprints) {
    footprints_ = footprints;
    double count = static_cast<double>(items_);
    for (size_t i = 0; i < footprints.size() && settings_.csv != nullptr; i++) {
        const char *name = settings_.stores[i].name.c_str();
        std::fprintf(settings_.csv, "overhead_bytes,%" PRIu64 ",,,,1,1,%s,1,%.2f,\n", items_, name,
                     footprints[i].resident / count - KEY_SIZE - VALUE_SIZE);
        std::fprintf(settings_.csv, "fill_mops,%" PRIu64 ",,,,1,1,%s,1,%.4f,\n", items_, name,
                     count / footprints[i].fill_seconds / 1e6);
    }
}

const std::vector<Result> *Report::find(const Cell &cell, const Contestant &contestant) const {
    auto at = results_.find({cell.work, contestant.batch, cell.threads, contestant.group, contestant.store});
    return at == results_.end() ? nullptr : &at->second;
}

double Report::rate(const Cell &cell, const Contestant &contestant) const {
    std::vector<double> rates;
    for (const Result &result : *find(cell, contestant))
        rates.push_back(result.rate);
    return median(rates);
}

// BlitzDB to a peer, both measured in the group of the peer.
std::vector<double> Report::ratios(const Cell &cell, const Contestant &peer) const {
    return ratios_of(*find(cell, {peer.group, 0, cell.batch}), *find(cell, peer));
}

// Each peer one by one and, if it has them, with the batches of the cell.
std::vector<Report::Contestant> Report::peers(const Cell &cell) const {
    std::vector<Contestant> all;
    for (size_t group = 0; group < groups_.size(); group++)
        for (size_t store : groups_[group])
            for (uint32_t batch : {1u, cell.batch})
                if (store > 0 && find(cell, {group, store, batch}) != nullptr)
                    all.push_back({group, store, batch});
    return all;
}

// How much the threads got of the processors they could have, over all visits: what is far below 100 %
// waited, for locks or because other programs ran.
double Report::processor_share(const Cell &cell) const {
    double sum = 0;
    size_t count = 0;
    for (const auto &[key, results] : results_)
        if (std::get<0>(key) == cell.work && std::get<1>(key) == cell.batch &&
            std::get<2>(key) == cell.threads)
            for (const Result &result : results) {
                sum += result.processor_share;
                count++;
            }
    unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    return sum / static_cast<double>(count) * cell.threads / std::min(cell.threads, cores);
}

void Report::print() const {
    print_header();
    std::vector<Work> all = all_work(settings_);
    for (uint32_t work = 0; work < all.size(); work++)
        for (uint64_t batch : all[work].batches)
            for (uint64_t threads : settings_.threads)
                print_cell({work, static_cast<uint32_t>(batch), static_cast<uint32_t>(threads)});
    if (!footprints_.empty())
        print_footprints();
    std::fflush(stdout);
}

void Report::print_header() const {
    std::printf("\n%" PRIu64 " items, million operations per %ssecond (medians of %" PRIu64
                " rounds of %.2f s; in "
                "brackets: one by one, for lack of batches)\n",
                items_, settings_.by_processor ? "processor " : "", settings_.rounds, settings_.seconds);
    if (groups_.size() > 1)
        std::printf(
            "filled in groups for lack of memory: BlitzDB's column is from group 1, a ratio from the group "
            "of its peer\n");
    for (size_t group = 0; group < groups_.size() && groups_.size() > 1; group++) {
        std::printf("group %zu:", group + 1);
        for (size_t store : groups_[group])
            std::printf(" %s", settings_.stores[store].name.c_str());
        std::printf("\n");
    }
    std::printf("%-6s %-7s %5s %3s |", "load", "keys", "batch", "thr");
    for (const KnownStore &store : settings_.stores)
        std::printf(" %9s", store.name.c_str());
    std::printf(" | %-30s | %-8s | %s\n", "BlitzDB / best peer (range)", "/ 1 thr", "processor");
}

void Report::print_cell(const Cell &cell) const {
    Work work = all_work(settings_)[cell.work];
    std::printf("%-6s %-7s %5u %3u |", name_of(work.load).c_str(), name_of(work.keys).c_str(), cell.batch,
                cell.threads);
    std::printf(" %9.2f", rate(cell, {0, 0, cell.batch}));
    for (size_t store = 1; store < settings_.stores.size(); store++) {
        bool in_batches = cell.batch == 1 || settings_.stores[store].has_batches;
        for (const Contestant &peer : peers(cell))
            if (peer.store == store && peer.batch == (in_batches ? cell.batch : 1)) {
                std::printf(in_batches ? " %9.2f" : "    (%4.2f)", rate(cell, peer));
                break;
            }
    }
    print_ratio(cell);
    const std::vector<Result> *alone = find({cell.work, cell.batch, 1}, {0, 0, cell.batch});
    if (cell.threads > 1 && alone != nullptr)
        std::printf(" | %8.2f", median(ratios_of(*find(cell, {0, 0, cell.batch}), *alone)));
    else
        std::printf(" | %8s", "");
    std::printf(" | %6.0f %%\n", 100 * processor_share(cell));
}

void Report::print_ratio(const Cell &cell) const {
    std::vector<Contestant> all = peers(cell);
    if (all.empty()) {
        std::printf(" | %30s", "");
        return;
    }
    const Contestant &best =
        *std::max_element(all.begin(), all.end(), [&](const Contestant &a, const Contestant &b) {
            return rate(cell, a) < rate(cell, b);
        });
    std::vector<double> own = ratios(cell, best);
    auto [least, most] = std::minmax_element(own.begin(), own.end());
    char range[32];
    std::snprintf(range, sizeof range, "(%.2f-%.2f)", *least, *most);
    std::printf(" | %6.2f %-13s %-9s", median(own), range, settings_.stores[best.store].name.c_str());
}

void Report::print_footprints() const {
    std::printf("\n%" PRIu64
                " items, each store alone: resident bytes per item beyond the %zu of key and value; "
                "filling by one thread, million items per second\n",
                items_, KEY_SIZE + VALUE_SIZE);
    double count = static_cast<double>(items_);
    for (size_t i = 0; i < footprints_.size(); i++)
        std::printf("  %-10s %7.1f %7.2f\n", settings_.stores[i].name.c_str(),
                    footprints_[i].resident / count - KEY_SIZE - VALUE_SIZE,
                    count / footprints_[i].fill_seconds / 1e6);
}

} // namespace bench
