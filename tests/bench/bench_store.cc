// BlitzDB against other stores in one process: keys of 16 bytes, values of 64, GET and SET, one and two
// threads.
//
//     bench_store [--items N,N,...] [--rounds N] [--seconds S] [--clock wall|processor] [--csv FILE]
//
// All stores are filled first and stay. A cell of the table is one kind of load; it is measured in short
// rounds, each of which visits every store and number of threads once, so that whatever disturbs the machine
// for a while disturbs all of them. The figures are medians over the rounds, the ratios are medians of the
// ratios within a round. Absolute figures belong to one machine and one hour; the ratios are what to compare.
#include <algorithm>
#include <cmath>
#include <ctime>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include "stores.h"

namespace bench {

struct Settings {
    std::vector<size_t> items{100000, 1000000};
    unsigned rounds = 7;
    double seconds = 0.3;
    bool by_processor = false;
    FILE *csv = nullptr;
};

enum class Keys { uniform, zipf, hot };

const char *name_of(Keys keys) {
    return keys == Keys::uniform ? "uniform" : keys == Keys::zipf ? "zipf 0.99" : "one hot";
}

// One kind of load.
struct Load {
    Keys keys;
    unsigned set_percent;
};

// One column of the table: a store, and how many keys each of its calls has.
struct Contestant {
    size_t store;
    size_t batch;
};

// -- Keys
// ------------------------------------------------------------------------------------------------------

// xorshift64: fast enough not to be measured itself.
struct Random {
    uint64_t state;
    uint64_t next() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return state;
    }
    double next_unit() {
        return static_cast<double>(next() >> 11) * 0x1p-53;
    }
};

// The key of an item: eight mixed bytes, and eight that make it unique.
Key key_of(uint64_t item) {
    uint64_t words[2] = {(item + 1) * 0x9E3779B97F4A7C15u, item};
    words[0] ^= words[0] >> 29;
    Key key;
    std::memcpy(key.bytes, words, sizeof key.bytes);
    return key;
}

// Zipf-distributed ranks by the method of Gray et al., "Quickly generating billion-record synthetic
// databases" (SIGMOD 1994), section 3.2.
class Zipf {
  public:
    Zipf(size_t items, double theta) : items_(static_cast<double>(items)), theta_(theta) {
        for (size_t i = 1; i <= items; i++)
            zeta_ += std::pow(1.0 / static_cast<double>(i), theta);
        double zeta_of_two = 1.0 + std::pow(0.5, theta);
        eta_ = (1.0 - std::pow(2.0 / items_, 1.0 - theta)) / (1.0 - zeta_of_two / zeta_);
    }
    size_t next(Random &random) const {
        double unit = random.next_unit();
        if (unit * zeta_ < 1.0)
            return 0;
        if (unit * zeta_ < 1.0 + std::pow(0.5, theta_))
            return 1;
        return static_cast<size_t>(items_ * std::pow(eta_ * unit - eta_ + 1.0, 1.0 / (1.0 - theta_)));
    }

  private:
    double items_, theta_, zeta_ = 0, eta_ = 0;
};

// The items of a load, drawn in advance: drawing from Zipf's law takes as long as a GET. The frequent items
// are spread over the order in which the stores were filled.
std::vector<uint32_t> draw_items(size_t items, Keys keys) {
    std::vector<uint32_t> drawn(size_t(1) << 22);
    Random random{88172645463325252u};
    Zipf zipf(keys == Keys::zipf ? items : 2, 0.99);
    for (uint32_t &item : drawn) {
        uint64_t at = random.next() >> 8;
        if (keys == Keys::zipf)
            at = std::min(zipf.next(random), items - 1) * uint64_t(2654435761u);
        else if (keys == Keys::hot && at % 100 == 0)
            at = 0;
        else
            at >>= 8;
        item = static_cast<uint32_t>(at % items);
    }
    return drawn;
}

// -- Measuring
// -------------------------------------------------------------------------------------------------

// One visit of a contestant by one thread.
struct Visit {
    Store *store;
    size_t batch;
    unsigned set_percent;
    const std::vector<uint32_t> *items;
    double seconds;
    bool by_processor;
};

constexpr size_t STEP = 256; // operations between two looks at the clock; a multiple of every batch

