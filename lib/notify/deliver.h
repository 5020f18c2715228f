#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "alert/message.h"
#include "alert/rules.h"
#include "base/result.h"

namespace resmon::notify {

// Takes one message to one channel, whatever its kind. Runs on `executor`, which must not run two handlers at once;
// programs run on `blocking`. No error holds a secret: what a service answers is cut and shown, its address is not.
// kInvalid and kDenied: the same will fail again until somebody changes the configuration.
// REQUIRES: the process ignores SIGPIPE, since a program may end without reading its message.
boost::asio::awaitable<Status> deliver(boost::asio::any_io_executor executor, boost::asio::any_io_executor blocking,
                                       alert::Channel channel, alert::Message message);

// GET of an address, for the heartbeat. An answer of 2xx is good.
boost::asio::awaitable<Status> call(boost::asio::any_io_executor executor, std::string url);

}  // namespace resmon::notify
