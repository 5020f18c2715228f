#include "http.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <charconv>
#include <random>

#include "base/file.h"

namespace resmon::oracle {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

Result<std::uint16_t> free_port() {
  const Fd socket(::socket(AF_INET, SOCK_STREAM, 0));
  if (!socket.valid()) return fail(system_error("free port", errno));
  std::random_device dice;
  while (true) {
    const auto port = static_cast<std::uint16_t>(15000 + dice() % 17000);
    const sockaddr_in address = loopback(port);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return port;
    if (errno != EADDRINUSE) return fail(system_error("free port", errno));
  }
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
        c == '.') {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xfU];
    }
  }
  return out;
}

Result<Reply> request(std::uint16_t port, std::string_view method, std::string_view target, std::string_view headers,
                      std::string_view body) {
  const Fd socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address = loopback(port);
  timeval patience{30, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  if (!socket.valid() || ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return fail(system_error("connect", errno));
  }
  std::string out;
  out.append(method).append(" ").append(target).append(" HTTP/1.0\r\nHost: localhost\r\n").append(headers);
  out.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  for (std::size_t sent = 0; sent < out.size();) {
    const ssize_t n = ::send(socket.get(), out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return fail(system_error("send", errno));
    sent += static_cast<std::size_t>(n);
  }
  std::string in;
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::recv(socket.get(), buffer, sizeof(buffer), 0);
    if (n < 0) return fail(system_error("receive", errno));
    if (n == 0) break;
    in.append(buffer, static_cast<std::size_t>(n));
  }
  Reply reply;
  const std::size_t head = in.find("\r\n\r\n");
  const std::size_t space = in.find(' ');
  if (head == std::string::npos || space == std::string::npos) return fail(ErrorKind::kInvalid, "no HTTP reply");
  std::from_chars(in.data() + space + 1, in.data() + space + 4, reply.status);
  reply.body = in.substr(head + 4);
  return reply;
}

}  // namespace resmon::oracle
