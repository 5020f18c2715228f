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

// Whether a 400 is about the lines sent, and not about the request: a proxy, a wrong port, a missing parameter. The
// words are those of InfluxDB 1 to 3, VictoriaMetrics, QuestDB and GreptimeDB.
bool speaks_of_lines(std::string_view message) {
  std::string lower(message);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const std::string_view words :
       {std::string_view("unable to parse"), std::string_view("partial write"), std::string_view("field type conflict"),
        std::string_view("max key length"), std::string_view("line protocol"), std::string_view("cannot unmarshal"),
        std::string_view("cannot parse"), std::string_view("failed to parse"), std::string_view("time outside range")})
    if (lower.find(words) != std::string::npos) return true;
  return false;
}

std::string_view status_name(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 413:
      return "Payload Too Large";
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

std::string error_message(std::string_view body) {
  const std::size_t first = body.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && body[first] == '{') {
    for (const std::string_view key : {std::string_view("error"), std::string_view("message")})
      if (const auto text = json_member(body, key); text && !text->empty()) return one_line(*text);
  }
  return one_line(body.substr(0, 4 * kMostMessageBytes));
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
  const std::string message = error_message(answer.body);
  meaning.reason = std::to_string(answer.status);
  if (const std::string_view name = status_name(answer.status); !name.empty()) meaning.reason.append(" ").append(name);
  if (!message.empty()) meaning.reason += ": " + message;
  meaning.not_before = parse_retry_after(answer.retry_after, now);
  switch (answer.status) {
    case 200:
    case 201:
    case 202:
    case 204:
      meaning.verdict = Verdict::kAccepted;
      return meaning;
    case 413:
      meaning.verdict = Verdict::kTooLarge;
      return meaning;
    case 400:
    case 422: {
      meaning.verdict = Verdict::kRefused;
      meaning.about_lines = answer.status == 422 || speaks_of_lines(message);
      const std::size_t dropped = message.rfind("dropped=");
      // Only when that is all it says: several errors come joined.
      if (message.starts_with("partial write: points beyond retention policy dropped=")) {
        meaning.verdict = Verdict::kPartlyTooOld;
        std::from_chars(message.data() + dropped + 8, message.data() + message.size(), meaning.dropped_points);
      }
      return meaning;
    }
    case 404:
      meaning.verdict = message.starts_with("database not found") ? Verdict::kNoDatabase : Verdict::kDenied;
      return meaning;
    case 408:
    case 429:
      meaning.verdict = Verdict::kRetry;
      return meaning;
    default:
      // Redirections and other 4xx are a wrong address or a proxy in between: somebody has to mend it, and the data can
      // wait.
      meaning.verdict = answer.status >= 500 ? Verdict::kRetry : Verdict::kDenied;
      return meaning;
  }
}

}  // namespace resmon::sink
