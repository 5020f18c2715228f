#pragma once

// How many sockets there are: /proc/net/sockstat{,6} and snmp, and TCP sockets by state from /proc/net/tcp{,6} or from
// the answers of the kernel's inet_diag. Source: net/ipv4/proc.c, net/ipv4/tcp_ipv4.c, include/uapi/linux/inet_diag.h.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace resmon::procfs {

// The kernel's numbers of the states (include/net/tcp_states.h).
enum TcpState : std::size_t {
  kEstablished = 1,
  kSynSent,
  kSynRecv,
  kFinWait1,
  kFinWait2,
  kTimeWait,
  kClose,
  kCloseWait,
  kLastAck,
  kListen,
  kClosing,
  kNewSynRecv,  // a request that has no socket yet; counted as kSynRecv
  kTcpStates,
};

struct TcpStates {
  std::array<std::uint64_t, kTcpStates> count{};  // by TcpState; [0] is what has no known state

  void add(std::size_t state) {
    if (state >= kTcpStates) state = 0;
    if (state == kNewSynRecv) state = kSynRecv;
    ++count[state];
  }
};

// Adds up /proc/net/tcp or tcp6, handed over in pieces of any size: with 100,000 connections it is 15 MB.
class TcpTable {
 public:
  explicit TcpTable(TcpStates& states) : states_(states) {}
  Status feed(std::string_view piece);
  Status finish();  // after the last piece; the object can then take another file

 private:
  Status take(std::string_view line);

  TcpStates& states_;
  std::array<char, 512> partial_{};  // the beginning of a line whose end is in the next piece
  std::size_t partial_size_ = 0;
  bool heading_ = false;
};

// Counts the sockets in one datagram of netlink's answer to a dump. True when it says that the dump is complete.
// An answer that is an error (such as "no such protocol": a kernel without inet_diag) is kUnsupported.
Result<bool> count_inet_diag(std::span<const std::byte> datagram, TcpStates& states);

struct SocketCounts {
  std::uint64_t tcp = 0;
  std::uint64_t tcp_orphans = 0;  // IPv4's file counts both families, here and below
  std::uint64_t tcp_time_wait = 0;
  std::uint64_t tcp_allocated = 0;
  std::uint64_t udp = 0;
  bool operator==(const SocketCounts&) const = default;
};

// Adds sockstat or sockstat6 to `out`.
Status add_sockstat(std::string_view text, SocketCounts& out);

// Counters of /proc/net/snmp that advance when TCP connections come, go, or are refused, and the number of established
// ones.
struct TcpActivity {
  std::uint64_t active_opens = 0;
  std::uint64_t passive_opens = 0;
  std::uint64_t attempt_fails = 0;
  std::uint64_t established_resets = 0;
  std::uint64_t established_now = 0;
  bool operator==(const TcpActivity&) const = default;
};
Status parse_snmp(std::string_view text, TcpActivity& out);

}  // namespace resmon::procfs
