#include "collect/process_list.h"

#include "collect/command_line.h"
#include "collect/fixture_test.h"

namespace resmon::collect {
namespace {

using testing::Machine;

std::string arguments(std::initializer_list<std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) text += std::string(word) + '\0';
  return text;
}

TEST(CommandLine, SecretsAreHidden) {
  const auto shown = [](std::initializer_list<std::string_view> words) { return command_line(arguments(words)); };
  EXPECT_EQ(shown({"/usr/sbin/nginx", "-g", "daemon off;"}), "/usr/sbin/nginx -g daemon off;");
  EXPECT_EQ(shown({"app", "--password=hunter2", "--db-token", "abc", "--port", "80"}),
            "app --password=*** --db-token *** --port 80");
  EXPECT_EQ(shown({"env", "API_KEY=abc", "PATH=/bin"}), "env API_KEY=*** PATH=/bin");
  EXPECT_EQ(shown({"mysql", "-uroot", "-phunter2"}), "mysql -uroot -p***");
  EXPECT_EQ(shown({"sshpass", "-p", "hunter2", "ssh", "host"}), "sshpass -p *** ssh host");
  EXPECT_EQ(shown({"curl", "-H", "Authorization: Bearer abc", "-uadmin:abc"}),
            "curl -H Authorization: *** -uadmin:***");
  EXPECT_EQ(shown({"psql", "postgres://me:hunter2@db/x?y=1"}), "psql postgres://me:***@db/x?y=1");
  EXPECT_EQ(shown({"server", "--token-file", "/etc/token"}), "server --token-file /etc/token") << "a path is no secret";
  EXPECT_EQ(shown({"x", "a\nb\x1b[2J"}), "x a b [2J");
  EXPECT_EQ(command_line(""), "");
  EXPECT_EQ(command_line(arguments({std::string(300, 'a')})).size(), 256U);
  EXPECT_EQ(command_line(arguments({std::string(255, 'a') + "ä"})).size(), 255U);
}

// Runs the listing as its helper thread would.
const std::vector<LiveProcess>& read(HelperPool& pool, const std::shared_ptr<ProcessListing>& listing) {
  pool.ask(listing);
  EXPECT_TRUE(pool.wait(*listing, std::chrono::steady_clock::now() + std::chrono::seconds(20)));
  pool.take(*listing);
  EXPECT_TRUE(listing->status());
  return listing->processes();
}

TEST(ProcessListing, AllOfACaptureAndRatesFromTheSecondReadingOn) {
  Machine machine;
  machine.capture("host").write("proc/812/cmdline", arguments({"nginx", "--password=x"}));
  HelperPool pool(1);
  const auto listing = std::make_shared<ProcessListing>(machine.roots, true);
  const auto find = [](const std::vector<LiveProcess>& all, std::uint32_t id) -> LiveProcess {
    for (const LiveProcess& one : all)
      if (one.id == id) return one;
    return {};
  };
  const std::vector<LiveProcess> first = read(pool, listing);
  EXPECT_EQ(first.size(), 10U);
  const LiveProcess one = find(first, 812);
  EXPECT_EQ(one.cpu_percent, 0);
  EXPECT_EQ(one.read_bytes_per_second, std::nullopt);
  EXPECT_EQ(one.command_line, "nginx --password=***");
  EXPECT_GT(one.threads, 0U);
  EXPECT_FALSE(one.user.empty());
  machine.capture("host_later").remove("proc/905");
  const std::vector<LiveProcess> second = read(pool, listing);
  EXPECT_EQ(second.size(), 9U);
  EXPECT_EQ(second.front().id, 812U) << "what uses most comes first";
  EXPECT_GT(second.front().cpu_percent, 0);
  EXPECT_TRUE(second.front().read_bytes_per_second.has_value());
  listing->forget();
  EXPECT_EQ(find(read(pool, listing), 812).cpu_percent, 0);
}

}  // namespace
}  // namespace resmon::collect
