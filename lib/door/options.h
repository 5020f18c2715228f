#pragma once

// [input.NAME] of client.toml and server.toml.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/settings.h"
#include "door/door.h"

namespace resmon::door {

enum class Side { kClient, kServer };

struct InputOptions {
  explicit InputOptions(Side where);

  Side side;
  bool enabled = true;
  std::string url;
  std::string format = "influx";
  std::string precision = "ns";
  std::string framing = "line";
  bool ack = false;
  std::string host = "key";  // of the server
  std::string host_key;
  std::string measurement;
  std::string measurement_key;
  std::vector<std::string> tag_keys;
  std::string time_key = "time";
  std::string time_unit = "auto";
  std::vector<std::string> types_db;
  std::vector<std::pair<std::string, std::string>> tags;
  bool require_token = false;
  std::string token_file;            // of the client
  std::string tls_certificate_file;  // the same
  std::string tls_key_file;          // the same
  std::string tls_client_ca_file;
  bool allow_plaintext = false;
  std::uint64_t max_line_bytes = 64U << 10U;
  std::int64_t max_series;
  std::int64_t rate_limit;
  std::int64_t max_connections;
  std::chrono::nanoseconds idle_timeout{std::chrono::minutes(10)};
  std::chrono::nanoseconds flush_interval{std::chrono::seconds(10)};

  void declare(config::Settings& settings, const std::string& prefix);
  Status check() const;  // the error names the key
  // Reads certificates and types.db: kInvalid. The client's token file is read by `access_of_file`.
  Result<DoorOptions> door_options(const std::string& name) const;
};

using InputSettings = std::map<std::string, InputOptions, std::less<>>;

// Lets in whoever has a token of the file, which is read again a second or more after a change. kInvalid: it cannot be
// read.
Result<Access> access_of_file(const std::string& path);

}  // namespace resmon::door
