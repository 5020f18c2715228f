#pragma once

// Shared by the mains of all programs: the command line that each of them understands, configuration from file,
// environment and flags, and exit codes. CLI11's header stays behind program.cc.
//
//   --config FILE  --set KEY=VALUE  --check-config  --print-config  --help  --version

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "config/settings.h"

namespace resmon::program {

struct Description {
  std::string name;      // "resmon-client"
  std::string version;   // "0.1.0"
  std::string purpose;   // one line
  std::string examples;  // after the options in --help
};

// The [log] table, the same in every program.
struct LogSettings {
  std::string level = "info";
  std::string format = "text";
  std::string file;
  std::uint64_t rotate_bytes = 16U << 20U;
  std::int64_t keep_files = 5;

  void declare(config::Settings& settings);
  Status apply() const;
};

class Program {
 public:
  // `settings` must have every key declared; it is loaded by start().
  Program(Description description, config::Settings& settings);
  ~Program();

  void flag(std::string name, bool* target, std::string meaning);  // "--once"
  void option(std::string name, std::string* target, std::string value_name, std::string meaning);
  void integer(std::string name, std::int64_t* target, std::string value_name, std::string meaning);
  // A flag that is short for a configuration key: "--server" for client.servers.
  void shorthand(std::string name, std::string key, std::string value_name, std::string meaning);

  // Accepts positional words, in order: a command and its arguments. Without this call there may be none.
  void words(std::vector<std::string>* target, std::string meaning);

  // What --check-config prints besides: things that are allowed, and most often a slip. Its error counts as one of
  // `check`.
  void warnings(std::function<Result<std::vector<std::string>>()> find);

  // Reads the command line and the configuration. Returns an exit code if the program is done: after --help, --version,
  // --print-config, --check-config, or an error, which is then on standard error. `check` runs after loading, for
  // conditions between several keys; its error counts as one of the configuration.
  std::optional<int> start(int argc, char** argv, const std::function<Status()>& check);

  const std::string& config_file() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "resmon-client: error: …" on standard error; returns `code`.
int complain(std::string_view program, const Error& error, int code);

}  // namespace resmon::program
