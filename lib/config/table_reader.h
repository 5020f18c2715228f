#pragma once

// Reads the members of one TOML table into variables and collects errors, each with its place. A member that nobody
// read is reported as unknown, with the nearest key that was read.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/toml_tree.h"

namespace resmon::config {

// The errors of a whole file.
class Complaints {
 public:
  explicit Complaints(std::string file) : file_(std::move(file)) {}
  void add(std::uint32_t line, std::uint32_t column, std::string_view key, std::string_view reason);
  bool any() const { return !lines_.empty(); }
  const std::string& file() const { return file_; }
  // In order of their places, ten at most, one a line.
  std::string text() const;

  struct Line {
    std::uint32_t line, column;
    std::string text;
  };
  const std::vector<Line>& lines() const { return lines_; }

 private:
  std::string file_;
  std::vector<Line> lines_;
};

class TableReader {
 public:
  // `table` and `complaints` must outlive the reader. `path`: "rule.disk-full", for messages.
  TableReader(const Node& table, std::string path, Complaints& complaints)
      : table_(table), path_(std::move(path)), complaints_(complaints) {}

  // Each leaves its target as it is where the key is absent or wrong; true: it was set.
  bool text(std::string_view key, std::string& target);
  bool boolean(std::string_view key, bool& target);
  bool integer(std::string_view key, std::int64_t& target, std::int64_t least, std::int64_t most);
  bool duration(std::string_view key, std::chrono::nanoseconds& target, std::chrono::nanoseconds most);
  // A text or an array of texts.
  bool texts(std::string_view key, std::vector<std::string>& target);
  // One of `words`: which.
  std::optional<std::size_t> choice(std::string_view key, const std::vector<std::string>& words);
  bool number(std::string_view key, double& target);
  // The member as it is; null where it is absent.
  const Node* node(std::string_view key);

  void complain(const Node& node, std::string_view key, std::string_view reason);
  // At `offset` bytes behind the beginning of a text.
  void complain_in(const Node& node, std::string_view key, std::size_t offset, std::string_view reason);
  void complain_here(std::string_view reason);  // of the table
  // Complains of every key that was not asked for.
  void finish();

  const std::string& path() const { return path_; }
  Complaints& complaints() { return complaints_; }

 private:
  std::string full(std::string_view key) const;

  const Node& table_;
  const std::string path_;
  Complaints& complaints_;
  std::vector<std::string> known_;
};

}  // namespace resmon::config
