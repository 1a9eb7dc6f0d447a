#include "durable_visit.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <sys/resource.h>
#include <unistd.h>

#include "measure.h"
#include "workload.h"

namespace bench {
namespace {

double seconds_of(const timeval &time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

// Time that all processors worked, in steps of the system's clock; 0 if the system does not tell.
double machine_seconds() {
    FILE *file = std::fopen("/proc/stat", "r");
    unsigned long long user = 0, nice = 0, system = 0, idle = 0, waits = 0, hard = 0, soft = 0;
    if (file == nullptr)
        return 0;
    int found = std::fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle,
                            &waits, &hard, &soft);
    std::fclose(file);
    double ticks = static_cast<double>(user + nice + system + hard + soft);
    return found == 7 ? ticks / static_cast<double>(sysconf(_SC_CLK_TCK)) : 0;
}

// Everything that only grows.
struct Meter {
    double user, kernel, machine;
    unsigned long long syncs;
    long switches;
};

Meter read_meter() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return {seconds_of(usage.ru_utime), seconds_of(usage.ru_stime), machine_seconds(), syncs_so_far(),
            usage.ru_nvcsw};
}

// Lets all threads go at the same moment, when all of them are there.
class Gate {
  public:
    void pass() {
        std::unique_lock<std::mutex> lock(mutex_);
        opened_.wait(lock, [&] { return open_; });
    }
    void open() {
        std::lock_guard<std::mutex> lock(mutex_);
        open_ = true;
        opened_.notify_all();
    }

  private:
    std::mutex mutex_;
    std::condition_variable opened_;
    bool open_ = false;
};

struct Share {
    uint64_t seed;
    size_t written;
};

void write_until(DurableStore *store, const WritePlan &plan, Share *share, Gate *gate,
                 const std::atomic<bool> *ended) {
    std::unique_ptr<DurableWriter> writer = store->writer();
    std::string key(KEY_SIZE, '\0'), value(plan.value_size, 'v');
    Random random{share->seed};
    size_t written = 0;
    gate->pass();
    while (!ended->load(std::memory_order_relaxed)) {
        write_key((random.next() >> 8) % plan.keys, key.data(), key.size());
        writer->set(key, value);
        written++;
    }
    share->written = written;
}

} // namespace

std::string durable_key(size_t item) {
    std::string key(KEY_SIZE, '\0');
    write_key(item, key.data(), key.size());
    return key;
}

WriteCost run_write_visit(DurableStore *store, const WritePlan &plan, unsigned threads, unsigned number) {
    std::vector<Share> shares;
    for (unsigned i = 0; i < threads; i++)
        shares.push_back({(number * uint64_t(THREADS_MAX) + i + 1) * 0x9E3779B97F4A7C15u, 0});
    Gate gate;
    std::atomic<bool> ended{false};
    std::vector<std::thread> workers;
    for (Share &share : shares)
        workers.emplace_back([&] { write_until(store, plan, &share, &gate, &ended); });
    Meter before = read_meter();
    double began = now_seconds(false);
    gate.open();
    std::this_thread::sleep_for(std::chrono::duration<double>(plan.seconds));
    ended = true;
    for (std::thread &worker : workers)
        worker.join();
    double took = now_seconds(false) - began;
    store->settle();
    Meter after = read_meter();
    double done = 0;
    for (const Share &share : shares)
        done += static_cast<double>(share.written);
    if (done == 0)
        give_up("a store has written nothing; more --seconds");
    double kernel = after.kernel - before.kernel;
    return {done / took,
            (after.user - before.user + kernel) * 1e6 / done,
            kernel * 1e6 / done,
            (after.machine - before.machine) * 1e6 / done,
            static_cast<double>(after.syncs - before.syncs) / done,
            static_cast<double>(after.switches - before.switches) / done};
}

} // namespace bench
