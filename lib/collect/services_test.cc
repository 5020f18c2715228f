// States of services, by a system bus that does not exist.

#include "collect/dbus_message.h"
#include "collect/fixture_test.h"
#include "collect/local_server_test.h"

namespace resmon::collect {
namespace {

using testing::Lines;
using testing::LocalServer;
using testing::Machine;
using testing::Probe;

constexpr const char* kCron = "/org/freedesktop/systemd1/unit/cron_2eservice";

struct Call {
  std::uint32_t serial = 0;
  std::string member;
  std::string path;
  std::string text;  // the body's last one, of those that have texts only
};

// The other end of one connection.
class Bus {
 public:
  explicit Bus(const Machine& machine) : server_(machine.path("root/run/dbus/system_bus_socket")) {}

  // Takes the connection and the calls that come with it.
  std::vector<Call> greet() {
    connection_ = server_.accept();
    const std::string head = LocalServer::read(connection_, [](const std::string& text) {
      return text.find("BEGIN\r\n") != std::string::npos && text.find("*.service") != std::string::npos;
    });
    const std::size_t begin = head.find("BEGIN\r\n");
    EXPECT_EQ(head.substr(0, 15), std::string(1, '\0') + "AUTH EXTERNAL ");
    LocalServer::write(connection_, "OK 0123456789abcdef0123456789abcdef\r\n");
    return calls_in(head.substr(begin + 7));
  }
  // The next `count` calls.
  std::vector<Call> calls(std::size_t count) {
    return calls_in(
        LocalServer::read(connection_, [&](const std::string& text) { return calls_in(text).size() >= count; }));
  }
  void reply(std::uint32_t serial, std::string_view signature, const DbusWriter& body) {
    DbusMessage message;
    message.type = DbusType::kReply;
    message.serial = ++serial_;
    message.reply_serial = serial;
    message.signature = signature;
    message.body = body.bytes();
    LocalServer::write(connection_, write_dbus_message(message));
  }
  void signal(std::string_view path, std::string_view interface, std::string_view member, std::string_view signature,
              const DbusWriter& body) {
    DbusMessage message;
    message.type = DbusType::kSignal;
    message.serial = ++serial_;
    message.path = path;
    message.interface = interface;
    message.member = member;
    message.signature = signature;
    message.body = body.bytes();
    LocalServer::write(connection_, write_dbus_message(message));
  }
  void write(const std::string& text) { LocalServer::write(connection_, text); }
  void close() { connection_.reset(); }

