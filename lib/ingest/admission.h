#pragma once

// Which connections must go so that others have room: those that have not said HELLO, and those that hold memory for
// frames that do not end. No I/O. Connections are opaque pointers. Not thread-safe.

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <list>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace resmon::ingest {

// Connections that have not said HELLO, oldest first. When there are too many, the oldest one makes room: a client says
// HELLO within a second, and whoever does not is the first to go. An address (of IPv6: its /64) has at most a quarter
// of the room.
class HalfOpen {
 public:
  explicit HalfOpen(std::size_t most);

  // Returns the connection that must be closed for the new one, and forgets it; null where there is room.
  const void* enter(const void* connection, const boost::asio::ip::address& address);
  void leave(const void* connection);  // it said HELLO or is gone; nothing happens where it is not known
  std::size_t size() const { return places_.size(); }

 private:
  struct One {
    const void* connection;
    std::uint64_t number;  // ascending with age
  };
  using Queue = std::list<One>;  // of one address, oldest first
  struct Place {
    std::map<boost::asio::ip::address, Queue>::iterator address;
    Queue::iterator one;
  };

  const std::size_t most_;
  const std::size_t share_;
  std::uint64_t next_number_ = 0;
  std::map<boost::asio::ip::address, Queue> addresses_;
  std::unordered_map<const void*, Place> places_;
};

// What all connections together hold of frames that have begun and not ended. When that is too much, the connections
// whose frames began the longest ago must go: an honest sender's frame ends soon.
class FrameMemory {
 public:
  // Less than this is not worth counting; a gather fits.
  static constexpr std::size_t kSmallBytes = 8U << 10U;

  explicit FrameMemory(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // The connection holds so much now. `moved_on`: a frame of it has ended since the last call. Returns the connections
  // that must be closed so that all others have room, oldest first. They are not counted any more, also where one reads
  // on until it hears of it.
  std::vector<const void*> hold(const void* connection, std::size_t bytes, bool moved_on);
  void leave(const void* connection);
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct One {
    const void* connection;
    std::size_t bytes;
  };
  using ByAge = std::map<std::uint64_t, One>;

  void forget(const void* connection);

  const std::uint64_t limit_bytes_;
  std::uint64_t bytes_ = 0;
  std::uint64_t next_number_ = 0;
  ByAge by_age_;
  std::unordered_map<const void*, ByAge::iterator> places_;
  std::unordered_set<const void*> told_to_go_;  // until they leave
};

}  // namespace resmon::ingest
