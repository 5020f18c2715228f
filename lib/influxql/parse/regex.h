#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace resmon::influxql {

// A regular expression in RE2's syntax, which is Go's. Matching takes time linear in the text. Immutable; thread-safe.
class Regex {
 public:
  // Errors are worded as Go's.
  static Result<std::shared_ptr<const Regex>> compile(std::string_view pattern);
  explicit Regex(std::unique_ptr<re2::RE2> re);
  ~Regex();

  // Whether some part of `text` matches.
  bool matches(std::string_view text) const;
  const std::string& pattern() const;
  // With which every text begins that matches; empty where none is known.
  std::string prefix() const;

 private:
  std::unique_ptr<re2::RE2> re_;
};

}  // namespace resmon::influxql
