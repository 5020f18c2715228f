#include "journal/format.h"

#include <bit>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "base/crc32c.h"

namespace resmon::journal {

namespace {

static_assert(std::endian::native == std::endian::little, "fields are copied as they lie in memory");

constexpr std::string_view kSegmentMagic = "rsmnjrnl";
constexpr std::string_view kCursorMagic = "rsmncurs";
constexpr std::string_view kTallyMagic = "rsmntaly";
constexpr std::size_t kCursorHeadBytes = 8 + 4 + 4 + 4;  // magic, version, checksum, length

template <class T>
void put(char* out, T value) {
  std::memcpy(out, &value, sizeof value);
}
template <class T>
T get(const char* in) {
  T value{};
  std::memcpy(&value, in, sizeof value);
  return value;
}
template <class T>
void push(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <class T>
bool pull(std::string_view& in, T& value) {
  if (in.size() < sizeof value) return false;
  value = get<T>(in.data());
  in.remove_prefix(sizeof value);
  return true;
}

// Never 0, so that a run of zeros is recognised as no header without computing anything.
std::uint32_t header_crc(const char* after_crc, std::uint32_t seed) {
  const std::uint32_t crc = crc32c({after_crc, kRecordHeaderBytes - 4}, seed);
  return crc == 0 ? 1 : crc;
}

}  // namespace

void encode_record_header(char* out, const RecordHeader& header, std::uint32_t seed) {
  put(out + 4, header.length | static_cast<std::uint32_t>(header.flags) << 24U);
  put(out + 8, header.position_low);
  put(out + 12, header.payload_crc);
  put(out, header_crc(out + 4, seed));
}

std::optional<RecordHeader> decode_record_header(const char* in, std::uint32_t seed) {
  const auto crc = get<std::uint32_t>(in);
  const auto word = get<std::uint32_t>(in + 4);
  RecordHeader header{word & 0xffffffU, static_cast<std::uint8_t>(word >> 24U), get<std::uint32_t>(in + 8),
                      get<std::uint32_t>(in + 12)};
  if (crc == 0 || header.flags > (kStartsSegment | kMark) || crc != header_crc(in + 4, seed)) return std::nullopt;
  return header;
}

std::string encode_segment_header(const SegmentHeader& header) {
  std::string out(kSegmentMagic);
  push(out, kFormatVersion);
  push(out, std::uint32_t{0});
  push(out, header.journal_id);
  push(out, header.first);
  push(out, header.group);
  push(out, header.previous);
  out.resize(kSegmentHeaderBytes - 4, '\0');
  push(out, crc32c(out));
  return out;
}

Result<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes || !bytes.starts_with(kSegmentMagic))
    return fail(ErrorKind::kDamaged, "not a journal segment");
  if (get<std::uint32_t>(bytes.data() + kSegmentHeaderBytes - 4) != crc32c(bytes.substr(0, kSegmentHeaderBytes - 4)))
    return fail(ErrorKind::kDamaged, "segment header fails its checksum");
  const auto version = get<std::uint32_t>(bytes.data() + 8);
  if (version != kFormatVersion)
    return fail(ErrorKind::kUnsupported, "journal format " + std::to_string(version) + " is not known here");
  const SegmentHeader header{get<std::uint64_t>(bytes.data() + 16), get<std::uint64_t>(bytes.data() + 24),
                             get<std::uint64_t>(bytes.data() + 32), get<std::uint64_t>(bytes.data() + 40)};
  if (header.first == 0 || header.group == 0 || header.group > header.first || header.previous >= header.first)
    return fail(ErrorKind::kDamaged, "segment header contradicts itself");
  return header;
}

std::string segment_name(std::uint64_t first) {
  char name[32];
  std::snprintf(name, sizeof name, "%020llu.seg", static_cast<unsigned long long>(first));
  return name;
}

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
  if (name.size() != 24 || !name.ends_with(".seg")) return std::nullopt;
  std::uint64_t first = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + 20, first);
  if (error != std::errc() || end != name.data() + 20 || first == 0) return std::nullopt;
  return first;
}

