#include "store/listing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace resmon::store {
namespace {

std::vector<std::string> hosts_of(const Listing& listing, std::span<const std::uint32_t> places) {
  std::vector<std::string> hosts;
  for (const std::uint32_t place : places) hosts.emplace_back(tag_value(listing.groups()[place]->tags, "host"));
  return hosts;
}

TEST(Listing, FindsGroupsByTheirTags) {
  std::deque<Group> groups;
  groups.push_back({0, std::vector<metric::Tag>{{"cpu", "cpu0"}, {"host", "a"}}});
  groups.push_back({1, std::vector<metric::Tag>{{"cpu", "cpu0"}, {"host", "b"}}});
  groups.push_back({2, std::vector<metric::Tag>{{"cpu", "cpu1"}, {"host", "a"}}});
  groups.push_back({3, std::vector<metric::Tag>{{"host", "b"}}});
  groups.push_back({4, std::vector<metric::Tag>{{"rack", "1"}}});
  std::vector<const Group*> sorted;
  for (const Group& group : groups) sorted.push_back(&group);
  const Listing listing({}, sorted);
  EXPECT_EQ(listing.tag_keys(), (std::vector<std::string>{"cpu", "host", "rack"}));
  const auto places = [&](std::string_view key, std::string_view value) {
    const auto found = listing.with_tag(key, value);
    return std::vector<std::uint32_t>(found.begin(), found.end());
  };
  using Places = std::vector<std::uint32_t>;
  EXPECT_EQ(places("host", "a"), (Places{0, 2}));
  EXPECT_EQ(places("host", "b"), (Places{1, 3}));
  EXPECT_EQ(places("cpu", "cpu1"), (Places{2}));
  EXPECT_EQ(places("rack", "1"), (Places{4}));
  EXPECT_EQ(places("host", "c"), Places{});
  EXPECT_EQ(places("host", ""), Places{});
  EXPECT_EQ(places("none", "a"), Places{});
}

TEST(Listing, FindsGroupsByASetOfValuesAndLooksAtEachValueOnce) {
  std::deque<Group> groups;
  std::vector<const Group*> sorted;
  for (GroupId i = 0; i < 40; ++i)
    sorted.push_back(&groups.emplace_back(
        Group{i, std::vector<metric::Tag>{{"host", std::string(1, static_cast<char>('a' + i % 10))}}}));
  sorted.push_back(&groups.emplace_back(Group{40, std::vector<metric::Tag>{{"rack", "c"}}}));
  const Listing listing({}, sorted);
  std::string asked;
  TextSet set{"c or e", "", [&](std::string_view value) {
                asked += value;
                return value == "c" || value == "e";
              }};
  using Places = std::vector<std::uint32_t>;
  const Places expected{2, 4, 12, 14, 22, 24, 32, 34};
  EXPECT_EQ(*listing.with_tag_in("host", set), expected);
  EXPECT_EQ(asked, "abcdefghij");
  EXPECT_EQ(*listing.with_tag_in("host", set), expected);
  EXPECT_EQ(asked, "abcdefghij") << "the answer was not kept";
  EXPECT_EQ(*listing.with_tag_in("rack", set), Places{40});
  EXPECT_EQ(*listing.with_tag_in("none", set), Places{});
  EXPECT_EQ(listing.with_tag_in("host", {"all", "", [](std::string_view) { return true; }})->size(), 40U);
}

TEST(Listing, LooksOnlyAtValuesWithThePrefixOfASet) {
  std::deque<Group> groups;
  std::vector<const Group*> sorted;
  for (const char* host : {"a", "db", "db-1", "db-2", "dc"})
    sorted.push_back(
        &groups.emplace_back(Group{static_cast<GroupId>(groups.size()), std::vector<metric::Tag>{{"host", host}}}));
  const Listing listing({}, sorted);
  std::string asked;
  const auto found = listing.with_tag_in("host", {"all of db", "db", [&](std::string_view value) {
                                                    asked += value;
                                                    return true;
                                                  }});
  EXPECT_EQ(*found, (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(asked, "dbdb-1db-2");
}

TEST(Listing, KeepsAnswersWithinABound) {
  std::deque<Group> groups;
  std::vector<const Group*> sorted;
  for (GroupId i = 0; i < 100; ++i)
    sorted.push_back(&groups.emplace_back(Group{i, std::vector<metric::Tag>{{"n", std::to_string(100 + i)}}}));
  const Listing listing({}, sorted);
  int asked = 0;
  const auto first = [&](int count) {
    return *listing.with_tag_in("n", {std::to_string(count), "", [&, count](std::string_view value) {
                                        ++asked;
                                        return value < std::to_string(100 + count);
                                      }});
  };
  EXPECT_EQ(first(60).size(), 60U);
  EXPECT_EQ(first(40).size(), 40U);
  EXPECT_EQ(first(60).size(), 60U);
  EXPECT_EQ(asked, 200);
  EXPECT_EQ(first(1).size(), 1U);  // 40, asked before 60, is forgotten
  EXPECT_EQ(first(60).size(), 60U);
  EXPECT_EQ(asked, 300);
  EXPECT_EQ(first(40).size(), 40U);
  EXPECT_EQ(asked, 400);
  for (int i = 0; i < 50; ++i) first(0 - i);  // nothing in any
  asked = 0;
  first(-49);
  EXPECT_EQ(asked, 0);
  first(0);
  EXPECT_EQ(asked, 100) << "answers without places are kept without end";
}

TEST(Listing, ManyThreadsMayAskFirst) {
  std::deque<Group> groups;
  std::vector<const Group*> sorted;
  for (GroupId i = 0; i < 2000; ++i)
    sorted.push_back(&groups.emplace_back(
        Group{i, std::vector<metric::Tag>{{"host", std::to_string(i % 100)}, {"n", std::to_string(i)}}}));
  const Listing listing({}, sorted);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int host = 0; host < 100; ++host) {
        const auto found = hosts_of(listing, listing.with_tag("host", std::to_string(host)));
        EXPECT_EQ(found.size(), 20U);
        EXPECT_TRUE(
            std::all_of(found.begin(), found.end(), [&](const auto& one) { return one == std::to_string(host); }));
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace resmon::store
