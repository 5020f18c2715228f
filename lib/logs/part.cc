// Layout:
//   "RESMLOG1"
//   each block: "BLCK", u32 checksum of the header, header (block.h), columns
//   footer: varint replaces_from, varint count of blocks, for each: varint offset of its columns, header
//   u32 length of the footer, u32 its checksum, "RESMEND1"

#include "logs/part.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>

#include "base/crc32c.h"
#include "base/file.h"
#include "logs/bytes.h"

namespace resmon::logs {

namespace {

constexpr std::string_view kMagic = "RESMLOG1";
constexpr std::string_view kBlockMagic = "BLCK";
constexpr std::string_view kEnd = "RESMEND1";
constexpr std::size_t kTrailerBytes = 16;
constexpr std::string_view kSuffix = ".blocks";
constexpr std::uint64_t kMostFooterBytes = 64U << 20U;
constexpr std::size_t kMostHeaderBytes = 16U << 10U;

bool parse_hex(std::string_view text, std::uint64_t& value) {
  value = 0;
  for (const char c : text) {
    const bool letter = c >= 'a' && c <= 'f';
    if (!letter && !(c >= '0' && c <= '9')) return false;
    value = value * 16 + static_cast<std::uint64_t>(letter ? c - 'a' + 10 : c - '0');
  }
  return true;
}

Status write_file(const std::string& path, std::string_view bytes) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return fail(system_error(path, errno));
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return fail(system_error(path, put < 0 ? errno : ENOSPC));
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  if (::fdatasync(fd.get()) != 0) return fail(system_error(path, errno));
  return {};
}

}  // namespace

Day day_of(UnixNanos time, UnixNanos received) {
  constexpr UnixNanos kMostLate = 40 * kDayNanos;
  constexpr UnixNanos kMostEarly = kDayNanos;
  const UnixNanos known = std::clamp(received, kMostLate, INT64_MAX - kMostEarly);
  const UnixNanos near = std::clamp(time, known - kMostLate, known + kMostEarly);
  return near / kDayNanos;
}

std::string day_name(Day day) {
  const std::time_t seconds = day * 86'400;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d", &parts);
  return text;
}

bool parse_day(std::string_view name, Day& day) {
  if (name.size() != 8 || !std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return false;
  std::tm parts{};
  parts.tm_year = std::stoi(std::string(name.substr(0, 4))) - 1900;
  parts.tm_mon = std::stoi(std::string(name.substr(4, 2))) - 1;
  parts.tm_mday = std::stoi(std::string(name.substr(6, 2)));
  day = timegm(&parts) / 86'400;
  return day_name(day) == name;
}

std::string Part::name_of(std::uint64_t stream, std::uint32_t number) {
  char name[64];
  std::snprintf(name, sizeof name, "%016llx-%08x", static_cast<unsigned long long>(stream), number);
  return std::string(name) + std::string(kSuffix);
}

Status Part::sync(const std::string& directory) {
  const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return fail(system_error(directory, errno));
  return {};
}

Part::Part(std::string path, std::uint64_t stream, std::uint32_t number)
    : path_(std::move(path)), stream_(stream), number_(number), replaces_from_(number) {}

Part::~Part() {
  if (!doomed_) return;
  (void)::unlink(path_.c_str());
  // The directory goes with its last file; until then this fails.
  (void)::rmdir(path_.substr(0, path_.rfind('/')).c_str());
}

bool Part::parse_name(std::string_view name, std::uint64_t& stream, std::uint32_t& number) {
  if (name.size() != 25 + kSuffix.size() || !name.ends_with(kSuffix) || name[16] != '-') return false;
  std::uint64_t wide = 0;
  if (!parse_hex(name.substr(0, 16), stream) || !parse_hex(name.substr(17, 8), wide)) return false;
  number = static_cast<std::uint32_t>(wide);
  return true;
}

Result<std::shared_ptr<Part>> Part::write(const std::string& directory, std::uint64_t stream, std::uint32_t number,
                                          std::uint32_t replaces_from, const PartContent& content) {
  std::string file(kMagic);
  file.reserve(content.columns.size() + 4096);
  std::string footer;
  put_varint(footer, replaces_from);
  put_varint(footer, content.blocks.size());
  std::string_view columns = content.columns;
  for (const BlockInfo& block : content.blocks) {
    std::string header;
    encode_header(block, header);
    file += kBlockMagic;
    put_u32(file, crc32c(header));
    file += header;
    put_varint(footer, file.size());
    footer += header;
    file += columns.substr(0, block.columns_bytes());
    columns.remove_prefix(block.columns_bytes());
  }
  file += footer;
  put_u32(file, static_cast<std::uint32_t>(footer.size()));
  put_u32(file, crc32c(footer));
  file += kEnd;

  const std::string name = name_of(stream, number);
  const std::string path = directory + "/" + name;
  const std::string temporary = path + ".tmp";
  Status written = write_file(temporary, file);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) written = fail(system_error(path, errno));
  if (!written) {
    (void)::unlink(temporary.c_str());
    return fail(std::move(written).error());
  }
  RESMON_TRY(sync(directory));
  return open(directory, name);
}

