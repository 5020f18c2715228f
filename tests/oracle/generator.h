#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace resmon::oracle {

// Queries over the data of data.h from a grammar. It keeps away from what InfluxDB leaves to chance: which of several
// rows of one time comes first, and so what a LIMIT or a transform of raw values over several groups sees.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}
  std::string query();  // behind a tab: what its parameters stand for

 private:
  struct Table;

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  bool chance(int percent) { return static_cast<int>(below(100)) < percent; }
  const std::string& pick(const std::vector<std::string>& from) { return from[below(from.size())]; }

  std::string number_field(const Table& table);
  std::string aggregate(const Table& table, bool any_type);
  std::string raw(const Table& table);
  std::string aggregated(const Table& table);
  std::string subquery(const Table& table);
  std::string metadata(const Table& table);
  std::string absent();
  std::string comparison(int depth);
  std::string mixed();
  std::string seasons();
  std::string indicator(const Table& table);
  std::string cardinality(const Table& table);
  std::string bound();
  std::string where(const Table& table, bool bounded);
  std::string tag_condition(const Table& table);
  std::string time_bounds(bool bounded);
  std::string fill();

  std::mt19937_64 random_;
};

}  // namespace resmon::oracle
