// The results of one number of items: rows of the CSV file as they come, and the table at the end.
#ifndef BLITZDB_BENCH_REPORT_H
#define BLITZDB_BENCH_REPORT_H

#include <map>
#include <optional>
#include <tuple>

#include "contest.h"

namespace bench {

void write_csv_header(FILE *csv);

class Report {
  public:
    Report(const Settings &settings, uint64_t items, const std::vector<Group> &groups)
        : settings_(settings), items_(items), groups_(groups) {
    }
    void add(size_t group, const Measurement &measurement);
    void add_footprints(const std::vector<Footprint> &footprints);
    void print() const;

  private:
    struct Cell {
        uint32_t work, batch, threads;
    };
    // A peer, and the batch with which it does the work of a cell.
    struct Contestant {
        size_t group, store;
        uint32_t batch;
    };

    const std::vector<Result> *find(const Cell &cell, const Contestant &contestant) const;
    double rate(const Cell &cell, const Contestant &contestant) const;
    std::vector<double> ratios(const Cell &cell, const Contestant &peer) const;
    std::vector<Contestant> peers(const Cell &cell) const;
    double processor_share(const Cell &cell) const;

    void print_header() const;
    void print_cell(const Cell &cell) const;
    void print_ratio(const Cell &cell) const;
    void print_footprints() const;

    const Settings &settings_;
    uint64_t items_;
    std::vector<Group> groups_;
    // work, batch, threads, group, store -> round by round
    std::map<std::tuple<uint32_t, uint32_t, uint32_t, size_t, size_t>, std::vector<Result>> results_;
    std::vector<Footprint> footprints_;
};

} // namespace bench

#endif
