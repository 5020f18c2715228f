#include "ingest/crowd.h"

#include <algorithm>
#include <map>

#include "base/log.h"
#include "ingest/session.h"

namespace resmon::ingest {

namespace {

constexpr std::size_t kMostVisitors = 65'536;

}  // namespace

std::string address_of(const std::string& peer) {
  const std::string address = peer.substr(0, peer.rfind(':'));
  return address.starts_with('[') ? address.substr(1, address.size() - 2) : address;
}

// A bucket for each address that leaks at the rate allowed.
class Crowd::Visitors {
 public:
  explicit Visitors(std::uint32_t rate) : rate_(rate) {}

  bool may_enter(const asio::ip::address& address) {
    if (rate_ == 0) return true;
    const auto now = steady_clock::now();
    if (buckets_.size() >= kMostVisitors) {
      // Whoever has not come for ten seconds has an empty bucket. If nobody has, all begin anew: better than refusing
      // strangers.
      std::erase_if(buckets_, [&](const auto& one) { return now - one.second.at > std::chrono::seconds(10); });
      if (buckets_.size() >= kMostVisitors) buckets_.clear();
    }
    Bucket& bucket = buckets_.try_emplace(address, Bucket{0, now}).first->second;
    bucket.level = std::max(0.0, bucket.level - std::chrono::duration<double>(now - bucket.at).count() * rate_);
    bucket.at = now;
    if (bucket.level + 1 > 10.0 * rate_) return false;
    bucket.level += 1;
    return true;
  }

 private:
  struct Bucket {
    double level;
    steady_clock::time_point at;
  };
  const double rate_;
  std::map<asio::ip::address, Bucket> buckets_;
};

Crowd::Crowd(const ServerOptions& options, ServerStats& stats)
    : options_(options),
      stats_(stats),
      visitors_(std::make_unique<Visitors>(options.connection_rate)),
      half_open_(options.max_greeting),
      frame_memory_(options.frame_memory_bytes) {}

Crowd::~Crowd() = default;

bool Crowd::may_enter(const asio::ip::address& address) {
  const MutexLock lock(mutex_);
  if (visitors_->may_enter(address)) return true;
  if (stats_.rate_limited++ % 1000 == 0)
    log::warn("ingest", "too many connections from one address: turning away",
              {{"address", address.to_string()},
               {"limit_per_second", options_.connection_rate},
               {"turned_away", stats_.rate_limited.load()}});
  return false;
}

// Whoever has not said a valid HELLO costs a descriptor; they must not use up those of the others.
const void* Crowd::enter(const void* connection, const asio::ip::address& address) {
  const MutexLock lock(mutex_);
  const void* const gone = half_open_.enter(connection, address);
  stats_.half_open = half_open_.size();
  if (gone == nullptr) return nullptr;
  ++stats_.turned_away;
  if (refusals_.say("half open", ""))
    log::warn("ingest", "too many connections without HELLO: the oldest are closed",
              {{"limit", options_.max_greeting}});
  return gone;
}

void Crowd::greeted(const void* connection) {
  const MutexLock lock(mutex_);
  half_open_.leave(connection);
  stats_.half_open = half_open_.size();
}

void Crowd::leave(const void* connection) {
  greeted(connection);
  const MutexLock lock(mutex_);
  frame_memory_.leave(connection);
  stats_.frame_bytes = frame_memory_.bytes();
}

std::vector<const void*> Crowd::hold_frames(const void* connection, std::size_t bytes, bool moved_on) {
  const MutexLock lock(mutex_);
  std::vector<const void*> gone = frame_memory_.hold(connection, bytes, moved_on);
  stats_.frame_bytes = frame_memory_.bytes();
  stats_.frames_cut += gone.size();
  return gone;
}

void Crowd::refused(const std::string& host, const std::string& peer, std::string_view code,
                    const std::string& reason) {
  const std::string address = address_of(peer);
  if (!host.empty()) {
    const MutexLock lock(mutex_);
    refused_.refused(host, address, code, reason, Clock::system().wall());
  }
  if (!refusals_.say(address, reason)) return;
  log::warn("ingest", "client refused",
            {{"host", host.empty() ? "unknown" : host}, {"address", peer}, {"code", code}, {"reason", reason}});
}

void Crowd::let_in(const std::string& host, const std::string& address) {
  const MutexLock lock(mutex_);
  refused_.let_in(host, address);
}

std::vector<RefusedClient> Crowd::refused_clients() const {
  const MutexLock lock(mutex_);
  return refused_.list(Clock::system().wall());
}

bool Crowd::may_notify(const std::string& host, const std::string& text) {
  const MutexLock lock(mutex_);
  return notices_.say(host, text, steady_clock::now());
}

bool Crowd::may_tell_of_clock(const std::string& host) {
  const MutexLock lock(mutex_);
  return clocks_.say(host, host, steady_clock::now());
}

std::vector<Repeats::Summary> Crowd::report_repeats() {
  std::vector<Repeats::Summary> notices;
  std::vector<Repeats::Summary> clocks;
  {
    const MutexLock lock(mutex_);
    notices = notices_.due(steady_clock::now());
    clocks = clocks_.due(steady_clock::now());
  }
  for (const Repeats::Summary& one : clocks)
    log::warn("ingest", "client's clock differs, again in the last minute",
              {{"host", one.key}, {"times", one.times}, {"last_host", one.last_text}});
  refusals_.report();
  return notices;
}

}  // namespace resmon::ingest
