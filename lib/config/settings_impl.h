#pragma once

// Shared by settings.cc (reading) and sample.cc (printing).

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "config/table_reader.h"
#include "config/toml_tree.h"

namespace resmon::config {

// The source of a value. A later source wins, so the order of the load calls does not matter.
enum class Origin { kDefault, kFile, kAlias, kEnvironment, kFlag };

struct Setting {
  std::string key;
  std::string meaning;
  std::string values;           // what may be given, for the sample: "a duration from 100ms to 1h"
  std::string default_literal;  // as TOML; of a map: empty
  bool is_map = false;
  // Of an array of tables: reads it. `example` and what the file had are TOML, for the sample.
  std::function<void(const Node&, const std::string&, Complaints&)> read_array;
  std::function<void(const Node&)> keep_literal;
  std::string example;
  Origin origin = Origin::kDefault;

  // Checks and stores. The error says what is wrong without naming the key, and never repeats a text's value, which may
  // be a secret.
  std::function<Status(const Node&)> assign;
  // Makes of an environment variable's text the node that a file would have held.
  std::function<Result<Node>(std::string_view)> read_text;
  std::function<std::string()> literal;                                            // the present value as TOML
  std::function<const std::vector<std::pair<std::string, std::string>>*()> pairs;  // of a map
};

struct TableSetting {
  std::string key;
  std::string example_name;
  std::function<void(Settings&, const std::string&, const std::string&)> declare;
  std::string meaning;
  std::set<std::string> names;  // declared so far
};

struct Settings::Impl {
  std::string program;
  std::vector<Setting> settings;
  std::map<std::string, std::size_t, std::less<>> by_key;
  std::vector<TableSetting> tables;
  std::vector<std::pair<std::string, std::string>> aliases;  // variable, key

  void add(Setting setting);
  Setting* find(std::string_view key);
  TableSetting* find_table(std::string_view key);
  bool leads_to_a_key(std::string_view path) const;

  // Declares the table's settings under `name`, once. The error says what is wrong with the name.
  Status open_table(Settings& owner, TableSetting& table, const std::string& name);
  // The setting, opening the repeating table that it is in when there is one.
  Setting* find_or_open(Settings& owner, std::string_view key);

  Status assign(Setting& setting, const Node& node, Origin origin);
  void walk(Settings& owner, const Node& table, const std::string& path, const std::string& file,
            std::vector<std::pair<std::uint32_t, std::string>>& errors);  // by line
  std::string unknown(const std::string& key) const;                      // "unknown key; did you mean …?"
};

bool holds_secret(std::string_view key);
std::string toml_quoted(std::string_view text);
std::string environment_name(std::string_view key);
// The array as it could stand behind `key = `, one table a line.
std::string array_literal(const Node& array);

}  // namespace resmon::config
