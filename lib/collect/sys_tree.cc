#include "collect/sys_tree.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <climits>
#include <functional>
#include <string_view>

#include "base/directory.h"

namespace resmon::collect {

namespace {

// Calls use(entry) for what a directory lists.
template <class Use>
void for_each_entry(const std::string& path, Use use) {
  Directory directory(path.c_str());
  while (const auto entry = directory.next())
    if (!entry->name.starts_with('.')) use(*entry);
}

}  // namespace

std::vector<std::string> sorted_entries(const std::string& path) {
  std::vector<std::string> names;
  for_each_entry(path, [&](const Directory::Entry& entry) { names.emplace_back(entry.name); });
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  return names;
}

std::size_t listing_mark(const std::string& path) {
  std::size_t sum = 0;
  for_each_entry(path, [&](const Directory::Entry& entry) {
    sum += std::hash<std::string_view>{}(entry.name) ^ (entry.inode * 0x9E3779B97F4A7C15U);
  });
  return sum;
}

std::string linked_name(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
  if (length <= 0) return {};
  const std::string_view text(target, static_cast<std::size_t>(length));
  return std::string(text.substr(text.rfind('/') + 1));
}

std::string label_word(std::string label) {
  for (char& c : label) c = c == ' ' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return label;
}

}  // namespace resmon::collect
