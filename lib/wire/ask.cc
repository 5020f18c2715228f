#include "wire/ask.h"

#include <algorithm>

#include "base/bytes.h"

namespace resmon::wire {

namespace {

constexpr std::size_t kMostAskBytes = 64;
constexpr std::size_t kMostProcessText = 1024;

void write_row(const ProcessRow& row, ByteWriter& w) {
  const auto rate = [&](const std::optional<std::uint64_t>& value) {
    w.varint(value ? std::min(*value, UINT64_MAX - 1) + 1 : 0);
  };
  w.varint(row.id);
  w.u8(static_cast<std::uint8_t>(row.state));
  for (const std::string* text : {&row.user, &row.name, &row.command_line, &row.service, &row.container})
    w.text(std::string_view(*text).substr(0, kMostProcessText));
  w.varint(row.cpu_hundredths);
  w.varint(row.resident_bytes);
  rate(row.read_bytes_per_second);
  rate(row.written_bytes_per_second);
  w.varint(row.threads);
  w.varint(row.age_seconds);
}

bool read_row(ByteReader& r, ProcessRow& row) {
  const auto rate = [&](std::optional<std::uint64_t>& out) {
    if (const std::uint64_t value = r.varint(); value != 0) out = value - 1;
  };
  row.id = r.varint();
  row.state = static_cast<char>(r.u8());
  for (std::string* text : {&row.user, &row.name, &row.command_line, &row.service, &row.container}) {
    *text = r.text();
    if (text->size() > kMostProcessText) return false;
  }
  row.cpu_hundredths = r.varint();
  row.resident_bytes = r.varint();
  rate(row.read_bytes_per_second);
  rate(row.written_bytes_per_second);
  row.threads = r.varint();
  row.age_seconds = r.varint();
  return !r.failed();
}

}  // namespace

void encode(const Ask& message, std::string& out) {
  const std::size_t frame = begin_frame(kAskFrame, out);
  ByteWriter w(out);
  w.varint(message.id);
  w.text(message.what);
  end_frame(frame, out);
}

void encode(const ProcessList& message, std::size_t max_frame_bytes, std::string& out) {
  std::string rows;
  std::size_t count = 0;
  std::string row;
  for (; count < std::min(message.rows.size(), kMostProcessRows); ++count) {
    row.clear();
    ByteWriter w(row);
    write_row(message.rows[count], w);
    // 64: the header and what comes before the rows, without the refusal, which is alone.
    if (rows.size() + row.size() + 64 > max_frame_bytes) break;
    rows += row;
  }
  const std::size_t frame = begin_frame(kAnswerFrame, out);
  ByteWriter w(out);
  w.varint(message.id);
  w.text(std::string_view(message.refusal).substr(0, kMostProcessText));
  w.varint(message.total);
  w.varint(message.refusal.empty() ? count : 0);
  if (message.refusal.empty()) w.bytes(rows);
  end_frame(frame, out);
}

Result<Ask> decode_ask(std::string_view payload) {
  ByteReader r(payload);
  Ask message;
  message.id = r.varint();
  message.what = r.text();
  if (r.failed() || message.what.size() > kMostAskBytes) return fail(ErrorKind::kInvalid, "ASK frame: ends early");
  return message;
}

Result<ProcessList> decode_process_list(std::string_view payload) {
  ByteReader r(payload);
  ProcessList message;
  message.id = r.varint();
  message.refusal = r.text();
  message.total = r.varint();
  const std::uint64_t count = r.varint();
  if (r.failed()) return fail(ErrorKind::kInvalid, "ANSWER frame: ends early");
  if (count > kMostProcessRows || message.refusal.size() > kMostProcessText)
    return fail(ErrorKind::kInvalid, "ANSWER frame: more rows or text than allowed");
  for (std::uint64_t i = 0; i < count; ++i)
    if (!read_row(r, message.rows.emplace_back()))
      return fail(ErrorKind::kInvalid, "ANSWER frame: a process that cannot be parsed");
  return message;
}

}  // namespace resmon::wire
