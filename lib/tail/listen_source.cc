#include "tail/listen_source.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "tail/syslog_framing.h"

namespace resmon::tail {

namespace {

constexpr std::size_t kReadBytes = 64U << 10U;
constexpr int kReceiveBuffer = 4 << 20;  // asked of the kernel, which may give less
constexpr int kBacklog = 128;
constexpr std::size_t kMostDatagrams = 4000;  // in one poll
constexpr std::size_t kMostAccepted = 64;     // in one poll
constexpr std::chrono::seconds kLongestPause{60};

using Kind = ListenAddress::Kind;

union AnyAddress {
  sockaddr base;
  sockaddr_in v4;
  sockaddr_in6 v6;
  sockaddr_un local;
  sockaddr_storage storage;
};

// The length of what is filled in; 0: the host is no address.
socklen_t fill(const ListenAddress& address, AnyAddress& out) {
  std::memset(&out, 0, sizeof out);
  if (address.kind == Kind::kUnix || address.kind == Kind::kUnixDatagram) {
    out.local.sun_family = AF_UNIX;
    std::memcpy(out.local.sun_path, address.host.data(), std::min(address.host.size(), sizeof out.local.sun_path - 1));
    return sizeof out.local;
  }
  if (::inet_pton(AF_INET, address.host.c_str(), &out.v4.sin_addr) == 1) {
    out.v4.sin_family = AF_INET;
    out.v4.sin_port = htons(address.port);
    return sizeof out.v4;
  }
  if (::inet_pton(AF_INET6, address.host.c_str(), &out.v6.sin6_addr) == 1) {
    out.v6.sin6_family = AF_INET6;
    out.v6.sin6_port = htons(address.port);
    return sizeof out.v6;
  }
  return 0;
}

// Empty for one of this machine.
std::string name_of(const AnyAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.base.sa_family == AF_INET && (ntohl(address.v4.sin_addr.s_addr) >> 24U) != 127)
    ::inet_ntop(AF_INET, &address.v4.sin_addr, text.data(), text.size());
  if (address.base.sa_family == AF_INET6 && !IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr))
    ::inet_ntop(AF_INET6, &address.v6.sin6_addr, text.data(), text.size());
  return text.data();
}

// A file that a process left behind is in the way; one at which somebody listens, or that is no socket, stays.
Status clear_way(const ListenAddress& address, int type) {
  struct stat state {};
  if (::lstat(address.host.c_str(), &state) != 0) return {};
  if (!S_ISSOCK(state.st_mode)) return fail(ErrorKind::kInvalid, address.host + " exists, and is not a socket");
  AnyAddress name;
  const socklen_t size = fill(address, name);
  const Fd probe(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.get(), &name.base, size) == 0 || errno != ECONNREFUSED)
    return fail(ErrorKind::kUnavailable, "another program listens at " + address.host);
  ::unlink(address.host.c_str());
  return {};
}

}  // namespace

bool ListenAddress::local() const {
  if (kind == Kind::kUnix || kind == Kind::kUnixDatagram) return true;
  return host.starts_with("127.") || host == "::1";
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view kind = text.substr(0, colon);
  std::string_view rest = text.substr(std::min(colon + 1, text.size()));
  ListenAddress out;
  if (kind == "unix" || kind == "unixgram") {
    out.kind = kind == "unix" ? Kind::kUnix : Kind::kUnixDatagram;
    if (!rest.starts_with('/') || rest.size() >= sizeof(sockaddr_un::sun_path) ||
        rest.find('\0') != std::string_view::npos)
      return fail(ErrorKind::kInvalid, "'" + std::string(text) + "': the path must begin with / and be shorter than " +
                                           std::to_string(sizeof(sockaddr_un::sun_path)) + " bytes");
    out.host = rest;
    return out;
  }
  if (kind != "tcp" && kind != "udp")
    return fail(ErrorKind::kInvalid,
                "'" + std::string(text) + "' is not unix:/PATH, unixgram:/PATH, tcp:ADDRESS:PORT or udp:ADDRESS:PORT");
  out.kind = kind == "tcp" ? Kind::kTcp : Kind::kUdp;
  const std::size_t last = rest.rfind(':');
  if (last == std::string_view::npos)
    return fail(ErrorKind::kInvalid, "'" + std::string(text) + "': a port is missing");
  const std::string_view port = rest.substr(last + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc() || end != port.data() + port.size() || out.port == 0)
    return fail(ErrorKind::kInvalid, "'" + std::string(text) + "': the port is not 1 to 65535");
  std::string_view host = rest.substr(0, last);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  out.host = host == "localhost" ? "127.0.0.1" : std::string(host);
  if (AnyAddress any; fill(out, any) == 0)
    return fail(ErrorKind::kInvalid, "'" + std::string(text) + "': the address is not numeric");
  return out;
}

