#pragma once

// Derives address, request targets and the Authorization header from SinkOptions. No I/O except reading secret files.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "lineproto/precision.h"
#include "sink/options.h"

namespace resmon::sink {

struct Url {
  bool tls = false;
  std::string host;  // without brackets
  std::uint16_t port = 0;
  std::string path;  // begins with '/' or is empty; no '/' at its end
  std::string user;  // percent-decoded
  std::string password;

  // "host:port", with brackets where the host has colons.
  std::string authority() const;
};

Result<Url> parse_url(std::string_view text);
std::string percent_encode(std::string_view text);
std::string base64(std::string_view bytes);

enum class Kind { kInflux, kLoki, kRemoteWrite, kOtlp };

struct Endpoint {
  Url url;
  Kind kind = Kind::kInflux;
  int version = 1;  // 1 or 2
  lineproto::Precision precision = lineproto::Precision::kNanosecond;
  std::string write_target;
  std::string create_database_target;  // 1.x: "/query"
  std::string create_database_form;    // its body
  std::string authorization;           // the header's value; empty: none
  std::string tenant;                  // X-Scope-OrgID; empty: none
};

// kInvalid for a configuration that cannot work; another kind when a secret file cannot be read.
Result<Endpoint> make_endpoint(const SinkOptions& options);

}  // namespace resmon::sink
