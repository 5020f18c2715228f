#pragma once

// The fields and groups of one measurement at one moment. It never changes, so all who ask share one: a question about
// one machine costs no more where there are a hundred thousand others.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "metric/schema.h"
#include "metric/shared_list.h"
#include "metric/value.h"

namespace resmon::store {

using GroupId = std::uint32_t;
using ColumnId = std::uint32_t;  // a field of one measurement; dense from 0 in order of first sight

struct Column {
  ColumnId id = 0;
  std::string name;
  metric::FieldType type = metric::FieldType::kFloat;
};

struct Group {
  GroupId id = 0;
  metric::SharedList<metric::Tag> tags;  // sorted by key
};

// The value of a tag; "" where it is not among them.
std::string_view tag_value(const std::vector<metric::Tag>& tags, std::string_view key);

// A choice among texts, such as what a regular expression matches.
struct TextSet {
  std::string name;    // two of one name are equal
  std::string prefix;  // of all that are in it
  std::function<bool(std::string_view)> has;
};

// Thread-safe.
class Listing {
 public:
  // `columns` sorted by name; `groups` by tag set, and they must outlive the listing.
  Listing(std::vector<Column> columns, std::vector<const Group*> groups);

  const std::vector<Column>& columns() const { return columns_; }         // sorted by name
  const std::vector<const Group*>& groups() const { return groups_; }     // sorted by tag set
  const std::vector<std::string>& tag_keys() const { return tag_keys_; }  // of all groups, sorted
  // Where in groups() those are that have this tag, ascending.
  std::span<const std::uint32_t> with_tag(std::string_view key, std::string_view value) const;
  // And of those whose tag has one of these values; never null. Each value is looked at once, and the answers to the
  // questions asked last are kept, four bytes a group in all: who looks at a dashboard asks the same ones again.
  using Places = std::shared_ptr<const std::vector<std::uint32_t>>;
  Places with_tag_in(std::string_view key, const TextSet& values) const;

 private:
  // Places in groups() of those that have a key, by value, then ascending. Four bytes a group, and made when a key is
  // first asked for: most never are.
  struct Index {
    std::once_flag made;
    std::vector<std::uint32_t> places;
  };

  struct Answer {
    std::string key;
    std::string values;
    Places places;
  };

  std::string_view value_of(std::uint32_t place, std::string_view key) const;
  // Null where no group has the key.
  const Index* index_of(std::string_view key) const;
  Places remembered(std::string_view key, const TextSet& values) const;
  void remember(Answer answer) const;

  std::vector<Column> columns_;
  std::vector<const Group*> groups_;
  std::vector<std::string> tag_keys_;
  mutable std::deque<Index> indexes_;  // by place in tag_keys_
  mutable Mutex mutex_;
  mutable std::deque<Answer> answers_ GUARDED_BY(mutex_);  // to with_tag_in(), the last asked first
};

}  // namespace resmon::store
