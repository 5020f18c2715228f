#include "rule_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "base/file.h"
#include "base/log.h"

namespace resmon::server {

namespace asio = boost::asio;

namespace {

constexpr auto kSettleEvery = std::chrono::seconds(1);
// An entry is read this long after it was received, at most, while all is well: silent hosts' windows wait for it.
constexpr std::int64_t kReadWithin = 5'000'000'000;
constexpr unsigned kNumberBits = 16;
constexpr std::size_t kMostFileBytes = 64U << 20U;
constexpr std::string_view kHead = "resmon windows 1";

// A host's name as one word.
std::string word_of(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || c == '%')
      out += fmt::format("%{:02x}", byte);
    else
      out += c;
  }
  return "=" + out;
}

std::string text_of(std::string_view word) {
  std::string out;
  for (std::size_t i = 1; i < word.size(); ++i) {
    unsigned byte = 0;
    if (word[i] == '%' && i + 2 < word.size() &&
        std::from_chars(word.data() + i + 1, word.data() + i + 3, byte, 16).ec == std::errc()) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += word[i];
    }
  }
  return out;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> out;
  while (!line.empty()) {
    const std::size_t space = std::min(line.find(' '), line.size());
    out.push_back(line.substr(0, space));
    line.remove_prefix(std::min(space + 1, line.size()));
  }
  return out;
}

template <class T>
bool read_number(std::string_view word, T& out) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
  return error == std::errc() && end == word.data() + word.size();
}

}  // namespace

RuleSource::RuleSource(LogSource& inner, const rule::Config& config, metric::SchemaTable& schemas, std::string file,
                       std::uint64_t log_id)
    : inner_(inner),
      schemas_(schemas),
      file_(std::move(file)),
      log_id_(log_id),
      windows_(config.has_windows()),
      engine_(make_engine(config)) {
  load();
}

std::shared_ptr<rule::Engine> RuleSource::make_engine(const rule::Config& config) const {
  // What is in the log was acknowledged: it is not refused because the table is full.
  return std::make_shared<rule::Engine>(
      config, schemas_, rule::EngineOptions{rule::Place::kSink, {}, metric::SchemaTable::Room::kBeyondLimit});
}

std::vector<rule::RuleStats> RuleSource::stats() const {
  const MutexLock lock(mutex_);
  std::vector<rule::RuleStats> all = engine_->stats();
  for (std::size_t i = 0; i < std::min(all.size(), counted_.size()); ++i) {
    all[i].in += counted_[i].in;
    all[i].out += counted_[i].out;
    all[i].dropped += counted_[i].dropped;
    all[i].full += counted_[i].full;
  }
  return all;
}

void RuleSource::load() {
  if (file_mark(file_) == 0) return;
  const auto text = read_file(file_, kMostFileBytes);
  if (!text) {
    log::error("sink",
               "which windows were delivered cannot be read; some may be written again with a part of their rows",
               {{"file", file_}, {"reason", text.error().message}});
    return;
  }
  bool same_log = false, same_rules = false;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::vector<std::string_view> words = words_of(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    rule::ClosedWindow window;
    if (words.size() == 4 && words[0] == "log") {
      std::uint64_t log = 0, rules = 0, position = 0;
      same_log = read_number(words[1], log) && log == log_id_;
      same_rules = same_log && read_number(words[2], rules) && rules == engine_->config().fingerprint;
      if (same_log && read_number(words[3], position)) skip_until_ = delivered_ = settled_ = position;
    } else if (words.size() == 6 && words[0] == "closed" && same_rules) {
      if (!read_number(words[1], window.rule) || !read_number(words[2], window.start) ||
          !read_number(words[3], window.first) || !read_number(words[4], window.last))
        continue;
      window.host = text_of(words[5]);
      engine_->restore(window);
      sent_.push_back(std::move(window));
    } else if (words.size() == 4 && words[0] == "newest" && same_rules) {
      if (read_number(words[1], window.rule) && read_number(words[2], window.start))
        engine_->restore_newest(window.rule, text_of(words[3]), window.start);
    }
  }
}

std::string RuleSource::content(std::uint64_t position) const {
  std::string out = fmt::format("{}\nlog {} {} {}\n", kHead, log_id_, engine_->config().fingerprint, position);
  for (const rule::ClosedWindow& one : sent_)
    out += fmt::format("closed {} {} {} {} {}\n", one.rule, one.start, one.first, one.last, word_of(one.host));
  for (const rule::ClosedWindow& one : engine_->pasts())
    out += fmt::format("newest {} {} {}\n", one.rule, one.start, word_of(one.host));
  return out;
}

