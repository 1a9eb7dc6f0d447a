#include "measure.h"

#include <ctime>
#include <thread>

namespace bench {

double now_seconds(bool of_processor) {
    timespec now;
    clock_gettime(of_processor ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

namespace {

constexpr size_t STEP = 64; // operations between two looks at the clock; a multiple of every batch

// One thread of a visit. Each call does STEP operations with the next keys.
class Worker {
  public:
    Worker(const Visit &visit, unsigned index)
        : visit_(visit), session_(visit.store->session()), random_{seed(visit, index)}, first_lane_(index) {
        if (!visit.load.churn)
            at_ = random_.next() % visit.drawn->size();
    }

    void step() {
        if (visit_.load.churn)
            churn();
        else if (visit_.batch > 1)
            many();
        else
            single();
    }

  private:
    static uint64_t seed(const Visit &visit, unsigned index) {
        return (visit.round * uint64_t(THREADS_MAX) + index + 1) * 0x9E3779B97F4A7C15u;
    }

    uint32_t next_item() {
        return (*visit_.drawn)[at_++ & (visit_.drawn->size() - 1)];
    }
    bool sets_next() {
        return visit_.load.set_percent > 0 && (random_.next() >> 8) % 100 < visit_.load.set_percent;
    }

    void single() {
        char *value = static_cast<char *>(batch_.values[0]);
        for (size_t done = 0; done < STEP; done++) {
            write_key(next_item(), batch_.key(0), KEY_SIZE);
            if (sets_next())
                session_->set(batch_.key_view(0), batch_.value_view(0));
            else if (!session_->get(batch_.key_view(0), value, VALUE_SIZE))
                give_up("a key that was set is gone");
        }
    }

    // The share of SETs is one of calls: a call is a GET or a SET of many.
    void many() {
        for (size_t done = 0; done < STEP; done += visit_.batch) {
            for (size_t i = 0; i < visit_.batch; i++)
                write_key(next_item(), batch_.key(i), KEY_SIZE);
            if (sets_next())
                session_->set_many(batch_, visit_.batch);
            else if (session_->get_many(batch_, visit_.batch) != visit_.batch)
                give_up("a key that was set is gone");
        }
    }

    void churn() {
        uint64_t &position = (*visit_.churned)[lane_].position;
        for (size_t done = 0; done < STEP; done += visit_.batch) {
            for (size_t i = 0; i < visit_.batch; i++) {
                uint64_t gone, fresh;
                visit_.order->turn(lane_, position++, &gone, &fresh);
                write_key(gone, gone_.key(i), KEY_SIZE);
                write_key(fresh, batch_.key(i), KEY_SIZE);
            }
            replace();
        }
        lane_ += visit_.threads;
        if (lane_ >= ChurnOrder::LANES)
            lane_ = first_lane_;
    }
    void replace() {
        if (visit_.batch > 1) {
            session_->replace_many(gone_, batch_, visit_.batch);
            return;
        }
        if (!session_->del(gone_.key_view(0)))
            give_up("a key that was set is gone");
        session_->set(batch_.key_view(0), batch_.value_view(0));
    }

    const Visit &visit_;
    std::unique_ptr<Session> session_;
    Random random_;
    size_t at_ = 0;
    size_t first_lane_, lane_ = first_lane_;
    Batch batch_{KEY_SIZE, VALUE_SIZE};
    Batch gone_{KEY_SIZE, VALUE_SIZE};
};

struct Share {
    size_t counted;   // operations
    double processor; // seconds
};

// Warms the caches up for a fifth of the time, then counts what is done before the end. All threads have the
// same two moments for that: one that gets no processor in between has done nothing.
Share run_thread(const Visit &visit, unsigned index, double count_from) {
    Worker worker(visit, index);
    while (now_seconds(false) < count_from)
        worker.step();
    double end = count_from + visit.seconds, processor = now_seconds(true);
    Share share{};
    for (worker.step(); now_seconds(false) < end; worker.step())
        share.counted += STEP;
    share.processor = now_seconds(true) - processor;
    return share;
}

} // namespace

Result run_visit(const Visit &visit) {
    std::vector<Share> shares(visit.threads);
    std::vector<std::thread> workers;
    double count_from = now_seconds(false) + visit.seconds / 5;
    for (unsigned i = 0; i < visit.threads; i++)
        workers.emplace_back([&, i] { shares[i] = run_thread(visit, i, count_from); });
    for (std::thread &worker : workers)
        worker.join();
    double counted = 0, processor = 0;
    for (const Share &share : shares) {
        counted += static_cast<double>(share.counted);
        processor += share.processor;
    }
    processor /= visit.threads;
    return {counted / (visit.by_processor ? processor : visit.seconds) / 1e6, processor / visit.seconds};
}

} // namespace bench
