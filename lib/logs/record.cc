#include "logs/record.h"

#include <algorithm>

#include "logs/bytes.h"

namespace resmon::logs {

namespace {

constexpr std::uint8_t kFormat = 1;

std::string_view view_of(const logline::Taker::Stream& stream) {
  return {reinterpret_cast<const char*>(stream.data()), stream.size()};
}
logline::Taker::Stream stream_from(Reader& reader) {
  logline::Taker::Stream stream{};
  const std::string_view bytes = reader.bytes(stream.size());
  std::copy(bytes.begin(), bytes.end(), stream.begin());
  return stream;
}

}  // namespace

void encode_record(const Record& record, std::string& out) {
  out += static_cast<char>(kFormat);
  put_varint(out, zigzag(record.received));
  out += view_of(record.stream);
  put_varint(out, record.sequence);
  put_text(out, record.host);
  put_varint(out, record.marks.size());
  for (const auto& [stream, sequence] : record.marks) {
    out += view_of(stream);
    put_varint(out, sequence);
  }
  out += record.lines;
}

Result<Record> decode_record(std::string_view bytes) {
  Reader reader(bytes);
  Record record;
  if (reader.u8() != kFormat) return fail(ErrorKind::kDamaged, "a record of lines: an unknown format");
  record.received = unzigzag(reader.varint());
  record.stream = stream_from(reader);
  record.sequence = reader.varint();
  record.host = reader.text();
  const std::uint64_t marks = reader.varint(reader.remaining());
  for (std::uint64_t i = 0; i < marks && reader.ok(); ++i) {
    const auto stream = stream_from(reader);
    record.marks.emplace_back(stream, reader.varint());
  }
  record.lines = reader.bytes(reader.remaining());
  if (!reader.ok()) return fail(ErrorKind::kDamaged, "a record of lines is cut short");
  return record;
}

}  // namespace resmon::logs
