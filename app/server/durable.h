#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string_view>

namespace resmon::ingest {
class Log;
}
namespace resmon::logs {
class Store;
}

namespace resmon::server {

class RowWriter;

inline constexpr std::string_view kNotDurable = "not durable yet: the disk is full, failing or slow; try again";

// True as soon as the journal is durable up to `position`, which `writer` then acknowledges; false after 10 s.
boost::asio::awaitable<bool> wait_until_durable(ingest::Log& journal, RowWriter& writer, std::uint64_t position);
// The same of the journal of log lines.
boost::asio::awaitable<bool> wait_until_lines_durable(logs::Store& logs, std::uint64_t position);

}  // namespace resmon::server
