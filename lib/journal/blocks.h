#pragma once

// The records that are in memory: those that are not durable yet, and the newest durable ones for readers that follow
// closely. Not synchronised: the journal's mutex guards it, but for the bytes of a block below its published size,
// which never change, so that readers and the writer use them without.

#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <vector>

#include "journal/format.h"

namespace resmon::journal {

// Encoded records as they lie in the file, of one group.
struct Block {
  std::uint64_t group = 0;
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // first - 1 when empty
  std::size_t capacity = 0;
  std::unique_ptr<char[]> bytes;
  std::size_t size = 0;
  // Ends of what is written and of what is durable, in bytes and positions; durable <= written <= size.
  std::size_t written = 0;
  std::size_t durable = 0;
  std::uint64_t written_last = 0;
  std::uint64_t durable_last = 0;
  std::uint64_t weight = 0;  // of all records of the journal up to `last`
};

class Blocks {
 public:
  explicit Blocks(std::size_t block_bytes) : block_bytes_(block_bytes) {}

  // Behind what the journal has.
  struct Place {
    std::uint64_t group = 0;
    std::uint64_t last = 0;    // position before it
    std::uint64_t weight = 0;  // of all records up to `last`
  };
  // Appends an encoded record or mark; returns its bytes. A record counts once end_at() says its position.
  std::size_t put(const Place& place, const RecordHeader& header, std::uint32_t seed, std::string_view payload);
  void end_at(std::uint64_t position) { blocks_.back()->last = position; }
  void set_weight(std::uint64_t total) { blocks_.back()->weight = total; }

  // What the kernel has not got of one block.
  struct Slice {
    std::shared_ptr<Block> block;
    std::size_t end = 0;
    std::uint64_t last = 0;
    std::uint64_t weight = 0;
  };
  std::vector<Slice> unwritten() const;
  void written(const Slice& slice);
  // What was written is written again but for what is durable.
  void back_to_durable();
  // All that was written is durable.
  void written_is_durable();
  // Lets go of the oldest durable blocks while more than so many durable bytes are kept.
  void evict(std::uint64_t cache_bytes);
  // Lets go of what belongs to a group that is dropped, and of what is before it.
  void drop(std::uint64_t group, std::uint64_t last);

  // The block with the position, or else the first after it; null: none.
  std::shared_ptr<const Block> at_or_after(std::uint64_t position) const;
  std::uint64_t not_durable_of(std::uint64_t group) const;            // bytes
  std::uint64_t waiting_bytes() const { return waiting_bytes_; }      // not durable
  std::uint64_t unwritten_bytes() const { return unwritten_bytes_; }  // not in the kernel
  std::uint64_t bytes() const { return bytes_; }

 private:
  Block& open_block(const Place& place, std::size_t bytes);

  std::size_t block_bytes_;
  std::deque<std::shared_ptr<Block>> blocks_;
  std::vector<std::shared_ptr<Block>> spare_;
  std::uint64_t waiting_bytes_ = 0;
  std::uint64_t unwritten_bytes_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace resmon::journal
