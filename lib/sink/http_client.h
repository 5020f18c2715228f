#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/address.h"
#include "net/dial.h"
#include "sink/endpoint.h"
#include "sink/transport.h"

namespace resmon::sink {

struct HttpClientOptions {
  std::chrono::nanoseconds timeout = std::chrono::seconds(10);  // of each step
  std::size_t answer_bytes = 64U << 10U;                        // more of an answer's body is not read
  std::string tls_ca_file;                                      // empty: the system's
  bool tls_verify = true;
  net::Names names = net::Names::kSystem;
  // Replaces the system's resolver: for tests.
  std::function<std::vector<boost::asio::ip::tcp::endpoint>(const net::Address&)> resolver;
};

// As the sink's configuration has them.
HttpClientOptions http_client_options(const SinkOptions& options);

// HTTP/1.1 over one connection that is kept, plain or with TLS (1.2 at least, certificate and host name verified). All
// of it runs on `executor`, which must not run two handlers at once (a strand, or a context with one thread). kInvalid
// when the CA file cannot be used.
Result<std::unique_ptr<Transport>> make_http_client(boost::asio::any_io_executor executor, const Url& url,
                                                    const HttpClientOptions& options);

}  // namespace resmon::sink
