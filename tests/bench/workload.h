// Which keys an operation is about, and what it does with them.
//
// Items are numbered; the key of an item is made from its number. Numbers below the number of items are those
// the stores are filled with. All choices are drawn in advance or with a few instructions, because drawing
// must not be measured.
#ifndef BLITZDB_BENCH_WORKLOAD_H
#define BLITZDB_BENCH_WORKLOAD_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

// xorshift64.
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

// Writes the key of an item: eight mixed bytes, which alone tell it apart, and its number again and again.
// At least 8 bytes.
void write_key(uint64_t item, char *key_out, size_t key_size);

enum class Keys { uniform, zipf, hot };
std::string name_of(Keys keys);

// GETs with a share of SETs, or churn: each operation deletes a key that is there and inserts a fresh one.
struct Load {
    unsigned set_percent;
    bool churn;
};
std::string name_of(const Load &load);

// Items drawn for GETs and SETs, to be gone through from anywhere in a circle; the size is a power of two.
// "hot": uniform, and one item once in 100 operations.
std::vector<uint32_t> draw_items(size_t items, Keys keys);

// The order in which churn goes through the items: each as often as any other, and shuffled, so that uniform
// keys are replaced without a table of which are there. The items are cut into lanes; a thread has whole
// lanes.
class ChurnOrder {
  public:
    static constexpr size_t LANES = 64;
    static constexpr size_t ITEMS_MIN = LANES * 64; // a batch has no item twice

    explicit ChurnOrder(size_t items);

    // The item whose turn it is, and the fresh one in its place. A turn through all of a lane makes a
    // generation.
    void turn(size_t lane, uint64_t position, uint64_t *gone_out, uint64_t *fresh_out) const {
        uint64_t generation = position / lane_size_;
        uint64_t item = order_[lane * lane_size_ + position % lane_size_];
        *gone_out = item | generation << 32;
        *fresh_out = item | (generation + 1) << 32;
    }

  private:
    size_t lane_size_;
    std::vector<uint32_t> order_;
};

// How far a store has come in each lane; it stays from visit to visit.
struct alignas(64) ChurnLane {
    uint64_t position = 0;
};
using ChurnState = std::vector<ChurnLane>;

} // namespace bench

#endif