// Does STEP operations with the next drawn items; returns how many GETs found nothing.
size_t take_step(const Visit &visit, size_t at, Random &random, Batch *batch) {
    const uint32_t *items = visit.items->data();
    size_t mask = visit.items->size() - 1;
    size_t missed = 0;
    for (size_t done = 0; done < STEP; done += visit.batch) {
        for (size_t i = 0; i < visit.batch; i++)
            batch->keys[i] = key_of(items[(at + done + i) & mask]);
        if (visit.batch > 1)
            missed += visit.batch - visit.store->get_many(batch, visit.batch);
        else if (visit.set_percent > 0 && (random.next() >> 8) % 100 < visit.set_percent)
            visit.store->set(batch->keys[0], batch->values[0]);
        else
            missed += !visit.store->get(batch->keys[0], &batch->values[0]);
    }
    return missed;
}

// The time of this thread: on the wall, or on its processor if others disturb the measurement.
double now_seconds(bool of_processor) {
    timespec now;
    clock_gettime(of_processor ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// What one thread reached.
struct Result {
    double rate; // operations per second
    double
        processor_share; // of the time on the wall: less than 1 if it waited, for a lock or for a processor
};

// Runs for a fifth of the time until the caches are warm, then counts.
Result run_thread(const Visit &visit, uint64_t seed) {
    Random random{seed * 0x9E3779B97F4A7C15u};
    size_t at = random.next() % visit.items->size();
    auto batch = std::make_unique<Batch>();
    double wall = now_seconds(false), processor = now_seconds(true);
    double count_from = wall + visit.seconds / 5, end = count_from + visit.seconds;
    size_t counted = 0;
    bool counting = false;
    for (double now = wall; now < end; now = now_seconds(false)) {
        if (!counting && now >= count_from) {
            counting = true;
            counted = 0;
            wall = now;
            processor = now_seconds(true);
        }
        if (take_step(visit, at, random, batch.get()) > 0)
            give_up("a key that was set is gone");
        at += STEP;
        counted += STEP;
    }
    wall = now_seconds(false) - wall;
    processor = now_seconds(true) - processor;
    return {static_cast<double>(counted) / (visit.by_processor ? processor : wall), processor / wall};
}

// All threads together: the sum of their rates in millions, and the mean of their shares.
Result run_threads(const Visit &visit, unsigned threads, unsigned round) {
    std::vector<Result> results(threads);
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < threads; i++)
        workers.emplace_back([&, i] { results[i] = run_thread(visit, round * 64 + i + 1); });
    for (std::thread &worker : workers)
        worker.join();
    Result sum{0, 0};
    for (const Result &result : results) {
        sum.rate += result.rate / 1e6;
        sum.processor_share += result.processor_share / threads;
    }
    return sum;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// The rates of one contestant in all rounds.
std::vector<double> rates(const std::vector<Result> &results) {
    std::vector<double> values;
    for (const Result &result : results)
        values.push_back(result.rate);
    return values;
}

// What one contestant reached as a multiple of another, round by round.
std::vector<double> ratios(const std::vector<Result> &results, const std::vector<Result> &others) {
    std::vector<double> values;
    for (size_t i = 0; i < results.size(); i++)
        values.push_back(results[i].rate / others[i].rate);
    return values;
}

// -- One number of items
// ---------------------------------------------------------------------------------------

double resident_bytes() {
    FILE *file = std::fopen("/proc/self/statm", "r");
    long pages = 0, resident = 0;
    if (file == nullptr || std::fscanf(file, "%ld %ld", &pages, &resident) != 2)
        give_up("cannot read the resident memory");
    std::fclose(file);
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

// One line of the table: a load and a number of threads, with the results of each contestant round by round.
struct Cell {
    Load load;
    unsigned threads;
    std::vector<std::vector<Result>> results;
};

class Contest {
  public:
    Contest(const Settings &settings, size_t items)
        : settings_(settings), items_(items), known_(known_stores()) {
        for (size_t i = 0; i < known_.size(); i++) {
            fill(i);
            for (size_t batch : {1, 4, 16, 64})
                if (batch == 1 || stores_[i]->has_batches())
                    contestants_.push_back({i, batch});
        }
    }

    void run(Load load) const {
        std::vector<uint32_t> drawn = draw_items(items_, load.keys);
        Cell cells[] = {{load, 1, {}}, {load, 2, {}}};
        for (Cell &cell : cells)
            cell.results.resize(contestants_.size());
        for (unsigned round = 0; round < settings_.rounds; round++)
            for (Cell &cell : cells)
                run_round(&cell, round, drawn);
        report(cells[0], nullptr);
        report(cells[1], &cells[0]);
    }

    void print_header() const {
        std::printf("\n%zu items, million operations per %ssecond (median of %u rounds of %.2f s)\n", items_,
                    settings_.by_processor ? "processor " : "", settings_.rounds, settings_.seconds);
        std::printf("%-9s %4s %3s |", "keys", "SET", "thr");
        for (const Contestant &contestant : contestants_)
            std::printf(" %9s", label(contestant).c_str());
        std::printf(" | %-28s | %-11s | %-9s | %s\n", "BlitzDB / best peer (range)", "mget16/best",
                    "processor", "2 thr / 1 thr");
    }

    void print_memory() const {
        std::printf("\n%zu items, resident bytes per item beyond the %zu of key and value:\n", items_,
                    sizeof(Key) + sizeof(Value));
        for (size_t i = 0; i < known_.size(); i++)
            std::printf("  %-10s %6.1f\n", known_[i].name.c_str(), overhead_[i]);
    }

  private:
    void fill(size_t i) {
        double before = resident_bytes();
        stores_.push_back(known_[i].create(items_));
        Value value;
        std::memset(value.bytes, 'i', sizeof value.bytes);
        double began = now_seconds(settings_.by_processor);
        for (size_t item = 0; item < items_; item++)
            stores_[i]->set(key_of(item), value);
        double seconds = now_seconds(settings_.by_processor) - began;
        double count = static_cast<double>(items_);
        overhead_.push_back((resident_bytes() - before) / count - sizeof(Key) - sizeof(Value));
        std::printf("filled %-10s %6.2f M items/s\n", known_[i].name.c_str(), count / seconds / 1e6);
        std::fflush(stdout);
    }

    static bool takes_part(const Contestant &contestant, Load load) {
        return contestant.batch == 1 || load.set_percent == 0;
    }

    void run_round(Cell *cell, unsigned round, const std::vector<uint32_t> &drawn) const {
        for (size_t i = 0; i < contestants_.size(); i++) {
            if (!takes_part(contestants_[i], cell->load))
                continue;
            Visit visit{stores_[contestants_[i].store].get(),
                        contestants_[i].batch,
                        cell->load.set_percent,
                        &drawn,
                        settings_.seconds,
                        settings_.by_processor};
            cell->results[i].push_back(run_threads(visit, cell->threads, round));
        }
    }

    std::string label(const Contestant &contestant) const {
        return contestant.batch == 1 ? known_[contestant.store].name
                                     : "mget " + std::to_string(contestant.batch);
    }

    // The contestant of another store that is fastest.
    size_t best_peer(const Cell &cell) const {
        size_t best = 0;
        for (size_t i = 0; i < contestants_.size(); i++)
            if (contestants_[i].store > 0 &&
                (best == 0 || median(rates(cell.results[i])) > median(rates(cell.results[best]))))
                best = i;
        return best;
    }

    // How much of the processors the threads got, over all visits: what is far below 100 % was disturbed.
    static double processor_share(const Cell &cell) {
        double sum = 0;
        size_t count = 0;
        for (const std::vector<Result> &results : cell.results)
            for (const Result &result : results) {
                sum += result.processor_share;
                count++;
            }
        return sum / static_cast<double>(count);
    }

    void report(const Cell &cell, const Cell *alone) const {
        size_t best = best_peer(cell);
        double mget16 = 0;
        std::printf("%-9s %3u%% %3u |", name_of(cell.load.keys), cell.load.set_percent, cell.threads);
        for (size_t i = 0; i < contestants_.size(); i++) {
            if (!takes_part(contestants_[i], cell.load)) {
                std::printf(" %9s", "");
                continue;
            }
            std::printf(" %9.2f", median(rates(cell.results[i])));
            if (contestants_[i].batch == 16)
                mget16 = median(ratios(cell.results[i], cell.results[best]));
            write_csv(cell, i, best);
        }
        std::vector<double> own = ratios(cell.results[0], cell.results[best]);
        auto range = std::minmax_element(own.begin(), own.end());
        std::printf(" | %5.2f (%.2f-%.2f) %-10s |", median(own), *range.first, *range.second,
                    label(contestants_[best]).c_str());
        mget16 > 0 ? std::printf(" %11.2f |", mget16) : std::printf(" %11s |", "");
        std::printf(" %7.0f %% |", 100 * processor_share(cell));
        if (alone != nullptr)
            std::printf(" %.2f", median(ratios(cell.results[0], alone->results[0])));
        std::printf("\n");
        std::fflush(stdout);
    }

    void write_csv(const Cell &cell, size_t i, size_t best) const {
        if (settings_.csv == nullptr)
            return;
        const Contestant &contestant = contestants_[i];
        std::vector<double> own = rates(cell.results[i]);
        auto range = std::minmax_element(own.begin(), own.end());
        std::fprintf(settings_.csv, "%zu,%s,%u,%u,%s,%zu,%.3f,%.3f,%.3f,%.3f,%.2f,%.1f\n", items_,
                     name_of(cell.load.keys), cell.load.set_percent, cell.threads,
                     known_[contestant.store].name.c_str(), contestant.batch, median(own), *range.first,
                     *range.second, median(ratios(cell.results[i], cell.results[best])),
                     processor_share(cell), overhead_[contestant.store]);
    }

    const Settings &settings_;
    size_t items_;
    std::vector<KnownStore> known_;
    std::vector<std::unique_ptr<Store>> stores_;
    std::vector<double> overhead_;
    std::vector<Contestant> contestants_;
};

// -- The program
// -----------------------------------------------------------------------------------------------

void measure(const Settings &settings, size_t items) {
    Contest contest(settings, items);
    contest.print_header();
    for (unsigned set_percent : {0u, 5u, 50u})
        for (Keys keys : {Keys::uniform, Keys::zipf, Keys::hot})
            contest.run({keys, set_percent});
    contest.print_memory();
    std::fflush(nullptr);
}

// In a process of its own, so that the memory of one number of items does not show in the next.
void measure_apart(const Settings &settings, size_t items) {
    std::fflush(nullptr);
    pid_t child = fork();
    if (child < 0)
        give_up("cannot start a process");
    if (child == 0) {
        measure(settings, items);
        _exit(0);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0)
        give_up("the measurement did not finish");
}

std::vector<size_t> parse_items(const char *text) {
    std::vector<size_t> items;
    for (char *end = nullptr; *text != '\0'; text = *end == ',' ? end + 1 : end) {
        items.push_back(std::strtoul(text, &end, 10));
        if (end == text || items.back() == 0 || items.back() > UINT32_MAX)
            give_up("--items needs numbers such as 100000,1000000");
    }
    return items;
}

Settings parse(int count, char **words) {
    Settings settings;
    for (int i = 1; i < count; i += 2) {
        std::string name = words[i];
        if (i + 1 == count)
            give_up(name + " needs a value");
        if (name == "--items")
            settings.items = parse_items(words[i + 1]);
        else if (name == "--rounds")
            settings.rounds = static_cast<unsigned>(std::max(1, std::atoi(words[i + 1])));
        else if (name == "--seconds")
            settings.seconds = std::max(0.01, std::atof(words[i + 1]));
        else if (name == "--clock")
            settings.by_processor = std::string(words[i + 1]) == "processor";
        else if (name != "--csv")
            give_up("unknown option " + name);
        else if ((settings.csv = std::fopen(words[i + 1], "w")) == nullptr)
            give_up(std::string("cannot write ") + words[i + 1]);
    }
    return settings;
}

} // namespace bench

int main(int argc, char **argv) {
    bench::Settings settings = bench::parse(argc, argv);
    for (const std::string &name : bench::absent_stores())
        std::printf("left out, was not installed when this was compiled: %s\n", name.c_str());
    if (settings.csv != nullptr)
        std::fprintf(settings.csv, "items,keys,set_percent,threads,store,batch,mops_median,mops_min,mops_max,"
                                   "ratio_to_best_peer,processor_share,bytes_per_item_beyond_payload\n");
    for (size_t items : settings.items)
        bench::measure_apart(settings, items);
    if (settings.csv != nullptr && std::fclose(settings.csv) != 0)
        bench::give_up("the CSV file is not complete");
    return 0;
}
