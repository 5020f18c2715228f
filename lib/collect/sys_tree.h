#pragma once

// How collectors look through the directories of /sys and /proc. What is not there is empty.

#include <cstddef>
#include <string>
#include <vector>

namespace resmon::collect {

// What a directory lists, in the order of people: hwmon2 before hwmon10.
std::vector<std::string> sorted_entries(const std::string& path);

// Differs when something in the directory came or went: each entry has an inode of its own, even under a name that was
// there before. 0: there is no such directory, or nothing is in it.
std::size_t listing_mark(const std::string& path);

// The last part of what a symbolic link points at.
std::string linked_name(const std::string& path);

// Telegraf's form of a label: "Package id 0" is "package_id_0".
std::string label_word(std::string label);

}  // namespace resmon::collect
