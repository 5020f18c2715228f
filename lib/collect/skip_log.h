#pragma once

// Counts the lines that a collector skipped because it could not parse them, and logs the first of each kind, once
// while the program runs. A kind is a file and a reason. Not thread-safe.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "procfs/scan.h"

namespace resmon::collect {

class SkipLog {
 public:
  explicit SkipLog(std::string_view collector) : collector_(collector) {}

  // `kind` stands for `file` where many files are alike, such as /proc/PID/stat.
  void add(std::string_view file, const procfs::Skipped& skipped, std::string_view kind = {}) {
    lines_ += skipped.lines();
    if (skipped.lines() == 0 || !is_new(kind.empty() ? file : kind, skipped.reason())) return;
    log::warn("collect", "left out what cannot be read; the rest is taken",
              {{"collector", collector_}, {"file", file}, {"found", skipped.describe()}});
  }

  // Logs what this client may not read, which is not a failure: once for each `kind`.
  void tell(std::string_view kind, std::string_view what) {
    if (is_new(kind, {})) log::info("collect", what, {{"collector", collector_}, {"of", kind}});
  }

  std::uint64_t lines() const { return lines_; }

 private:
  static constexpr std::size_t kMostKinds = 64;  // further ones are only counted

  bool is_new(std::string_view kind, std::string_view reason) {
    const std::size_t mark = std::hash<std::string_view>{}(kind)*31 + std::hash<std::string_view>{}(reason);
    for (const std::size_t known : told_)
      if (known == mark) return false;
    if (told_.size() >= kMostKinds) return false;
    told_.push_back(mark);
    return true;
  }

  std::string collector_;
  std::uint64_t lines_ = 0;
  std::vector<std::size_t> told_;  // hashes: a collision costs a log line
};

}  // namespace resmon::collect
