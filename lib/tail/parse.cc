#include "tail/parse.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "tail/facility.h"

namespace resmon::tail {

namespace {

using logline::Level;
using logline::Line;

bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool name_char(char c) {
  return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '.' || c == '/' ||
         c == '@' || c == ':' || c == '\\';
}

std::string_view next_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

bool to_pid(std::string_view text, std::uint32_t& pid) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return false;
  pid = value;
  return true;
}

// The level near the beginning of what follows a time: an upper-case word, or one that is bracketed or ends in a colon.
Level level_near(std::string_view text) {
  text = text.substr(0, 120);
  for (int words = 0; words < 8 && !text.empty();) {
    const std::size_t begin = text.find_first_not_of(" \t-|,:");
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    const bool opened = text.front() == '[' || text.front() == '<' || text.front() == '(';
    if (opened) text.remove_prefix(1);
    std::size_t end = 0;
    while (end < text.size() && ((text[end] >= 'a' && text[end] <= 'z') || (text[end] >= 'A' && text[end] <= 'Z')))
      ++end;
    const std::string_view word = text.substr(0, end);
    const char after = end < text.size() ? text[end] : ' ';
    const bool upper = !word.empty() && word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string_view::npos;
    const bool marked = (opened && (after == ']' || after == '>' || after == ')')) || after == ':';
    if (word.size() >= 3 && (upper || marked))
      if (const Level level = logline::parse_level(word); level != Level::kNone) return level;
    const std::size_t gone = std::min(text.find_first_of(" \t", end), text.size());
    text.remove_prefix(gone);
    ++words;
  }
  return Level::kNone;
}

}  // namespace

struct Parser::Pattern {
  std::unique_ptr<re2::RE2> regex;
  std::vector<std::string> names;  // by number of the group; empty: it has none
};

Status Parser::set_pattern(const std::string& pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  auto made = std::make_shared<Pattern>();
  made->regex = std::make_unique<re2::RE2>(pattern, options);
  if (!made->regex->ok()) return fail(ErrorKind::kInvalid, "'" + pattern + "': " + made->regex->error());
  made->names.resize(static_cast<std::size_t>(made->regex->NumberOfCapturingGroups()) + 1);
  if (made->regex->NamedCapturingGroups().empty())
    return fail(ErrorKind::kInvalid, "'" + pattern + "' has no named group, such as (?P<message>.*)");
  if (made->names.size() > kMostParsedFields)
    return fail(ErrorKind::kInvalid,
                "'" + pattern + "' has more than " + std::to_string(kMostParsedFields) + " groups");
  for (const auto& [name, number] : made->regex->NamedCapturingGroups())
    made->names[static_cast<std::size_t>(number)] = name;
  pattern_ = std::move(made);
  return {};
}

bool Parser::parse_regex(std::string_view text, UnixNanos now, Line& line) {
  if (!pattern_) return false;
  std::array<re2::StringPiece, kMostParsedFields> groups;
  const auto count = static_cast<int>(pattern_->names.size());
  if (!pattern_->regex->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(), re2::RE2::UNANCHORED,
                              groups.data(), count))
    return false;
  for (std::size_t i = 1; i < pattern_->names.size(); ++i) {
    const std::string& name = pattern_->names[i];
    if (name.empty() || groups[i].data() == nullptr) continue;
    const std::string_view value(groups[i].data(), groups[i].size());
    if (name == "unit") {
      if (!value.empty()) line.unit = value;
    } else {
      put(name, value, now, line);
    }
  }
  return true;
}

void Parser::see_host(std::string_view host) {
  if (!own_host_.empty() && host != "-" && !host.empty() && host != own_host_) fields_.push_back({"hostname", host});
}

std::string_view Parser::keep(std::string text) {
  texts_.push_back(std::move(text));
  return texts_.back();
}

// `line` is as it was given; fields that are there stay.
bool Parser::parse_auto(std::string_view text, UnixNanos now, Line& line) {
  if (text.empty()) return false;
  if (text.front() == '{') return parse_json(text, now, line);
  const Line as_it_is = line;
  const std::size_t fields = fields_.size();
  const auto attempt = [&](bool (Parser::*parse_as)(std::string_view, UnixNanos, Line&)) {
    if ((this->*parse_as)(text, now, line)) return true;
    line = as_it_is;
    fields_.resize(fields);
    return false;
  };
  return attempt(&Parser::parse_syslog) || attempt(&Parser::parse_leading) || attempt(&Parser::parse_logfmt);
}

