// What the raw programs share: a clock, CPU time, percentiles, and a command line as small as they are.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dispatchctl_bench {

inline double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

inline std::int64_t NowNanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Sorts its argument in part.
inline double PercentileMicroseconds(std::vector<std::int64_t>& nanoseconds, double fraction) {
  if (nanoseconds.empty()) {
    return 0;
  }
  const auto last = static_cast<double>(nanoseconds.size() - 1);
  const auto position = static_cast<std::ptrdiff_t>(last * fraction);
  std::nth_element(nanoseconds.begin(), nanoseconds.begin() + position, nanoseconds.end());
  return static_cast<double>(nanoseconds[static_cast<std::size_t>(position)]) * 1e-3;
}

// `--name value`, `--flag` and positional arguments.
class CommandLine {
 public:
  CommandLine(int argc, char** argv, std::string_view usage, std::vector<std::string_view> flags = {})
      : usage_(usage) {
    for (int i = 1; i < argc; ++i) {
      const std::string_view word = argv[i];
      if (word.size() < 2 || word.front() != '-') {
        positional_.emplace_back(word);
      } else if (std::find(flags.begin(), flags.end(), word) != flags.end()) {
        options_[std::string(word)] = "1";
      } else if (i + 1 < argc) {
        options_[std::string(word)] = argv[++i];
      } else {
        Fail();
      }
    }
  }

  [[nodiscard]] const std::vector<std::string>& Positional() const { return positional_; }
  [[nodiscard]] bool Has(const std::string& name) const { return options_.contains(name); }

  [[nodiscard]] std::string Text(const std::string& name, const std::string& fallback) const {
    const auto found = options_.find(name);
    return found == options_.end() ? fallback : found->second;
  }

  [[nodiscard]] std::size_t Number(const std::string& name, std::size_t fallback) const {
    const auto found = options_.find(name);
    if (found == options_.end()) {
      return fallback;
    }
    std::size_t value = 0;
    const char* const end = found->second.data() + found->second.size();
    const auto [stop, error] = std::from_chars(found->second.data(), end, value);
    if (error != std::errc{} || stop != end) {
      Fail();
    }
    return value;
  }

  [[noreturn]] void Fail() const {
    std::fprintf(stderr, "usage: %.*s\n", static_cast<int>(usage_.size()), usage_.data());
    std::exit(2);
  }

 private:
  std::string_view usage_;
  std::vector<std::string> positional_;
  std::map<std::string, std::string> options_;
};

}  // namespace dispatchctl_bench