std::string encode_tally(const Tally& tally) {
  std::string body;
  push(body, tally.journal_id);
  push(body, tally.durable);
  push(body, tally.position);
  push(body, tally.weight);
  push(body, tally.time);
  std::string out(kTallyMagic);
  push(out, kFormatVersion);
  push(out, crc32c(body));
  out += body;
  out.resize(kTallyBytes, '\0');
  return out;
}

Result<Tally> decode_tally(std::string_view bytes) {
  if (bytes.size() < kTallyBytes || !bytes.starts_with(kTallyMagic) ||
      get<std::uint32_t>(bytes.data() + 8) != kFormatVersion)
    return fail(ErrorKind::kDamaged, "not a tally");
  std::string_view body = bytes.substr(16, 40);
  if (crc32c(body) != get<std::uint32_t>(bytes.data() + 12))
    return fail(ErrorKind::kDamaged, "tally fails its checksum");
  Tally tally;
  (void)(pull(body, tally.journal_id) && pull(body, tally.durable) && pull(body, tally.position) &&
         pull(body, tally.weight) && pull(body, tally.time));
  return tally;
}

std::string encode_cursor_slot(const CursorSlot& slot) {
  std::string body;
  push(body, slot.journal_id);
  push(body, slot.generation);
  push(body, slot.next_position);
  push(body, static_cast<std::uint32_t>(slot.cursors.size()));
  for (const CursorEntry& cursor : slot.cursors) {
    push(body, static_cast<std::uint8_t>(cursor.name.size()));
    body += cursor.name;
    push(body, static_cast<std::uint8_t>(cursor.may_lose ? 1 : 0));
    push(body, cursor.committed);
    push(body, cursor.dropped);
    push(body, cursor.damaged);
    push(body, cursor.dropped_weight);
    push(body, cursor.accounted_weight);
  }
  std::string out(kCursorMagic);
  push(out, kFormatVersion);
  push(out, crc32c(body));
  push(out, static_cast<std::uint32_t>(body.size()));
  out += body;
  out.resize(kCursorSlotBytes, '\0');
  return out;
}

Result<CursorSlot> decode_cursor_slot(std::string_view bytes) {
  if (bytes.size() < kCursorHeadBytes || !bytes.starts_with(kCursorMagic))
    return fail(ErrorKind::kDamaged, "not a slot of cursors");
  const auto length = get<std::uint32_t>(bytes.data() + 16);
  if (get<std::uint32_t>(bytes.data() + 8) != kFormatVersion || length > bytes.size() - kCursorHeadBytes)
    return fail(ErrorKind::kDamaged, "slot of cursors is not readable");
  std::string_view body = bytes.substr(kCursorHeadBytes, length);
  if (crc32c(body) != get<std::uint32_t>(bytes.data() + 12))
    return fail(ErrorKind::kDamaged, "slot of cursors fails its checksum");
  CursorSlot slot;
  std::uint32_t count = 0;
  bool good = pull(body, slot.journal_id) && pull(body, slot.generation) && pull(body, slot.next_position) &&
              pull(body, count) && count <= kMaxReaders;
  for (; good && count > 0; --count) {
    CursorEntry cursor;
    std::uint8_t size = 0;
    std::uint8_t may_lose = 0;
    good = pull(body, size) && size <= kMaxReaderNameBytes && body.size() >= size;
    if (!good) break;
    cursor.name = body.substr(0, size);
    body.remove_prefix(size);
    good = pull(body, may_lose) && pull(body, cursor.committed) && pull(body, cursor.dropped) &&
           pull(body, cursor.damaged) && pull(body, cursor.dropped_weight) && pull(body, cursor.accounted_weight);
    cursor.may_lose = may_lose != 0;
    slot.cursors.push_back(std::move(cursor));
  }
  if (!good) return fail(ErrorKind::kDamaged, "slot of cursors contradicts itself");
  return slot;
}

}  // namespace resmon::journal
