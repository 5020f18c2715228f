// TCP sockets by state, and the number of UDP sockets.
//
// The source: /proc/net/tcp and tcp6 each make the kernel walk its whole hash table of connections (131,072 buckets on
// a machine of 12 GB, whether they hold anything or not) and print 150 bytes a socket. netlink's inet_diag gives the
// same sockets in binary, and its oldest request, TCPDIAG_GETSOCK, knows no address family: one walk covers IPv4 and
// IPv6, where today's SOCK_DIAG_BY_FAMILY takes two. The walk is what costs, so that halves it. The text remains for
// kernels without inet_diag and for a foreign root, because netlink speaks of this process's own network namespace.
//
// Even one walk is three times all of cpu, mem, net and disks, to find on most machines what it found the last time. So
// it is left out as long as nothing that is cheap to read changed: the sums of sockstat and those of TCP's counters in
// net/snmp which every new, failed, reset or finished connection advances. On a machine where connections come and go
// something always changed, and a walk at each gather of a 1 s pace was half of all that the client used. The two
// numbers that people look at can be had without one: snmp's CurrEstab moves as ESTABLISHED and CLOSE_WAIT together do,
// sockstat's tw as TIME_WAIT does. So between walks these two follow those sums, and a walk is made when something
// changed and the last is five seconds ago, or ten seconds ago in any case. The other states, which are passed through
// in milliseconds or last for hours, are that much late, and so is the step from ESTABLISHED to CLOSE_WAIT. And a walk
// may take half a percent of a core at most: with 100,000 connections it costs some 30 ms and is made every six
// seconds.
//
// UDP has no states to count, so its number comes from sockstat, which the kernel keeps as a sum.
//
// Telegraf counts UNIX sockets here too, as tcp_none and udp_socket, since it takes whatever gopsutil lists. tcp_none
// is kept and always 0: no TCP socket is in that state.

#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sources.h"
#include "procfs/sockets.h"

