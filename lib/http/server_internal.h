#pragma once

// Shared by the files of the server.

#include <boost/beast/core/error.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "http/channel.h"
#include "http/server.h"
#include "net/await.h"

namespace resmon::http {

namespace beast = boost::beast;
namespace bhttp = beast::http;

using net::kAwait;

// A parser that bounds the number of a head's fields: each of them, of five bytes at least, is kept as a hundred.
class HeadParser final : public bhttp::request_parser<bhttp::string_body> {
 private:
  void on_field_impl(bhttp::field name, beast::string_view text, beast::string_view value, error_code& error) override;
  std::size_t fields_ = 0;
};

struct HeadProblem {
  unsigned status = 400;
  std::string text;
};

// What is wrong with a head that Beast has taken: where its body ends must be said once, in words that this server and
// any proxy before it understand alike, and so must the host.
std::optional<HeadProblem> problem_of(const HeadParser& parser);

// Turns a target in absolute form ("http://host/path", RFC 9112, 3.2.2) into its path, and makes its authority the
// Host, whatever Host said. Call it for a head that problem_of() finds nothing wrong with.
std::optional<HeadProblem> take_target(bhttp::request_header<>& head);

// The memory of a head, as Beast keeps it and as a Request.
std::size_t memory_of(const bhttp::request_header<>& head);

// Everything but a body's parameters. kInvalid: too many parameters in its address; `out` has none then.
Status make_request(bhttp::request<bhttp::string_body>&& raw, const std::string& peer, Request& out);

// The head of an answer whose body follows by itself, and a piece of one.
std::string head_text(const bhttp::response<bhttp::string_body>& response);
std::string chunk_of(std::string_view data);

// An answer's head, without what says how long its body is.
bhttp::response<bhttp::string_body> head_of(const Response& response);

// Runs `work` on `pool`, and goes on where it was called. Throws what `work` does.
asio::awaitable<void> run_on(asio::thread_pool& pool, std::function<void()> work);

}  // namespace resmon::http
