#include "tail/shaper.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>

namespace resmon::tail {

namespace {

constexpr std::size_t kMostBatchLines = 2000;
constexpr std::size_t kMostBatchBytes = 256U << 10U;

using Set = std::unique_ptr<re2::RE2::Set>;

Result<Set> compile_set(const std::vector<std::string>& patterns) {
  if (patterns.empty()) return Set();
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  auto set = std::make_unique<re2::RE2::Set>(options, re2::RE2::UNANCHORED);
  for (const std::string& pattern : patterns) {
    std::string error;
    if (set->Add(pattern, &error) < 0) return fail(ErrorKind::kInvalid, "'" + pattern + "': " + error);
  }
  if (!set->Compile()) return fail(ErrorKind::kLimit, "all patterns together are too large");
  return set;
}

// A blank line, of whatever source: a reader finds nothing by it. A container's has the stream that it came from.
bool is_blank(const logline::Line& line) {
  return line.message.find_first_not_of(" \t\r\n") == std::string_view::npos &&
         std::all_of(line.fields.begin(), line.fields.end(),
                     [](const logline::Field& field) { return field.name == "stream"; });
}

bool matches(const Set& set, std::string_view text) {
  return set->Match(re2::StringPiece(text.data(), text.size()), nullptr);
}

}  // namespace

struct Shaper::Patterns {
  Set include;
  Set exclude;
};

Shaper::Shaper(std::string source, const ShapeOptions& options, Redactor redactor, const Clock& clock)
    : source_(std::move(source)),
      options_(options),
      redactor_(std::move(redactor)),
      clock_(clock),
      patterns_(std::make_unique<Patterns>()),
      parser_(options.format),
      tokens_(options.rate_limit),
      filled_at_(clock.steady()) {
  lines_.clear(source_);
}

Shaper::~Shaper() = default;

Result<std::unique_ptr<Shaper>> Shaper::make(std::string source, const ShapeOptions& options, const Clock& clock) {
  auto redactor = Redactor::make(options.redact);
  if (!redactor) return fail(std::move(redactor).error().wrap("redact"));
  std::unique_ptr<Shaper> shaper(new Shaper(std::move(source), options, std::move(*redactor), clock));
  if (options.format == Format::kRegex)
    if (Status set = shaper->parser_.set_pattern(options.pattern); !set)
      return fail(Error(set.error()).wrap("pattern"));
  if (!options.own_host.empty()) shaper->parser_.keep_other_hosts(options.own_host);
  auto include = compile_set(options.include);
  if (!include) return fail(std::move(include).error().wrap("include"));
  auto exclude = compile_set(options.exclude);
  if (!exclude) return fail(std::move(exclude).error().wrap("exclude"));
  shaper->patterns_->include = std::move(*include);
  shaper->patterns_->exclude = std::move(*exclude);
  return shaper;
}

bool Shaper::has_room() const {
  return lines_.size() < kMostBatchLines && lines_.text_bytes() < kMostBatchBytes;
}

bool Shaper::wanted(std::string_view text) const {
  if (patterns_->include && !matches(patterns_->include, text)) return false;
  return !patterns_->exclude || !matches(patterns_->exclude, text);
}

void Shaper::take(const Event& event, std::string_view unit) {
  const bool left_out = !wanted(event.text);
  stats_.excluded += left_out ? 1U : 0U;
  if (left_out && !watcher_) return;
  std::string_view text = event.text;
  if (!redactor_.nothing_to_do()) {
    scratch_.assign(text);
    if (const std::size_t found = redactor_.redact(scratch_); found > 0) {
      stats_.redacted += found;
      text = scratch_;
    }
  }
  const UnixNanos now = clock_.wall();
  logline::Line line;
  line.time = now;
  line.unit = options_.format == Format::kContainer ? containers_.unit_of(unit, clock_.steady()) : unit;
  line.cut = event.cut;
  parser_.parse(text, now, line);
  if (watcher_) watcher_(line, text);
  if (!left_out) finish(line);
}

void Shaper::take_line(const logline::Line& given) {
  const bool left_out = !wanted(given.message);
  stats_.excluded += left_out ? 1U : 0U;
  if (left_out && !watcher_) return;
  logline::Line line = given;
  if (line.message.size() > options_.max_bytes) {
    line.message = line.message.substr(0, options_.max_bytes);
    line.cut = true;
  }
  if (!redactor_.nothing_to_do()) {
    scratch_.assign(line.message);
    stats_.redacted += redactor_.redact(scratch_);
    line.message = scratch_;
  }
  if (watcher_) watcher_(line, line.message);
  if (!left_out) finish(line);
}

void Shaper::finish(const logline::Line& line) {
  if (is_blank(line)) {
    ++stats_.excluded;
    return;
  }
  if (line.level != logline::Level::kNone && line.level > options_.least) {
    ++stats_.excluded;
    return;
  }
  if (!may_pass()) {
    ++stats_.suppressed;
    if (suppressed_now_++ == 0) suppressed_since_ = clock_.steady();
    return;
  }
  tick();
  ++stats_.lines;
  stats_.bytes += line.message.size();
  stats_.cut += line.cut ? 1U : 0U;
  lines_.add(line);
}

bool Shaper::may_pass() {
  if (options_.rate_limit == 0) return true;
  const TimePoint now = clock_.steady();
  const double seconds = std::chrono::duration<double>(now - filled_at_).count();
  filled_at_ = now;
  tokens_ = std::min<double>(options_.rate_limit, tokens_ + seconds * options_.rate_limit);
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

// One line a second at most says how many are missing.
void Shaper::tick() {
  if (suppressed_now_ == 0 || clock_.steady() - suppressed_since_ < std::chrono::seconds(1)) return;
  const std::string text = std::to_string(suppressed_now_) + " lines suppressed: more than " +
                           std::to_string(options_.rate_limit) + " a second";
  suppressed_now_ = 0;
  logline::Line line;
  line.time = clock_.wall();
  line.level = logline::Level::kWarning;
  line.unit = "resmon-client";
  line.message = text;
  lines_.add(line);
}

void Shaper::mark(const std::string& key, std::string value) {
  marks_[key] = std::move(value);
}

void Shaper::clear() {
  lines_.clear(source_);
  marks_.clear();
}

}  // namespace resmon::tail