 private:
  static std::vector<Call> calls_in(std::string_view text) {
    std::vector<Call> all;
    DbusMessage message;
    for (auto size = parse_dbus_message(text, message); size && *size != 0;
         text.remove_prefix(*size), size = parse_dbus_message(text, message)) {
      Call call{message.serial, std::string(message.member), std::string(message.path), ""};
      DbusReader reader = message.reader();
      std::string_view word;
      if (message.signature == "ss" || message.signature == "s")
        while (!reader.at_end() && reader.text(word)) call.text = word;
      all.push_back(call);
    }
    return all;
  }
  LocalServer server_;
  Fd connection_;
  std::uint32_t serial_ = 0;
};

void add_unit(DbusWriter& list, const char* name, const char* active, const char* sub, const char* path,
              const char* load = "loaded") {
  list.align(8);
  for (const char* text : {name, "what it is", load, active, sub, "", path}) list.text(text);
  list.number32(0);
  list.text("");
  list.text("/");
}

void answer_list(Bus& bus, std::uint32_t serial) {
  DbusWriter list;
  list.array(8, [&] {
    add_unit(list, "cron.service", "active", "running", kCron);
    add_unit(list, "getty@tty1.service", "failed", "failed", "/org/freedesktop/systemd1/unit/getty_40tty1_2eservice");
    add_unit(list, "rests.service", "inactive", "dead", "/org/freedesktop/systemd1/unit/rests_2eservice");
    add_unit(list, "gone.service", "active", "dead", "/org/freedesktop/systemd1/unit/gone_2eservice", "not-found");
  });
  bus.reply(serial, "a(ssssssouso)", list);
}

DbusWriter variant(std::string_view type, std::uint64_t value) {
  DbusWriter body;
  body.signature(type);
  type == "u" ? body.number32(static_cast<std::uint32_t>(value)) : body.number64(value);
  return body;
}

TEST(Services, StatesComeByOneConnectionAndOnlyChangesAfterIt) {
  Machine machine;
  Bus bus(machine);
  Probe probe(machine, make_services);
  EXPECT_EQ(probe.gather(), Lines{});
  const std::vector<Call> first = bus.greet();
  ASSERT_EQ(first.size(), 6U);
  EXPECT_EQ(first[0].member, "Hello");
  EXPECT_EQ(first[4].member, "Subscribe");
  EXPECT_EQ(first[5].member, "ListUnitsByPatterns");
  answer_list(bus, first[5].serial);
  EXPECT_EQ(probe.gather(),
            (Lines{"systemd_units,name=cron.service active=\"active\",sub=\"running\",active_code=0i",
                   "systemd_units,name=getty@tty1.service active=\"failed\",sub=\"failed\",active_code=3i"}));
  for (const Call& call : bus.calls(4)) {
    EXPECT_EQ(call.member, "Get");
    const bool cron = call.path == kCron;
    bus.reply(call.serial, "v",
              call.text == "NRestarts" ? variant("u", cron ? 0 : 5) : variant("t", 1'796'025'600'000'000));
  }
  EXPECT_EQ(probe.gather(), (Lines{"systemd_units,name=cron.service active=\"active\",sub=\"running\",active_code=0i,"
                                   "restarts=0i,since=1796025600i",
                                   "systemd_units,name=getty@tty1.service active=\"failed\",sub=\"failed\","
                                   "active_code=3i,restarts=5i,since=1796025600i"}));
  EXPECT_EQ(probe.gather(), Lines{}) << "nothing changed";

  DbusWriter changes;
  changes.text("org.freedesktop.systemd1.Unit");
  changes.array(8, [&] {
    changes.align(8);
    changes.text("Conditions");  // of a shape that is passed over
    changes.signature("a(sbbsi)");
    changes.array(8, [&] {
      changes.align(8);
      changes.text("ConditionPathExists");
      changes.number32(0);
      changes.number32(1);
      changes.text("/etc/crontab");
      changes.number32(1);
    });
    changes.align(8);
    changes.text("ActiveState");
    changes.signature("s");
    changes.text("failed");
    changes.align(8);
    changes.text("SubState");
    changes.signature("s");
    changes.text("failed");
    changes.align(8);
    changes.text("StateChangeTimestamp");
    changes.signature("t");
    changes.number64(1'796'025'660'000'000);
  });
  changes.array(4, [] {});
  bus.signal(kCron, "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as", changes);
  const std::string failed =
      "systemd_units,name=cron.service active=\"failed\",sub=\"failed\",active_code=3i,restarts=0i,since=1796025660i";
  EXPECT_EQ(probe.gather(), Lines{failed});
  EXPECT_EQ(probe.gather(std::chrono::seconds(31)).size(), 2U) << "what has failed is said again, for alerts";
  EXPECT_EQ(probe.gather(std::chrono::seconds(5)), Lines{});

  DbusWriter removed;
  removed.text("cron.service");
  removed.text(kCron);
  bus.signal("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "UnitRemoved", "so", removed);
  EXPECT_EQ(probe.line(probe.gather(std::chrono::minutes(11)), "systemd_units,name=cron"), "");
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(probe.skipped_lines(), 0U);
}

TEST(Services, ABusThatTalksNonsenseIsLeftAndTriedAgain) {
  Machine machine;
  Bus bus(machine);
  Probe probe(machine, make_services);
  probe.gather();
  bus.greet();
  bus.write(std::string(40, 'x'));
  EXPECT_EQ(probe.gather(), Lines{});
  EXPECT_EQ(probe.skipped_lines(), 1U);
  EXPECT_EQ(probe.gather(), Lines{}) << "not at once";
  probe.gather(std::chrono::minutes(2));
  answer_list(bus, bus.greet().at(5).serial);
  EXPECT_EQ(probe.gather().size(), 2U);
  bus.close();
  EXPECT_EQ(probe.gather(), Lines{}) << "what is not known any more is not repeated";
  EXPECT_EQ(probe.error, "");
}

TEST(Services, WithoutABusThereAreNone) {
  Machine machine;
  Probe probe(machine, make_services);
  EXPECT_EQ(probe.gather(), Lines{});
  EXPECT_EQ(probe.error, "");
}

TEST(DbusMessages, ComeBackAsTheyWereWrittenAndPartsAreWaitedFor) {
  DbusWriter body;
  body.text("hello");
  body.number32(7);
  DbusMessage message;
  message.type = DbusType::kError;
  message.serial = 3;
  message.reply_serial = 2;
  message.error_name = "org.example.Error";
  message.destination = ":1.7";
  message.signature = "su";
  message.body = body.bytes();
  const std::string bytes = write_dbus_message(message);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    DbusMessage part;
    const auto parsed = parse_dbus_message(std::string_view(bytes).substr(0, size), part);
    EXPECT_TRUE(parsed && *parsed == 0) << size;
  }
  DbusMessage read;
  const auto size = parse_dbus_message(bytes, read);
  ASSERT_TRUE(size && *size == bytes.size());
  EXPECT_EQ(read.error_name, "org.example.Error");
  EXPECT_EQ(read.reply_serial, 2U);
  EXPECT_EQ(read.body, body.bytes());
  DbusReader reader = read.reader();
  std::string_view text;
  std::uint32_t number = 0;
  EXPECT_TRUE(reader.text(text) && reader.number32(number) && reader.at_end());
  EXPECT_EQ(text, "hello");
  EXPECT_EQ(number, 7U);
  EXPECT_FALSE(reader.number32(number));
  // Types within types end somewhere.
  DbusReader deep(std::string_view("\0\0\0\0", 4), false);
  const std::string arrays(200, 'a');
  std::string_view signature = arrays;
  EXPECT_FALSE(deep.skip(signature));
}

}  // namespace
}  // namespace resmon::collect