namespace resmon::collect {

namespace {

constexpr std::chrono::seconds kMostAge{10};  // of the counts by state
// When something changed. Less than the default interval, so that there each gather in which something did is exact.
constexpr std::chrono::milliseconds kChangedAge{4'500};
constexpr int kMostShare = 200;  // a walk costs no more than one part in so many of the time

struct StateField {
  FieldSpec field;
  procfs::TcpState state;
};
constexpr StateField kTcpStates[] = {
    {{"tcp_established", kInteger}, procfs::kEstablished},
    {{"tcp_syn_sent", kInteger}, procfs::kSynSent},
    {{"tcp_syn_recv", kInteger}, procfs::kSynRecv},
    {{"tcp_fin_wait1", kInteger}, procfs::kFinWait1},
    {{"tcp_fin_wait2", kInteger}, procfs::kFinWait2},
    {{"tcp_time_wait", kInteger}, procfs::kTimeWait},
    {{"tcp_close", kInteger}, procfs::kClose},
    {{"tcp_close_wait", kInteger}, procfs::kCloseWait},
    {{"tcp_last_ack", kInteger}, procfs::kLastAck},
    {{"tcp_listen", kInteger}, procfs::kListen},
    {{"tcp_closing", kInteger}, procfs::kClosing},
};
constexpr std::size_t kTcpNone = std::size(kTcpStates);
constexpr std::size_t kUdpSocket = kTcpNone + 1;

// `count` moved as a sum did that it is part of; as it was where one of the two is not known.
std::uint64_t follow(std::uint64_t count, procfs::Number before, procfs::Number now) {
  if (!before || !now) return count;
  return *now >= *before ? count + (*now - *before) : advance(count, *before - *now);
}

// Counters that change when sockets are opened or closed.
struct Sums {
  procfs::SocketCounts ip4;
  procfs::SocketCounts ip6;
  procfs::TcpActivity activity;
  bool complete = false;  // every file could be read
  bool operator==(const Sums&) const = default;
};

std::vector<FieldSpec> netstat_fields() {
  std::vector<FieldSpec> fields;
  for (const StateField& state : kTcpStates) fields.push_back(state.field);
  fields.push_back({"tcp_none", kInteger});
  fields.push_back({"udp_socket", kInteger});
  return fields;
}

class Netstat final : public Collector {
 public:
  Netstat(const Roots& roots, metric::SchemaTable& schemas, Shared& shared)
      : shared_(shared),
        schema_(schemas, "netstat", {}, netstat_fields()),
        netlink_(roots.own_proc()),
        own_net_(roots.proc + "/net/"),
        net_(roots.own_proc() ? own_net_ : roots.proc + "/1/net/"),
        sockstat_(net_ + "sockstat", PinnedFile::Records::kOne),
        sockstat6_(net_ + "sockstat6", PinnedFile::Records::kOne),
        snmp_(net_ + "snmp", PinnedFile::Records::kOne) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    RESMON_TRY(schema_.ready());
    Sources sources(context);
    const Sums sums = read_sums(sources);
    const auto age = context.steady - walked_at_;
    std::chrono::nanoseconds least = sums == walked_sums_ ? std::chrono::nanoseconds(kMostAge) : kChangedAge;
    if (!sums.complete) least = least.zero();
    // The sums were read before the walk, so a change during it is seen by the next gather.
    if (!walked_ || age >= std::max(least, walk_took_ * kMostShare)) walk(sums, context, sources);
    write(sums, context, out);
    return sources.finish();
  }

 private:
  void write(const Sums& sums, const GatherContext& context, metric::Batch& out) const {
    procfs::Number udp = sums.ip4.udp;
    if (!no_ip6_ && udp) udp = sums.ip6.udp ? procfs::Number(*udp + *sums.ip6.udp) : procfs::Number();
    if (!walked_ && !udp) return;
    metric::RowWriter row = schema_.add(out, context.time);
    if (walked_) {
      procfs::TcpStates now = states_;
      auto& established = now.count[procfs::kEstablished];
      auto& time_wait = now.count[procfs::kTimeWait];
      established = follow(established, walked_sums_.activity.established_now, sums.activity.established_now);
      time_wait = follow(time_wait, walked_sums_.ip4.tcp_time_wait, sums.ip4.tcp_time_wait);
      std::size_t field = 0;
      for (const StateField& state : kTcpStates) row.set(field++, clip(now.count[state.state]));
    }
    row.set(kTcpNone, std::int64_t{0});
    set(row, kUdpSocket, udp);
  }

  Sums read_sums(Sources& sources) {
    Sums sums;
    if (net_ != own_net_ && sockstat_.missing()) {
      net_ = own_net_;  // a capture without process 1
      sockstat_ = PinnedFile(net_ + "sockstat", PinnedFile::Records::kOne);
      sockstat6_ = PinnedFile(net_ + "sockstat6", PinnedFile::Records::kOne);
      snmp_ = PinnedFile(net_ + "snmp", PinnedFile::Records::kOne);
    }
    const auto into = [](procfs::SocketCounts& counts) {
      return [&counts](std::string_view text, procfs::Skipped& skipped) {
        return procfs::parse_sockstat(text, counts, skipped);
      };
    };
    sums.complete = sources.read(sockstat_, shared_.buffer(), into(sums.ip4));
    if (!no_ip6_) no_ip6_ = sockstat6_.missing();
    if (!no_ip6_ && !sources.read(sockstat6_, shared_.buffer(), into(sums.ip6))) sums.complete = false;
    // Without such a file, every gather walks the table.
    if (snmp_.missing() || !sources.read(snmp_, shared_.buffer(), [&](std::string_view text, procfs::Skipped& skipped) {
          return procfs::parse_snmp(text, sums.activity, skipped);
        }))
      sums.complete = false;
    return sums;
  }

  void walk(const Sums& sums, const GatherContext& context, Sources& sources) {
    walked_ = false;
    const auto begin = std::chrono::steady_clock::now();
    procfs::TcpStates states;
    if (Status counted = count(states, context); !counted) {
      sources.failed(std::move(counted).error());
      return;
    }
    sources.useful();
    walk_took_ = std::chrono::steady_clock::now() - begin;
    states_ = states;
    walked_at_ = context.steady;
    walked_sums_ = sums;
    walked_ = true;
  }

  Status count(procfs::TcpStates& states, const GatherContext& context) {
    if (netlink_) {
      auto dumped = dump(states);
      if (dumped || dumped.error().kind != ErrorKind::kUnsupported) return dumped;
      netlink_ = false;  // a kernel without inet_diag, or a sandbox without netlink
      socket_.reset();
      states = {};
    }
    RESMON_TRY(scan("tcp", states, context));
    // A kernel without IPv6 has no such file.
    if (auto status = scan("tcp6", states, context); !status && status.error().kind != ErrorKind::kNotFound)
      return status;
    return {};
  }

  Status dump(procfs::TcpStates& states) {
    if (!socket_.valid()) {
      socket_ = Fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
      if (!socket_.valid()) return fail(ErrorKind::kUnsupported, "netlink");
      // The kernel makes its answer within our own calls and never lets us wait; if it ever did, this is the end of it.
      const timeval patience{.tv_sec = 0, .tv_usec = 100'000};
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    struct {
      nlmsghdr header{};
      inet_diag_req body{};
    } request;
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = TCPDIAG_GETSOCK;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.header.nlmsg_seq = ++netlink_sequence_;
    // Every state but those that the kernel made up later for inet_diag alone, and which /proc/net/tcp does not show.
    request.body.idiag_states = ((1U << procfs::kTcpStates) - 1) & ~1U;
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    if (::sendto(socket_.get(), &request, sizeof request, 0, reinterpret_cast<const sockaddr*>(&kernel),
                 sizeof kernel) < 0)
      return fail(ErrorKind::kUnsupported, "netlink");
    ReadBuffer& buffer = shared_.buffer();
    while (buffer.size() < 32768) buffer.grow();  // the largest piece that the kernel makes of a dump
    while (true) {
      const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        const int error_number = got == 0 ? EPIPE : errno;
        socket_.reset();  // with whatever is left of this answer
        return fail(system_error("netlink: inet_diag", error_number));
      }
      auto done =
          procfs::count_inet_diag(std::as_bytes(std::span(buffer.data(), static_cast<std::size_t>(got))), states);
      if (!done) {
        socket_.reset();
        return fail(std::move(done).error());
      }
      if (*done) return {};
    }
  }

  Status scan(const char* name, procfs::TcpStates& states, const GatherContext& context) {
    const std::string path = net_ + name;
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return fail(system_error(path, errno));
    ReadBuffer& buffer = shared_.buffer();
    if (buffer.size() == 0) buffer.grow();
    procfs::Skipped skipped;
    procfs::TcpTable table(states, skipped);
    while (true) {
      const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail(system_error(path, errno));
      if (got == 0) break;
      table.feed({buffer.data(), static_cast<std::size_t>(got)});
    }
    Status finished = in_file(path, table.finish());
    context.skipped(path, skipped);
    return finished;
  }

  Shared& shared_;
  RowSchema schema_;
  bool netlink_;
  std::string own_net_;
  std::string net_;
  PinnedFile sockstat_;
  PinnedFile sockstat6_;
  PinnedFile snmp_;
  bool no_ip6_ = false;
  bool walked_ = false;
  procfs::TcpStates states_;  // of the last walk, and what was known before it
  Sums walked_sums_;
  std::chrono::steady_clock::time_point walked_at_;
  std::chrono::nanoseconds walk_took_{0};
  Fd socket_;
  std::uint32_t netlink_sequence_ = 0;
};

}  // namespace

std::unique_ptr<Collector> make_netstat(const Roots& roots, const CollectorOptions&, metric::SchemaTable& schemas,
                                        Shared& shared) {
  return std::make_unique<Netstat>(roots, schemas, shared);
}

}  // namespace resmon::collect
