#pragma once

// Who may come in and who must go when there is no room, and what of it is said how often. Thread-safe; connections are
// opaque pointers.

#include <boost/asio/ip/address.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/refusal_log.h"
#include "base/repeats.h"
#include "ingest/admission.h"
#include "ingest/refused.h"

namespace resmon::ingest {

struct ServerOptions;
struct ServerStats;

class Crowd {
 public:
  Crowd(const ServerOptions& options, ServerStats& stats);  // which must outlive it
  ~Crowd();

  // False: too many come from there.
  bool may_enter(const boost::asio::ip::address& address);
  // It has not said HELLO yet. The connection that must be closed for it; null: there is room.
  const void* enter(const void* connection, const boost::asio::ip::address& address);
  void greeted(const void* connection);
  void leave(const void* connection);
  // What it holds for a frame that has not ended, and those that must go where that is too much for all; see
  // FrameMemory.
  std::vector<const void*> hold_frames(const void* connection, std::size_t bytes, bool moved_on);

  // One line for the first refusal of an address, and one a minute for those that follow. `host` may be empty.
  void refused(const std::string& host, const std::string& peer, std::string_view code, const std::string& reason);
  void let_in(const std::string& host, const std::string& address);
  std::vector<RefusedClient> refused_clients() const;

  // Whether to tell a client this now, or people of its clock.
  bool may_notify(const std::string& host, const std::string& text);
  bool may_tell_of_clock(const std::string& host);
  // Says what was held back; what clients are to be told again. About once a second.
  std::vector<Repeats::Summary> report_repeats();

 private:
  class Visitors;  // how often which address comes

  const ServerOptions& options_;
  ServerStats& stats_;
  RefusalLog refusals_{"ingest"};
  mutable Mutex mutex_;
  const std::unique_ptr<Visitors> visitors_ GUARDED_BY(mutex_);
  HalfOpen half_open_ GUARDED_BY(mutex_);
  FrameMemory frame_memory_ GUARDED_BY(mutex_);
  Repeats notices_ GUARDED_BY(mutex_);  // by host
  // By host; a server that is busy for seconds takes every client's clock for late.
  static constexpr std::size_t kMostClocks = 8;
  Repeats clocks_ GUARDED_BY(mutex_){std::chrono::minutes(1), kMostClocks};
  RefusedClients refused_ GUARDED_BY(mutex_);
};

}  // namespace resmon::ingest
