// tkrzw's databases in memory: TinyDBM (hash table of serialized records), CacheDBM (the same with a limit,
// here out of reach) and BabyDBM (B+ tree).
//
// The hash tables get two buckets per item: the manual says that the number of buckets should be half to
// twice that of the records. BabyDBM has nothing to set but the comparison of keys. None of them has an
// expiry, and their calls on many keys are loops over the call on one.
#include <tkrzw_dbm_baby.h>
#include <tkrzw_dbm_cache.h>
#include <tkrzw_dbm_tiny.h>

#include "stores.h"

namespace bench {
namespace {

// Copies a value in place: tkrzw's Get() would allocate a string first.
struct Reader : tkrzw::DBM::RecordProcessor {
    Reader(char *to, size_t size) : value_out(to), value_size(size) {
    }
    std::string_view ProcessFull(std::string_view, std::string_view value) override {
        copy_out(value, value_out, value_size);
        found = true;
        return NOOP;
    }
    char *value_out;
    size_t value_size;
    bool found = false;
};

template <class Database> class TkrzwSession : public Session {
  public:
    explicit TkrzwSession(Database &database) : database_(database) {
    }
    void set(std::string_view key, std::string_view value) override {
        if (!database_.Set(key, value).IsOK())
            give_up("tkrzw refused a SET");
    }
    bool get(std::string_view key, char *value_out, size_t value_size) override {
        Reader reader(value_out, value_size);
        return database_.Process(key, &reader, false).IsOK() && reader.found;
    }
    bool del(std::string_view key) override {
        return database_.Remove(key).IsOK();
    }

  private:
    Database &database_;
};

template <class Database> using TkrzwStore = StoreOf<Database, TkrzwSession<Database>>;

int64_t buckets(const Plan &plan) {
    return static_cast<int64_t>(plan.items * 2);
}

} // namespace

std::unique_ptr<Store> open_tiny_dbm(const Plan &plan) {
    return std::make_unique<TkrzwStore<tkrzw::TinyDBM>>(buckets(plan));
}

std::unique_ptr<Store> open_cache_dbm(const Plan &plan) {
    constexpr int64_t OUT_OF_REACH = int64_t(1) << 40;
    return std::make_unique<TkrzwStore<tkrzw::CacheDBM>>(buckets(plan), OUT_OF_REACH);
}

std::unique_ptr<Store> open_baby_dbm(const Plan &) {
    return std::make_unique<TkrzwStore<tkrzw::BabyDBM>>();
}

} // namespace bench
