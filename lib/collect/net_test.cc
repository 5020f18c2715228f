#include "collect/fixture_test.h"

namespace resmon::collect {
namespace {

using testing::Lines;
using testing::Machine;
using testing::Probe;

TEST(Net, InterfacesThatAreUpAndNoLoopback) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_net);
  EXPECT_EQ(probe.gather(),
            (Lines{"net,interface=eth0 bytes_sent=247697i,bytes_recv=135142247i,packets_sent=3141i,"
                   "packets_recv=4202i,err_in=1i,err_out=3i,drop_in=2i,drop_out=4i,speed=1000i",
                   "net,interface=docker0 bytes_sent=300i,bytes_recv=100i,packets_sent=4i,packets_recv=2i,"
                   "err_in=0i,err_out=0i,drop_in=0i,drop_out=0i,speed=10000i"}));
  machine.capture("host_later");
  const Lines lines = probe.gather();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_NE(lines[1].find("bytes_recv=9223372036854775807i"), std::string::npos) << "clipped: " << lines[1];
}

TEST(Net, AnIncludeTakesWhateverItNames) {
  Machine machine;
  machine.capture("host");
  CollectorOptions options;
  options.filter.include = {"lo", "eth*"};
  options.filter.exclude = {"eth0"};
  Probe probe(machine, make_net, options);
  const Lines lines = probe.gather();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(lines[0].starts_with("net,interface=lo "));
  EXPECT_EQ(lines[0].find("speed="), std::string::npos) << "there is no such attribute";
  EXPECT_TRUE(lines[1].starts_with("net,interface=eth1 "));
}

TEST(Net, SpeedIsAskedOnceAMinuteAndFlagsEveryTenSeconds) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_net);
  probe.gather();
  machine.write("sys/class/net/eth0/speed", "4294967295\n").write("sys/class/net/docker0/flags", "0x1002\n");
  EXPECT_TRUE(probe.gather().at(0).ends_with("speed=1000i"));
  EXPECT_EQ(probe.gather(std::chrono::seconds(10)).size(), 1U) << "docker0 is down";
  EXPECT_TRUE(probe.gather(std::chrono::seconds(60)).at(0).ends_with("speed=-1i")) << "2^32 - 1 means unknown";
}

TEST(Net, WithoutProcessOneTheRootsOwnFileIsRead) {
  Machine machine;
  machine.capture("host");
  machine.write("proc/net/dev", *read_file(machine.path("proc/1/net/dev"))).remove("proc/1");
  Probe probe(machine, make_net);
  EXPECT_EQ(probe.gather().size(), 2U);
  EXPECT_EQ(probe.error, "");
}

TEST(Netstat, StatesFromTheText) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_netstat);
  EXPECT_EQ(probe.gather(), (Lines{"netstat tcp_established=3i,tcp_syn_sent=1i,tcp_syn_recv=2i,tcp_fin_wait1=1i,"
                                   "tcp_fin_wait2=0i,tcp_time_wait=2i,tcp_close=0i,tcp_close_wait=1i,tcp_last_ack=0i,"
                                   "tcp_listen=3i,tcp_closing=0i,tcp_none=0i,udp_socket=8i"}));
  EXPECT_EQ(probe.error, "");
}

TEST(Net, AnAliasIsAnInterfaceOfItsOwnAndAnOddLineCostsItself) {
  Machine machine;
  machine.capture("host");
  machine.write("proc/1/net/dev",
                "Inter-| Receive | Transmit\n face |bytes |bytes\n  eth0: 5000 50 0 0 0 0 0 0 6000 60 0 x 0 0 0 0\n"
                "eth0:1: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n\n  sit0: No statistics available.\n"
                "  eth0: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n");
  Probe probe(machine, make_net);
  EXPECT_EQ(probe.gather(), (Lines{"net,interface=eth0 bytes_sent=6000i,bytes_recv=5000i,packets_sent=60i,"
                                   "packets_recv=50i,err_in=0i,err_out=0i,drop_in=0i,speed=1000i",
                                   "net,interface=eth0:1 bytes_sent=0i,bytes_recv=0i,packets_sent=0i,packets_recv=0i,"
                                   "err_in=0i,err_out=0i,drop_in=0i,drop_out=0i"}));
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(probe.skipped_lines(), 4U);
}

