#include "door/taker.h"

#include <algorithm>

#include "base/json_text.h"

namespace resmon::door {

namespace {

constexpr std::size_t kCacheBytes = 1U << 20U;
constexpr std::int64_t kLeastLines = 10;  // a second, which a sender always has
constexpr std::string_view kNoRoom = "the server's or client's table of schemas is full";

bool blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

std::int64_t Shared::within_rate(Sender& sender, std::int64_t lines, UnixNanos now) {
  const std::int64_t limit = options.rate_limit;
  if (limit == 0) return lines;
  const std::int64_t second = now / 1'000'000'000;
  if (second_.exchange(second) != second) {
    second_lines_ = 0;
    second_senders_ = 0;
  }
  if (std::exchange(sender.second_, second) != second) {
    sender.lines_ = 0;
    sender.place_ = ++second_senders_;
  }
  const std::int64_t all = second_lines_;
  // Beyond the limit each has a part of the limit once more: 1/2, 1/6, 1/12, … in the order in which they came. However
  // many they are, these parts are never used up.
  const std::int64_t part = std::max(limit / (sender.place_ * (sender.place_ + 1)), std::min(limit, kLeastLines));
  const std::int64_t most = std::max(limit - all, part - sender.lines_);
  const std::int64_t taken = std::clamp<std::int64_t>(most, 0, lines);
  second_lines_ += taken;
  sender.lines_ += taken;
  return taken;
}

void Shared::count(std::uint64_t lines, std::uint64_t samples) {
  lines_.fetch_add(lines, std::memory_order_relaxed);
  samples_.fetch_add(samples, std::memory_order_relaxed);
}

void Shared::refuse(std::uint64_t lines, std::string_view reason) {
  refused_lines_.fetch_add(lines, std::memory_order_relaxed);
  const MutexLock lock(mutex_);
  last_error_ = printable(reason.substr(0, 300));
}

TakerStats Shared::stats() const {
  const MutexLock lock(mutex_);
  return {lines_.load(), samples_.load(), refused_lines_.load(), last_error_};
}

void append_answer(const Answer& answer, std::string& out) {
  if (answer.error.empty())
    out.append("ok ").append(std::to_string(answer.samples)).append("\n");
  else
    out.append("error ").append(printable(std::string_view(answer.error).substr(0, 300))).append("\n");
}

Taker::Taker(Shared& shared, metric::SchemaTable& schemas)
    : shared_(shared),
      schemas_(schemas),
      // A line of another format may need more bytes as Influx lines.
      decoder_(shared.schemas,
               {.line_bytes = shared.options.max_line_bytes * (shared.options.format == Format::kInflux ? 1 : 16),
                .errors_kept = 1,
                .cache_bytes =
                    std::max<std::size_t>(kCacheBytes, static_cast<std::size_t>(shared.options.max_series) * 256)}),
      statsd_(static_cast<std::size_t>(shared.options.max_series)) {}

void Taker::refuse(const std::string& reason, std::vector<Answer>* answers) {
  shared_.refuse(1, reason);
  if (answers != nullptr) answers->push_back({rows_.rows().size(), 0, reason});
}

UnixNanos Taker::next_time(UnixNanos now) const {
  constexpr UnixNanos kMostAhead = 1'000'000'000;  // further, the clock was set back
  return now > last_time_ || last_time_ - now > kMostAhead ? now : last_time_ + 1;
}

bool Taker::find(metric::SchemaId own, Sender::Known& known, const std::string& host) {
  const std::uint32_t generation = shared_.schemas.generation(own);
  if (known.own_generation == generation && schemas_.touch(known.id, known.generation)) return true;
  metric::Schema schema = shared_.schemas[own];
  std::vector<metric::Tag> tags = shared_.options.tags;
  for (const metric::Tag& tag : schema.tags) tags.push_back(tag);  // a later one wins: the line's own
  if (!host.empty()) tags.push_back({"host", host});
  metric::normalise_tags(tags);
  schema.tags = std::move(tags);
  const auto id = schemas_.intern(std::move(schema));
  if (!id) return false;
  known = {generation, *id, schemas_.generation(*id)};
  return true;
}

bool Taker::translate(std::size_t first, Sender& sender) {
  bool all = true;
  if (sender.ids_.size() > static_cast<std::size_t>(shared_.options.max_series)) sender.ids_.clear();
  rows_.edit_rows(first, [&](metric::Row& row) {
    if (sender.host_.empty() && row.schema >= ids_.size()) ids_.resize(shared_.schemas.id_bound());
    Sender::Known& known = sender.host_.empty() ? ids_[row.schema] : sender.ids_[row.schema];
    const bool found = find(row.schema, known, sender.host_);
    all = all && found;
    row.schema = known.id;
    return found;
  });
  return all;
}

std::string Taker::leave_out_1970(std::size_t first) {
  std::string out;
  const TakerOptions& options = shared_.options;
  if (!options.refuse_1970) return out;
  const bool json = options.format == Format::kJson;
  // `auto` and texts have no unit, and what they mean is written in nanoseconds.
  const lineproto::Precision precision =
      json ? lineproto::parse_precision(options.shape.time_unit).value_or(lineproto::Precision::kNanosecond)
           : options.precision;
  rows_.edit_rows(first, [&](const metric::Row& row) {
    if (row.time >= lineproto::kYear1971) return true;
    if (out.empty())
      out = lineproto::wrong_unit(shared_.schemas[row.schema].measurement, row.time, precision,
                                  json ? "time_unit = \"*\"" : "precision = \"*\"");
    return false;
  });
  return out;
}

lineproto::DecodeReport Taker::decode(std::string_view lines, UnixNanos now, bool line_feed_ends) {
  rows_.pin(schemas_);
  lineproto::DecodeOptions options;
  options.default_time = next_time(now);
  options.own_default_times = true;
  options.line_feed_ends = line_feed_ends;
  if (shared_.options.format == Format::kInflux) options.precision = shared_.options.precision;
  lineproto::DecodeReport report = decoder_.decode(lines, options, rows_);
  if (report.without_time > 0) last_time_ = options.default_time + static_cast<std::int64_t>(report.without_time) - 1;
  return report;
}

std::string Taker::reason_of(const lineproto::DecodeReport& report) const {
  return report.error_text() + (shared_.schemas.size() >= shared_.schemas.limit() ? " (max_series is reached)" : "");
}

void Taker::take(std::string_view lines, UnixNanos now, Sender& sender, std::vector<Answer>* answers) {
  if (shared_.options.format == Format::kInflux && answers == nullptr) return take_block(lines, now, sender);
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    take_line(lines.substr(0, end), now, sender, answers);
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
}

// Nobody waits for an answer: all at once.
void Taker::take_block(std::string_view lines, UnixNanos now, Sender& sender) {
  if (shared_.options.rate_limit != 0) {
    const std::int64_t all = 1 + std::count(lines.begin(), lines.end(), '\n');
    const std::int64_t most = shared_.within_rate(sender, all, now);
    if (most < all) {
      std::size_t end = 0;
      for (std::int64_t i = 0; i < most; ++i) end = lines.find('\n', end) + 1;
      lines = lines.substr(0, end);
      shared_.count(static_cast<std::uint64_t>(all - most), 0);
      shared_.refuse(static_cast<std::uint64_t>(all - most), "more lines a second than rate_limit allows");
    }
  }
  const metric::SchemaPin pin = shared_.schemas.pin();
  const metric::Batch::Mark before = rows_.mark();
  const lineproto::DecodeReport report = decode(lines, now, true);
  if (report.refused_lines > 0) shared_.refuse(report.refused_lines, reason_of(report));
  std::size_t decoded = rows_.rows().size();
  if (const std::string wrong = leave_out_1970(before.rows); !wrong.empty())
    shared_.refuse(decoded - rows_.rows().size(), wrong);
  decoded = rows_.rows().size();
  if (!translate(before.rows, sender)) shared_.refuse(decoded - rows_.rows().size(), kNoRoom);
  shared_.count(report.lines, rows_.samples() - before.samples);
}

void Taker::take_line(std::string_view line, UnixNanos now, Sender& sender, std::vector<Answer>* answers) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (blank(line)) return;
  shared_.count(1, 0);
  if (shared_.within_rate(sender, 1, now) == 0) return refuse("more lines a second than rate_limit allows", answers);
  std::size_t samples = 0;
  if (line.size() > shared_.options.max_line_bytes) return refuse("a line is longer than max_line_bytes", answers);
  if (const std::string wrong = take_text(line, now, sender, samples); !wrong.empty()) return refuse(wrong, answers);
  if (answers != nullptr) answers->push_back({rows_.rows().size(), samples, {}});
}

// Empty, or why nothing of the line was taken.
std::string Taker::take_text(std::string_view line, UnixNanos now, Sender& sender, std::size_t& samples) {
  const TakerOptions& options = shared_.options;
  if (options.format == Format::kStatsd) {
    const Status taken = statsd_.take(line);
    return taken ? std::string() : taken.error().message;
  }
  std::string_view text = line;
  if (options.format != Format::kInflux) {
    lines_.clear();
    if (const Status read = append_lines(options.format, line, options.shape, lines_); !read)
      return read.error().message;
    text = lines_;
  }
  const metric::SchemaPin pin = shared_.schemas.pin();
  const metric::Batch::Mark before = rows_.mark();
  const lineproto::DecodeReport report = decode(text, now, false);
  // Nothing of a line that is not good as a whole: its sender would not know what to send again.
  if (report.refused_lines > 0) {
    rows_.rewind(before);
    return reason_of(report);
  }
  if (std::string wrong = leave_out_1970(before.rows); !wrong.empty()) {
    rows_.rewind(before);
    return wrong;
  }
  if (!translate(before.rows, sender)) {
    rows_.rewind(before);
    return std::string(kNoRoom);
  }
  samples = rows_.samples() - before.samples;
  shared_.count(0, samples);
  return {};
}

void Taker::take_datagram(std::string_view datagram, UnixNanos now, Sender& sender) {
  if (shared_.options.format != Format::kCollectd) return take(datagram, now, sender, nullptr);
  lines_.clear();
  const CollectdReport read = append_collectd(datagram, shared_.options.types, shared_.options.collectd_host, lines_);
  shared_.count(read.refused, 0);
  if (read.refused > 0) shared_.refuse(read.refused, read.error);
  if (!lines_.empty()) {
    lines_.pop_back();
    take_block(lines_, now, sender);
  }
}

void Taker::flush(UnixNanos now) {
  lines_.clear();
  statsd_.flush(lines_);
  if (lines_.empty()) return;
  const metric::SchemaPin pin = shared_.schemas.pin();
  const metric::Batch::Mark before = rows_.mark();
  rows_.pin(schemas_);
  lineproto::DecodeOptions options;
  options.default_time = now;
  const lineproto::DecodeReport report = decoder_.decode(lines_, options, rows_);
  if (report.refused_lines > 0) shared_.refuse(report.refused_lines, report.error_text());
  Sender nobody;
  const std::size_t decoded = rows_.rows().size();
  if (!translate(before.rows, nobody)) shared_.refuse(decoded - rows_.rows().size(), kNoRoom);
  shared_.count(0, rows_.samples() - before.samples);
}

}  // namespace resmon::door
