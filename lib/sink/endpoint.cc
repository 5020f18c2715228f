#include "sink/endpoint.h"

#include <algorithm>
#include <charconv>

#include "base/file.h"
#include "base/hex.h"

namespace resmon::sink {

namespace {

Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) return fail(ErrorKind::kInvalid, "url: '%' without two hexadecimal digits");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

// The secret itself, or the first line of its file.
Result<std::string> secret(std::string_view what, const std::string& given, const std::string& file) {
  std::string value = given;
  if (value.empty() && !file.empty()) {
    Result<std::string> content = read_file(file, 64U << 10U);
    if (!content) return fail(std::move(content).error().wrap(what));
    value = content->substr(0, content->find_first_of("\r\n"));
    if (value.empty()) return fail(ErrorKind::kInvalid, std::string(what) + ": " + file + " is empty");
  }
  // It goes into a header, where a line break would begin another one.
  if (has_control(value)) return fail(ErrorKind::kInvalid, std::string(what) + " contains control characters");
  return value;
}

}  // namespace

std::string Url::authority() const {
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Url> parse_url(std::string_view text) {
  Url url;
  const auto wrong = [](std::string_view why) { return fail(ErrorKind::kInvalid, "url: " + std::string(why)); };
  if (has_control(text) || text.find(' ') != std::string_view::npos)
    return wrong("contains blanks or control characters");
  if (text.starts_with("https://")) {
    url.tls = true;
    text.remove_prefix(8);
  } else if (text.starts_with("http://")) {
    text.remove_prefix(7);
  } else {
    return wrong("must begin with http:// or https://");
  }
  if (text.find_first_of("?#") != std::string_view::npos) return wrong("must not have a query or a fragment");
  const std::size_t slash = std::min(text.find('/'), text.size());
  url.path = text.substr(slash);
  while (url.path.ends_with('/')) url.path.pop_back();
  std::string_view authority = text.substr(0, slash);

  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view user = authority.substr(0, at);
    const std::size_t colon = user.find(':');
    RESMON_ASSIGN(url.user, percent_decode(user.substr(0, colon)));
    if (colon != std::string_view::npos) {
      RESMON_ASSIGN(url.password, percent_decode(user.substr(colon + 1)));
    }
    authority.remove_prefix(at + 1);
  }
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return wrong("'[' without ']'");
    url.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
  } else {
    const std::size_t colon = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, colon);
    port = authority.substr(colon);
  }
  if (url.host.empty()) return wrong("no host");
  url.port = url.tls ? 443 : 80;
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), url.port);
    if (port.front() != ':' || error != std::errc() || end != port.data() + port.size() || url.port == 0)
      return wrong("no port from 1 to 65535 behind the host");
  }
  return url;
}

std::string percent_encode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4U];
    out += kHex[byte & 15U];
  }
  return out;
}

std::string base64(std::string_view bytes) {
  static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8U | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      out += i + j <= bytes.size() ? kLetters[group >> (18U - 6U * static_cast<unsigned>(j)) & 63U] : '=';
  }
  return out;
}