TEST(Net, WithoutSysfsInterfacesAreReportedWithoutSpeed) {
  Machine machine;
  machine.capture("host").remove("sys");
  Probe probe(machine, make_net);
  ::testing::internal::CaptureStderr();
  const Lines lines = probe.gather();
  probe.gather(std::chrono::minutes(2));
  const std::string log = ::testing::internal::GetCapturedStderr();
  ASSERT_EQ(lines.size(), 3U) << "all but lo";
  for (const std::string& line : lines) EXPECT_EQ(line.find("speed="), std::string::npos) << line;
  EXPECT_EQ(probe.error, "");
  const std::size_t told = log.find("an interface whose flags cannot be read is reported");
  EXPECT_NE(told, std::string::npos) << log;
  EXPECT_EQ(log.find("whose flags", told + 20), std::string::npos) << "once: " << log;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

std::string field(const std::string& line, const std::string& name) {
  const std::size_t at = line.find(name + "=");
  return line.substr(at, line.find(',', at) - at);
}

TEST(Netstat, TheStatesAreCountedAgainWhenASumChangedOrTenSecondsLater) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_netstat);
  const auto listening = [&](std::chrono::milliseconds later) {
    return field(probe.gather(later).at(0), "tcp_listen");
  };
  const std::string tcp = *read_file(machine.path("proc/1/net/tcp"));
  const std::string fewer = replaced(tcp, " 0A ", " 07 ");
  const std::string snmp = *read_file(machine.path("proc/1/net/snmp"));
  const auto second = std::chrono::seconds(1);
  EXPECT_EQ(listening(second), "tcp_listen=3i");
  machine.write("proc/1/net/tcp", fewer);
  EXPECT_EQ(listening(5 * second), "tcp_listen=3i") << "no sum changed";
  EXPECT_EQ(listening(5 * second), "tcp_listen=2i") << "ten seconds";
  machine.write("proc/1/net/tcp", tcp);
  machine.write("proc/1/net/snmp", replaced(snmp, "Tcp: 1 200 120000 -1 346 ", "Tcp: 1 200 120000 -1 347 "));
  EXPECT_EQ(listening(second), "tcp_listen=2i") << "a connection was opened, but the last walk is just over";
  EXPECT_EQ(listening(4 * second), "tcp_listen=3i");
  machine.write("proc/1/net/tcp", fewer).write("proc/1/net/sockstat6", "TCP6: inuse 1\n");
  EXPECT_EQ(listening(5 * second), "tcp_listen=2i") << "there is a socket less";

  machine.write("proc/1/net/tcp", tcp).remove("proc/1/net/snmp");
  Probe without(machine, make_netstat);
  without.gather();
  machine.write("proc/1/net/tcp", fewer);
  EXPECT_EQ(field(without.gather().at(0), "tcp_listen"), "tcp_listen=2i") << "nothing to go by: counted each time";
}

TEST(Netstat, BetweenWalksEstablishedAndTimeWaitFollowTheSums) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_netstat);
  const std::string snmp = *read_file(machine.path("proc/1/net/snmp"));
  const std::string sockstat = *read_file(machine.path("proc/1/net/sockstat"));
  const std::size_t at = sockstat.find(" tw ");
  ASSERT_NE(at, std::string::npos);
  const std::string tw = sockstat.substr(at, sockstat.find(' ', at + 4) - at);
  const auto write = [&](int established, std::uint64_t time_wait) {
    machine.write("proc/1/net/snmp", replaced(snmp, "Tcp: 1 200 120000 -1 346 87 0 0 0 ",
                                              "Tcp: 1 200 120000 -1 346 87 0 0 " + std::to_string(established) + " "));
    machine.write("proc/1/net/sockstat", replaced(sockstat, tw, " tw " + std::to_string(time_wait)));
  };
  const std::uint64_t waiting = std::stoull(tw.substr(4));
  write(10, waiting);
  std::string line = probe.gather().at(0);
  EXPECT_EQ(field(line, "tcp_established"), "tcp_established=3i");
  EXPECT_EQ(field(line, "tcp_time_wait"), "tcp_time_wait=2i");
  write(14, waiting + 5);
  line = probe.gather().at(0);
  EXPECT_EQ(field(line, "tcp_established"), "tcp_established=7i");
  EXPECT_EQ(field(line, "tcp_time_wait"), "tcp_time_wait=7i");
  write(5, waiting);
  line = probe.gather().at(0);
  EXPECT_EQ(field(line, "tcp_established"), "tcp_established=0i");
  EXPECT_EQ(field(line, "tcp_time_wait"), "tcp_time_wait=2i");
  line = probe.gather(std::chrono::seconds(5)).at(0);
  EXPECT_EQ(field(line, "tcp_established"), "tcp_established=3i") << "a walk: what the table says";
}

TEST(Netstat, WithoutIp6) {
  Machine machine;
  machine.capture("host");
  machine.remove("proc/1/net/tcp6").remove("proc/1/net/sockstat6");
  Probe probe(machine, make_netstat);
  EXPECT_TRUE(probe.gather().at(0).ends_with("udp_socket=5i"));
  EXPECT_EQ(probe.error, "");
}

TEST(Netstat, AFileWithNothingOfUseCostsTheStates) {
  Machine machine;
  machine.capture("host");
  machine.write("proc/1/net/tcp", "nonsense\n");
  Probe probe(machine, make_netstat);
  EXPECT_EQ(probe.gather(), Lines{"netstat tcp_none=0i,udp_socket=8i"});
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(probe.skipped_lines(), 1U);
}

}  // namespace
}  // namespace resmon::collect