struct ListenSource::Connection {
  Fd socket;
  std::string from;
  std::string buffer;
  FrameState state;
  TimePoint heard_at;
  bool ended = false;
};

ListenSource::ListenSource(ListenOptions options) : options_(std::move(options)) {}

ListenSource::~ListenSource() {
  if (socket_.valid() && (options_.address.kind == Kind::kUnix || options_.address.kind == Kind::kUnixDatagram))
    ::unlink(options_.address.host.c_str());
}

Status ListenSource::open() {
  const ListenAddress& address = options_.address;
  AnyAddress name;
  const socklen_t size = fill(address, name);
  const int type = address.datagrams() ? SOCK_DGRAM : SOCK_STREAM;
  const bool unix_socket = name.base.sa_family == AF_UNIX;
  if (unix_socket) RESMON_TRY(clear_way(address, type));
  Fd socket(::socket(name.base.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return fail(system_error("cannot make a socket", errno));
  const int on = 1;
  if (address.kind == Kind::kTcp) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.datagrams()) {
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
  }
  if (::bind(socket.get(), &name.base, size) != 0) return fail(system_error("cannot listen at " + address.host, errno));
  if (unix_socket) ::chmod(address.host.c_str(), 0666);
  if (!address.datagrams() && ::listen(socket.get(), kBacklog) != 0)
    return fail(system_error("cannot listen at " + address.host, errno));
  if (!events_.valid()) events_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = socket.get();
  if (!events_.valid() || ::epoll_ctl(events_.get(), EPOLL_CTL_ADD, socket.get(), &event) != 0)
    return fail(system_error("cannot watch a socket", errno));
  socket_ = std::move(socket);
  return {};
}

bool ListenSource::poll(TimePoint now, bool pause, EventTaker& taker) {
  if (!socket_.valid()) {
    if (now < next_open_) return false;
    if (Status opened = open(); !opened) {
      if (told_ != opened.error().message) findings_.push_back(opened.error().message);
      told_ = opened.error().message;
      next_open_ = now + pause_;
      pause_ = std::min(pause_ * 2, kLongestPause);
      return false;
    }
    told_.clear();
  }
  if (pause) return false;
  if (options_.address.datagrams()) return read_datagrams(taker);
  accept(now);
  bool more = false;
  std::vector<int> gone;
  std::array<epoll_event, 64> ready;
  const int count = ::epoll_wait(events_.get(), ready.data(), static_cast<int>(ready.size()), 0);
  for (int i = 0; i < count; ++i) {
    const auto at = connections_.find(ready[static_cast<std::size_t>(i)].data.fd);
    if (at != connections_.end()) more = read(*at->second, now, taker) || more;
  }
  for (auto& [descriptor, connection] : connections_) {
    // What there was no room for the last time.
    if (!connection->buffer.empty() && taker.has_room()) more = take_messages(*connection, taker) || more;
    if (connection->ended && connection->buffer.empty()) gone.push_back(descriptor);
  }
  for (const int descriptor : gone) forget(descriptor);
  return more;
}

void ListenSource::accept(TimePoint now) {
  for (std::size_t i = 0; i < kMostAccepted; ++i) {
    AnyAddress from{};
    socklen_t size = sizeof from;
    Fd socket(::accept4(socket_.get(), &from.base, &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket.valid()) {
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) ++stats_.refused_connections;
      return;
    }
    if (connections_.size() >= options_.max_connections) make_room();
    const int on = 1;
    if (options_.address.kind == Kind::kTcp) ::setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP;
    event.data.fd = socket.get();
    if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, socket.get(), &event) != 0) {
      ++stats_.refused_connections;
      continue;
    }
    auto connection = std::make_unique<Connection>();
    connection->from = name_of(from);
    connection->heard_at = now;
    const int descriptor = socket.get();
    connection->socket = std::move(socket);
    connections_.emplace(descriptor, std::move(connection));
    stats_.connections = connections_.size();
  }
}

