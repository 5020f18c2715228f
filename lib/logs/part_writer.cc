#include "logs/part_writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "base/file.h"
#include "logs/bytes.h"

namespace resmon::logs {

namespace {

constexpr std::size_t kJoinFiles = 16;  // so many of a similar size become one
constexpr std::uint64_t kMostJoinedBytes = 64U << 20U;

std::uint64_t stream_hash(std::string_view host, std::string_view source) {
  return mix(hash64(host), hash64(source) | 1U);
}

// Sizes that differ by less than sixteen times are similar.
unsigned size_class(std::uint64_t bytes) {
  unsigned out = 0;
  for (std::uint64_t most = 256U << 10U; bytes > most; most *= kJoinFiles) ++out;
  return out;
}

// Whether these files, the newest of a stream and day, become one.
bool may_join(std::span<const std::shared_ptr<Part>> parts) {
  std::uint64_t bytes = 0;
  for (const auto& part : parts) {
    if (size_class(part->bytes()) != size_class(parts.back()->bytes()) || part->footer_damaged()) return false;
    bytes += part->bytes();
  }
  return bytes <= kMostJoinedBytes;
}

}  // namespace

PartContent PartWriter::encode(const StreamDay& key, std::span<const logline::Line> lines,
                               std::uint64_t through) const {
  PartContent content;
  for (std::size_t begin = 0; begin < lines.size();) {
    std::size_t end = begin;
    std::size_t text = 0;
    while (end < lines.size() && end - begin < kBlockLines && text < kBlockTextBytes)
      text += text_bytes_of(lines[end++]);
    BlockInfo block =
        encode_block(key.host, key.source, lines.subspan(begin, end - begin), options_.level, content.columns);
    block.through = through;
    content.blocks.push_back(std::move(block));
    begin = end;
  }
  return content;
}

Result<std::string> PartWriter::directory_of(Day day) const {
  std::string directory = options_.directory + "/" + day_name(day);
  std::error_code error;
  if (std::filesystem::create_directory(directory, error)) {
    (void)::chmod(directory.c_str(), 0700);
    RESMON_TRY(Part::sync(options_.directory));
  }
  if (error) return fail(system_error(directory, error.value()));
  return directory;
}

// A number whose file is there belongs to another stream of the same hash: the next one is free.
Result<std::shared_ptr<Part>> PartWriter::write(const StreamDay& key, std::uint32_t replaces_from,
                                                const PartContent& content) {
  std::uint32_t number = contents_.parts(key).next_number;
  remover_.keep_bounds(content.columns.size() + content.blocks.size() * 512);
  RESMON_ASSIGN(const std::string directory, directory_of(key.day));
  const std::uint64_t stream = stream_hash(key.host, key.source);
  const bool replaces = replaces_from < number;
  while (::access((directory + "/" + Part::name_of(stream, number)).c_str(), F_OK) == 0) ++number;
  return Part::write(directory, stream, number, replaces ? replaces_from : number, content);
}

Status PartWriter::join(const StreamDay& key) {
  while (true) {
    const std::vector<std::shared_ptr<Part>> all = contents_.parts(key).parts;
    if (all.size() < kJoinFiles) return {};
    const auto parts = std::span(all).last(kJoinFiles);
    if (!may_join(parts)) return {};
    PartContent content;
    std::uint64_t bytes = 0;
    for (const auto& part : parts) bytes += part->bytes();
    content.columns.reserve(bytes);
    for (const auto& part : parts)
      for (const BlockInfo& block : part->blocks()) {
        RESMON_ASSIGN(const std::string columns, part->read_all(block));
        content.columns += columns;
        content.blocks.push_back(block);
      }
    RESMON_ASSIGN(std::shared_ptr<Part> part, write(key, parts.front()->number(), content));
    options_.step("joined");
    contents_.publish(key, std::move(part), false);
  }
}

}  // namespace resmon::logs
