// The container engine's API, by an engine that does not exist.

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "collect/container_api.h"
#include "collect/fixture_test.h"
#include "collect/local_server_test.h"

namespace resmon::collect {
namespace {

using testing::Lines;
using testing::LocalServer;
using testing::Machine;
using testing::Probe;

const std::string kWeb(64, 'a');
const std::string kDatabase(64, 'b');

std::string list_of(const std::string& web_state) {
  return R"([{"Id":")" + kWeb +
         R"(","Names":["/shop/alias","/web"],"Image":"registry.example.org:5000/shop/web:1.4",)" + R"("State":")" +
         web_state +
         R"(","Ports":[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},{"IP":"::","PrivatePort":80,)" +
         R"("PublicPort":8080,"Type":"tcp"},{"PrivatePort":443,"Type":"tcp"}]},)" + R"({"Id":")" + kDatabase +
         R"(","Names":["/db"],"Image":"postgres","State":"exited","Ports":[]},{"Id":"short","Names":["/odd"]},)" +
         R"({"Id":")" + std::string(64, 'c') + R"(","Names":[]},17])";
}
std::string web_details(const std::string& health) {
  return R"({"RestartCount":3,"State":{"Status":"running","OOMKilled":false,"Pid":90,"ExitCode":0,)"
         R"("StartedAt":"2026-11-30T08:00:00.5Z","FinishedAt":"0001-01-01T00:00:00Z","Health":{"Status":")" +
         health + R"(","FailingStreak":2}}})";
}
const std::string kDatabaseDetails =
    R"({"RestartCount":0,"State":{"Status":"exited","OOMKilled":true,"Pid":0,"ExitCode":137,)"
    R"("StartedAt":"2026-11-30T08:00:00Z","FinishedAt":"2026-11-30T08:10:00Z"}})";

// Answers what it has texts for, counts the requests, and keeps the streams of events open.
class Engine {
 public:
  explicit Engine(const std::string& path) : server_(path), thread_([this] { run(); }) {}
  ~Engine() {
    stop_ = true;
    thread_.join();
  }
  void answer(const std::string& target, const std::string& text) {
    const std::lock_guard lock(mutex_);
    answers_[target] = text;
  }
  void event(const std::string& text) {
    const std::lock_guard lock(mutex_);
    LocalServer::write(events_, text);
  }
  int requests(const std::string& target) {
    const std::lock_guard lock(mutex_);
    return requests_[target];
  }

 private:
  void run() {
    while (!stop_) {
      Fd connection = server_.accept(20);
      if (!connection.valid()) continue;
      const std::string text =
          LocalServer::read(connection, [](const std::string& t) { return t.ends_with("\r\n\r\n"); });
      EXPECT_TRUE(text.starts_with("GET ")) << text;
      const std::string target = text.substr(4, text.find(' ', 4) - 4);
      const std::lock_guard lock(mutex_);
      if (target.starts_with("/events?")) {
        LocalServer::write(connection, "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n");
        events_ = std::move(connection);
        ++requests_["/events"];
        continue;
      }
      ++requests_[target];
      const auto found = answers_.find(target);
      LocalServer::write(connection, found == answers_.end()
                                         ? "HTTP/1.0 404 Not Found\r\n\r\n{\"message\":\"no such container\"}"
                                         : "HTTP/1.0 200 OK\r\n\r\n" + found->second);
    }
  }

  LocalServer server_;
  std::mutex mutex_;
  std::map<std::string, std::string> answers_;
  std::map<std::string, int> requests_;
  Fd events_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

const std::string kListTarget = "/containers/json?all=1";

// Gathers until a row begins so. The machine's time passes no faster than that of the threads that ask.
Lines gather_until(Probe& probe, const std::string& beginning) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < deadline) {
    Lines lines = probe.gather(std::chrono::milliseconds(1));
    if (!probe.line(lines, beginning).empty() || !probe.error.empty()) return lines;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {};
}

