#include "fleet/search.h"

#include <gtest/gtest.h>

namespace resmon::fleet {
namespace {

Host web1() {
  Host host;
  host.name = "Web1";
  host.state = State::kUp;
  host.address = "10.0.0.5:41312";
  host.software = "resmon-client 0.2.1";
  host.tags = {{"Site", "New York"}, {"role", "db"}};
  host.settings = std::make_shared<const HostSettings>(
      HostSettings{"Front door", "Rack 7", {{"role", "edge"}, {"team", "Blue"}}, true, {}});
  host.summary.disk_percent = 91.5;
  host.summary.memory_percent = 40;
  host.summary.load1 = 8;
  host.summary.n_cpus = 4;
  return host;
}

struct SearchCase {
  const char* search;
  bool matches;
};

class SearchTest : public ::testing::TestWithParam<SearchCase> {};

TEST_P(SearchTest, AnswersAsThePageDoes) {
  EXPECT_EQ(Search(GetParam().search).matches(web1()), GetParam().matches) << GetParam().search;
}

INSTANTIATE_TEST_SUITE_P(
    Cases, SearchTest,
    ::testing::Values(SearchCase{"", true}, SearchCase{"web", true}, SearchCase{"WEB1", true}, SearchCase{"db2", false},
                      SearchCase{"10.0.0", true}, SearchCase{"site:new", true}, SearchCase{"site:\"new york\"", true},
                      SearchCase{"site:berlin", false}, SearchCase{"role:edge web", true},
                      SearchCase{"role:edge web2", false}, SearchCase{"state:up", false}, SearchCase{"state:d", false},
                      SearchCase{"version:0.2", true}, SearchCase{"version:0.3", false}, SearchCase{"disk>90", true},
                      SearchCase{"disk>91.5", false}, SearchCase{"disk<90", false}, SearchCase{"mem<50", true},
                      SearchCase{"load>1.9", true}, SearchCase{"cpu>1", false}, SearchCase{"swap<1", false},
                      SearchCase{"role:db", false}, SearchCase{"team:blue", true}, SearchCase{"\"front door\"", true},
                      SearchCase{"rack", true}, SearchCase{"state:paused", true}, SearchCase{"-role:edge", false},
                      SearchCase{"-role:web", true}, SearchCase{"-", false}, SearchCase{"disk>", false},
                      SearchCase{"disk>nan", false}, SearchCase{"york", true}, SearchCase{"host:web1", true},
                      SearchCase{"host:db1,WEB1", true}, SearchCase{"host:web", false}, SearchCase{"host:web10", false},
                      SearchCase{"host:", false}, SearchCase{"host:web1,", true}, SearchCase{"-host:web1", false}));

TEST(SearchTest, SaysWhetherItsAnswerChangesWithSamples) {
  EXPECT_FALSE(Search("site:north web").volatile_answer());
  EXPECT_TRUE(Search("site:north disk>90").volatile_answer());
  EXPECT_TRUE(Search("state:up").volatile_answer());
  EXPECT_TRUE(Search("").everything());
}

}  // namespace
}  // namespace resmon::fleet