// {"log":"TEXT\n","stream":"stdout","time":"…"} of Docker, or "TIME stdout F TEXT" (P: the line goes on) of Podman and
// of Kubernetes. The engine's time is exact and has a zone, so it counts, whatever the text begins with.
bool Parser::parse_container(std::string_view text, UnixNanos now, Line& line) {
  const Line given = line;
  Line outer = line;
  std::string_view inner;
  if (!text.empty() && text.front() == '{') {
    if (!parse_json(text, now, outer)) return false;
    inner = outer.message;
    const bool has_stream =
        std::any_of(fields_.begin(), fields_.end(), [](const logline::Field& one) { return one.name == "stream"; });
    if (!has_stream || inner.data() == text.data()) return false;
  } else {
    const auto time = read_time(text, now, zone_);
    if (!time) return false;
    text.remove_prefix(time->length);
    for (const std::string_view stream : {" stdout ", " stderr "})
      if (text.starts_with(stream)) fields_.push_back({"stream", stream.substr(1, 6)});
    // A letter, and perhaps others behind colons.
    const std::size_t blank = text.find(' ', 8);
    if (fields_.empty() || text.size() < 9 || (text[8] != 'F' && text[8] != 'P')) return false;
    inner = blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
    outer.time = time->time;
  }
  while (!inner.empty() && (inner.back() == '\n' || inner.back() == '\r')) inner.remove_suffix(1);
  const std::size_t fields = fields_.size();
  line = given;
  line.message = inner;
  const Line whole = line;
  if (!parse_auto(inner, now, line) || fields_.size() > kMostParsedFields) {
    line = whole;
    fields_.resize(std::min(fields, fields_.size()));
  }
  line.time = outer.time;
  line.unit = given.unit;
  return true;
}

void Parser::parse(std::string_view text, UnixNanos now, Line& line) {
  fields_.clear();
  texts_.clear();
  line.message = text;
  const Line as_it_is = line;
  bool read = false;
  switch (format_) {
    case Format::kNone:
      return;
    case Format::kSyslog:
      read = parse_syslog(text, now, line);
      break;
    case Format::kJson:
      read = parse_json(text, now, line);
      break;
    case Format::kLogfmt:
      read = parse_logfmt(text, now, line);
      break;
    case Format::kRegex:
      read = parse_regex(text, now, line);
      break;
    case Format::kLeading:
      read = parse_leading(text, now, line);
      break;
    case Format::kAuto:
      read = parse_auto(text, now, line);
      break;
    case Format::kContainer:
      read = parse_container(text, now, line);
      break;
  }
  if (!read || fields_.size() > kMostParsedFields) {
    line = as_it_is;
    return;
  }
  line.fields = fields_;
}

bool Parser::parse_syslog(std::string_view text, UnixNanos now, Line& line) {
  if (text.size() > 3 && text.front() == '<' && digit(text[1])) {
    unsigned priority = 0;
    const auto [end, error] =
        std::from_chars(text.data() + 1, text.data() + std::min<std::size_t>(text.size(), 5), priority);
    const auto length = static_cast<std::size_t>(end - text.data());
    if (error != std::errc() || priority > 191 || length >= text.size() || text[length] != '>') return false;
    text.remove_prefix(length + 1);
    line.level = static_cast<Level>(priority & 7U);
    line.message = text;
    fields_.push_back({"facility", facility_name(priority >> 3U)});
    if (text.starts_with("1 ")) return parse_syslog_5424(text.substr(2), now, line);
    if (const auto time = read_time(text, now, zone_)) {
      line.time = time->time;
      text.remove_prefix(time->length);
      if (text.starts_with(' ')) text.remove_prefix(1);
      // glibc's syslog() leaves the host out.
      if (!parse_tag(text, true, line) && !parse_tag(text, false, line)) line.message = text;
    } else {
      (void)parse_tag(text, false, line);
    }
    return true;
  }
  const auto time = read_time(text, now, zone_);
  if (!time || text.size() <= time->length || text[time->length] != ' ') return false;
  if (!parse_tag(text.substr(time->length + 1), true, line)) return false;
  line.time = time->time;
  return true;
}

// "host tag[pid]: message", or without the host.
bool Parser::parse_tag(std::string_view text, bool after_host, Line& line) {
  std::string_view rest = text;
  std::string_view host;
  if (after_host) {
    host = next_word(rest);
    if (host.empty() || !std::all_of(host.begin(), host.end(), name_char) || host.ends_with(':')) return false;
  }
  std::size_t end = 0;
  while (end < rest.size() && end < 256 && (name_char(rest[end]) || rest[end] == '(' || rest[end] == ')') &&
         !(rest[end] == ':' && (end + 1 == rest.size() || rest[end + 1] == ' ')))
    ++end;
  if (end == 0 || end >= rest.size()) return false;
  const std::string_view tag = rest.substr(0, end);
  rest.remove_prefix(end);
  std::uint32_t pid = 0;
  if (rest.starts_with('[')) {
    const std::size_t close = rest.substr(0, 12).find(']');
    if (close == std::string_view::npos || !to_pid(rest.substr(1, close - 1), pid)) return false;
    rest.remove_prefix(close + 1);
  }
  if (!rest.starts_with(':')) return false;
  rest.remove_prefix(1);
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  line.unit = tag;
  line.pid = pid;
  line.message = rest;
  see_host(host);
  return true;
}

