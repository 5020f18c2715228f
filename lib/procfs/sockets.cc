#include "procfs/sockets.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "procfs/scan.h"

namespace resmon::procfs {

namespace {

std::size_t hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::size_t>(c - '0');
  if (c >= 'A' && c <= 'F') return static_cast<std::size_t>(c - 'A') + 10;
  return 16;
}

}  // namespace

void TcpTable::take(std::string_view line) {
  ++lines_;
  while (!line.empty() && line.back() == '\0') line.remove_suffix(1);
  if (lines_ == 1 && line.find("local_address") != std::string_view::npos) {
    any_ = true;
    return;
  }
  Fields fields(line);
  std::string_view number;
  std::string_view local;
  std::string_view remote;
  std::string_view state;
  std::uint64_t slot = 0;
  if (!fields.word(number) || !number.ends_with(':') || !Fields(number.substr(0, number.size() - 1)).number(slot) ||
      !fields.word(local) || !fields.word(remote) || !fields.word(state) || state.size() != 2 ||
      hex_digit(state[0]) > 15 || hex_digit(state[1]) > 15)
    return skipped_.add(lines_, line.empty() ? "empty" : "not a socket", line);
  // The kernel numbers them through.
  if (slot == last_slot_) return skipped_.add(lines_, "given twice", line);
  last_slot_ = slot;
  any_ = true;
  states_.add(hex_digit(state[0]) * 16 + hex_digit(state[1]));
}

void TcpTable::feed(std::string_view piece) {
  while (!piece.empty()) {
    const std::size_t newline = piece.find('\n');
    const std::string_view part = piece.substr(0, newline);
    if (newline != std::string_view::npos && partial_size_ == 0) {
      take(part);
    } else {
      // The needed fields of a line are at its beginning.
      const std::size_t room = std::min(part.size(), partial_.size() - partial_size_);
      std::copy_n(part.begin(), room, partial_.begin() + static_cast<std::ptrdiff_t>(partial_size_));
      partial_size_ += room;
      if (newline == std::string_view::npos) return;
      take({partial_.data(), std::exchange(partial_size_, 0)});
    }
    piece.remove_prefix(newline + 1);
  }
}

Status TcpTable::finish() {
  const std::string_view last(partial_.data(), std::exchange(partial_size_, 0));
  if (last.find_first_not_of('\0') != std::string_view::npos) take(last);
  if (!any_) return nothing_of_use(skipped_, "empty");
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

namespace {

// "inuse 9 orphan 0": false when a value is no number or missing.
bool take_sockets(Fields& fields, bool tcp, SocketCounts& out) {
  std::string_view key;
  bool good = true;
  bool in_use = false;
  while (fields.word(key)) {
    Number value;
    good = fields.take(value) && good;
    if (key == "inuse") (tcp ? out.tcp : out.udp) = value, in_use = true;
    if (key == "orphan") out.tcp_orphans = value;
    if (key == "tw") out.tcp_time_wait = value;
    if (key == "alloc") out.tcp_allocated = value;
  }
  return good && in_use;
}

}  // namespace

Status parse_sockstat(std::string_view text, SocketCounts& out, Skipped& skipped) {
  out = {};
  bool seen[2] = {};
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    Fields fields(line);
    const bool tcp = fields.literal("TCP: ") || fields.literal("TCP6: ");
    const bool udp = !tcp && (fields.literal("UDP: ") || fields.literal("UDP6: "));
    if (!tcp && !udp) {
      if (line.find(": ") == std::string_view::npos)
        skipped.add(lines.number(), line.empty() ? "empty" : "no name", line);
    } else if (std::exchange(seen[tcp ? 0 : 1], true)) {
      skipped.add(lines.number(), "given twice", line);
    } else if (!take_sockets(fields, tcp, out)) {
      skipped.add(lines.number(), "not numbers with names", line);
    }
  }
  if (!seen[0]) skipped.add(0, "no line about TCP", "");
  if (!seen[1]) skipped.add(0, "no line about UDP", "");
  if (out == SocketCounts{}) return nothing_of_use(skipped, "neither TCP nor UDP in it");
  return {};
}

Status parse_snmp(std::string_view text, TcpActivity& out, Skipped& skipped) {
  out = {};
  // A protocol has two lines, its columns' names and its numbers. TCP's first ones are the same since Linux 2.0, so the
  // names are not looked at.
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    Fields fields(line);
    if (!fields.literal("Tcp: ") || fields.literal("RtoAlgorithm")) continue;
    Number ignored;
    Number* const columns[] = {&out.active_opens, &out.passive_opens, &out.attempt_fails, &out.established_resets,
                               &out.established_now};
    for (int i = 0; i < 4; ++i) fields.take(ignored);
    std::size_t good = 0;
    for (Number* column : columns) good += fields.take(*column) ? 1U : 0U;
    if (good < std::size(columns)) skipped.add(lines.number(), "not TCP's numbers", line);
    if (good != 0) return {};
  }
  return nothing_of_use(skipped, "no line \"Tcp\"");
}

}  // namespace resmon::procfs
