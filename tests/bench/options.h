// Options of a command line: names, each followed by its value; lists are separated by commas.
#ifndef BLITZDB_BENCH_OPTIONS_H
#define BLITZDB_BENCH_OPTIONS_H

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "store.h"

namespace bench {

// Walks over the options. Answers --help itself, with the text.
class Options {
  public:
    Options(int count, char **words, const char *help);

    // Goes to the next option; false after the last.
    bool next();
    const std::string &name() const {
        return name_;
    }
    const std::string &value() const {
        return value_;
    }
    // The value, checked. All of these end the program with a message if it is not what they want.
    std::vector<std::string> list() const;
    std::vector<uint64_t> numbers(uint64_t min, uint64_t max) const; // whole, ascending
    uint64_t number(uint64_t min, uint64_t max) const;
    double seconds() const;
    bool choice(const std::string &yes, const std::string &no) const;
    FILE *file_to_write() const;
    [[noreturn]] void refuse(const std::string &wanted) const;
    [[noreturn]] void refuse_name() const;

  private:
    std::vector<std::string> words_;
    size_t at_ = 0;
    std::string name_, value_;
};

// The stores that a list names, BlitzDB first and always.
std::vector<KnownStore> choose_stores(const Options &options);

} // namespace bench

#endif
