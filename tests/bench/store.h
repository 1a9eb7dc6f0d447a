// What is measured: a store as the benchmarks see it, whichever it is.
//
// A Store is opened empty for a Plan. A thread asks it for a Session of its own, which holds what that thread
// should keep between calls (a read transaction, a list of changes, a scratch string). A GET copies the value
// out. What cannot go wrong in a healthy run ends the program.
#ifndef BLITZDB_BENCH_STORE_H
#define BLITZDB_BENCH_STORE_H

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

[[noreturn]] void give_up(const std::string &text);

// What a store is opened for: several want to know the number of items in advance.
struct Plan {
    size_t items;
    size_t key_size;
    size_t value_size;
    bool expiring = false; // every item is set with an expiry, an hour from then
};

// The keys and values of one call, as a caller keeps them who asks for many keys again and again.
class Batch {
  public:
    static constexpr size_t MAX = 64;

    Batch(size_t key_size, size_t value_size);
    Batch(const Batch &) = delete;
    Batch &operator=(const Batch &) = delete;

    char *key(size_t i) {
        return keys_.data() + i * key_sizes[i];
    }
    std::string_view key_view(size_t i) const {
        return {static_cast<const char *>(keys[i]), key_sizes[i]};
    }
    std::string_view value_view(size_t i) const {
        return {static_cast<const char *>(values[i]), value_sizes[i]};
    }

    // The lists that a call on many keys takes; the values are read by a SET and written by a GET.
    const void *keys[MAX];
    void *values[MAX];
    size_t key_sizes[MAX];
    size_t value_sizes[MAX];

  private:
    std::vector<char> keys_;
    std::vector<char> values_;
};

// A store as one thread uses it.
class Session {
  public:
    virtual ~Session() = default;
    virtual void set(std::string_view key, std::string_view value) = 0;
    // A value that is there has `value_size` bytes.
    virtual bool get(std::string_view key, char *value_out, size_t value_size) = 0;
    virtual bool del(std::string_view key) = 0;

    // The first `count` keys in one call, for stores that have such calls.
    virtual size_t get_many(const Batch &wanted, size_t count);
    virtual void set_many(const Batch &changed, size_t count);
    virtual void replace_many(const Batch &gone, const Batch &fresh, size_t count);
};

class Store {
  public:
    virtual ~Store() = default;
    virtual std::unique_ptr<Session> session() = 0;
    // What the store says it holds, 0 if it does not say.
    virtual double memory_bytes() {
        return 0;
    }
};

// A store whose sessions keep nothing but a reference to it.
template <class Data, class SessionOfData> class StoreOf : public Store {
  public:
    template <class... Arguments> explicit StoreOf(Arguments &&...arguments) : data_(arguments...) {
    }
    std::unique_ptr<Session> session() override {
        return std::make_unique<SessionOfData>(data_);
    }

  private:
    Data data_;
};

struct KnownStore {
    std::string name;
    bool has_batches; // get_many, set_many and replace_many
    bool has_expiry;
    std::unique_ptr<Store> (*open)(const Plan &plan);
};

// BlitzDB first, then the peers that were installed when this was compiled, and the packages that were not.
std::vector<KnownStore> known_stores();
std::vector<std::string> absent_packages();

// Copies a value out of a store; another size than expected ends the program.
void copy_out(std::string_view value, char *value_out, size_t value_size);

} // namespace bench

#endif
