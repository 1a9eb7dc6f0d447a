#include "contest.h"

#include <unistd.h>

namespace bench {

std::vector<Group> make_groups(const std::vector<double> &sizes, double available) {
    constexpr double USABLE = 0.65; // the rest is for what grows during the measurements, and for the machine
    std::vector<Group> groups;
    double held = 0;
    for (size_t i = 1; i < sizes.size(); i++) {
        if (groups.empty() || held + sizes[i] > USABLE * available) {
            groups.push_back({0});
            held = sizes[0];
        }
        groups.back().push_back(i);
        held += sizes[i];
    }
    if (groups.empty())
        groups.push_back({0});
    return groups;
}

namespace {

class Contest {
  public:
    Contest(const Settings &settings, uint64_t items, const Group &group, FILE *to)
        : settings_(settings), items_(items), group_(group), to_(to) {
        Plan plan{items, KEY_SIZE, VALUE_SIZE};
        for (size_t i : group) {
            stores_.push_back(settings.stores[i].open(plan));
            fill(stores_.back().get(), settings.stores[i], plan, settings.by_processor);
        }
        churned_.assign(stores_.size(), ChurnState(ChurnOrder::LANES));
    }

    void run(uint32_t index, const Work &work) {
        std::fprintf(stderr, "%llu items: %s %s\n", static_cast<unsigned long long>(items_),
                     name_of(work.load).c_str(), name_of(work.keys).c_str());
        if (work.load.churn)
            order_ = std::make_unique<ChurnOrder>(items_);
        else
            drawn_ = draw_items(items_, work.keys);
        for (unsigned round = 0; round < settings_.rounds; round++)
            for (uint64_t threads : settings_.threads)
                for (uint64_t batch : work.batches)
                    run_round({work.load, index, round, static_cast<unsigned>(threads), batch});
        std::fflush(to_);
    }

  private:
    struct Cell {
        Load load;
        uint32_t work;
        unsigned round, threads;
        uint64_t batch;
    };

    void run_round(const Cell &cell) {
        for (size_t i = 0; i < stores_.size(); i++) {
            if (cell.batch > 1 && !settings_.stores[group_[i]].has_batches)
                continue;
            Visit visit{stores_[i].get(),       cell.load,  cell.threads, cell.batch,   settings_.seconds,
                        settings_.by_processor, cell.round, &drawn_,      order_.get(), &churned_[i]};
            send(to_, Measurement{cell.work, static_cast<uint32_t>(cell.batch), cell.threads,
                                  static_cast<uint32_t>(group_[i]), cell.round, run_visit(visit)});
        }
    }

    const Settings &settings_;
    uint64_t items_;
    const Group &group_;
    FILE *to_;
    std::vector<std::unique_ptr<Store>> stores_;
    std::vector<ChurnState> churned_;
    std::vector<uint32_t> drawn_;
    std::unique_ptr<ChurnOrder> order_;
};

} // namespace

void run_group(const Settings &settings, uint64_t items, const Group &group, FILE *to) {
    Contest contest(settings, items, group, to);
    std::vector<Work> all = all_work(settings);
    for (size_t i = 0; i < all.size(); i++)
        contest.run(static_cast<uint32_t>(i), all[i]);
    std::fflush(to);
    _exit(0); // without the time that it takes to release the stores
}

} // namespace bench
