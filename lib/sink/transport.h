#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace resmon::sink {

enum class Method { kGet, kPost, kPut };

struct HttpRequest {
  Method method = Method::kPost;
  std::string target;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
  std::string authorization;                                 // empty: no such header
  bool gzip = false;                                         // the body is compressed
  std::vector<std::pair<std::string, std::string>> headers;  // more of them
};

struct HttpAnswer {
  int status = 0;
  std::string body;  // no more of it than the transport's bound
  std::string content_type;
  std::string retry_after;     // the header as it came
  std::string server_version;  // X-Influxdb-Version
  std::string server_build;    // X-Influxdb-Build
  std::string location;        // of a redirection
  bool after_loss = false;     // the kept connection was found closed without notice, and another one was made
};

// Carries a request to the server and its answer back. One at a time.
class Transport {
 public:
  virtual ~Transport() = default;
  // An error (kUnavailable) means that nobody knows whether the server has taken the request: it may be sent again,
  // because writing the same points twice leaves them as they are. The request must live until this returns.
  virtual boost::asio::awaitable<Result<HttpAnswer>> send(const HttpRequest& request) = 0;
  // Ends the connection and whatever is under way. From the transport's executor.
  virtual void close() = 0;
};

}  // namespace resmon::sink
