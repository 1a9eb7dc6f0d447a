// Processes of their own for what must not see the memory of others, and how much memory there is.
#ifndef BLITZDB_BENCH_PROCESS_H
#define BLITZDB_BENCH_PROCESS_H

#include <cstdio>
#include <functional>

#include "store.h"

namespace bench {

// Runs `work` in a child and `collect` here, joined by a pipe; the child then ends without cleaning up. If it
// does not end well, neither does this program.
void in_child(const std::function<void(FILE *to)> &work, const std::function<void(FILE *from)> &collect);

// Records of plain data through such a pipe.
template <class Record> void send(FILE *to, const Record &record) {
    if (std::fwrite(&record, sizeof record, 1, to) != 1)
        give_up("cannot write to a pipe");
}
template <class Record> bool receive(FILE *from, Record *record_out) {
    return std::fread(record_out, sizeof *record_out, 1, from) == 1;
}

double resident_bytes();
double available_bytes(); // of the machine

// Sets all items, by one thread; says on stderr how far it is if that takes long. Returns the seconds.
double fill(Store *store, const KnownStore &known, const Plan &plan, bool by_processor);

// What a store takes if it is alone in a process.
struct Footprint {
    double resident;     // bytes that opening and filling it added
    double own_figure;   // what it says itself, or 0
    double fill_seconds; // of one thread
};
Footprint measure_footprint(const KnownStore &known, const Plan &plan, bool by_processor);

} // namespace bench

#endif
