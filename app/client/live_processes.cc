#include "live_processes.h"

#include <malloc.h>

#include <cmath>

#include "net/spawn.h"

namespace resmon::client {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kMostQuestions = 8;
constexpr auto kLookEvery = std::chrono::milliseconds(10);
constexpr auto kReadPatience = std::chrono::seconds(5);
constexpr auto kFirstPause = std::chrono::milliseconds(500);  // between the two readings that make a rate
constexpr auto kOldest = std::chrono::seconds(15);            // a reading that is older makes no rate of now
constexpr auto kForgetAfter = std::chrono::seconds(60);

std::uint64_t whole(double value) {
  return value > 0 && value < 1e18 ? static_cast<std::uint64_t>(std::llround(value)) : 0;
}

}  // namespace

LiveProcesses::LiveProcesses(asio::any_io_executor executor, const collect::Roots& roots, bool wanted,
                             bool command_lines, Send send)
    : executor_(executor),
      wanted_(wanted),
      send_(std::move(send)),
      listing_(std::make_shared<collect::ProcessListing>(roots, command_lines)),
      timer_(executor),
      forget_(executor) {}

void LiveProcesses::asked(const wire::Ask& ask) {
  if (ask.what != wire::kAskProcesses) return refuse(ask.id, "this client does not know what was asked");
  if (!wanted_) return refuse(ask.id, "client.process_list is false on that machine");
  if (stopping_ || waiting_.size() >= kMostQuestions) return refuse(ask.id, "too many ask at a time");
  waiting_.push_back(ask.id);
  if (std::exchange(reading_, true)) return;
  net::start(executor_, answer());
}

void LiveProcesses::stop() {
  stopping_ = true;
  timer_.cancel();
  forget_.cancel();
}

void LiveProcesses::refuse(std::uint64_t id, const std::string& reason) const {
  wire::ProcessList list;
  list.id = id;
  list.refusal = reason;
  send_(list);
}

asio::awaitable<void> LiveProcesses::answer() {
  bool good = true;
  if (std::chrono::steady_clock::now() - listing_->read_at() > kOldest) {
    good = co_await read();
    if (good && !stopping_) {
      timer_.expires_after(kFirstPause);
      co_await net::wait(timer_);
    }
  }
  good = good && !stopping_ && co_await read();
  reading_ = false;
  const std::vector<std::uint64_t> questions = std::exchange(waiting_, {});
  if (stopping_) co_return;
  if (!good) {
    for (const std::uint64_t id : questions) refuse(id, "the processes could not be read in time");
    co_return;
  }
  wire::ProcessList list = list_now();
  for (const std::uint64_t id : questions) {
    list.id = id;
    send_(list);
  }
  forget_later();
}

// False when it takes too long: /proc of a machine in distress can hang.
asio::awaitable<bool> LiveProcesses::read() {
  using State = collect::HelperPool::State;
  if (pool_.state(*listing_) == State::kDone) pool_.take(*listing_);
  if (pool_.state(*listing_) == State::kIdle) pool_.ask(listing_);
  const auto until = std::chrono::steady_clock::now() + kReadPatience;
  while (pool_.state(*listing_) != State::kDone) {
    if (stopping_ || std::chrono::steady_clock::now() > until) co_return false;
    timer_.expires_after(kLookEvery);
    co_await net::wait(timer_);
  }
  pool_.take(*listing_);
  co_return listing_->status().has_value();
}

wire::ProcessList LiveProcesses::list_now() const {
  wire::ProcessList list;
  list.total = listing_->processes().size();
  for (const collect::LiveProcess& one : listing_->processes()) {
    if (list.rows.size() >= wire::kMostProcessRows) break;
    wire::ProcessRow& row = list.rows.emplace_back();
    row.id = one.id;
    row.state = one.state;
    row.user = one.user;
    row.name = one.name;
    row.command_line = one.command_line;
    row.service = one.service;
    row.container = one.container;
    row.cpu_hundredths = whole(one.cpu_percent * 100);
    row.resident_bytes = one.resident_bytes;
    if (one.read_bytes_per_second) row.read_bytes_per_second = whole(*one.read_bytes_per_second);
    if (one.written_bytes_per_second) row.written_bytes_per_second = whole(*one.written_bytes_per_second);
    row.threads = one.threads;
    row.age_seconds = one.age_seconds;
  }
  return list;
}

// Nobody looks any more: what the readings took is given back.
void LiveProcesses::forget_later() {
  forget_.expires_after(kForgetAfter);
  forget_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || reading_ || pool_.state(*listing_) != collect::HelperPool::State::kIdle) return;
    listing_->forget();
    ::malloc_trim(0);
  });
}

}  // namespace resmon::client
