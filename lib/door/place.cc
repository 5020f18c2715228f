#include "door/place.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace resmon::door {

namespace asio = boost::asio;

namespace {

constexpr int kReceiveBytes = 4 << 20;

}  // namespace

Result<Place> place_of(std::string_view url) {
  Place out;
  const std::size_t colon = url.find(':');
  const std::string_view scheme = url.substr(0, colon);
  if (colon == std::string_view::npos || (scheme != "unix" && scheme != "tcp" && scheme != "tls" && scheme != "udp"))
    return fail(ErrorKind::kInvalid, "must be unix:/PATH, tcp:HOST:PORT, tls:HOST:PORT or udp:HOST:PORT");
  std::string_view rest = url.substr(colon + 1);
  if (rest.starts_with("//")) rest.remove_prefix(2);
  if (scheme == "unix") {
    out.kind = Kind::kUnix;
    out.path = rest;
    if (!out.path.starts_with('/') || out.path.size() > 100)
      return fail(ErrorKind::kInvalid, "unix: a path begins with / and has at most 100 bytes");
    return out;
  }
  out.kind = scheme == "tcp" ? Kind::kTcp : scheme == "tls" ? Kind::kTls : Kind::kUdp;
  RESMON_ASSIGN(out.address, net::parse_address(rest));
  if (out.address.host == "localhost") out.address.host = "127.0.0.1";
  boost::system::error_code no_address;
  (void)asio::ip::make_address(out.address.host, no_address);
  if (no_address)
    return fail(ErrorKind::kInvalid, "'" + out.address.host + "' is no address: use one such as 127.0.0.1 or 0.0.0.0");
  return out;
}

Status Sockets::bind(const Place& place, const asio::any_io_executor& executor) {
  boost::system::error_code error;
  const auto failed = [&](const std::string& what) {
    return fail(ErrorKind::kUnavailable, what + ": " + error.message());
  };
  if (place.kind == Kind::kUnix) {
    // One that an earlier process left is in the way; anything else stays.
    struct stat state {};
    if (::lstat(place.path.c_str(), &state) == 0 && S_ISSOCK(state.st_mode)) ::unlink(place.path.c_str());
    local.emplace(executor);
    local->open(asio::local::stream_protocol(), error);
    if (!error) local->bind(asio::local::stream_protocol::endpoint(place.path), error);
    if (error) return failed("cannot make " + place.path);
    path = place.path;
    ::chmod(path.c_str(), 0660);
    local->listen(asio::socket_base::max_listen_connections, error);
    return error ? Status(failed("listen on " + place.path)) : Status();
  }
  const std::string where = "listen on " + net::to_string(place.address);
  const auto address = asio::ip::make_address(place.address.host, error);
  if (error) return failed(where);
  if (place.kind == Kind::kUdp) {
    udp.emplace(executor);
    const asio::ip::udp::endpoint endpoint(address, place.address.port);
    udp->open(endpoint.protocol(), error);
    if (!error) udp->bind(endpoint, error);
    if (!error) udp->non_blocking(true, error);
    if (error) return failed(where);
    // A burst waits there while other work runs. More than net.core.rmem_max only where this process may.
    const int bytes = kReceiveBytes, yes = 1;
    if (::setsockopt(udp->native_handle(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
      (void)::setsockopt(udp->native_handle(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    (void)::setsockopt(udp->native_handle(), SOL_SOCKET, SO_RXQ_OVFL, &yes, sizeof yes);
    return {};
  }
  tcp.emplace(executor);
  const asio::ip::tcp::endpoint endpoint(address, place.address.port);
  tcp->open(endpoint.protocol(), error);
  if (!error) tcp->set_option(asio::socket_base::reuse_address(true), error);
  if (!error) tcp->bind(endpoint, error);
  if (!error) tcp->listen(asio::socket_base::max_listen_connections, error);
  return error ? Status(failed(where)) : Status();
}

void Sockets::close() {
  boost::system::error_code ignored;
  if (tcp) tcp->close(ignored);
  if (local) local->close(ignored);
  if (udp) udp->close(ignored);
  if (!path.empty()) ::unlink(path.c_str());
}

}  // namespace resmon::door
