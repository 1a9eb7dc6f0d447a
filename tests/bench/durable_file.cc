// A plain file in which the bytes of every SET overwrite older ones and are synced, behind a lock. The file
// has its full size from the start: a sync writes data and nothing about the file.
#include <cstring>
#include <mutex>

#include <fcntl.h>
#include <unistd.h>

#include "durable.h"

namespace bench {
namespace {

class PlainFile : public DurableStore {
  public:
    explicit PlainFile(const std::string &folder)
        : fd_(open((folder + "/file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
        std::string zeros(size_t(1) << 20, '\0');
        for (off_t at = 0; at < SIZE; at += static_cast<off_t>(zeros.size()))
            put(zeros.data(), zeros.size(), at);
        sync();
    }
    ~PlainFile() override {
        close(fd_);
    }
    std::unique_ptr<DurableWriter> writer() override {
        return std::make_unique<Writer>(this);
    }
    void fill(const std::vector<std::string> &, std::string_view) override {
    }

  private:
    static constexpr off_t SIZE = off_t(64) << 20;

    class Writer : public DurableWriter {
      public:
        explicit Writer(PlainFile *file) : file_(file) {
        }
        void set(std::string_view key, std::string_view value) override {
            bytes_.assign(key).append(value);
            file_->append(bytes_);
        }

      private:
        PlainFile *file_;
        std::string bytes_;
    };

    void append(const std::string &bytes) {
        std::lock_guard<std::mutex> one(mutex_);
        if (at_ + static_cast<off_t>(bytes.size()) > SIZE)
            at_ = 0;
        put(bytes.data(), bytes.size(), at_);
        at_ += static_cast<off_t>(bytes.size());
        sync();
    }
    void put(const char *data, size_t size, off_t at) {
        if (pwrite(fd_, data, size, at) != static_cast<ssize_t>(size))
            give_up("cannot write a plain file");
    }
    void sync() {
        if (fdatasync(fd_) != 0)
            give_up("cannot sync a plain file");
    }

    std::mutex mutex_;
    int fd_;
    off_t at_ = 0;
};

} // namespace

std::unique_ptr<DurableStore> open_plain_file(const std::string &folder) {
    return std::make_unique<PlainFile>(folder);
}

} // namespace bench
