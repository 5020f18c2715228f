#include <gtest/gtest.h>

#include "peer/catalog.h"
#include "peer/hosts.h"
#include "peer/rows.h"
#include "store/windows.h"

namespace resmon::peer {
namespace {

constexpr UnixNanos kNow = 1'700'000'000'000'000'000;

TEST(PeerHosts, ComeAsTheyWere) {
  HostsAnswer answer;
  answer.instance = 7;
  answer.name = "server-2";
  answer.version = 12;
  answer.whole = true;
  SaidHost said;
  said.host.name = "web1";
  said.host.connected = true;
  said.host.connected_since = kNow - 5'000'000'000;
  said.host.last_seen = kNow - 1;
  said.host.interval = std::chrono::seconds(5);
  said.host.tags = {{"site", "north"}};
  said.host.backlog_samples = -3;
  said.host.summary.cpu_percent = 12.5;
  said.host.summary.n_cpus = 4;
  said.settings = R"({"note":"x"})";
  answer.hosts = {said};
  answer.removed = {"web2"};
  // The other clock is a minute behind.
  const auto read = read_hosts(write_hosts(answer, kNow), kNow - 60'000'000'000);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->name, "server-2");
  EXPECT_EQ(read->removed, answer.removed);
  const fleet::Host& host = read->hosts.at(0).host;
  EXPECT_EQ(host.name, "web1");
  EXPECT_EQ(host.last_seen, kNow - 60'000'000'001);
  EXPECT_EQ(host.newest_sample, 0);
  EXPECT_EQ(host.tags, said.host.tags);
  EXPECT_EQ(host.backlog_samples, -3);
  EXPECT_EQ(host.summary.cpu_percent, 12.5);
  EXPECT_EQ(host.summary.load1, std::nullopt);
  EXPECT_EQ(read->hosts[0].settings, said.settings);
}

TEST(PeerHosts, NoPartOfThemIsTakenForAll) {
  HostsAnswer answer;
  answer.hosts.resize(2);
  answer.hosts[0].host.name = "a";
  answer.hosts[1].host.name = "b";
  const std::string bytes = write_hosts(answer, kNow);
  for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(read_hosts(bytes.substr(0, n), kNow)) << n;
  EXPECT_TRUE(read_hosts(bytes, kNow));
}

TEST(PeerCatalog, ComesAsItWas) {
  CatalogAnswer answer;
  answer.version = 3;
  answer.fields = {{"a", metric::FieldType::kInteger}, {"b", metric::FieldType::kString}};
  answer.series = {{}, {{"host", "x"}}, {{"host", "x"}, {"site", "y"}}};
  const auto read = read_catalog(write_catalog(answer));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->fields, answer.fields);
  EXPECT_EQ(read->series, answer.series);
  std::swap(answer.series[0], answer.series[1]);
  EXPECT_FALSE(read_catalog(write_catalog(answer)));
}

TEST(PeerRows, AQuestionOfPartsOfWindowsIsRefused) {
  RowsRequest request;
  request.measurement = "m";
  request.range = {0, 7 * store::kMinuteWidth};
  request.aggregates = 1;
  request.width = store::kMinuteWidth;
  EXPECT_TRUE(read_rows_request(write_rows_request(request)));
  request.range.last += 1;
  EXPECT_FALSE(read_rows_request(write_rows_request(request)));
}

TEST(PeerRows, APageComesAsItWas) {
  const std::vector<UnixNanos> times{-5, 0, 90};
  const std::vector<metric::Cell> floats{metric::cell_of(1.5), 0, metric::cell_of(-0.0)};
  const std::vector<metric::Cell> texts{metric::string_cell(0, 2), metric::string_cell(2, 0),
                                        metric::string_cell(2, 3)};
  const std::vector<std::uint64_t> some{0b101};
  const std::vector<std::uint64_t> all{0b111};
  const std::vector<store::Block::ColumnData> columns{{floats, some, {}}, {texts, all, "abcde"}};
  const std::vector<std::size_t> places{1, 4};
  const std::vector<metric::FieldType> types{metric::FieldType::kFloat, metric::FieldType::kString};
  std::string bytes;
  PageWriter writer(bytes);
  writer.begin_series(2);
  writer.add(store::Block{times, columns}, places, types);
  writer.end_series(true);
  writer.begin_series(3);
  writer.end_series(false);
  writer.finish();
  const auto page = read_page(bytes);
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->series.size(), 2U);
  EXPECT_EQ(page->series[0].place, 2U);
  EXPECT_TRUE(page->series[0].whole);
  EXPECT_FALSE(page->series[1].whole);
  const store::Rows& rows = page->series[0].blocks.at(0);
  EXPECT_EQ(rows.times, times);
  EXPECT_EQ(rows.columns[0].id, 1U);
  EXPECT_EQ(rows.columns[0].presence, some);
  EXPECT_EQ(rows.columns[0].cells, floats);
  EXPECT_EQ(rows.columns[1].string(0), "ab");
  EXPECT_EQ(rows.columns[1].string(1), "");
  EXPECT_EQ(rows.columns[1].string(2), "cde");
  for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(read_page(bytes.substr(0, n))) << n;
}

}  // namespace
}  // namespace resmon::peer
