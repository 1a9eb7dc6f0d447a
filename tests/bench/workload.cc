#include "workload.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace bench {

void write_key(uint64_t item, char *key_out, size_t key_size) {
    uint64_t mixed = (item + 1) * 0x9E3779B97F4A7C15u;
    mixed ^= mixed >> 29;
    std::memcpy(key_out, &mixed, sizeof mixed);
    for (size_t at = sizeof mixed; at < key_size; at += sizeof item)
        std::memcpy(key_out + at, &item, std::min(sizeof item, key_size - at));
}

std::string name_of(Keys keys) {
    return keys == Keys::uniform ? "uniform" : keys == Keys::zipf ? "zipf" : "hot";
}

std::string name_of(const Load &load) {
    if (load.churn)
        return "churn";
    return load.set_percent == 0 ? "get" : "set" + std::to_string(load.set_percent);
}

namespace {

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

} // namespace

std::vector<uint32_t> draw_items(size_t items, Keys keys) {
    std::vector<uint32_t> drawn(size_t(1) << 22);
    Random random{88172645463325252u};
    Zipf zipf(keys == Keys::zipf ? items : 2, 0.99);
    for (uint32_t &item : drawn) {
        uint64_t at = random.next() >> 8;
        if (keys ==
            Keys::zipf) // the frequent items are spread over the order in which the stores were filled
            at = std::min(zipf.next(random), items - 1) * uint64_t(2654435761u);
        else if (keys == Keys::hot && at % 100 == 0)
            at = 0;
        else
            at >>= 8;
        item = static_cast<uint32_t>(at % items);
    }
    return drawn;
}

ChurnOrder::ChurnOrder(size_t items) : lane_size_(items / LANES), order_(lane_size_ * LANES) {
    Random random{2463534242u};
    for (size_t i = 0; i < order_.size(); i++)
        order_[i] = static_cast<uint32_t>(i);
    for (size_t i = order_.size(); i > 1; i--)
        std::swap(order_[i - 1], order_[(random.next() >> 8) % i]);
}

} // namespace bench
