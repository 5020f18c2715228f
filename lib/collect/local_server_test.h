#pragma once

// A listening Unix socket for tests: what connects is taken, read and answered by hand.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "base/file.h"

namespace resmon::collect::testing {

class LocalServer {
 public:
  explicit LocalServer(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    ::sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (::bind(socket_.get(), reinterpret_cast<const ::sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(socket_.get(), 64) != 0)
      std::abort();
  }

  // Whoever has connected; -1 when nobody does within a while.
  Fd accept(int milliseconds = 10'000) const {
    ::pollfd one{socket_.get(), POLLIN, 0};
    return Fd(::poll(&one, 1, milliseconds) == 1 ? ::accept(socket_.get(), nullptr, nullptr) : -1);
  }

  // What comes until `enough` says so, the other side closes, or nothing comes for ten seconds.
  template <class Enough>
  static std::string read(const Fd& connection, Enough enough) {
    std::string text;
    char part[4096];
    while (!enough(text)) {
      ::pollfd one{connection.get(), POLLIN, 0};
      if (::poll(&one, 1, 10'000) != 1) break;
      const ssize_t got = ::recv(connection.get(), part, sizeof part, 0);
      if (got <= 0) break;
      text.append(part, static_cast<std::size_t>(got));
    }
    return text;
  }
  static void write(const Fd& connection, const std::string& text) {
    ASSERT_EQ(::send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }

 private:
  Fd socket_;
};

}  // namespace resmon::collect::testing
