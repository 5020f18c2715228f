// What HTTP clients put into addresses and forms, and bodies that claim to be gzip. What is decoded must be the same
// after it was encoded again; what is packed must be unpacked to itself; JSON texts are always valid.

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/accept.h"
#include "http/gzip.h"
#include "http/router.h"
#include "http/trusted_proxies.h"

namespace {

using namespace resmon;

constexpr std::size_t kLimitBytes = 1U << 20U;

std::string percent_encode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', kDigits[byte >> 4U], kDigits[byte & 15U]};
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string form;
  http::Parameters parameters;
  if (!http::add_form(input, parameters) && !parameters.empty()) std::abort();
  for (const auto& [name, value] : parameters) {
    if (!form.empty()) form += '&';
    form += percent_encode(name) + '=' + percent_encode(value);
  }
  http::Parameters again;
  if (!http::add_form(form, again) || again != parameters) std::abort();
  if (http::percent_decode(percent_encode(input), true) != input) std::abort();
  // The first line is the content type.
  const std::size_t line = input.find('\n');
  http::Parameters parts;
  if (line != std::string_view::npos && http::add_multipart(input.substr(0, line), input.substr(line + 1), parts)) {
    std::size_t bytes = 0;
    for (const auto& [name, value] : parts) {
      if (name.empty()) std::abort();
      bytes += name.size() + value.size();
    }
    if (bytes > size) std::abort();
  }
  static constexpr std::array<std::string_view, 2> kOffers = {"application/json", "text/csv"};
  if (http::best_offer(input, kOffers).value_or(0) >= kOffers.size()) std::abort();
  (void)http::takes_gzip(input);
  static const http::TrustedProxies proxies = http::TrustedProxies::parse({"127.0.0.1", "10.0.0.0/8"}).value();
  if (proxies.client_of("203.0.113.5", input) != "203.0.113.5") std::abort();
  (void)proxies.client_of("127.0.0.1", input);
  (void)http::TrustedProxies::parse({std::string(input)}).has_value();
  const std::string json = http::json_string(input);
  if (json.size() < 2 || json.front() != '"' || json.back() != '"') std::abort();
  for (const char c : json)
    if (static_cast<unsigned char>(c) < 0x20) std::abort();

  const auto unpacked = http::gunzip(input, kLimitBytes);
  if (unpacked.has_value() && unpacked->size() > kLimitBytes) std::abort();
  const auto back = http::gunzip(http::gzip(input), kLimitBytes);
  if (size <= kLimitBytes && (!back.has_value() || *back != input)) std::abort();
  return 0;
}
