// The JSON of error bodies is one flat object, so this file looks for a key's string in it rather than pull in a
// parser; what it does not understand is shown as it came.

#include "sink/answer.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <ctime>

namespace resmon::sink {

namespace {

constexpr std::size_t kMostMessageBytes = 400;

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool blank = static_cast<unsigned char>(c) <= 0x20;
    if (blank && (out.empty() || out.back() == ' ')) continue;
    out += blank ? ' ' : c;
  }
  while (out.ends_with(' ')) out.pop_back();
  if (out.size() > kMostMessageBytes) {
    std::size_t end = kMostMessageBytes;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0U) == 0x80U) --end;
    out.resize(end);
    out += "…";
  }
  return out;
}

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0U | code >> 6U);
    out += static_cast<char>(0x80U | (code & 0x3fU));
  } else {
    out += static_cast<char>(0xe0U | code >> 12U);
    out += static_cast<char>(0x80U | (code >> 6U & 0x3fU));
    out += static_cast<char>(0x80U | (code & 0x3fU));
  }
}

// The string that begins behind the quote at `at`.
std::string json_string(std::string_view text, std::size_t at) {
  std::string out;
  while (at < text.size() && text[at] != '"') {
    if (text[at] != '\\' || at + 1 >= text.size()) {
      out += text[at++];
      continue;
    }
    const char c = text[at + 1];
    at += 2;
    if (c == 'n' || c == 't' || c == 'r') {
      out += ' ';
    } else if (c == 'u' && at + 4 <= text.size()) {
      unsigned code = 0;
      std::from_chars(text.data() + at, text.data() + at + 4, code, 16);
      append_utf8(out, code);
      at += 4;
    } else {
      out += c;
    }
  }
  return out;
}

// The value of `key` where it is a string.
std::optional<std::string> json_member(std::string_view body, std::string_view key) {
  const std::string quoted = "\"" + std::string(key) + "\"";
  std::size_t at = body.find(quoted);
  if (at == std::string_view::npos) return std::nullopt;
  at = body.find_first_not_of(" \t\r\n", at + quoted.size());
  if (at == std::string_view::npos || body[at] != ':') return std::nullopt;
  at = body.find_first_not_of(" \t\r\n", at + 1);
  if (at == std::string_view::npos || body[at] != '"') return std::nullopt;
  return json_string(body, at + 1);
}

bool has(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Whether a 400 is about the lines sent, and not about the request: a proxy, a wrong port, a missing parameter. The
// words, in lower case, are those of InfluxDB 1 to 3, VictoriaMetrics, QuestDB, GreptimeDB, Loki, Prometheus and Mimir.
bool speaks_of_lines(std::string_view message) {
  for (const std::string_view words :
       {std::string_view("unable to parse"), std::string_view("partial write"), std::string_view("field type conflict"),
        std::string_view("max key length"), std::string_view("line protocol"), std::string_view("cannot unmarshal"),
        std::string_view("cannot parse"), std::string_view("failed to parse"), std::string_view("time outside range"),
        // Loki.
        std::string_view("timestamp too old"), std::string_view("timestamp too new"),
        std::string_view("entry too far behind"), std::string_view("out of order"), std::string_view("max line size"),
        std::string_view("max entry size"),
        // Prometheus, Mimir and Cortex.
        std::string_view("out of bounds"), std::string_view("duplicate sample"), std::string_view("too old sample"),
        std::string_view("err-mimir-"), std::string_view("invalid label"), std::string_view("label name")})
    if (has(message, words)) return true;
  return false;
}

// The digits behind the last `words`.
std::optional<std::uint64_t> number_behind(std::string_view message, std::string_view words) {
  const std::size_t at = message.rfind(words);
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t number = 0;
  const char* const begin = message.data() + at + words.size();
  if (std::from_chars(begin, message.data() + message.size(), number).ec != std::errc()) return std::nullopt;
  return number;
}

// Of a status that says that something in the request is wrong. InfluxDB 1.x answers a partial write with 400, 2.x with
// 422, 2.0 with 500: "partial write: REASON dropped=N". Points beyond the retention policy are told in two ways, the
// newer being "dropped N points outside retention policy of duration …".
void read_refusal(int status, const std::string& message, Meaning& meaning) {
  const std::string lower = lower_case(message);
  meaning.verdict = Verdict::kRefused;
  meaning.about_lines = status == 422 || speaks_of_lines(lower);
  meaning.partial = has(lower, "partial write:");
  if (!meaning.partial) return;
  meaning.dropped_points = number_behind(lower, "dropped=");
  if (!meaning.dropped_points) meaning.dropped_points = number_behind(lower, "partial write: dropped ");
  const bool too_old = has(lower, "points beyond retention policy") || has(lower, "points outside retention policy");
  // If other lines are wrong, too, the search for them goes on.
  if (too_old && !has(lower, "unable to parse") && !has(lower, "field type conflict"))
    meaning.verdict = Verdict::kPartlyTooOld;
}

// `error` or `message` of a JSON object, else the text itself.
std::string whole_message(std::string_view body) {
  const std::size_t first = body.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && body[first] == '{') {
    for (const std::string_view key : {std::string_view("error"), std::string_view("message")})
      if (auto text = json_member(body, key); text && !text->empty()) return *std::move(text);
  }
  return std::string(body);
}

