#include "collect/dbus_message.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace resmon::collect {

namespace {

constexpr std::size_t kDbusHeadBytes = 16;  // up to the header fields
constexpr std::uint32_t kMostHeaderBytes = 64U << 10U;
constexpr char kOwnOrder = std::endian::native == std::endian::little ? 'l' : 'B';
constexpr char kOtherOrder = kOwnOrder == 'l' ? 'B' : 'l';

enum HeaderField : std::uint8_t {
  kPathField = 1,
  kInterfaceField = 2,
  kMemberField = 3,
  kErrorField = 4,
  kReplyField = 5,
  kDestinationField = 6,
  kSignatureField = 8
};

std::size_t alignment_of(char type) {
  switch (type) {
    case 'y':
    case 'g':
    case 'v':
      return 1;
    case 'n':
    case 'q':
      return 2;
    case 'x':
    case 't':
    case 'd':
    case '(':
    case '{':
      return 8;
    default:
      return 4;
  }
}

template <class Value>
Value swap_bytes(Value value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  std::reverse(std::begin(bytes), std::end(bytes));
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// How long the first complete type of a signature is; 0: there is none.
std::size_t type_length(std::string_view signature, int depth) {
  if (signature.empty() || depth > 16) return 0;
  const char first = signature.front();
  if (first == 'a') {
    const std::size_t element = type_length(signature.substr(1), depth + 1);
    return element == 0 ? 0 : element + 1;
  }
  if (first != '(' && first != '{') return 1;
  const char close = first == '(' ? ')' : '}';
  std::size_t at = 1;
  while (at < signature.size() && signature[at] != close) {
    const std::size_t member = type_length(signature.substr(at), depth + 1);
    if (member == 0) return 0;
    at += member;
  }
  return at < signature.size() ? at + 1 : 0;
}

}  // namespace

void DbusWriter::text(std::string_view value) {
  number32(static_cast<std::uint32_t>(value.size()));
  bytes_ += value;
  bytes_ += '\0';
}

void DbusWriter::signature(std::string_view value) {
  byte(static_cast<std::uint8_t>(value.size()));
  bytes_ += value;
  bytes_ += '\0';
}

bool DbusReader::align(std::size_t to) {
  const std::size_t next = (at_ + to - 1) / to * to;
  if (next > bytes_.size()) return broken();
  at_ = next;
  return true;
}

template <class Value>
bool DbusReader::get(Value& out) {
  if (!align(sizeof out) || bytes_.size() - at_ < sizeof out) return broken();
  std::memcpy(&out, bytes_.data() + at_, sizeof out);
  if (swapped_) out = swap_bytes(out);
  at_ += sizeof out;
  return true;
}
template bool DbusReader::get(std::uint32_t&);
template bool DbusReader::get(std::uint64_t&);

bool DbusReader::byte(std::uint8_t& out) {
  if (at_ >= bytes_.size()) return broken();
  out = static_cast<std::uint8_t>(bytes_[at_++]);
  return true;
}

bool DbusReader::text(std::string_view& out) {
  std::uint32_t size = 0;
  if (!number32(size) || bytes_.size() - at_ <= size) return broken();
  out = bytes_.substr(at_, size);
  at_ += size + 1;
  return true;
}

bool DbusReader::signature(std::string_view& out) {
  std::uint8_t size = 0;
  if (!byte(size) || bytes_.size() - at_ <= size) return broken();
  out = bytes_.substr(at_, size);
  at_ += size + std::size_t{1};
  return true;
}

bool DbusReader::array(std::size_t element_alignment, DbusReader& elements) {
  std::uint32_t size = 0;
  if (!number32(size) || !align(element_alignment) || bytes_.size() - at_ < size) return broken();
  elements = DbusReader(bytes_.substr(0, at_ + size), swapped_);
  elements.at_ = at_;
  at_ += size;
  return true;
}

bool DbusReader::skip(std::string_view& signature, int depth) {
  const std::size_t length = type_length(signature, depth);
  if (length == 0 || depth > kMostDepth) return broken();
  std::string_view type = signature.substr(0, length);
  signature.remove_prefix(length);
  std::string_view text_value;
  DbusReader elements({}, swapped_);
  switch (type.front()) {
    case 's':
    case 'o':
      return text(text_value);
    case 'g':
      return this->signature(text_value);
    case 'v':
      return this->signature(text_value) && skip(text_value, depth + 1);
    case 'a':
      return array(alignment_of(type[1]), elements);
    case '(':
    case '{':
      if (!align(8)) return false;
      type = type.substr(1, length - 2);
      while (!type.empty())
        if (!skip(type, depth + 1)) return false;
      return true;
    case 'y':
    case 'n':
    case 'q':
    case 'b':
    case 'i':
    case 'u':
    case 'h':
    case 'x':
    case 't':
    case 'd': {
      const std::size_t size = type.front() == 'y' ? 1 : alignment_of(type.front());
      if (!align(size) || bytes_.size() - at_ < size) return broken();
      at_ += size;
      return true;
    }
    default:
      return broken();
  }
}

Result<std::size_t> parse_dbus_message(std::string_view bytes, DbusMessage& out) {
  out = {};
  if (bytes.empty()) return std::size_t{0};
  if (bytes[0] != kOwnOrder && bytes[0] != kOtherOrder) return fail(ErrorKind::kInvalid, "not a message of D-Bus");
  if (bytes.size() < kDbusHeadBytes) return std::size_t{0};
  out.swapped = bytes[0] == kOtherOrder;
  out.type = static_cast<DbusType>(bytes[1]);
  DbusReader head(bytes.substr(0, kDbusHeadBytes), out.swapped);
  std::uint32_t ignored = 0;
  std::uint32_t body_bytes = 0;
  std::uint32_t fields_bytes = 0;
  head.number32(ignored);
  head.number32(body_bytes);
  head.number32(out.serial);
  head.number32(fields_bytes);
  if (bytes[3] != 1 || body_bytes > kMostDbusBytes || fields_bytes > kMostHeaderBytes)
    return fail(ErrorKind::kInvalid, "a message of D-Bus that is too long, or of another version");
  const std::size_t body_at = (kDbusHeadBytes + fields_bytes + 7) / 8 * 8;
  if (bytes.size() < body_at + body_bytes) return std::size_t{0};
  DbusReader reader(bytes.substr(0, body_at), out.swapped);
  DbusReader fields({}, out.swapped);
  for (int i = 0; i < 3; ++i) reader.number32(ignored);
  reader.array(8, fields);
  while (!fields.at_end()) {
    std::uint8_t code = 0;
    std::string_view type;
    if (!fields.align(8) || !fields.byte(code) || !fields.signature(type))
      return fail(ErrorKind::kInvalid, "a message of D-Bus whose header cannot be read");
    std::string_view* text = nullptr;
    if (code == kPathField && type == "o") text = &out.path;
    if (code == kInterfaceField && type == "s") text = &out.interface;
    if (code == kMemberField && type == "s") text = &out.member;
    if (code == kErrorField && type == "s") text = &out.error_name;
    if (code == kDestinationField && type == "s") text = &out.destination;
    bool good = true;
    if (text != nullptr) {
      good = fields.text(*text);
    } else if (code == kSignatureField && type == "g") {
      good = fields.signature(out.signature);
    } else if (code == kReplyField && type == "u") {
      good = fields.number32(out.reply_serial);
    } else {
      good = fields.skip(type);
    }
    if (!good) return fail(ErrorKind::kInvalid, "a message of D-Bus whose header cannot be read");
  }
  out.body = bytes.substr(body_at, body_bytes);
  return body_at + body_bytes;
}

std::string write_dbus_message(const DbusMessage& message) {
  DbusWriter writer;
  writer.byte(static_cast<std::uint8_t>(kOwnOrder));
  writer.byte(static_cast<std::uint8_t>(message.type));
  writer.byte(0);
  writer.byte(1);
  writer.number32(static_cast<std::uint32_t>(message.body.size()));
  writer.number32(message.serial);
  writer.array(8, [&] {
    const auto text = [&](HeaderField field, const char* type, std::string_view value) {
      if (value.empty()) return;
      writer.align(8);
      writer.byte(field);
      writer.signature(type);
      writer.text(value);
    };
    text(kPathField, "o", message.path);
    text(kInterfaceField, "s", message.interface);
    text(kMemberField, "s", message.member);
    text(kErrorField, "s", message.error_name);
    text(kDestinationField, "s", message.destination);
    if (message.reply_serial != 0) {
      writer.align(8);
      writer.byte(kReplyField);
      writer.signature("u");
      writer.number32(message.reply_serial);
    }
    if (!message.signature.empty()) {
      writer.align(8);
      writer.byte(kSignatureField);
      writer.signature("g");
      writer.signature(message.signature);
    }
  });
  writer.align(8);
  return writer.bytes() + std::string(message.body);
}

}  // namespace resmon::collect