void ListenSource::make_room() {
  const auto oldest = std::min_element(connections_.begin(), connections_.end(), [](const auto& a, const auto& b) {
    return a.second->heard_at < b.second->heard_at;
  });
  ++stats_.ended_connections;
  if (told_ != "full") findings_.push_back("too many connections: those that are silent the longest are ended");
  told_ = "full";
  forget(oldest->first);
}

void ListenSource::forget(int descriptor) {
  const auto at = connections_.find(descriptor);
  buffered_bytes_ -= at->second->buffer.size();
  connections_.erase(at);
  stats_.connections = connections_.size();
}

bool ListenSource::read(Connection& connection, TimePoint now, EventTaker& taker) {
  // A sender waits while its last messages do.
  if (connection.ended || connection.buffer.size() > options_.split.max_bytes + kReadBytes || !taker.has_room())
    return false;
  scratch_.resize(kReadBytes);
  const ssize_t got = ::recv(connection.socket.get(), scratch_.data(), scratch_.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got > 0) {
    connection.heard_at = now;
    connection.buffer.append(scratch_.data(), static_cast<std::size_t>(got));
    buffered_bytes_ += static_cast<std::size_t>(got);
  } else {
    connection.ended = true;
    ::epoll_ctl(events_.get(), EPOLL_CTL_DEL, connection.socket.get(), nullptr);
  }
  if (buffered_bytes_ <= options_.max_buffered_bytes) return got > 0;
  (void)take_messages(connection, taker);
  if (buffered_bytes_ > options_.max_buffered_bytes && !connection.buffer.empty() && taker.has_room()) {
    taker.take({std::string_view(connection.buffer).substr(0, options_.split.max_bytes), true}, connection.from);
    stats_.skipped_bytes += connection.buffer.size() - std::min(connection.buffer.size(), options_.split.max_bytes);
    connection.state.split.skipping = true;
    buffered_bytes_ -= connection.buffer.size();
    std::string().swap(connection.buffer);
  }
  return true;
}

// True: there are more that there was no room for.
bool ListenSource::take_messages(Connection& connection, EventTaker& taker) {
  std::string_view rest = connection.buffer;
  bool full = false;
  const std::uint64_t skipped = connection.state.split.skipped_bytes;
  while (!rest.empty()) {
    if (!taker.has_room()) {
      full = true;
      break;
    }
    const auto event = next_message(rest, connection.ended, options_.split, connection.state);
    if (!event) break;
    if (!event->text.empty()) taker.take(*event, connection.from);
  }
  stats_.skipped_bytes += connection.state.split.skipped_bytes - skipped;
  const std::size_t used = connection.buffer.size() - rest.size();
  buffered_bytes_ -= used;
  connection.buffer.erase(0, used);
  if (connection.buffer.empty() && connection.buffer.capacity() > 4096) std::string().swap(connection.buffer);
  if (connection.ended && !full && !connection.buffer.empty()) {
    buffered_bytes_ -= connection.buffer.size();
    connection.buffer.clear();
  }
  return full;
}

bool ListenSource::read_datagrams(EventTaker& taker) {
  scratch_.resize(kReadBytes);
  for (std::size_t i = 0; i < kMostDatagrams; ++i) {
    if (!taker.has_room()) return true;
    AnyAddress from{};
    std::array<char, 64> control;
    iovec part{scratch_.data(), scratch_.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(socket_.get(), &message, 0);
    if (got < 0) {
      std::string().swap(scratch_);
      return false;
    }
    for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr; head = CMSG_NXTHDR(&message, head)) {
      if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SO_RXQ_OVFL) continue;
      std::uint32_t drops = 0;
      std::memcpy(&drops, CMSG_DATA(head), sizeof drops);
      stats_.dropped_datagrams += drops - std::exchange(seen_drops_, drops);
    }
    take_datagram({scratch_.data(), static_cast<std::size_t>(got)}, (message.msg_flags & MSG_TRUNC) != 0, name_of(from),
                  taker);
  }
  return true;
}

// A syslog message may have newlines inside; others have a line each.
void ListenSource::take_datagram(std::string_view text, bool cut, const std::string& from, EventTaker& taker) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\0' || text.back() == '\r')) text.remove_suffix(1);
  text = without_count(text);
  const std::size_t most = options_.split.max_bytes;
  while (!text.empty()) {
    const std::size_t end = text.front() == '<' ? text.size() : std::min(text.find('\n'), text.size());
    const std::size_t kept = std::min(end, most);
    stats_.skipped_bytes += end - kept;
    if (kept > 0) taker.take({text.substr(0, kept), kept < end || (cut && end == text.size())}, from);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace resmon::tail
