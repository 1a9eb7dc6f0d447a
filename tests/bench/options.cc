#include "options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace bench {

Options::Options(int count, char **words, const char *help) : words_(words + 1, words + count) {
    if (std::find(words_.begin(), words_.end(), "--help") != words_.end()) {
        std::fputs(help, stdout);
        std::exit(0);
    }
}

bool Options::next() {
    if (at_ == words_.size())
        return false;
    name_ = words_[at_++];
    if (name_.rfind("--", 0) != 0)
        refuse_name();
    if (at_ == words_.size())
        give_up(name_ + " needs a value; see --help");
    value_ = words_[at_++];
    return true;
}

std::vector<std::string> Options::list() const {
    std::vector<std::string> parts;
    for (size_t begin = 0; begin <= value_.size();) {
        size_t end = std::min(value_.find(',', begin), value_.size());
        parts.push_back(value_.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

std::vector<uint64_t> Options::numbers(uint64_t min, uint64_t max) const {
    std::vector<uint64_t> numbers;
    for (const std::string &part : list()) {
        uint64_t number = 0;
        const char *end = part.data() + part.size();
        auto [stopped, error] = std::from_chars(part.data(), end, number);
        if (error != std::errc() || stopped != end || number < min || number > max)
            refuse("whole numbers from " + std::to_string(min) + " to " + std::to_string(max));
        numbers.push_back(number);
    }
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    return numbers;
}

uint64_t Options::number(uint64_t min, uint64_t max) const {
    std::vector<uint64_t> all = numbers(min, max);
    if (all.size() != 1)
        refuse("one number");
    return all[0];
}

double Options::seconds() const {
    char *end = nullptr;
    double seconds = std::strtod(value_.c_str(), &end);
    if (value_.empty() || *end != '\0' || !std::isfinite(seconds) || seconds < 0.01 || seconds > 3600)
        refuse("seconds from 0.01 to 3600");
    return seconds;
}

bool Options::choice(const std::string &yes, const std::string &no) const {
    if (value_ != yes && value_ != no)
        refuse(yes + " or " + no);
    return value_ == yes;
}

FILE *Options::file_to_write() const {
    FILE *file = std::fopen(value_.c_str(), "w");
    if (file == nullptr)
        refuse("a file that can be written");
    return file;
}

void Options::refuse(const std::string &wanted) const {
    give_up(name_ + " wants " + wanted + ", not '" + value_ + "'");
}

void Options::refuse_name() const {
    give_up("unknown option '" + name_ + "'; see --help");
}

std::vector<KnownStore> choose_stores(const Options &options) {
    std::vector<KnownStore> known = known_stores();
    std::vector<std::string> names = options.list();
    std::string all;
    for (const KnownStore &store : known)
        all += (all.empty() ? "" : ", ") + store.name;
    for (const std::string &name : names)
        if (std::none_of(known.begin(), known.end(),
                         [&](const KnownStore &store) { return store.name == name; }))
            options.refuse("names out of " + all);
    std::vector<KnownStore> chosen;
    for (const KnownStore &store : known)
        if (chosen.empty() || std::find(names.begin(), names.end(), store.name) != names.end())
            chosen.push_back(store);
    return chosen;
}

} // namespace bench
