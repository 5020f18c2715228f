#include "prom/exposition.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace resmon::prom {

namespace {

constexpr std::size_t kMostLineBytes = 256U << 10U;

bool is_name_char(char c, bool first) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || (!first && c >= '0' && c <= '9');
}

std::size_t name_length(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && is_name_char(text[n], n == 0)) ++n;
  return n;
}

bool read_number(std::string_view text, double& out) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text.front() == '+') return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

std::string_view word_of(std::string_view& rest) {
  const std::size_t begin = std::min(rest.find_first_not_of(" \t"), rest.size());
  rest.remove_prefix(begin);
  const std::string_view out = rest.substr(0, rest.find_first_of(" \t"));
  rest.remove_prefix(out.size());
  return out;
}

}  // namespace

bool Exposition::read(std::size_t lines, metric::Batch& out) {
  if (done_) return false;
  out.pin(series_.schemas());
  for (std::size_t i = 0; i < lines && !rest_.empty(); ++i) {
    ++number_;
    const std::size_t end = rest_.find('\n');
    if (ended_) {
      refuse("there is something behind # EOF");
      rest_ = {};
      break;
    }
    if (end == std::string_view::npos) {
      // "# EOF" need not have a line feed; of a number nobody knows how much is missing.
      if (options_.open_metrics && rest_ == "# EOF")
        ended_ = true;
      else
        refuse("no line feed at its end: it is cut off");
      rest_ = {};
      break;
    }
    line(rest_.substr(0, end), out);
    rest_.remove_prefix(end + 1);
  }
  if (!rest_.empty()) return true;
  if (options_.open_metrics && !ended_) {
    ++number_;
    refuse("# EOF is missing: the answer is cut off");
  }
  done_ = true;
  return false;
}

void Exposition::refuse(const std::string& why) {
  ++report_.refused;
  if (report_.first_refusal.empty()) report_.first_refusal = "line " + std::to_string(number_) + ": " + why;
}

void Exposition::line(std::string_view line, metric::Batch& out) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  const std::size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return;
  if (line[begin] == '#') {
    if (options_.open_metrics && line == "# EOF") ended_ = true;
    return;
  }
  if (line.size() > kMostLineBytes) return refuse("longer than " + std::to_string(kMostLineBytes) + " bytes");
  if (const std::string wrong = sample(line, out); !wrong.empty()) refuse(wrong);
}

void Exposition::blanks() {
  line_.remove_prefix(std::min(line_.find_first_not_of(" \t"), line_.size()));
}

bool Exposition::accept(char c) {
  blanks();
  if (line_.empty() || line_.front() != c) return false;
  line_.remove_prefix(1);
  return true;
}

// A quoted text, its escapes undone.
bool Exposition::quoted(std::string_view& out) {
  if (!accept('"')) return false;
  std::size_t end = 0;
  bool escaped = false;
  while (end < line_.size() && line_[end] != '"') {
    if (line_[end] == '\\') {
      escaped = true;
      ++end;
    }
    ++end;
  }
  if (end >= line_.size()) return false;
  const std::string_view raw = line_.substr(0, end);
  line_.remove_prefix(end + 1);
  if (!escaped) {
    out = raw;
    return true;
  }
  const std::size_t begin = unescaped_.size();
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\') {
      unescaped_ += raw[i];
      continue;
    }
    const char c = raw[++i];  // there is one: a backslash at the end would have escaped the quote
    if (c == 'n')
      unescaped_ += '\n';
    else if (c == '\\' || c == '"')
      unescaped_ += c;
    else
      unescaped_.append("\\").push_back(c);  // as Prometheus reads it
  }
  out = std::string_view(unescaped_).substr(begin);
  return true;
}

// Behind '{'. What is wrong with them; "" where nothing is.
std::string Exposition::labels() {
  while (!accept('}')) {
    std::string_view name;
    blanks();
    if (line_.starts_with('"')) {
      if (!quoted(name)) return "a quoted name is not closed";
      blanks();
      if (line_.starts_with(',') || line_.starts_with('}')) {  // {"the.metric",label="value"}
        labels_.push_back({kNameLabel, name});
        (void)accept(',');
        continue;
      }
    } else {
      name = line_.substr(0, name_length(line_));
      line_.remove_prefix(name.size());
    }
    if (name.empty()) return "a label's name is missing";
    if (!accept('=')) return "'=' is missing behind a label's name";
    Label label{name, {}};
    if (!quoted(label.value)) return "a label's value is not a quoted text";
    if (label.name == kNameLabel) return "__name__ cannot be a label of its own";
    if (labels_.size() <= kMostLabels) labels_.push_back(label);
    blanks();
    if (!accept(',') && !line_.starts_with('}')) return "',' or '}' is missing behind a label";
  }
  return "";
}

bool Exposition::time(std::string_view text, UnixNanos& out) const {
  if (options_.open_metrics) {
    double seconds = 0;
    if (!read_number(text, seconds) || !(std::abs(seconds) < 9e9)) return false;
    // A double has no nanoseconds of today's seconds. What exporters mean are milliseconds at best.
    out = static_cast<UnixNanos>(std::llround(seconds * 1e6)) * 1000;
    return true;
  }
  std::int64_t milliseconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), milliseconds);
  if (error != std::errc() || end != text.data() + text.size() || std::abs(milliseconds) > 9'000'000'000'000)
    return false;
  out = milliseconds * 1'000'000;
  return true;
}

// What is wrong with the line; "" where nothing is.
std::string Exposition::sample(std::string_view whole, metric::Batch& out) {
  line_ = whole;
  labels_.clear();
  unescaped_.clear();
  unescaped_.reserve(whole.size());
  blanks();
  if (const std::size_t length = name_length(line_); length > 0) {
    labels_.push_back({kNameLabel, line_.substr(0, length)});
    line_.remove_prefix(length);
    if (!line_.empty() && line_.front() != '{' && line_.front() != ' ' && line_.front() != '\t')
      return "no metric's name begins it";
  } else if (!line_.starts_with('{')) {
    return "no metric's name begins it";
  }
  if (accept('{'))
    if (std::string wrong = labels(); !wrong.empty()) return wrong;
  if (options_.open_metrics) {  // an exemplar behind it; the value and time hold no '#'
    if (const std::size_t exemplar = line_.find(" # "); exemplar != std::string_view::npos)
      line_ = line_.substr(0, exemplar);
  }
  const std::string_view number = word_of(line_);
  double value = 0;
  if (!read_number(number, value)) return number.empty() ? "the value is missing" : "the value is no number";
  UnixNanos when = options_.time;
  if (const std::string_view text = word_of(line_); !text.empty()) {
    UnixNanos said = 0;
    if (!time(text, said)) return "the time is none";
    if (options_.use_times) when = said;
  }
  if (!word_of(line_).empty()) return "there is something behind value and time";
  if (!std::isfinite(value)) {
    ++report_.not_finite;
    return "";
  }
  const std::size_t own = labels_.size();
  for (const metric::Tag& tag : options_.tags) {
    const auto end = labels_.begin() + static_cast<std::ptrdiff_t>(own);
    if (std::none_of(labels_.begin(), end, [&](const Label& label) { return label.name == tag.key; }))
      labels_.push_back({tag.key, tag.value});
  }
  const Result<metric::SchemaId> schema = series_.find(labels_);
  if (!schema) return schema.error().message;
  out.add(*schema, 1, when).set(0, value);
  ++report_.samples;
  return "";
}

}  // namespace resmon::prom
