#include "logs/loki_push.h"

#include "base/protobuf.h"
#include "base/utf8.h"

namespace resmon::logs {

namespace {

constexpr std::size_t kMostLabels = 256;
constexpr std::size_t kMostMetadata = 256;

bool name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':' || c == '.';
}

class Labels {
 public:
  explicit Labels(std::string_view text) : text_(text) {}

  Result<LokiLabels> read() {
    LokiLabels out;
    if (!accept('{')) return wrong("'{' is missing");
    while (!accept('}')) {
      if (!out.empty() && !accept(',')) return wrong("',' or '}' is missing");
      if (accept('}')) break;
      if (out.size() == kMostLabels) return wrong("there are too many labels");
      blanks();
      const std::size_t begin = at_;
      while (at_ < text_.size() && name_char(text_[at_])) ++at_;
      if (at_ == begin) return wrong("a label's name is missing");
      std::string name(text_.substr(begin, at_ - begin));
      if (!accept('=')) return wrong("'=' is missing");
      blanks();
      RESMON_ASSIGN(std::string value, quoted());
      out.emplace_back(std::move(name), std::move(value));
    }
    blanks();
    if (at_ < text_.size()) return wrong("there is something behind '}'");
    return out;
  }

 private:
  Unexpected<Error> wrong(const std::string& what) const {
    return fail(ErrorKind::kInvalid, "labels: " + what + " at character " + std::to_string(at_ + 1));
  }
  void blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool accept(char c) {
    blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Result<std::string> quoted() {
    std::string out;
    if (at_ >= text_.size() || (text_[at_] != '"' && text_[at_] != '`')) return wrong("a quoted value is missing");
    const char quote = text_[at_++];
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && quote == '"') {
        ++at_;
        if (!escape(out)) return wrong("an escape that is none");
      } else {
        out += text_[at_++];
      }
    }
    if (at_ >= text_.size()) return wrong("a value is not closed");
    ++at_;
    return out;
  }

  // Go's escapes, behind the backslash.
  bool escape(std::string& out) {
    if (at_ >= text_.size()) return false;
    const char c = text_[at_++];
    static constexpr std::string_view kNames = "abfnrtv\\\"'";
    static constexpr std::string_view kBytes = "\a\b\f\n\r\t\v\\\"'";
    if (const std::size_t i = kNames.find(c); i != std::string_view::npos) {
      out += kBytes[i];
      return true;
    }
    const bool octal = c >= '0' && c <= '7';
    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : octal ? 3 : 0;
    if (octal) --at_;
    if (digits == 0 || text_.size() - at_ < digits) return false;
    std::uint32_t code = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const char d = text_[at_++];
      const unsigned value = d >= '0' && d <= '9'   ? static_cast<unsigned>(d - '0')
                             : d >= 'a' && d <= 'f' ? static_cast<unsigned>(d - 'a') + 10
                             : d >= 'A' && d <= 'F' ? static_cast<unsigned>(d - 'A') + 10
                                                    : 99;
      if (value >= (octal ? 8U : 16U)) return false;
      code = code * (octal ? 8U : 16U) + value;
    }
    if (code > 0x10ffff) return false;
    if (c == 'u' || c == 'U')
      append_utf8(code, out);
    else
      out += static_cast<char>(code);
    return true;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
};

bool read_time(std::string_view message, UnixNanos& out) {
  ProtobufReader reader(message);
  std::int64_t seconds = 0;
  std::int64_t nanos = 0;
  while (reader.next()) {
    if (reader.number() == 1 && reader.is_varint()) seconds = static_cast<std::int64_t>(reader.varint());
    if (reader.number() == 2 && reader.is_varint()) nanos = static_cast<std::int64_t>(reader.varint());
  }
  constexpr std::int64_t kMost = INT64_MAX / 1'000'000'000 - 1;
  if (reader.failed() || seconds > kMost || seconds < -kMost || nanos < 0 || nanos > 999'999'999) return false;
  out = seconds * 1'000'000'000 + nanos;
  return true;
}

bool read_entry(std::string_view message, LokiEntry& entry) {
  ProtobufReader reader(message);
  entry.time = 0;
  entry.line = {};
  entry.metadata.clear();
  while (reader.next()) {
    if (!reader.is_bytes()) continue;
    if (reader.number() == 1 && !read_time(reader.bytes(), entry.time)) return false;
    if (reader.number() == 2) entry.line = reader.bytes();
    if (reader.number() != 3 || entry.metadata.size() == kMostMetadata) continue;
    ProtobufReader pair(reader.bytes());
    std::pair<std::string_view, std::string_view> one;
    while (pair.next()) {
      if (pair.number() == 1 && pair.is_bytes()) one.first = pair.bytes();
      if (pair.number() == 2 && pair.is_bytes()) one.second = pair.bytes();
    }
    if (pair.failed()) return false;
    entry.metadata.push_back(one);
  }
  return !reader.failed();
}

}  // namespace

Result<LokiLabels> parse_loki_labels(std::string_view text) {
  return Labels(text).read();
}

Status read_loki_push(std::string_view message,
                      const std::function<Status(const LokiLabels&, const LokiEntry&)>& take) {
  ProtobufReader streams(message);
  std::size_t number = 0;
  LokiEntry entry;
  while (streams.next()) {
    if (streams.number() != 1 || !streams.is_bytes()) continue;
    const auto wrong = [number = ++number](const std::string& what) {
      return fail(ErrorKind::kInvalid, "stream " + std::to_string(number) + ": " + what);
    };
    // The labels are usually in front; the format lets them be anywhere.
    std::string_view text;
    ProtobufReader first(streams.bytes());
    while (first.next())
      if (first.number() == 1 && first.is_bytes()) text = first.bytes();
    if (first.failed()) return wrong("no message of Loki's push");
    const auto labels = parse_loki_labels(text);
    if (!labels) return wrong(labels.error().message);
    ProtobufReader entries(streams.bytes());
    while (entries.next()) {
      if (entries.number() != 2 || !entries.is_bytes()) continue;
      if (!read_entry(entries.bytes(), entry)) return wrong("an entry is none, or its time is impossible");
      RESMON_TRY(take(*labels, entry));
    }
  }
  if (streams.failed()) return fail(ErrorKind::kInvalid, "the body is not a message of Loki's push");
  return {};
}

}  // namespace resmon::logs