std::shared_ptr<metric::Batch> RuleSource::take_batch() {
  const MutexLock lock(mutex_);
  std::shared_ptr<metric::Batch> out = std::move(batch_);
  if (!out || out.use_count() > 1) return std::make_shared<metric::Batch>();
  out->clear();
  return out;
}

asio::awaitable<std::optional<sink::Item>> RuleSource::next(std::chrono::steady_clock::time_point wait_until) {
  if (windows_) settle();
  const std::shared_ptr<metric::Batch> out = take_batch();
  UnixNanos received = Clock::system().wall();
  while (true) {
    const std::optional<sink::Item> item = co_await inner_.next(wait_until);
    if (item && item->position <= skip_until_) continue;
    if (item) {
      received = item->received;
      out->pin(item->batch->pin());  // the older pin: rows that go on as they are need it
      engine_->advance(item->received, *out);
      engine_->process(*item->batch, 0, item->batch->rows().size(), {item->received, item->position}, *out);
      position_ = item->position;
    } else if (windows_) {
      engine_->advance(Clock::system().wall() - kReadWithin, *out);
    }
    if (!item && out->empty()) co_return std::nullopt;
    break;
  }
  number_ = std::max(number_ + 1, position_ << kNumberBits);
  made_.push_back({number_, position_});
  for (rule::ClosedWindow& one : engine_->take_closed()) unsent_.push_back({number_, std::move(one)});
  {
    const MutexLock lock(mutex_);
    batch_ = out;
  }
  co_return sink::Item{out, number_, received};
}

void RuleSource::commit(std::uint64_t number) {
  for (; !made_.empty() && made_.front().number <= number; made_.pop_front())
    delivered_ = std::max(delivered_, made_.front().position);
  for (; !unsent_.empty() && unsent_.front().number <= number; unsent_.pop_front())
    sent_.push_back(std::move(unsent_.front().window));
  if (windows_)
    settle();
  else if (delivered_ > settled_)
    inner_.commit(settled_ = delivered_);
}

void RuleSource::delivered(std::uint64_t number) {
  const auto after =
      std::partition_point(made_.begin(), made_.end(), [number](const Made& one) { return one.number <= number; });
  // With windows the cursor is where they need it, and what is behind it is a backlog.
  if (!windows_ && after != made_.begin()) inner_.delivered(std::prev(after)->position);
}

bool RuleSource::rewind() {
  const std::vector<rule::RuleStats> counted = stats();
  const std::vector<rule::ClosedWindow> pasts = engine_->pasts();
  const std::shared_ptr<rule::Engine> fresh = make_engine(engine_->config());
  for (const rule::ClosedWindow& one : sent_) fresh->restore(one);
  for (const rule::ClosedWindow& one : pasts) fresh->restore_newest(one.rule, one.host, one.start);
  {
    const MutexLock lock(mutex_);
    engine_ = fresh;
    counted_ = counted;
  }
  made_.clear();
  unsent_.clear();
  delivered_ = position_ = settled_;
  number_ = 0;
  return inner_.rewind();
}

// Moves the cursor as far as no window needs what is before it. About once a second: a kill costs reading that again.
void RuleSource::settle() {
  const auto now = std::chrono::steady_clock::now();
  if (now < settle_at_) return;
  settle_at_ = now + kSettleEvery;
  std::uint64_t oldest = engine_->oldest_position();
  for (const Unsent& one : unsent_) oldest = std::min(oldest, one.window.first);
  const std::uint64_t position = std::min(delivered_, oldest - 1);
  if (position <= settled_) return;
  std::erase_if(sent_, [&](const rule::ClosedWindow& one) { return one.last <= position; });
  if (Status written = write_file_atomically(file_, content(position), 0600); !written) {
    if (!std::exchange(complained_, true))
      log::error("sink", "cannot write the list of delivered windows; the journal keeps their rows",
                 {{"file", file_}, {"reason", written.error().message}});
    return;
  }
  complained_ = false;
  settled_ = position;
  inner_.commit(position);
}

void RuleSource::renew_pin() {
  const MutexLock lock(mutex_);
  if (batch_) batch_->renew_pin();
}

}  // namespace resmon::server
