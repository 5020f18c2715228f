// A journal directory of hostile files: opening it must work, reading must end, and what is appended afterwards must
// come back. Input: pieces, each one byte of file (bits 0-1: which segment or the cursors; bit 2: pass the piece
// through as the record payloads of a valid segment, then flip), two bytes of length, and the bytes.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/crc32c.h"
#include "journal/format.h"
#include "journal/journal.h"
#include "journal/simulated_files.h"

namespace {

using namespace resmon::journal;

constexpr std::uint64_t kId = 0x1122334455667788U;

void put(SimulatedFiles& files, const std::string& name, std::string bytes) {
  auto inode = std::make_shared<SimulatedFiles::Inode>();
  inode->data = inode->device = std::move(bytes);
  files.names["j/" + name] = inode;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  SimulatedFiles files(1);
  files.short_ratio = 0;
  std::string cursors;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (rest.size() >= 3) {
    const auto kind = static_cast<unsigned char>(rest[0]);
    const std::size_t length =
        static_cast<unsigned char>(rest[1]) + static_cast<std::size_t>(static_cast<unsigned char>(rest[2])) * 256;
    rest.remove_prefix(3);
    const std::string_view piece = rest.substr(0, length);
    rest.remove_prefix(piece.size());
    const std::uint64_t first = 1 + (kind & 3U) * 10;
    if ((kind & 3U) == 3) {
      cursors = (kind & 4U) != 0 ? encode_cursor_slot({kId, 1, 5, {{"r", piece.size(), 0, 0, false}}}) : std::string();
      cursors += piece;
      put(files, "cursors", cursors);
    } else if ((kind & 4U) == 0) {
      put(files, segment_name(first), std::string(piece));
    } else {
      std::string bytes = encode_segment_header({kId, first, first, first - 1});
      std::uint64_t position = first;
      for (std::size_t at = 0; at < piece.size(); at += 8) {
        const std::string_view payload = piece.substr(at, 8);
        char head[kRecordHeaderBytes];
        const auto flags = static_cast<std::uint8_t>(payload[0] & 3);
        encode_record_header(head,
                             {static_cast<std::uint32_t>(payload.size()), flags, static_cast<std::uint32_t>(position),
                              resmon::crc32c(payload) ^ ((payload[0] & 32) != 0 ? 1U : 0U)},
                             header_seed(kId));
        if ((kind & 8U) != 0) head[piece[at] & 15] ^= static_cast<char>(kind >> 4U);
        bytes.append(head, sizeof head).append(payload);
        position += 1 + ((payload[0] & 64) != 0 ? 1 : 0);
      }
      put(files, segment_name(first), std::move(bytes));
    }
  }

  Options options;
  options.directory = "j";
  options.files = &files;
  options.own_thread = false;
  options.limit_bytes = 1U << 20U;
  options.segment_bytes = options.buffer_bytes = 16U << 10U;  // what is made and cleared for each input
  auto opened = Journal::open(options);
  if (!opened) std::abort();
  Journal& journal = **opened;
  auto reader = journal.reader({.name = "r", .loss = Loss::kOldest, .buffer_bytes = 512});
  if (!reader) std::abort();
  const auto drain = [&] {
    std::uint64_t last = 0;
    for (std::size_t turns = 0; turns < size + 100; ++turns) {
      const auto got = (*reader)->read(4096);
      if (!got) std::abort();
      if (got->empty()) return last;
      for (const Record& record : *got) {
        if (record.replayed) continue;
        if (record.position <= last) std::abort();
        last = record.position;
      }
    }
    std::abort();
  };
  drain();
  const auto appended = journal.append("after all that");
  if (!appended || !journal.commit()) std::abort();
  if (drain() != appended->last) std::abort();
  return 0;
}