Result<std::shared_ptr<Part>> Part::open(const std::string& directory, const std::string& name) {
  std::uint64_t stream = 0;
  std::uint32_t number = 0;
  if (!parse_name(name, stream, number)) return fail(ErrorKind::kInvalid, name + ": not named like a file of blocks");
  std::shared_ptr<Part> part(new Part(directory + "/" + name, stream, number));
  struct stat info {};
  if (::stat(part->path_.c_str(), &info) != 0) return fail(system_error(part->path_, errno));
  const auto size = static_cast<std::uint64_t>(info.st_size);
  part->bytes_ = size;
  if (!part->read_footer(size)) {
    part->footer_damaged_ = true;
    part->replaces_from_ = part->number_;
    part->blocks_.clear();
    part->scan(size);
  }
  if (part->blocks_.empty()) return fail(ErrorKind::kDamaged, part->path_ + ": no block of it can be read");
  part->sum_up();
  return part;
}

Status Part::read_footer(std::uint64_t size) {
  const auto damaged = [&] { return fail(ErrorKind::kDamaged, path_ + ": the footer is damaged"); };
  if (size < kMagic.size() + kTrailerBytes) return damaged();
  RESMON_ASSIGN(const std::string trailer, read_at(size - kTrailerBytes, kTrailerBytes));
  Reader end(trailer);
  const std::uint32_t length = end.u32();
  const std::uint32_t checksum = end.u32();
  if (end.bytes(kEnd.size()) != kEnd || length > kMostFooterBytes || length + kMagic.size() + kTrailerBytes > size)
    return damaged();
  RESMON_ASSIGN(const std::string footer, read_at(size - kTrailerBytes - length, length));
  if (crc32c(footer) != checksum) return damaged();
  Reader reader(footer);
  replaces_from_ = static_cast<std::uint32_t>(reader.varint(number_));
  const std::uint64_t count = reader.varint(length);
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    const std::uint64_t offset = reader.varint(size);
    std::string_view rest = reader.bytes(reader.remaining());
    RESMON_ASSIGN(BlockInfo block, decode_header(rest));
    block.offset = offset;
    if (offset + block.columns_bytes() > size) return damaged();
    blocks_.push_back(std::move(block));
    reader = Reader(rest);
  }
  return reader.done() ? Status() : damaged();
}

// The footer is damaged: each block begins with a copy of its header.
void Part::scan(std::uint64_t size) {
  const std::size_t lead = kBlockMagic.size() + 4;
  for (std::uint64_t at = kMagic.size(); at + lead < size;) {
    auto bytes = read_at(at, std::min<std::uint64_t>(size - at, lead + kMostHeaderBytes));
    if (!bytes) return;
    const std::string_view all = *bytes;
    if (!all.starts_with(kBlockMagic)) return;
    Reader reader(all.substr(kBlockMagic.size()));
    const std::uint32_t checksum = reader.u32();
    std::string_view rest = all.substr(lead);
    auto block = decode_header(rest);
    const std::size_t header_bytes = all.size() - lead - rest.size();
    if (!block || crc32c(all.substr(lead, header_bytes)) != checksum) return;
    block->offset = at + lead + header_bytes;
    at = block->offset + block->columns_bytes();
    if (at > size) return;
    blocks_.push_back(*std::move(block));
  }
}

void Part::sum_up() {
  first_time_ = blocks_.front().first_time;
  last_time_ = blocks_.front().last_time;
  for (const BlockInfo& block : blocks_) {
    lines_ += block.lines;
    text_bytes_ += block.text_bytes;
    first_time_ = std::min(first_time_, block.first_time);
    last_time_ = std::max(last_time_, block.last_time);
    through_ = std::max(through_, block.through);
  }
}

Result<std::string> Part::read_at(std::uint64_t offset, std::uint64_t size) const {
  // Opened for each read: there may be more files than descriptors.
  const Fd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail(system_error(path_, errno));
  std::string out(static_cast<std::size_t>(size), '\0');
  for (std::size_t have = 0; have < out.size();) {
    const ssize_t got = ::pread(fd.get(), out.data() + have, out.size() - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(system_error(path_, errno));
    if (got == 0) return fail(ErrorKind::kDamaged, path_ + ": the file has been truncated");
    have += static_cast<std::size_t>(got);
  }
  return out;
}

Result<std::string> Part::read(const BlockInfo& block, Column column) const {
  std::uint64_t offset = block.offset;
  for (std::size_t i = 0; i < column; ++i) offset += block.column_bytes[i];
  return read_at(offset, block.column_bytes[column]);
}

Result<std::string> Part::read_all(const BlockInfo& block) const {
  return read_at(block.offset, block.columns_bytes());
}

std::uint64_t Part::verify() const {
  std::uint64_t damaged = 0;
  for (const BlockInfo& block : blocks_) {
    bool good = true;
    BlockLines lines;
    for (std::size_t column = 0; column < kColumns; ++column) {
      const auto bytes = read(block, static_cast<Column>(column));
      good = good && bytes && lines.add(block, static_cast<Column>(column), *bytes);
    }
    damaged += good ? 0 : 1;
  }
  return damaged;
}

}  // namespace resmon::logs
