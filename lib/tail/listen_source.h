#pragma once

// Log lines that other programs send to a socket: syslog (RFC 5424 and 3164), JSON lines, or plain text, over a Unix
// socket, TCP or UDP. A message that was read and not yet kept when the client is killed is lost; the protocol has no
// acknowledgement. While there is no room nothing is read, so that senders over a stream wait, and the kernel drops and
// counts datagrams. Polled, and ready_descriptor() says when that is worth it; no thread.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "tail/event_taker.h"
#include "tail/splitter.h"

namespace resmon::tail {

struct ListenAddress {
  enum class Kind { kUnix, kUnixDatagram, kTcp, kUdp };
  Kind kind = Kind::kUnix;
  std::string host;  // the path of a Unix socket
  std::uint16_t port = 0;
  bool datagrams() const { return kind == Kind::kUnixDatagram || kind == Kind::kUdp; }
  bool local() const;  // only programs on this machine reach it
};

// "unix:/PATH", "unixgram:/PATH", "tcp:ADDRESS:PORT", "udp:ADDRESS:PORT"; the address is numeric, an IPv6 one in
// brackets, or "localhost". kInvalid says what is wrong.
Result<ListenAddress> parse_listen_address(std::string_view text);

struct ListenOptions {
  ListenAddress address;
  SplitOptions split;
  std::size_t max_connections = 256;           // one more ends the one that was silent the longest
  std::size_t max_buffered_bytes = 4U << 20U;  // unfinished messages of all connections; the one that is over is cut
};

struct ListenStats {
  std::uint64_t connections = 0;          // now
  std::uint64_t ended_connections = 0;    // to make room for newer ones
  std::uint64_t dropped_datagrams = 0;    // by the kernel: its buffer was full
  std::uint64_t refused_connections = 0;  // accept failed
  std::uint64_t skipped_bytes = 0;        // of long messages
};

class ListenSource {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit ListenSource(ListenOptions options);
  ~ListenSource();

  // True: there is more to read at once. Opens the socket when it is not open; a failure is tried again with growing
  // pauses.
  bool poll(TimePoint now, bool pause, EventTaker& taker);
  // Readable when poll() would read something. -1: there is none.
  int ready_descriptor() const { return events_.get(); }

  const ListenStats& stats() const { return stats_; }
  std::vector<std::string> take_findings() { return std::exchange(findings_, {}); }

 private:
  struct Connection;
  Status open();
  void accept(TimePoint now);
  void make_room();
  bool read_datagrams(EventTaker& taker);
  void take_datagram(std::string_view text, bool cut, const std::string& from, EventTaker& taker);
  bool read(Connection& connection, TimePoint now, EventTaker& taker);
  bool take_messages(Connection& connection, EventTaker& taker);
  void forget(int descriptor);

  const ListenOptions options_;
  ListenStats stats_;
  Fd events_;
  Fd socket_;
  std::map<int, std::unique_ptr<Connection>> connections_;
  std::size_t buffered_bytes_ = 0;
  std::string scratch_;
  std::uint32_t seen_drops_ = 0;  // as the kernel counts them
  std::vector<std::string> findings_;
  std::string told_;
  TimePoint next_open_{};
  std::chrono::seconds pause_{1};
};

}  // namespace resmon::tail
