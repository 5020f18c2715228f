#include "net/dns_message.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace resmon::net {

namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kMostNameBytes = 255;  // with the lengths of its labels
constexpr std::size_t kMostLabelBytes = 63;
constexpr int kMostJumps = 32;             // compression pointers within one name
constexpr std::size_t kMostRecords = 256;  // of an answer that are read
constexpr int kMostAliases = 16;
constexpr std::uint16_t kInternet = 1;
constexpr std::uint16_t kTypeCname = 5;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::uint16_t two_bytes(std::string_view message, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(message[at]) << 8U |
                                    static_cast<unsigned char>(message[at + 1]));
}

void put_two_bytes(std::string& out, std::uint16_t value) {
  out += static_cast<char>(value >> 8U);
  out += static_cast<char>(value & 0xffU);
}

// The name at `at`, as lengths and labels in lower case; moves `at` behind it. Nothing: it is damaged.
std::optional<std::string> read_name(std::string_view message, std::size_t& at) {
  std::string name;
  std::size_t here = at;
  bool jumped = false;
  for (int jumps = 0;;) {
    if (here >= message.size()) return std::nullopt;
    const auto length = static_cast<unsigned char>(message[here]);
    if ((length & 0xc0U) == 0xc0U) {
      if (here + 2 > message.size() || ++jumps > kMostJumps) return std::nullopt;
      if (!jumped) at = here + 2;
      jumped = true;
      const std::size_t target = two_bytes(message, here) & 0x3fffU;
      if (target >= here) return std::nullopt;  // it points to what came before
      here = target;
      continue;
    }
    if (length > kMostLabelBytes || here + 1 + length > message.size()) return std::nullopt;
    if (name.size() + 1 + length > kMostNameBytes) return std::nullopt;
    name += static_cast<char>(length);
    for (const char c : message.substr(here + 1, length)) name += lower(c);
    here += 1U + length;
    if (length == 0) break;
  }
  if (!jumped) at = here;
  return name;
}

struct Record {
  std::string owner;
  std::uint16_t type = 0;
  std::size_t data_at = 0;
  std::size_t data_size = 0;
};

std::optional<Record> read_record(std::string_view message, std::size_t& at) {
  auto owner = read_name(message, at);
  if (!owner || at + 10 > message.size()) return std::nullopt;
  Record record{std::move(*owner), two_bytes(message, at), at + 10, two_bytes(message, at + 8)};
  const bool internet = two_bytes(message, at + 2) == kInternet;
  at = record.data_at + record.data_size;
  if (at > message.size()) return std::nullopt;
  if (!internet) record.type = 0;
  return record;
}

std::optional<boost::asio::ip::address> address_in(std::string_view data, DnsType type) {
  if (type == DnsType::kA && data.size() == 4) {
    boost::asio::ip::address_v4::bytes_type bytes;
    std::memcpy(bytes.data(), data.data(), bytes.size());
    return boost::asio::ip::address_v4(bytes);
  }
  if (type == DnsType::kAaaa && data.size() == 16) {
    boost::asio::ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), data.data(), bytes.size());
    return boost::asio::ip::address_v6(bytes);
  }
  return std::nullopt;
}

bool same_in_any_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

Result<std::string> encode_dns_question(std::uint16_t id, std::string_view name, DnsType type) {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  if (name.empty() || name.size() > 253) return fail(ErrorKind::kInvalid, "not a host's name");
  std::string message;
  put_two_bytes(message, id);
  message += std::string_view("\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10);  // one question, recursion desired
  while (true) {
    const std::string_view label = name.substr(0, name.find('.'));
    if (label.empty() || label.size() > kMostLabelBytes) return fail(ErrorKind::kInvalid, "not a host's name");
    if (std::any_of(label.begin(), label.end(), [](char c) { return c <= ' ' || c > '~'; }))
      return fail(ErrorKind::kInvalid, "not a host's name");
    message += static_cast<char>(label.size());
    message += label;
    if (label.size() == name.size()) break;
    name.remove_prefix(label.size() + 1);
  }
  message += '\0';
  put_two_bytes(message, static_cast<std::uint16_t>(type));
  put_two_bytes(message, kInternet);
  return message;
}

Result<DnsAnswer> parse_dns_answer(std::string_view message, std::string_view question) {
  const auto damaged = [] { return fail(ErrorKind::kInvalid, "not an answer"); };
  if (message.size() < kHeaderBytes || question.size() <= kHeaderBytes + 4) return damaged();
  if (two_bytes(message, 0) != two_bytes(question, 0)) return damaged();
  const std::uint16_t flags = two_bytes(message, 2);
  if ((flags & 0x8000U) == 0) return damaged();  // a question
  DnsAnswer answer;
  answer.code = flags & 0x0fU;
  // A server that could not read the question need not repeat it.
  if (two_bytes(message, 4) == 0 && answer.code != 0) {
    answer.outcome = DnsAnswer::Outcome::kFailed;
    return answer;
  }
  const std::string_view asked = question.substr(kHeaderBytes);
  if (two_bytes(message, 4) != 1 || !same_in_any_case(message.substr(kHeaderBytes, asked.size()), asked))
    return damaged();
  if (answer.code == 3) {
    answer.outcome = DnsAnswer::Outcome::kNoName;
    return answer;
  }
  if (answer.code != 0) {
    answer.outcome = DnsAnswer::Outcome::kFailed;
    return answer;
  }
  if ((flags & 0x0200U) != 0) {
    answer.outcome = DnsAnswer::Outcome::kTruncated;
    return answer;
  }
  const auto type = static_cast<DnsType>(two_bytes(question, question.size() - 4));
  std::size_t at = kHeaderBytes;
  std::optional<std::string> current = read_name(message, at);
  at = kHeaderBytes + asked.size();
  std::vector<Record> records;
  const std::size_t count = std::min<std::size_t>(two_bytes(message, 6), kMostRecords);
  for (std::size_t i = 0; i < count; ++i) {
    auto record = read_record(message, at);
    if (!record) return damaged();
    records.push_back(std::move(*record));
  }
  for (int aliases = 0; current && aliases <= kMostAliases; ++aliases) {
    std::optional<std::string> alias;
    for (const Record& record : records) {
      if (record.owner != *current) continue;
      const std::string_view data = message.substr(record.data_at, record.data_size);
      if (record.type == static_cast<std::uint16_t>(type)) {
        const auto address = address_in(data, type);
        if (!address) return damaged();
        if (answer.addresses.size() < kMostDnsAddresses) answer.addresses.push_back(*address);
      } else if (record.type == kTypeCname && !alias) {
        std::size_t data_at = record.data_at;
        alias = read_name(message, data_at);
        if (!alias) return damaged();
      }
    }
    if (!answer.addresses.empty()) break;
    current = std::move(alias);
  }
  return answer;
}

}  // namespace resmon::net
