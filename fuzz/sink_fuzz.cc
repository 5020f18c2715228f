// What a database answers, and the addresses of databases. Input: the status in two bytes, then body and Retry-After,
// parted by a byte 0. What people are shown is one line, bounded.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "sink/answer.h"
#include "sink/endpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon;
  if (size < 2) return 0;
  sink::HttpAnswer answer;
  answer.status = (data[0] << 8 | data[1]) % 700;
  const std::string_view input(reinterpret_cast<const char*>(data + 2), size - 2);
  const std::size_t end = input.find('\0');
  answer.body = input.substr(0, end);
  if (end != std::string_view::npos) answer.retry_after = input.substr(end + 1);
  const sink::Meaning meaning = sink::meaning_of(answer, 1'700'000'000'000'000'000);
  if (meaning.reason.find('\n') != std::string::npos) std::abort();
  if (meaning.not_before && (meaning.not_before->count() < 0 || *meaning.not_before > std::chrono::hours(1)))
    std::abort();
  if (sink::error_message(input).size() > 4096) std::abort();

  const auto url = sink::parse_url(input);
  if (url.has_value()) {
    if (url->port == 0 || url->host.empty()) std::abort();
    if (!url->path.empty() && (url->path.front() != '/' || url->path.back() == '/')) std::abort();
  }
  return 0;
}
