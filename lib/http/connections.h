#pragma once

// The open connections of a server: how many there may be, how many one address may have, and which one ends for a new
// one. When there are too many, a connection that waits for its client can be closed; one that serves a request
// cannot. The server closes the oldest connection of the address that has the most, so a client that opens thousands
// closes its own, and a new client is served.
//
// Thread-safe.

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "base/mutex.h"

namespace resmon::http {

class Connections {
 public:
  enum class State {
    kWaiting,  // for the request's next bytes
    kSending,  // an answer that the client has yet to take
    kWorking,  // on a request, or a WebSocket
  };
  using Close = std::function<void()>;  // called on any thread, once, without a lock held
  using Id = std::uint64_t;             // never 0

  Connections(std::size_t most, std::size_t most_of_address) : most_(most), most_of_address_(most_of_address) {}

  struct Admission {
    Id id = 0;  // 0: there are too many and none of them can be ended, or the server stops
    bool ended_another = false;
  };
  // A new connection, in kWaiting. `shared`: the address may stand for many clients, as that of a proxy on this machine
  // does, and has no share of its own.
  Admission admit(const std::string& address, bool shared);
  // How to end it. False: it is to end already.
  [[nodiscard]] bool set_close(Id id, Close close);
  void change(Id id, State state);
  void leave(Id id);
  // Ends all, and lets no more in.
  void stop();

 private:
  using Queue = std::list<Id>;  // the oldest first
  struct Entry {
    std::string address;
    Close close;
    State state = State::kWaiting;
    std::uint64_t since = 0;  // the stamp of its entering the queue
    Queue::iterator place;    // in its queue, unless kWorking
    bool ending = false;      // counted no more
  };
  struct Address {
    std::size_t open = 0;
    Queue queues[2];  // of kWaiting and of kSending
  };
  // The addresses by how many of theirs are in one queue, then by the age of the oldest: the last one has the victim.
  using Rank = std::tuple<std::size_t, std::int64_t, std::string>;

  void enter_queue(Id id, Entry& entry, State state) REQUIRES(mutex_);
  void leave_queue(Entry& entry) REQUIRES(mutex_);
  Rank rank_of(const std::string& name, const Queue& queue) const REQUIRES(mutex_);
  void uncount(Entry& entry) REQUIRES(mutex_);
  Id victim_of(const Address& address) const REQUIRES(mutex_);
  Id victim() const REQUIRES(mutex_);

  const std::size_t most_;
  const std::size_t most_of_address_;  // 0: no share
  mutable Mutex mutex_;
  std::map<Id, Entry> entries_ GUARDED_BY(mutex_);
  std::map<std::string, Address> addresses_ GUARDED_BY(mutex_);
  std::set<Rank> ranks_[2] GUARDED_BY(mutex_);
  std::size_t open_ GUARDED_BY(mutex_) = 0;
  Id last_ GUARDED_BY(mutex_) = 0;
  std::uint64_t stamp_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace resmon::http
