#include "journal/blocks.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace resmon::journal {

namespace {
constexpr std::size_t kMostSpareBlocks = 4;
}  // namespace

Block& Blocks::open_block(const Place& place, std::size_t bytes) {
  if (!blocks_.empty()) {
    Block& open = *blocks_.back();
    if (open.group == place.group && open.capacity - open.size >= bytes) return open;
  }
  std::shared_ptr<Block> block;
  if (bytes <= block_bytes_ && !spare_.empty()) {
    block = std::move(spare_.back());
    spare_.pop_back();
  } else {
    block = std::make_shared<Block>();
    block->capacity = std::max(bytes, block_bytes_);
    block->bytes = std::make_unique_for_overwrite<char[]>(block->capacity);
  }
  block->group = place.group;
  block->first = place.last + 1;
  block->last = block->written_last = block->durable_last = place.last;
  block->size = block->written = block->durable = 0;
  block->weight = place.weight;
  blocks_.push_back(std::move(block));
  return *blocks_.back();
}

std::size_t Blocks::put(const Place& place, const RecordHeader& header, std::uint32_t seed, std::string_view payload) {
  const std::size_t whole = kRecordHeaderBytes + payload.size();
  Block& block = open_block(place, whole);
  char* const out = block.bytes.get() + block.size;
  encode_record_header(out, header, seed);
  if (!payload.empty()) std::memcpy(out + kRecordHeaderBytes, payload.data(), payload.size());
  block.size += whole;
  waiting_bytes_ += whole;
  unwritten_bytes_ += whole;
  bytes_ += whole;
  return whole;
}

std::vector<Blocks::Slice> Blocks::unwritten() const {
  std::vector<Slice> slices;
  for (const auto& block : blocks_)
    if (block->written < block->size) slices.push_back({block, block->size, block->last, block->weight});
  return slices;
}

void Blocks::written(const Slice& slice) {
  unwritten_bytes_ -= slice.end - slice.block->written;
  slice.block->written = slice.end;
  slice.block->written_last = slice.last;
}

void Blocks::back_to_durable() {
  unwritten_bytes_ = 0;
  for (const auto& block : blocks_) {
    block->written = block->durable;
    block->written_last = block->durable_last;
    unwritten_bytes_ += block->size - block->durable;
  }
}

void Blocks::written_is_durable() {
  for (const auto& block : blocks_) {
    waiting_bytes_ -= block->written - block->durable;
    block->durable = block->written;
    block->durable_last = block->written_last;
  }
}

void Blocks::evict(std::uint64_t cache_bytes) {
  while (!blocks_.empty() && blocks_.front()->durable == blocks_.front()->size &&
         bytes_ - waiting_bytes_ > cache_bytes) {
    std::shared_ptr<Block> block = std::move(blocks_.front());
    blocks_.pop_front();
    bytes_ -= block->size;
    // A reader may be looking at it.
    if (block.use_count() == 1 && block->capacity == block_bytes_ && spare_.size() < kMostSpareBlocks)
      spare_.push_back(std::move(block));
  }
}

void Blocks::drop(std::uint64_t group, std::uint64_t last) {
  while (!blocks_.empty() && blocks_.front()->last <= last && blocks_.front()->group <= group) {
    bytes_ -= blocks_.front()->size;
    blocks_.pop_front();
  }
}

std::shared_ptr<const Block> Blocks::at_or_after(std::uint64_t position) const {
  const auto at =
      std::lower_bound(blocks_.begin(), blocks_.end(), position,
                       [](const std::shared_ptr<Block>& one, std::uint64_t wanted) { return one->last < wanted; });
  return at == blocks_.end() ? nullptr : *at;
}

std::uint64_t Blocks::not_durable_of(std::uint64_t group) const {
  std::uint64_t bytes = 0;
  for (const auto& block : blocks_)
    if (block->group == group) bytes += block->size - block->durable;
  return bytes;
}

}  // namespace resmon::journal
