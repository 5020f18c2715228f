#pragma once

// How many sockets there are: /proc/net/sockstat{,6} and snmp, and TCP sockets by state from /proc/net/tcp{,6} or from
// the answers of the kernel's inet_diag. Source: net/ipv4/proc.c, net/ipv4/tcp_ipv4.c, include/uapi/linux/inet_diag.h.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "procfs/scan.h"

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
  TcpTable(TcpStates& states, Skipped& skipped) : states_(states), skipped_(skipped) {}
  void feed(std::string_view piece);
  Status finish();  // after the last piece: whether anything of use was in them

 private:
  void take(std::string_view line);

  TcpStates& states_;
  Skipped& skipped_;
  std::array<char, 512> partial_{};  // the beginning of a line whose end is in the next piece
  std::size_t partial_size_ = 0;
  std::size_t lines_ = 0;
  std::uint64_t last_slot_ = UINT64_MAX;  // of the socket before
  bool any_ = false;
};

// Counts the sockets in one datagram of netlink's answer to a dump. True when it says that the dump is complete.
// An answer that is an error (such as "no such protocol": a kernel without inet_diag) is kUnsupported.
Result<bool> count_inet_diag(std::span<const std::byte> datagram, TcpStates& states);

// The content of one file, sockstat or sockstat6.
struct SocketCounts {
  Number tcp;
  Number tcp_orphans;  // only IPv4's file has it, for both families; so with the next two
  Number tcp_time_wait;
  Number tcp_allocated;
  Number udp;
  bool operator==(const SocketCounts&) const = default;
};
Status parse_sockstat(std::string_view text, SocketCounts& out, Skipped& skipped);

// Counters of /proc/net/snmp that advance when TCP connections come, go, or are refused, and the number of established
// ones.
struct TcpActivity {
  Number active_opens;
  Number passive_opens;
  Number attempt_fails;
  Number established_resets;
  Number established_now;
  bool operator==(const TcpActivity&) const = default;
};
Status parse_snmp(std::string_view text, TcpActivity& out, Skipped& skipped);

}  // namespace resmon::procfs
