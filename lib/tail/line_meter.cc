#include "tail/line_meter.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace resmon::tail {

namespace {

constexpr std::size_t kMostGroups = 64;

// The number at the beginning of a text: "12.5ms" is 12.5.
bool to_number(std::string_view text, double& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && std::isfinite(out);
}

// Tags are names of series: short, and without what would not be seen.
void assign_tag(std::string_view value, std::string& out) {
  out.assign(value.substr(0, LineMeter::kMostTagBytes));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  while (out.ends_with('\\')) out.pop_back();
}

}  // namespace

struct LineMeter::Source {
  std::string name;
  int group = 0;  // 0: a field, or what each line has
};

struct LineMeter::Groups {
  std::vector<re2::StringPiece> found;
};

LineMeter::LineMeter(const MeterOptions& options) : options_(options), groups_(std::make_unique<Groups>()) {}

LineMeter::~LineMeter() = default;

Result<std::unique_ptr<LineMeter>> LineMeter::make(const MeterOptions& options) {
  std::unique_ptr<LineMeter> meter(new LineMeter(options));
  if (!options.pattern.empty()) {
    re2::RE2::Options quiet;
    quiet.set_log_errors(false);
    quiet.set_encoding(re2::RE2::Options::EncodingLatin1);
    meter->pattern_ = std::make_unique<re2::RE2>(options.pattern, quiet);
    if (!meter->pattern_->ok())
      return fail(ErrorKind::kInvalid, "'" + options.pattern + "': " + meter->pattern_->error());
    const auto groups = static_cast<std::size_t>(meter->pattern_->NumberOfCapturingGroups()) + 1;
    if (groups > kMostGroups)
      return fail(ErrorKind::kInvalid,
                  "'" + options.pattern + "' has more than " + std::to_string(kMostGroups - 1) + " groups");
    meter->groups_->found.resize(groups);
  }
  const auto source_of = [&](const std::string& name) {
    Source out{name, 0};
    if (meter->pattern_) {
      const auto& named = meter->pattern_->NamedCapturingGroups();
      if (const auto at = named.find(name); at != named.end()) out.group = at->second;
    }
    return out;
  };
  for (const std::string& name : options.tags) meter->tags_.push_back(source_of(name));
  for (const std::string& name : options.numbers) meter->numbers_.push_back(source_of(name));
  meter->key_.resize(options.tags.size());
  return meter;
}

std::string_view LineMeter::value_of(const Source& source, std::string_view source_name,
                                     const logline::Line& line) const {
  if (source.group > 0) {
    const re2::StringPiece& group = groups_->found[static_cast<std::size_t>(source.group)];
    return {group.data(), group.size()};
  }
  for (const logline::Field& field : line.fields)
    if (field.name == source.name) return field.value;
  if (source.name == "level") return logline::level_name(line.level);
  if (source.name == "unit") return line.unit;
  if (source.name == "source") return source_name;
  return {};
}

void LineMeter::see(std::string_view source_name, const logline::Line& line, std::string_view text) {
  if (options_.least != logline::Level::kNone && line.level > options_.least) return;
  if (pattern_ && !pattern_->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(), re2::RE2::UNANCHORED,
                                   groups_->found.data(), static_cast<int>(groups_->found.size())))
    return;
  for (std::size_t i = 0; i < tags_.size(); ++i) assign_tag(value_of(tags_[i], source_name, line), key_[i]);
  auto at = series_.find(key_);
  if (at == series_.end()) {
    if (series_.size() >= options_.max_series) {
      ++refused_lines_;
      return;
    }
    at = series_.emplace(key_, Series{}).first;
    at->second.numbers.resize(numbers_.size());
  }
  Series& series = at->second;
  ++series.lines;
  for (std::size_t i = 0; i < numbers_.size(); ++i) {
    double value = 0;
    if (!to_number(value_of(numbers_[i], source_name, line), value)) continue;
    Number& number = series.numbers[i];
    number.least = number.count == 0 ? value : std::min(number.least, value);
    number.most = number.count == 0 ? value : std::max(number.most, value);
    number.sum += value;
    ++number.count;
  }
}

void LineMeter::begin_interval() {
  for (auto at = series_.begin(); at != series_.end();) {
    Series& series = at->second;
    series.silent = series.lines == 0 ? series.silent + 1 : 0;
    if (series.silent >= kKeptIntervals) {
      at = series_.erase(at);
      continue;
    }
    series.lines = 0;
    std::fill(series.numbers.begin(), series.numbers.end(), Number{});
    ++at;
  }
}

}  // namespace resmon::tail
