// TCP sockets by state, and the number of UDP sockets.
//
// Where from? /proc/net/tcp and tcp6 each make the kernel walk its whole hash table of connections (131,072 buckets on
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
constexpr StateField kStates[] = {
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
constexpr std::size_t kTcpNone = std::size(kStates);
constexpr std::size_t kUdpSocket = kTcpNone + 1;

// `count` moved as a sum did that it is part of.
std::uint64_t follow(std::uint64_t count, std::uint64_t before, std::uint64_t now) {
  return now >= before ? count + (now - before) : advance(count, before - now);
}

std::vector<FieldSpec> all_fields() {
  std::vector<FieldSpec> fields;
  for (const StateField& state : kStates) fields.push_back(state.field);
  fields.push_back({"tcp_none", kInteger});
  fields.push_back({"udp_socket", kInteger});
  return fields;
}

class Netstat final : public Collector {
 public:
  Netstat(const Roots& roots, metric::SchemaTable& schemas, Shared& shared)
      : shared_(shared),
        schema_(schemas, "netstat", {}, all_fields()),
        netlink_(roots.own_proc()),
        own_net_(roots.proc + "/net/"),
        net_(roots.own_proc() ? own_net_ : roots.proc + "/1/net/"),
        sockstat_(net_ + "sockstat", PinnedFile::Records::kOne),
        sockstat6_(net_ + "sockstat6", PinnedFile::Records::kOne),
        snmp_(net_ + "snmp", PinnedFile::Records::kOne) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    RESMON_TRY(schema_.ready());
    procfs::SocketCounts counts;
    RESMON_TRY(count_sockets(counts));
    procfs::TcpActivity activity;
    const bool has_activity = read_activity(activity);
    const auto age = context.steady - walked_at_;
    const bool changed = !has_activity || counts != walked_counts_ || activity != walked_activity_;
    const std::chrono::nanoseconds least =
        changed ? (has_activity ? kChangedAge : std::chrono::milliseconds(0)) : kMostAge;
    if (!walked_ || age >= std::max(least, walk_took_ * kMostShare)) {
      // The sums were read before the walk, so a change during it is seen by the next gather.
      walked_ = false;
      const auto begin = std::chrono::steady_clock::now();
      procfs::TcpStates states;
      RESMON_TRY(walk(states));
      walk_took_ = std::chrono::steady_clock::now() - begin;
      states_ = states;
      walked_at_ = context.steady;
      walked_counts_ = counts;
      walked_activity_ = activity;
      walked_ = true;
    }
    procfs::TcpStates now = states_;
    auto& established = now.count[procfs::kEstablished];
    auto& time_wait = now.count[procfs::kTimeWait];
    if (has_activity) established = follow(established, walked_activity_.established_now, activity.established_now);
    time_wait = follow(time_wait, walked_counts_.tcp_time_wait, counts.tcp_time_wait);
    metric::RowWriter row = schema_.add(out, context.time);
    std::size_t field = 0;
    for (const StateField& state : kStates) row.set(field++, clip(now.count[state.state]));
    row.set(kTcpNone, std::int64_t{0});
    row.set(kUdpSocket, clip(counts.udp));
    return {};
  }

 private:
  Status count_sockets(procfs::SocketCounts& counts) {
    auto text = sockstat_.read(shared_.buffer());
    if (!text && text.error().kind == ErrorKind::kNotFound && net_ != own_net_) {
      net_ = own_net_;  // a capture without process 1
      sockstat_ = PinnedFile(net_ + "sockstat", PinnedFile::Records::kOne);
      sockstat6_ = PinnedFile(net_ + "sockstat6", PinnedFile::Records::kOne);
      snmp_ = PinnedFile(net_ + "snmp", PinnedFile::Records::kOne);
      text = sockstat_.read(shared_.buffer());
    }
    if (!text) return fail(std::move(text).error());
    RESMON_TRY(in_file(sockstat_.path(), procfs::add_sockstat(*text, counts)));
    if (no_ip6_) return {};
    text = sockstat6_.read(shared_.buffer());
    if (text) return in_file(sockstat6_.path(), procfs::add_sockstat(*text, counts));
    if (text.error().kind != ErrorKind::kNotFound) return fail(std::move(text).error());
    no_ip6_ = true;
    return {};
  }

  // False where there is no such file, or an odd one: then every gather walks.
  bool read_activity(procfs::TcpActivity& activity) {
    if (snmp_.missing()) return false;
    const auto text = snmp_.read(shared_.buffer());
    return text && procfs::parse_snmp(*text, activity);
  }

  Status walk(procfs::TcpStates& states) {
    if (netlink_) {
      auto dumped = dump(states);
      if (dumped || dumped.error().kind != ErrorKind::kUnsupported) return dumped;
      netlink_ = false;  // a kernel without inet_diag, or a sandbox without netlink
      socket_.reset();
      states = {};
    }
    RESMON_TRY(scan("tcp", states));
    // A kernel without IPv6 has no such file.
    if (auto status = scan("tcp6", states); !status && status.error().kind != ErrorKind::kNotFound) return status;
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

  Status scan(const char* name, procfs::TcpStates& states) {
    const std::string path = net_ + name;
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return fail(system_error(path, errno));
    ReadBuffer& buffer = shared_.buffer();
    if (buffer.size() == 0) buffer.grow();
    procfs::TcpTable table(states);
    while (true) {
      const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail(system_error(path, errno));
      if (got == 0) return in_file(path, table.finish());
      RESMON_TRY(in_file(path, table.feed({buffer.data(), static_cast<std::size_t>(got)})));
    }
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
  procfs::SocketCounts walked_counts_;
  procfs::TcpActivity walked_activity_;
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
