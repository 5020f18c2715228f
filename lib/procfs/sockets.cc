#include "procfs/sockets.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstring>

#include "procfs/scan.h"

namespace resmon::procfs {

Status TcpTable::take(std::string_view line) {
  if (!heading_) {
    heading_ = true;
    if (line.find("local_address") == std::string_view::npos) return fail(malformed("no heading"));
    return {};
  }
  Fields fields(line);
  std::string_view number;
  std::string_view local;
  std::string_view remote;
  std::string_view state;
  const auto digit = [](char c) -> std::size_t {
    if (c >= '0' && c <= '9') return static_cast<std::size_t>(c - '0');
    if (c >= 'A' && c <= 'F') return static_cast<std::size_t>(c - 'A') + 10;
    return 16;
  };
  if (!fields.word(number) || !fields.word(local) || !fields.word(remote) || !fields.word(state) || state.size() != 2 ||
      digit(state[0]) > 15 || digit(state[1]) > 15)
    return fail(malformed("not a socket: " + quoted(line)));
  states_.add(digit(state[0]) * 16 + digit(state[1]));
  return {};
}

Status TcpTable::feed(std::string_view piece) {
  while (!piece.empty()) {
    const std::size_t newline = piece.find('\n');
    const std::string_view part = piece.substr(0, newline);
    if (newline != std::string_view::npos && partial_size_ == 0) {
      RESMON_TRY(take(part));
    } else {
      if (partial_size_ + part.size() > partial_.size()) return fail(malformed("a line of more than 512 bytes"));
      std::copy(part.begin(), part.end(), partial_.begin() + static_cast<std::ptrdiff_t>(partial_size_));
      partial_size_ += part.size();
      if (newline == std::string_view::npos) return {};
      const std::size_t size = std::exchange(partial_size_, 0);
      RESMON_TRY(take({partial_.data(), size}));
    }
    piece.remove_prefix(newline + 1);
  }
  return {};
}

Status TcpTable::finish() {
  const bool had_heading = std::exchange(heading_, false);
  if (std::exchange(partial_size_, 0) != 0) return fail(malformed("the last line is cut off"));
  if (!had_heading) return fail(malformed("no heading"));
  return {};
}

Result<bool> count_inet_diag(std::span<const std::byte> datagram, TcpStates& states) {
  while (!datagram.empty()) {
    nlmsghdr header{};
    if (datagram.size() < sizeof header) return fail(malformed("netlink: a message without its header"));
    std::memcpy(&header, datagram.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size())
      return fail(malformed("netlink: a message longer than its datagram"));
    const auto payload = datagram.subspan(sizeof header, header.nlmsg_len - sizeof header);
    switch (header.nlmsg_type) {
      case NLMSG_DONE:
        return true;
      case NLMSG_ERROR: {
        std::int32_t code = 0;
        if (payload.size() >= sizeof code) std::memcpy(&code, payload.data(), sizeof code);
        // Through unsigned, for a hostile INT_MIN.
        const auto number = static_cast<int>(0U - static_cast<unsigned>(code));
        return fail(ErrorKind::kUnsupported, "inet_diag: error " + std::to_string(number));
      }
      case NLMSG_NOOP:
        break;
      default: {
        inet_diag_msg message{};
        if (payload.size() < sizeof message) return fail(malformed("netlink: a short inet_diag message"));
        std::memcpy(&message, payload.data(), sizeof message);
        states.add(message.idiag_state);
      }
    }
    const std::size_t aligned = (std::size_t{header.nlmsg_len} + 3) & ~std::size_t{3};
    datagram = datagram.subspan(std::min(aligned, datagram.size()));
  }
  return false;
}

Status add_sockstat(std::string_view text, SocketCounts& out) {
  Lines lines(text);
  std::string_view line;
  bool any = false;
  while (lines.next(line)) {
    Fields fields(line);
    const bool tcp = fields.literal("TCP: ") || fields.literal("TCP6: ");
    const bool udp = !tcp && (fields.literal("UDP: ") || fields.literal("UDP6: "));
    if (!tcp && !udp) continue;
    std::string_view key;
    while (fields.word(key)) {
      std::uint64_t value = 0;
      if (!fields.number(value)) return fail(lines.error("not a number: " + quoted(line)));
      if (key == "inuse") (tcp ? out.tcp : out.udp) += value;
      if (key == "orphan") out.tcp_orphans += value;
      if (key == "tw") out.tcp_time_wait += value;
      if (key == "alloc") out.tcp_allocated += value;
    }
    any = true;
  }
  if (lines.cut()) return fail(lines.error("cut off"));
  if (!any) return fail(malformed("neither TCP nor UDP in it"));
  return {};
}

Status parse_snmp(std::string_view text, TcpActivity& out) {
  // A protocol has two lines, its columns' names and its numbers. TCP's first ones are the same since Linux 2.0.
  constexpr std::string_view kColumns =
      "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab ";
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    if (!line.starts_with("Tcp: ")) continue;
    if (!line.starts_with(kColumns)) return fail(lines.error("unknown columns: " + quoted(line)));
    if (!lines.next(line)) break;
    Fields fields(line);
    std::int64_t skipped = 0;
    if (!fields.literal("Tcp: ") || !fields.signed_number(skipped) || !fields.signed_number(skipped) ||
        !fields.signed_number(skipped) || !fields.signed_number(skipped) || !fields.number(out.active_opens) ||
        !fields.number(out.passive_opens) || !fields.number(out.attempt_fails) ||
        !fields.number(out.established_resets) || !fields.number(out.established_now))
      return fail(lines.error("not TCP's numbers: " + quoted(line)));
    return {};
  }
  if (lines.cut()) return fail(lines.error("cut off"));
  return fail(malformed("no line \"Tcp\""));
}

}  // namespace resmon::procfs