// Behind "<PRI>1 ": TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG.
bool Parser::parse_syslog_5424(std::string_view text, UnixNanos now, Line& line) {
  const std::string_view time_word = next_word(text);
  if (const auto time = read_time(time_word, now, zone_)) line.time = time->time;
  see_host(next_word(text));
  if (const std::string_view app = next_word(text); app != "-" && !app.empty()) line.unit = app;
  (void)to_pid(next_word(text), line.pid);
  if (const std::string_view id = next_word(text); id != "-" && !id.empty()) fields_.push_back({"msgid", id});
  if (text.starts_with('-')) {
    text.remove_prefix(1);
  } else {
    // Elements [id name="value" …]; inside a value \", \\ and \] are escaped.
    while (text.starts_with('[')) {
      bool quoted = false;
      std::size_t at = 1;
      for (; at < text.size() && (quoted || text[at] != ']'); ++at) {
        if (text[at] == '\\' && quoted)
          ++at;
        else if (text[at] == '"')
          quoted = !quoted;
      }
      if (at >= text.size()) break;
      if (const std::string_view element = text.substr(1, at - 1); !element.empty())
        fields_.push_back({"structured_data", element});
      text.remove_prefix(at + 1);
    }
  }
  if (text.starts_with(' ')) text.remove_prefix(1);
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  line.message = text;
  return true;
}

// The message stays the whole line: what is read is beside it.
bool Parser::parse_leading(std::string_view text, UnixNanos now, Line& line) {
  std::string_view rest = text;
  if (rest.starts_with('[')) rest.remove_prefix(1);
  if (rest.size() > 20 && std::string_view("IWEF").find(rest.front()) != std::string_view::npos && digit(rest[1]) &&
      digit(rest[4]) && rest[5] == ' ') {
    // klog: Lmmdd hh:mm:ss.uuuuuu pid file:line] message
    const auto time = read_time(rest.substr(1), now, zone_);
    if (!time) return false;
    line.time = time->time;
    line.level = logline::parse_level(rest.substr(0, 1));
    return true;
  }
  if (auto time = read_time(rest, now, zone_)) {
    line.time = time->time;
    line.level = level_near(rest.substr(time->length));
    return true;
  }
  // An access log: ADDRESS IDENT USER [TIME] "REQUEST" STATUS BYTES …
  const std::size_t bracket = text.substr(0, 300).find(" [");
  if (bracket != std::string_view::npos) {
    if (const auto time = read_time(text.substr(bracket + 2), now, zone_)) {
      line.time = time->time;
      const std::size_t status = text.find("\" ", bracket);
      if (status != std::string_view::npos && text.size() > status + 5 && digit(text[status + 2])) {
        const std::string_view code = text.substr(status + 2, 3);
        fields_.push_back({"status", code});
        line.level = code.front() == '5' ? Level::kError : code.front() == '4' ? Level::kWarning : Level::kInfo;
      }
      return true;
    }
  }
  // Python's default: LEVEL:logger:message
  const std::size_t colon = text.substr(0, 12).find(':');
  if (colon != std::string_view::npos && colon >= 3 && text.find(':', colon + 1) != std::string_view::npos) {
    const std::string_view word = text.substr(0, colon);
    if (word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string_view::npos) return false;
    line.level = logline::parse_level(word);
    return line.level != Level::kNone;
  }
  return false;
}

void Parser::put(std::string_view name, std::string_view value, UnixNanos now, Line& line) {
  const auto is = [&](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (is({"msg", "message", "log", "event", "short_message"}) && line.message.data() != value.data()) {
    line.message = value;
    return;
  }
  if (is({"time", "ts", "timestamp", "@timestamp", "t"})) {
    if (const auto time = read_time(value, now, zone_)) {
      line.time = time->time;
      return;
    }
    if (const auto time = read_epoch(value)) {
      line.time = *time;
      return;
    }
  }
  if (is({"level", "lvl", "severity", "levelname", "log.level"})) {
    if (const Level level = logline::parse_level(value); level != Level::kNone) {
      line.level = level;
      return;
    }
  }
  if (name == "pid" && to_pid(value, line.pid)) return;
  if (fields_.size() <= kMostParsedFields) fields_.push_back({name, value});
}

bool Parser::parse_logfmt(std::string_view text, UnixNanos now, Line& line) {
  std::size_t pairs = 0;
  while (!text.empty()) {
    const std::size_t begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    std::size_t end = 0;
    while (end < text.size() && name_char(text[end])) ++end;
    if (end == 0 || end >= text.size() || text[end] != '=') return false;
    const std::string_view name = text.substr(0, end);
    text.remove_prefix(end + 1);
    std::string_view value;
    if (text.starts_with('"')) {
      std::size_t close = 1;
      bool escaped = false;
      while (close < text.size() && text[close] != '"') {
        escaped = escaped || text[close] == '\\';
        close += text[close] == '\\' ? 2U : 1U;
      }
      if (close >= text.size()) return false;
      value = text.substr(1, close - 1);
      text.remove_prefix(close + 1);
      if (escaped) {
        std::string plain;
        for (std::size_t i = 0; i < value.size(); ++i) {
          if (value[i] == '\\' && i + 1 < value.size()) ++i;
          plain += value[i];
        }
        value = keep(std::move(plain));
      }
    } else {
      value = text.substr(0, std::min(text.find(' '), text.size()));
      text.remove_prefix(value.size());
    }
    put(name, value, now, line);
    ++pairs;
  }
  return pairs >= 2;
}

}  // namespace resmon::tail