std::string_view status_name(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 407:
      return "Proxy Authentication Required";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "";
  }
}

}  // namespace

bool keeps_repeats(std::string_view flags) {
  bool any = false;
  while (!flags.empty()) {
    const std::size_t end = std::min(flags.find('\n'), flags.size());
    const std::string_view line = flags.substr(0, end);
    flags.remove_prefix(std::min(end + 1, flags.size()));
    if (!line.starts_with('-')) return false;
    // The front of a cluster, an agent, a proxy: what stores is behind them.
    for (const std::string_view front : {"-storageNode=", "-remoteWrite.url=", "-auth.config="})
      if (line.starts_with(front)) return false;
    if (line.starts_with("-dedup.minScrapeInterval=") && line.find_first_of("123456789") != std::string_view::npos)
      return false;
    any = true;
  }
  return any;
}

std::string error_message(std::string_view body) {
  return one_line(whole_message(body));
}

std::string product_of(const HttpAnswer& answer) {
  if (!answer.server_version.empty()) {
    std::string product = answer.server_version.find("resmon") != std::string::npos ? "resmon " : "InfluxDB ";
    product += answer.server_version;
    if (!answer.server_build.empty()) product += " (" + answer.server_build + ")";
    return one_line(product);
  }
  if (answer.status != 200 || !answer.body.starts_with('{')) return "";
  const std::string name = json_member(answer.body, "name").value_or("");
  const std::string version = json_member(answer.body, "version").value_or("");
  return one_line(name == "influxdb" || name.empty() ? (version.empty() ? name : "InfluxDB " + version)
                                                     : name + " " + version);
}

std::optional<std::chrono::nanoseconds> parse_retry_after(std::string_view value, UnixNanos now) {
  constexpr std::int64_t kMostSeconds = 3600;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (value.empty() || error != std::errc() || end != value.data() + value.size()) {
    std::tm time{};
    const std::string text(value);
    const char* const rest = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &time);
    if (rest == nullptr || *rest != '\0') return std::nullopt;
    seconds = static_cast<std::int64_t>(timegm(&time)) - now / 1'000'000'000;
  }
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, kMostSeconds));
}

Meaning meaning_of(const HttpAnswer& answer, UnixNanos now) {
  Meaning meaning;
  const std::string message = whole_message(answer.body);
  const std::string shown = one_line(message);
  meaning.reason = std::to_string(answer.status);
  if (const std::string_view name = status_name(answer.status); !name.empty()) meaning.reason.append(" ").append(name);
  if (answer.status / 100 == 2) meaning.reason += ", where a database acknowledges a write with 204";
  if (!answer.location.empty()) meaning.reason += ", to " + one_line(answer.location);
  if (!shown.empty()) meaning.reason += ": " + shown;
  meaning.not_before = parse_retry_after(answer.retry_after, now);
  switch (answer.status) {
    case 204:
      meaning.verdict = Verdict::kAccepted;
      return meaning;
    case 413:
      meaning.verdict = Verdict::kTooLarge;
      return meaning;
    case 400:
    case 415:
    case 422:
      read_refusal(answer.status, message, meaning);
      return meaning;
    case 404:
      meaning.verdict = message.starts_with("database not found") ? Verdict::kNoDatabase : Verdict::kDenied;
      return meaning;
    case 408:
    case 429:
      meaning.verdict = Verdict::kRetry;
      return meaning;
    case 500:
      if (lower_case(message).find("partial write:") != std::string::npos) {
        read_refusal(answer.status, message, meaning);
        return meaning;
      }
      [[fallthrough]];
    default:
      // What is no error of the server's is a wrong address, a redirection, or a proxy or log-in page in between:
      // somebody must correct it, and the data can wait.
      meaning.verdict = answer.status >= 500 ? Verdict::kRetry : Verdict::kDenied;
      return meaning;
  }
}

}  // namespace resmon::sink
