// What durable SETs cost: BlitzDB against other stores that sync, and BlitzDB's log against none; see --help
// and durable_*.cc for how each store is set up.
#include <algorithm>
#include <cinttypes>
#include <filesystem>
#include <map>

#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "durable_visit.h"
#include "measure.h"
#include "options.h"

namespace bench {
namespace {

const char HELP[] =
    R"(bench_durable: SETs that have to reach the disk, each store in a folder of its own on the same disk.

All stores are filled with the same keys and stay open. A round visits each of them once with each number
of threads, so that whatever disturbs the disk for a while disturbs all; figures are medians over the rounds,
ratios medians of the ratios within a round. Every thread draws keys of its own, out of all.

    --dir FOLDER                  where; default a new folder here, which is removed; must be on a disk
    --contests sync,interval      sync: every SET on disk before the call returns, against the peers
                                  interval: synced once a second in the background, against no log
    --threads 1,8,64
    --keys 1000000                in each store
    --value-size 100              bytes; keys have 16
    --rounds 5
    --seconds 1                   of one visit
    --csv FILE                    every measurement in a row
)";

struct Settings {
    std::string folder = ".";
    std::vector<std::string> contests;
    std::vector<uint64_t> threads{1, 8, 64};
    WritePlan plan{1000000, 100, 1};
    uint64_t rounds = 5;
    FILE *csv = nullptr;
};

Settings parse(int count, char **words) {
    Settings settings;
    Options options(count, words, HELP);
    while (options.next())
        if (options.name() == "--dir")
            settings.folder = options.value();
        else if (options.name() == "--contests")
            settings.contests = options.list();
        else if (options.name() == "--threads")
            settings.threads = options.numbers(1, THREADS_MAX);
        else if (options.name() == "--keys")
            settings.plan.keys = options.number(THREADS_MAX, 100000000);
        else if (options.name() == "--value-size")
            settings.plan.value_size = options.number(1, 1000000);
        else if (options.name() == "--rounds")
            settings.rounds = options.number(1, 10000);
        else if (options.name() == "--seconds")
            settings.plan.seconds = options.seconds();
        else if (options.name() == "--csv")
            settings.csv = options.file_to_write();
        else
            options.refuse_name();
    return settings;
}

// A folder below the one that was asked for. It goes with the program, however that ends by itself.
std::string made_folder;

void make_folder(const std::string &where) {
    struct statfs system {};
    if (statfs(where.c_str(), &system) != 0)
        give_up("there is no folder " + where);
    if (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC)
        give_up(where + " is in memory, where a sync does nothing; use --dir");
    std::string name = where + "/bench-durable-XXXXXX";
    if (mkdtemp(name.data()) == nullptr)
        give_up("cannot make a folder in " + where);
    made_folder = name;
    std::atexit([] {
        std::error_code ignored;
        std::filesystem::remove_all(made_folder, ignored);
    });
}

// A figure of every round -> the one to show.
double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

using Rounds = std::vector<WriteCost>;

double median_of(const Rounds &rounds, double WriteCost::*figure) {
    std::vector<double> values;
    for (const WriteCost &cost : rounds)
        values.push_back(cost.*figure);
    return median(values);
}

std::string ratio_text(const Rounds &rounds, const Rounds &others, double WriteCost::*figure) {
    std::vector<double> ratios;
    for (size_t i = 0; i < rounds.size(); i++)
        ratios.push_back(rounds[i].*figure / (others[i].*figure));
    auto [low, high] = std::minmax_element(ratios.begin(), ratios.end());
    char text[64];
    std::snprintf(text, sizeof text, "%.2f (%.2f-%.2f)", median(ratios), *low, *high);
    return text;
}

class Contest {
  public:
    Contest(const Settings &settings, const DurableContest &known) : settings_(settings), known_(known) {
        std::vector<std::string> keys;
        for (size_t item = 0; item < settings.plan.keys; item++)
            keys.push_back(durable_key(item));
        for (const KnownDurable &store : known.stores) {
            std::string folder = made_folder + "/" + known.name + "-" + store.name;
            std::filesystem::create_directory(folder);
            stores_.push_back(store.open(folder));
            stores_.back()->fill(keys, std::string(settings.plan.value_size, 'i'));
        }
    }

