#pragma once

// A program's settings, each declared once: its key, type, bounds, default and meaning. From that one list come the
// commented sample file, the reading of a TOML file, the RESMON_* environment variables, the check that every key in
// the file is known (with the nearest known name in the error), and the --set KEY=VALUE flags.
//
//   Settings settings("client");
//   settings.text("client.host", &options.host, "The name this machine reports under. Empty: the host name.");
//   settings.duration("client.interval", &options.interval, 100ms, 1h, "How often …");
//   RESMON_TRY(settings.load_file(path));
//   RESMON_TRY(settings.load_environment());
//
// A variable's value when it is declared is its default. Precedence, lowest first: default, file, environment, --set.
// Errors are kInvalid and name file, line and key: "client.toml:12: client.intervall: unknown key; did you mean
// client.interval?". A file's errors are reported together, one a line, up to ten. After an error some targets may have
// been set. No message repeats a text's value, which may be a secret. A text holds no control characters.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace resmon::config {

class Complaints;
struct Node;

class Settings {
 public:
  explicit Settings(std::string program);  // "client": the sample's heading
  ~Settings();
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;

  // Each setting's text says effect, trade-off and, where it is not obvious, units. The targets must outlive this
  // object. Keys are dotted, as in TOML: "log.level" is `level` in table [log]. The environment variable of a key is
  // RESMON_ and the key in capitals with dots as underscores: RESMON_LOG_LEVEL.
  void text(std::string key, std::string* target, std::string meaning);
  void choice(std::string key, std::string* target, std::vector<std::string> choices, std::string meaning);
  void boolean(std::string key, bool* target, std::string meaning);
  void integer(std::string key, std::int64_t* target, std::int64_t least, std::int64_t most, std::string meaning);
  void number(std::string key, double* target, double least, double most, std::string meaning);
  // "100ms", "5s", "2m", "1h", "30d"; 0 only where `least` is 0.
  void duration(std::string key, std::chrono::nanoseconds* target, std::chrono::nanoseconds least,
                std::chrono::nanoseconds most, std::string meaning);
  // "512", "64KiB", "16MiB", "2GiB" (also kB, MB, GB).
  void bytes(std::string key, std::uint64_t* target, std::uint64_t least, std::uint64_t most, std::string meaning);
  // An array of strings in TOML; in the environment and in --set that too, or comma-separated words.
  void list(std::string key, std::vector<std::string>* target, std::string meaning);
  // A table of strings, such as tags: any key is taken. KEY=VALUE,… in the environment and in --set,
  // or an inline table as in TOML.
  void map(std::string key, std::vector<std::pair<std::string, std::string>>* target, std::string meaning);
  // An array of tables that something else reads: [[rule]]. `read` gets it with the key as in messages, and adds what
  // is wrong to the complaints. Only a file can set it. `example`: some tables as TOML, for the sample.
  void array(std::string key,
             std::function<void(const Node& array, const std::string& key, Complaints& complaints)> read,
             std::string example, std::string meaning);
  // Tables that may repeat: [sink.NAME]. `declare` is called once per NAME found in the file, the environment
  // (RESMON_SINK_INFLUX_URL makes NAME `influx`; a NAME made so has no underscore) or --set, with the prefix
  // "sink.NAME", and declares that table's settings. The sample shows `example_name`, commented out, unless the table
  // is there: for it `declare` is called once more on a scratch object, so call sample() only where the program then
  // ends.
  void tables(std::string key, std::string example_name,
              std::function<void(Settings&, const std::string& name, const std::string& prefix)> declare,
              std::string meaning);
  // Another environment variable that sets an already declared key, or a key in a repeating table, which it then brings
  // into being: INFLUX_URL for "sink.influx.url". RESMON_* wins over it.
  void alias(std::string environment_variable, std::string key);

  Status load_file(const std::string& path);
  Status load_text(std::string_view toml, const std::string& path_for_errors);
  // `environment` is a null-terminated NAME=VALUE list; nullptr means the process's own. A RESMON_* variable that names
  // no setting is ignored (other programs of the house have their own); so is an empty variable, whatever its name.
  Status load_environment(const char* const* environment = nullptr);
  Status set(std::string_view key_equals_value);  // "log.level=debug"

  // The commented file: every key with its meaning, bounds and default, each value commented out unless it differs from
  // its default at declaration.
  std::string sample() const;
  // The effective settings, one "key = value" line each; values of keys that hold secrets (…token, …password) as "***".
  std::string show() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace resmon::config
