#include "journal/cursor_file.h"

#include <utility>

namespace resmon::journal {

Result<std::size_t> read_some(File& file, std::uint64_t offset, std::span<char> out) {
  auto got = file.read_at(offset, out);
  for (int attempt = 1; !got && attempt < 3; ++attempt) got = file.read_at(offset, out);
  return got;
}

CursorFile::Found CursorFile::read() {
  Found found;
  auto file = files_.open(directory_ + "/cursors");
  if (!file) {
    found.damaged = file.error().kind != ErrorKind::kNotFound;
    return found;
  }
  int readable = 0;
  for (const std::uint64_t offset : {std::size_t{0}, kCursorSlotBytes}) {
    std::string bytes(kCursorSlotBytes, '\0');
    const auto got = read_some(**file, offset, bytes);
    if (!got) continue;
    auto slot = decode_cursor_slot(std::string_view(bytes).substr(0, *got));
    if (!slot) continue;
    ++readable;
    if (found.slot && slot->generation <= found.slot->generation) continue;
    found_bytes_ = bytes.substr(0, *got);
    generation_ = slot->generation;
    found.slot = std::move(slot).value();
  }
  found.damaged = readable == 0;
  std::string bytes(kTallyBytes, '\0');
  if (const auto got = read_some(**file, kTallyOffset, bytes))
    if (const auto tally = decode_tally(std::string_view(bytes).substr(0, *got));
        tally && tally->position < kHighestPosition)
      found.tally = *tally;
  return found;
}

Status CursorFile::open() {
  if (file_ != nullptr) return {};
  const std::string name = directory_ + "/cursors";
  auto opened = files_.open(name);
  if (!opened) {
    if (opened.error().kind != ErrorKind::kNotFound) return fail(std::move(opened).error());
    opened = files_.create(name);
    if (!opened) return fail(std::move(opened).error());
  }
  if (auto reserved = (*opened)->allocate(kCursorFileBytes);
      !reserved && reserved.error().kind != ErrorKind::kUnsupported)
    return fail(std::move(reserved).error());
  if (durable_) RESMON_TRY(files_.sync_directory(directory_));
  if (!found_bytes_.empty()) {
    // What read() found may be in the kernel's memory only, after a sync that failed; the other slot must not be
    // touched before this one is on the device.
    RESMON_TRY(write_all(**opened, generation_ % 2 * kCursorSlotBytes, found_bytes_));
    if (durable_) RESMON_TRY((*opened)->sync());
    found_bytes_.clear();
  }
  file_ = std::move(opened).value();
  return {};
}

// The two slots take turns. A slot whose write failed is the one to write next: the other is still good.
Status CursorFile::write(CursorSlot slot) {
  RESMON_TRY(open());
  slot.generation = generation_ + 1;
  RESMON_TRY(write_all(*file_, slot.generation % 2 * kCursorSlotBytes, encode_cursor_slot(slot)));
  if (durable_) RESMON_TRY(file_->sync());
  generation_ = slot.generation;
  return {};
}

void CursorFile::write_tally(const Tally& tally) {
  if (file_ == nullptr) return;
  (void)write_all(*file_, kTallyOffset, encode_tally(tally));
}

}  // namespace resmon::journal
