#include "process.h"

#include <algorithm>

#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

namespace bench {

void in_child(const std::function<void(FILE *to)> &work, const std::function<void(FILE *from)> &collect) {
    std::fflush(nullptr);
    int ends[2];
    pid_t child = pipe(ends) == 0 ? fork() : -1;
    if (child < 0)
        give_up("cannot start a process");
    if (child == 0) {
        close(ends[0]);
        FILE *to = fdopen(ends[1], "w");
        work(to);
        _exit(std::fclose(to) == 0 ? 0 : 1);
    }
    close(ends[1]);
    FILE *from = fdopen(ends[0], "r");
    collect(from);
    std::fclose(from);
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0)
        give_up("a measurement did not finish");
}

double resident_bytes() {
    FILE *file = std::fopen("/proc/self/statm", "r");
    long pages = 0, resident = 0;
    if (file == nullptr || std::fscanf(file, "%ld %ld", &pages, &resident) != 2)
        give_up("cannot read the resident memory");
    std::fclose(file);
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double available_bytes() {
    FILE *file = std::fopen("/proc/meminfo", "r");
    unsigned long kib = 0;
    bool found = false;
    for (char line[256]; file != nullptr && !found && std::fgets(line, sizeof line, file) != nullptr;)
        found = std::sscanf(line, "MemAvailable: %lu kB", &kib) == 1;
    if (!found)
        give_up("cannot read the available memory");
    std::fclose(file);
    return static_cast<double>(kib) * 1024;
}

double fill(Store *store, const KnownStore &known, const Plan &plan, bool by_processor) {
    constexpr double SILENT_SECONDS = 5;
    constexpr size_t LOOK_EVERY = 1 << 16;
    std::unique_ptr<Session> session = store->session();
    std::string key(plan.key_size, '\0'), value(plan.value_size, 'i');
    double began = now_seconds(by_processor), spoke = now_seconds(false);
    for (size_t item = 0; item < plan.items; item++) {
        write_key(item, key.data(), key.size());
        session->set(key, value);
        if (item % LOOK_EVERY == 0 && now_seconds(false) - spoke > SILENT_SECONDS) {
            spoke = now_seconds(false);
            std::fprintf(stderr, "filling %s: %.1f of %.1f million items\n", known.name.c_str(),
                         static_cast<double>(item) / 1e6, static_cast<double>(plan.items) / 1e6);
        }
    }
    return now_seconds(by_processor) - began;
}

// Opens, fills and closes a small store: the pages of the program that this brings into memory are not the
// store's.
static void rehearse(const KnownStore &known, Plan plan) {
    plan.items = 100;
    std::unique_ptr<Store> store = known.open(plan);
    fill(store.get(), known, plan, false);
}

Footprint measure_footprint(const KnownStore &known, const Plan &plan, bool by_processor) {
    Footprint footprint{};
    in_child(
        [&](FILE *to) {
            rehearse(known, plan);
            double before = resident_bytes();
            std::unique_ptr<Store> store = known.open(plan);
            double seconds = fill(store.get(), known, plan, by_processor);
            double resident = std::max(0.0, resident_bytes() - before);
            send(to, Footprint{resident, store->memory_bytes(), seconds});
            std::fflush(to);
            _exit(0);
        },
        [&](FILE *from) {
            if (!receive(from, &footprint))
                give_up(known.name + " was not measured");
        });
    return footprint;
}

} // namespace bench
