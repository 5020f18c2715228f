#include "line_source.h"

#include <algorithm>

#include "logs/record.h"
#include "net/spawn.h"
#include "syslog_schema.h"

namespace resmon::server {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kMostRemembered = 100'000;

}  // namespace

LineSource::LineSource(asio::any_io_executor executor, journal::Reader& reader, metric::SchemaTable& schemas,
                       logs::Query query, bool with_source)
    : reader_(reader),
      schemas_(schemas),
      query_(std::move(query)),
      with_source_(with_source),
      bell_(std::make_shared<Bell>(executor)) {
  reader_.on_readable(ringer(bell_, executor));
}

asio::awaitable<std::optional<sink::Item>> LineSource::next(std::chrono::steady_clock::time_point wait_until) {
  while (true) {
    bell_->timer.expires_at(wait_until);
    bell_->waiting = true;  // before looking: what becomes durable after the look rings
    if (auto item = take()) {
      bell_->waiting = false;
      co_return item;
    }
    if (std::chrono::steady_clock::now() >= wait_until) co_return std::nullopt;
    co_await net::wait(bell_->timer);
    if (std::exchange(woken_, false)) co_return std::nullopt;
  }
}

// One record's lines; none of them may be wanted, and then its position is all that there is.
std::optional<sink::Item> LineSource::take() {
  if (next_record_ == records_.size()) {
    next_record_ = 0;
    auto read = reader_.read();
    records_ = read ? *read : std::span<const journal::Record>();
    if (records_.empty()) return std::nullopt;
  }
  const journal::Record& record = records_[next_record_++];
  sink::Item item;
  item.position = record.position;
  const auto batch = std::make_shared<metric::Batch>();
  batch->pin(schemas_);
  // What cannot be read is counted where blocks are made of it.
  if (const auto read = logs::decode_record(record.payload); read && !record.replayed) {
    item.received = read->received;
    logline::Lines lines;
    const std::string host(read->host);
    if (logline::decode(read->lines, lines))
      for (std::size_t i = 0; i < lines.size(); ++i)
        if (const logline::Line line = lines[i]; query_.matches(host, lines.source(), line))
          add(host, lines.source(), line, *batch);
  }
  const MutexLock lock(mutex_);
  batch_ = batch;
  item.batch = batch;
  return item;
}

void LineSource::add(const std::string& host, std::string_view source, const logline::Line& line,
                     metric::Batch& batch) {
  metric::Schema schema{std::string(kSyslogMeasurement), syslog_tags(host, line), kSyslogFields};
  if (with_source_) {
    std::vector<metric::Tag> tags = schema.tags;
    tags.push_back({"source", std::string(source)});
    metric::normalise_tags(tags);
    schema.tags = std::move(tags);
  }
  const auto id = schemas_.intern(std::move(schema), metric::SchemaTable::Room::kBeyondLimit);
  if (!id) return;
  if (last_.size() > kMostRemembered) last_.clear();
  auto& [given, own] = last_[*id];
  const bool again = own == line.time && given != 0;
  given = again ? given + 1 : line.time;
  own = line.time;
  metric::RowWriter row = batch.add(*id, kSyslogFields.size(), given);
  for (std::size_t i = 0; i < kSyslogFields.size(); ++i) {
    const SyslogValue value = syslog_value(static_cast<SyslogColumn>(i), line);
    if (value.number)
      row.set(i, *value.number);
    else if (!value.text.empty() || i == kSyslogMessage)
      row.set(i, std::string_view(value.text));
  }
}

void LineSource::renew_pin() {
  const MutexLock lock(mutex_);
  if (batch_) batch_->renew_pin();
}

void LineSource::wake() {
  woken_ = true;
  bell_->timer.cancel();
}

}  // namespace resmon::server