    void run() {
        for (unsigned round = 0; round < settings_.rounds; round++)
            for (uint64_t threads : settings_.threads)
                for (size_t i = 0; i < stores_.size(); i++)
                    visit(i, static_cast<unsigned>(threads), round);
    }

    void print() const {
        std::string first = known_.stores[0].name;
        std::printf("\n%s: %s\n\n", known_.name.c_str(), known_.about.c_str());
        std::printf(
            "threads  store        ops/s   CPU us  kernel us  machine us  syncs/op  waits/op   %-20s  %s\n",
            ("ops, " + first + " to it").c_str(), ("CPU, " + first + " to it").c_str());
        for (uint64_t threads : settings_.threads)
            for (size_t i = 0; i < stores_.size(); i++)
                print_row(static_cast<unsigned>(threads), i);
    }

  private:
    using Cell = std::pair<unsigned, size_t>; // threads, store

    void visit(size_t store, unsigned threads, unsigned round) {
        WriteCost cost = run_write_visit(stores_[store].get(), settings_.plan, threads, round);
        results_[{threads, store}].push_back(cost);
        if (settings_.csv != nullptr)
            std::fprintf(settings_.csv, "%s,%u,%s,%u,%.1f,%.4f,%.4f,%.4f,%.6f,%.4f\n", known_.name.c_str(),
                         threads, known_.stores[store].name.c_str(), round + 1, cost.rate, cost.processor_us,
                         cost.kernel_us, cost.machine_us, cost.syncs, cost.switches);
    }

    void print_row(unsigned threads, size_t store) const {
        const Rounds &rounds = results_.at({threads, store}), &first = results_.at({threads, 0});
        std::printf("%7u  %-9s%9.0f%9.2f%11.2f%12.2f%10.4f%10.3f", threads, known_.stores[store].name.c_str(),
                    median_of(rounds, &WriteCost::rate), median_of(rounds, &WriteCost::processor_us),
                    median_of(rounds, &WriteCost::kernel_us), median_of(rounds, &WriteCost::machine_us),
                    median_of(rounds, &WriteCost::syncs), median_of(rounds, &WriteCost::switches));
        if (store > 0)
            std::printf("   %-20s  %s", ratio_text(first, rounds, &WriteCost::rate).c_str(),
                        ratio_text(first, rounds, &WriteCost::processor_us).c_str());
        std::printf("\n");
    }

    const Settings &settings_;
    const DurableContest &known_;
    std::vector<std::unique_ptr<DurableStore>> stores_;
    std::map<Cell, Rounds> results_;
};

std::vector<DurableContest> choose(const Settings &settings) {
    std::vector<DurableContest> known = known_durable_contests(), chosen;
    for (const DurableContest &contest : known)
        if (settings.contests.empty() ||
            std::count(settings.contests.begin(), settings.contests.end(), contest.name) > 0)
            chosen.push_back(contest);
    if (chosen.size() < settings.contests.size())
        give_up("--contests wants some of sync, interval");
    return chosen;
}

void run(const Settings &settings) {
    std::vector<DurableContest> contests = choose(settings);
    for (const std::string &package : absent_durable_packages())
        std::printf("left out, was not installed when this was compiled: %s\n", package.c_str());
    make_folder(settings.folder);
    std::printf("%zu keys of %zu bytes, values of %zu; %" PRIu64 " rounds of %g s\n", settings.plan.keys,
                KEY_SIZE, settings.plan.value_size, settings.rounds, settings.plan.seconds);
    if (settings.csv != nullptr)
        std::fprintf(settings.csv, "contest,threads,store,round,ops_per_second,cpu_us,kernel_us,machine_us,"
                                   "syncs_per_op,waits_per_op\n");
    for (const DurableContest &known : contests) {
        Contest contest(settings, known);
        contest.run();
        contest.print();
    }
    if (settings.csv != nullptr && std::fclose(settings.csv) != 0)
        give_up("the CSV file is not complete");
}

} // namespace
} // namespace bench

int main(int argc, char **argv) {
    bench::run(bench::parse(argc, argv));
    return 0;
}
