#include "door/taker.h"

#include <algorithm>

#include "base/json_text.h"

namespace resmon::door {

Taker::Taker(TakerOptions options, metric::SchemaTable& schemas)
    : options_(std::move(options)),
      schemas_(schemas),
      own_(static_cast<std::size_t>(options_.max_series)),
      decoder_(own_, {.line_bytes = options_.max_line_bytes * 16, .errors_kept = 1, .cache_bytes = 1U << 20U}),
      statsd_(static_cast<std::size_t>(options_.max_series)) {}

bool Taker::within_rate(UnixNanos now) {
  if (options_.rate_limit == 0) return true;
  if (const UnixNanos second = now / 1'000'000'000; std::exchange(rate_second_, second) != second) rate_lines_ = 0;
  return ++rate_lines_ <= options_.rate_limit;
}

UnixNanos Taker::time_of_line(UnixNanos now) {
  constexpr UnixNanos kMostAhead = 1'000'000'000;  // further, the clock was set back
  last_time_ = now > last_time_ || last_time_ - now > kMostAhead ? now : last_time_ + 1;
  return last_time_;
}

void Taker::refuse(const std::string& reason, std::string* answer) {
  ++stats_.refused_lines;
  stats_.last_error = printable(reason.substr(0, 300));
  if (answer != nullptr) answer->append("error ").append(stats_.last_error).append("\n");
}

// Into the other table, with the tags of the configuration.
bool Taker::translate(const metric::Row& row, metric::Batch& out) {
  if (row.schema >= ids_.size()) ids_.resize(own_.id_bound(), -1);
  if (ids_[row.schema] < 0) {
    metric::Schema schema = own_[row.schema];
    std::vector<metric::Tag> tags = options_.tags;
    for (const metric::Tag& tag : schema.tags) tags.push_back(tag);  // a later one wins: the line's own
    metric::normalise_tags(tags);
    schema.tags = std::move(tags);
    const auto id = schemas_.intern(std::move(schema));
    if (!id) return false;
    ids_[row.schema] = *id;
  }
  const std::vector<metric::Field>& fields = own_[row.schema].fields;
  metric::RowWriter writer = out.add(static_cast<metric::SchemaId>(ids_[row.schema]), row.fields, row.time);
  for (std::size_t f = 0; f < row.fields; ++f) {
    if (!rows_.has(row, f)) continue;
    if (fields[f].type == metric::FieldType::kString)
      writer.set(f, rows_.string(row, f));
    else
      writer.set_cell(f, rows_.value(row, f));
  }
  return true;
}

void Taker::take(std::string_view line, UnixNanos now, metric::Batch& out, std::string* answer) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.find_first_not_of(" \t") == std::string_view::npos) return;
  ++stats_.lines;
  if (!within_rate(now)) return refuse("more lines a second than rate_limit allows", answer);
  if (options_.format == Format::kStatsd) {
    if (Status taken = statsd_.take(line); !taken) refuse(taken.error().message, answer);
    return;
  }
  lines_.clear();
  if (Status read = append_lines(options_.format, line, options_.shape, lines_); !read)
    return refuse(read.error().message, answer);
  if (const std::string wrong = decode(time_of_line(now), out); !wrong.empty()) return refuse(wrong, answer);
  if (answer != nullptr) answer->append("ok ").append(std::to_string(rows_.samples())).append("\n");
}

void Taker::flush(UnixNanos now, metric::Batch& out) {
  lines_.clear();
  statsd_.flush(lines_);
  if (lines_.empty()) return;
  if (const std::string wrong = decode(now, out); !wrong.empty()) refuse(wrong, nullptr);
}

std::string Taker::decode(UnixNanos now, metric::Batch& out) {
  rows_.clear();
  lineproto::DecodeOptions decode;
  decode.default_time = now;
  if (options_.format == Format::kInflux) decode.precision = options_.precision;
  const lineproto::DecodeReport report = decoder_.decode(lines_, decode, rows_);
  // Nothing of a line that is not good as a whole: its sender would not know what to send again. What was added up of
  // many lines has no sender.
  if (report.refused_lines > 0 && options_.format != Format::kStatsd)
    return report.error_text() + (own_.size() >= own_.limit() ? " (max_series is reached)" : "");
  for (const metric::Row& row : rows_.rows())
    if (!translate(row, out)) return "too many series";
  stats_.samples += rows_.samples();
  return report.error_text();
}

}  // namespace resmon::door
