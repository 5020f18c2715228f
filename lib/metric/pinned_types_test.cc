#include "metric/pinned_types.h"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <map>
#include <sstream>

namespace resmon::metric {
namespace {

// The rows "| name, name (remark) | i | … |" below "## measurement".
std::map<std::string, std::map<std::string, char>> documented() {
  std::map<std::string, std::map<std::string, char>> out;
  std::ifstream page(RESMON_SOURCE_DIR "/docs/schema.md");
  std::string measurement;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) measurement = line.substr(3);
    const std::size_t type = line.find(" | ");
    if (!line.starts_with("| ") || type == std::string::npos || line.size() < type + 6) continue;
    const char letter = line[type + 3];
    if (line.substr(type + 4, 2) != " |" || std::string("fisb").find(letter) == std::string::npos) continue;
    std::istringstream names(line.substr(2, type - 2));
    for (std::string name; std::getline(names, name, ',');) {
      std::istringstream words(name);
      std::string first;
      words >> first;
      out[measurement][first] = letter;
    }
  }
  return out;
}

TEST(PinnedTypesTest, AreThoseOfTheDocument) {
  const std::map<char, FieldType> types{
      {'f', FieldType::kFloat}, {'i', FieldType::kInteger}, {'s', FieldType::kString}, {'b', FieldType::kBoolean}};
  const auto page = documented();
  std::size_t fields = 0;
  for (const auto& [measurement, names] : page) {
    for (const auto& [name, letter] : names) {
      EXPECT_EQ(pinned_type(measurement, name), types.at(letter)) << measurement << " " << name;
      ++fields;
    }
  }
  EXPECT_GT(fields, 150U);
  EXPECT_EQ(pinned_type("mem", "mine"), std::nullopt);
  EXPECT_EQ(pinned_type("mine", "total"), std::nullopt);
  EXPECT_EQ(pinned_type("mem", "total used"), std::nullopt);
}

TEST(PinnedTypesTest, NumbersAreConvertedWhereTheOtherTypeHoldsThemExactly) {
  constexpr auto i = FieldType::kInteger;
  constexpr auto u = FieldType::kUnsigned;
  constexpr auto f = FieldType::kFloat;
  const auto cell = [](auto v) { return std::optional(cell_of(v)); };
  EXPECT_EQ(convert_number(cell_of(std::int64_t{5}), i, f), cell(5.0));
  EXPECT_EQ(convert_number(cell_of(5.0), f, i), cell(std::int64_t{5}));
  EXPECT_EQ(convert_number(cell_of(-5.0), f, i), cell(std::int64_t{-5}));
  EXPECT_EQ(convert_number(cell_of(std::uint64_t{5}), u, i), cell(std::int64_t{5}));
  EXPECT_EQ(convert_number(cell_of(std::int64_t{5}), i, u), cell(std::uint64_t{5}));
  EXPECT_EQ(convert_number(cell_of(0x1p63), f, u), cell(std::uint64_t{1} << 63U));
  EXPECT_EQ(convert_number(cell_of(-0x1p63), f, i), cell(std::numeric_limits<std::int64_t>::min()));
  EXPECT_EQ(convert_number(cell_of(std::uint64_t{1} << 63U), u, f), cell(0x1p63));
  for (const double no :
       {5.5, 0x1p63, 1e300, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
    EXPECT_EQ(convert_number(cell_of(no), f, i), std::nullopt) << no;
  for (const double no : {-1.0, 0x1p64, 0.5}) EXPECT_EQ(convert_number(cell_of(no), f, u), std::nullopt) << no;
  EXPECT_EQ(convert_number(cell_of(std::int64_t{-1}), i, u), std::nullopt);
  EXPECT_EQ(convert_number(cell_of(std::uint64_t{1} << 63U), u, i), std::nullopt);
  for (const std::int64_t no : {(std::int64_t{1} << 53U) + 1, std::numeric_limits<std::int64_t>::max()})
    EXPECT_EQ(convert_number(cell_of(no), i, f), std::nullopt) << no;
  EXPECT_EQ(convert_number(cell_of(std::numeric_limits<std::uint64_t>::max()), u, f), std::nullopt);
}

}  // namespace
}  // namespace resmon::metric