TEST(Containers, AreAskedOnceAndThenOnEvents) {
  Machine machine;
  Engine engine(machine.path("docker.sock"));
  engine.answer(kListTarget, list_of("running"));
  engine.answer("/containers/" + kWeb + "/json", web_details("healthy"));
  engine.answer("/containers/" + kDatabase + "/json", kDatabaseDetails);
  CollectorOptions options;
  options.socket = machine.path("docker.sock");
  Probe probe(machine, make_containers, options);
  Lines lines = gather_until(probe, "docker_container_status");
  EXPECT_EQ(probe.error, "");
  ASSERT_EQ(lines.size(), 3U) << ::testing::PrintToString(lines);
  EXPECT_EQ(lines[0],
            "docker_container_status,container_image=postgres,container_name=db,container_version=unknown "
            "state=\"exited\",uptime_ns=600000000000i,started_at=1796025600000000000i,finished_at=1796026200000000000i,"
            "exitcode=137i,oomkilled=true,restart_count=0i");
  EXPECT_EQ(
      lines[1],
      "docker_container_status,container_image=registry.example.org:5000/shop/web,container_name=web,"
      "container_version=1.4 state=\"running\",started_at=1796025600500000000i,exitcode=0i,oomkilled=false,pid=90i,"
      "restart_count=3i,ports=\"0.0.0.0:8080->80/tcp,443/tcp,[::]:8080->80/tcp\"");
  EXPECT_EQ(lines[2],
            "docker_container_health,container_image=registry.example.org:5000/shop/web,container_name=web,"
            "container_version=1.4 health_status=\"healthy\",failing_streak=2i");
  for (int i = 0; i < 50; ++i) probe.gather(std::chrono::seconds(1));
  EXPECT_EQ(engine.requests(kListTarget), 1) << "nothing happened, so nobody is asked";
  EXPECT_EQ(engine.requests("/events"), 1);

  engine.answer("/containers/" + kWeb + "/json", web_details("unhealthy"));
  engine.event(R"({"Type":"container","Action":"health_status: unhealthy","Actor":{"ID":")" + kWeb + "\"}}\n");
  lines = gather_until(probe, "docker_container_health");
  EXPECT_NE(probe.line(lines, "docker_container_health").find("health_status=\"unhealthy\""), std::string::npos);
  EXPECT_EQ(engine.requests("/containers/" + kWeb + "/json"), 2);
  EXPECT_EQ(engine.requests("/containers/" + kDatabase + "/json"), 1) << "only the one that the event was about";
}

TEST(Containers, WithoutASocketNothingAndWithoutAnEngineAnError) {
  Machine machine;
  Probe none(machine, make_containers);
  EXPECT_EQ(none.gather(), Lines{});
  EXPECT_EQ(none.error, "");
  CollectorOptions options;
  options.socket = machine.path("docker.sock");
  Probe probe(machine, make_containers, options);
  gather_until(probe, "docker");
  EXPECT_EQ(probe.error, machine.path("docker.sock") + ": No such file or directory");
}

TEST(Containers, AnswersThatAreNoneAreErrors) {
  std::vector<ContainerStatus> list;
  ContainerStatus one;
  for (const std::string text : {"", "{}", "[", "\"x\"", "{\"message\":\"no\"}"}) {
    EXPECT_FALSE(ContainerApi::parse_list(text, list)) << text;
    EXPECT_FALSE(ContainerApi::parse_details(text, one)) << text;
  }
  EXPECT_FALSE(ContainerApi::parse_list(std::string(100'000, '['), list));
  ASSERT_TRUE(ContainerApi::parse_details(R"({"State":{"Pid":"x","StartedAt":7,"Health":{"Status":[]}}})", one));
  EXPECT_EQ(one.process, 0);
  EXPECT_EQ(ContainerApi::ids_in("x" + kWeb + "\"" + kDatabase + "," + kWeb + std::string(65, 'd')),
            (std::vector<std::string>{kWeb, kDatabase}));
}

}  // namespace
}  // namespace resmon::collect
