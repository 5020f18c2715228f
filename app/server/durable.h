#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string_view>

namespace resmon::server {

class App;

inline constexpr std::string_view kNotDurable = "not durable yet: the disk is full, failing or slow; try again";

// True as soon as the log is durable up to `position`, which is then acknowledged; false after 10 s.
boost::asio::awaitable<bool> wait_until_durable(App& app, std::uint64_t position);
// The same of the journal of log lines. REQUIRES: there is one
boost::asio::awaitable<bool> wait_until_lines_durable(App& app, std::uint64_t position);

}  // namespace resmon::server