namespace {

Unexpected<Error> wrong(std::string_view why) {
  return fail(ErrorKind::kInvalid, std::string(why));
}

Status choose_version(const SinkOptions& options, Endpoint& endpoint) {
  const bool has_token = !options.token.empty() || !options.token_file.empty();
  if (options.version == "auto")
    endpoint.version = has_token || !options.org.empty() || !options.bucket.empty() ? 2 : 1;
  else if (options.version == "1" || options.version == "2")
    endpoint.version = options.version == "1" ? 1 : 2;
  else
    return wrong("version: must be auto, 1 or 2");
  return {};
}

Status choose_precision(const SinkOptions& options, Endpoint& endpoint) {
  RESMON_ASSIGN(endpoint.precision, lineproto::parse_precision(options.precision));
  const std::string_view precision = options.precision;
  if (precision != "ns" && precision != "ms" && precision != "s") return wrong("precision: must be ns, ms or s");
  return {};
}

Status choose_kind(const SinkOptions& options, Endpoint& endpoint) {
  static constexpr std::pair<std::string_view, Kind> kKinds[] = {
      {"influx", Kind::kInflux}, {"loki", Kind::kLoki}, {"remote_write", Kind::kRemoteWrite}, {"otlp", Kind::kOtlp}};
  const auto* const kind =
      std::find_if(std::begin(kKinds), std::end(kKinds), [&](const auto& one) { return one.first == options.kind; });
  if (kind == std::end(kKinds)) return wrong("kind: must be influx, loki, remote_write or otlp");
  endpoint.kind = kind->second;
  return {};
}

Status aim_at_other(const SinkOptions& options, Endpoint& endpoint) {
  const std::string& base = endpoint.url.path;
  if (has_control(options.org)) return wrong("org: contains control characters");
  endpoint.version = 1;
  if (endpoint.kind == Kind::kRemoteWrite && base.empty())
    return wrong("url: kind remote_write needs the whole address, such as http://prometheus:9090/api/v1/write");
  endpoint.write_target = endpoint.kind == Kind::kLoki   ? base + "/loki/api/v1/push"
                          : endpoint.kind == Kind::kOtlp ? base + "/v1/metrics"
                                                         : base;
  endpoint.tenant = options.org;
  return {};
}

Status aim_at_influx_1(const SinkOptions& options, Endpoint& endpoint) {
  const std::string& base = endpoint.url.path;
  if (options.database.empty()) return wrong("database: must not be empty");
  endpoint.write_target = base + "/write?db=" + percent_encode(options.database);
  if (!options.retention_policy.empty()) endpoint.write_target += "&rp=" + percent_encode(options.retention_policy);
  endpoint.create_database_target = base + "/query";
  std::string quoted;
  for (const char c : options.database) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  endpoint.create_database_form = "q=" + percent_encode("CREATE DATABASE \"" + quoted + "\"");
  return {};
}

Status aim_at_influx_2(const SinkOptions& options, Endpoint& endpoint) {
  const std::string& bucket = options.bucket.empty() ? options.database : options.bucket;
  if (bucket.empty()) return wrong("bucket: must not be empty for version 2");
  endpoint.write_target = endpoint.url.path + "/api/v2/write?bucket=" + percent_encode(bucket);
  if (!options.org.empty()) endpoint.write_target += "&org=" + percent_encode(options.org);
  return {};
}

Status authorize(const SinkOptions& options, Endpoint& endpoint) {
  RESMON_ASSIGN(const std::string token, secret("token_file", options.token, options.token_file));
  if (!token.empty()) {
    endpoint.authorization = (endpoint.kind != Kind::kInflux ? "Bearer " : "Token ") + token;
    return {};
  }
  const std::string user = options.username.empty() ? endpoint.url.user : options.username;
  if (user.empty()) return {};
  if (user.find(':') != std::string::npos) return wrong("username: must not hold a ':'");
  RESMON_ASSIGN(std::string password, secret("password_file", options.password, options.password_file));
  if (password.empty()) password = endpoint.url.password;
  endpoint.authorization = "Basic " + base64(user + ":" + password);
  return {};
}

}  // namespace

Result<Endpoint> make_endpoint(const SinkOptions& options) {
  Endpoint endpoint;
  RESMON_ASSIGN(endpoint.url, parse_url(options.url));
  RESMON_TRY(choose_version(options, endpoint));
  RESMON_TRY(choose_precision(options, endpoint));
  RESMON_TRY(choose_kind(options, endpoint));
  if (endpoint.kind != Kind::kInflux)
    RESMON_TRY(aim_at_other(options, endpoint));
  else if (endpoint.version == 1)
    RESMON_TRY(aim_at_influx_1(options, endpoint));
  else
    RESMON_TRY(aim_at_influx_2(options, endpoint));
  if (endpoint.kind == Kind::kInflux) endpoint.write_target += "&precision=" + options.precision;
  RESMON_TRY(authorize(options, endpoint));
  return endpoint;
}

}  // namespace resmon::sink
