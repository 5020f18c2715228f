// States of systemd's services, from systemd itself by the system bus: one connection, on which it sends what changes.
// Nothing is asked at a gather: what has come since the last one is read, without waiting, so no thread is needed and a
// bus that hangs costs nothing. Without a bus the services have numbers only (cgroups.cc).
//
// Measurement and codes are Telegraf's systemd_units, but states are fields here: as tags each change of one would make
// another series.

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <string>

#include "base/file.h"
#include "collect/collectors.h"
#include "collect/dbus_message.h"
#include "collect/row_schema.h"
#include "collect/shared.h"

namespace resmon::collect {

namespace {

constexpr std::size_t kMostServices = 512;
constexpr std::size_t kMostReadBytes = 8U << 20U;  // a gather
constexpr std::size_t kMostWaitingCalls = 4 * kMostServices;
constexpr std::chrono::minutes kConnectAgain{1};
constexpr std::chrono::minutes kWriteAgain{10};        // what did not change
constexpr std::chrono::seconds kWriteFailedAgain{30};  // so that an alert sees it
constexpr const char* kBusPath = "/run/dbus/system_bus_socket";
constexpr const char* kSystemd = "org.freedesktop.systemd1";
constexpr std::string_view kUnitInterface = "org.freedesktop.systemd1.Unit";
constexpr std::string_view kServiceInterface = "org.freedesktop.systemd1.Service";
constexpr std::string_view kUnitPath = "/org/freedesktop/systemd1/unit/";

enum ServiceField : std::size_t { kActive, kSub, kActiveCode, kRestarts, kSince };
constexpr FieldSpec kServiceFields[] = {
    {"active", kString}, {"sub", kString}, {"active_code", kInteger}, {"restarts", kInteger}, {"since", kInteger}};

// Telegraf's numbers; -1: a state that systemd does not have.
std::int64_t active_code(std::string_view state) {
  constexpr std::string_view kStates[] = {"active", "reloading", "inactive", "failed", "activating", "deactivating"};
  const auto* const found = std::find(std::begin(kStates), std::end(kStates), state);
  return found == std::end(kStates) ? -1 : found - std::begin(kStates);
}

// "cron.service" of ".../unit/cron_2eservice"; empty when it is no service.
std::string service_of(std::string_view path) {
  if (!path.starts_with(kUnitPath)) return {};
  path.remove_prefix(kUnitPath.size());
  std::string name;
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '_' && i + 2 < path.size() && digit(path[i + 1]) >= 0 && digit(path[i + 2]) >= 0) {
      name += static_cast<char>(static_cast<unsigned char>(digit(path[i + 1]) * 16 + digit(path[i + 2])));
      i += 2;
    } else {
      name += path[i];
    }
  }
  return name.ends_with(".service") && procfs::is_name(name) ? name : std::string();
}

struct Service {
  std::string active;
  std::string sub;
  procfs::Number restarts;
  procfs::Number since_us;
  std::optional<RowSchema> schema;
  bool changed = true;
  std::chrono::steady_clock::time_point written;
};

class Services final : public Collector {
 public:
  Services(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas)
      : path_(roots.root + kBusPath), filter_(options.filter), schemas_(schemas) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    if (!socket_.valid()) {
      if (tried_ && context.steady - tried_at_ < kConnectAgain) return {};
      tried_ = true;
      tried_at_ = context.steady;
      connect(context);
    }
    if (socket_.valid()) hear(context);
    return write(context, out);
  }

 private:
  void connect(const GatherContext& context) {
    ::sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path || ::access(path_.c_str(), F_OK) != 0) return;  // no bus here
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    Fd made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!made.valid() || ::connect(made.get(), reinterpret_cast<const ::sockaddr*>(&address), sizeof address) != 0) {
      context.tell(path_, "the system bus cannot be reached, so the states of services are not known");
      return;
    }
    socket_ = std::move(made);
    in_.clear();
    greeted_ = false;
    waiting_.clear();
    serial_ = 0;
    constexpr char kHex[] = "0123456789abcdef";
    std::string user;
    for (const char digit : std::to_string(::geteuid())) user += {kHex[digit / 16], kHex[digit % 16]};
    // Said at once, and the calls with it: the answers are read at the next gather.
    std::string text = std::string(1, '\0') + "AUTH EXTERNAL " + user + "\r\nBEGIN\r\n";
    text += call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", {});
    for (const std::string_view of : {kUnitInterface, kServiceInterface})
      add_match(text, "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',arg0='" +
                          std::string(of) + "'");
    add_match(text, "interface='org.freedesktop.systemd1.Manager',member='UnitRemoved'");
    text += manager_call("Subscribe", "", {});
    DbusWriter patterns;
    patterns.array(4, [] {});  // of all states
    patterns.array(4, [&] { patterns.text("*.service"); });
    text += manager_call("ListUnitsByPatterns", "asas", patterns.bytes());
    list_serial_ = serial_;
    send(text);
  }

  void add_match(std::string& text, const std::string& rule) {
    DbusWriter body;
    body.text("type='signal',sender='org.freedesktop.systemd1'," + rule);
    text +=
        call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s", body.bytes());
  }
  std::string manager_call(std::string_view member, std::string_view signature, std::string_view body) {
    return call(kSystemd, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", member, signature, body);
  }
  std::string call(std::string_view destination, std::string_view path, std::string_view interface,
                   std::string_view member, std::string_view signature, std::string_view body = {}) {
    DbusMessage message;
    message.serial = ++serial_;
    message.destination = destination;
    message.path = path;
    message.interface = interface;
    message.member = member;
    message.signature = signature;
    message.body = body;
    return write_dbus_message(message);
  }

  // What does not fit the socket's buffer waits in `out_` for the next gather.
  void send(const std::string& text) {
    out_ += text;
    while (!out_.empty()) {
      const ssize_t sent = ::send(socket_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno != EAGAIN) disconnect();
        return;
      }
      out_.erase(0, static_cast<std::size_t>(sent));
    }
  }

  void disconnect() {
    socket_.reset();
    out_.clear();
    // What is not known any more is not repeated.
    services_.clear();
  }

  void hear(const GatherContext& context) {
    if (!out_.empty()) send({});
    char part[16384];
    std::size_t taken = 0;
    while (socket_.valid() && taken < kMostReadBytes) {
      const ssize_t got = ::recv(socket_.get(), part, sizeof part, MSG_DONTWAIT);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) break;
      if (got <= 0) {
        if (!greeted_) context.tell(path_, "the system bus lets this user in no more; services have no states");
        disconnect();
        return;
      }
      taken += static_cast<std::size_t>(got);
      in_.append(part, static_cast<std::size_t>(got));
      if (!take_messages(context)) {
        disconnect();
        return;
      }
    }
  }

  // False when the connection is of no more use.
  bool take_messages(const GatherContext& context) {
    std::size_t at = 0;
    if (!greeted_) {
      const std::size_t end = in_.find("\r\n");
      if (end == std::string::npos) return in_.size() < 1024;
      if (!in_.starts_with("OK ")) {
        context.tell(path_, "the system bus refuses this user, so the states of services are not known");
        return false;
      }
      greeted_ = true;
      at = end + 2;
    }
    while (true) {
      DbusMessage message;
      const auto size = parse_dbus_message(std::string_view(in_).substr(at), message);
      if (!size) {
        context.skipped(path_, size.error().message);
        return false;
      }
      if (*size == 0) break;
      take(message, context);
      if (!socket_.valid()) return false;
      at += *size;
    }
    in_.erase(0, at);
    return true;
  }

  void take(const DbusMessage& message, const GatherContext& context) {
    if (message.type == DbusType::kError) {
      waiting_.erase(message.reply_serial);
      if (message.reply_serial != list_serial_) return;
      context.tell(path_, "systemd is not on the system bus, so the states of services are not known");
      disconnect();
    } else if (message.type == DbusType::kReply) {
      if (message.reply_serial == list_serial_) return take_list(message);
      take_property_reply(message);
    } else if (message.type == DbusType::kSignal && message.member == "PropertiesChanged") {
      take_changes(message);
    } else if (message.type == DbusType::kSignal && message.member == "UnitRemoved") {
      std::string_view name;
      DbusReader reader = message.reader();
      if (reader.text(name)) services_.erase(std::string(name));
    }
  }

  // a(ssssssouso): name, description, load, active, sub, following, path, and the job's three.
  void take_list(const DbusMessage& message) {
    DbusReader reader = message.reader();
    DbusReader units({}, message.swapped);
    if (message.signature != "a(ssssssouso)" || !reader.array(8, units)) return;
    std::string calls;
    while (!units.at_end()) {
      std::string_view texts[7];
      if (!units.align(8)) return;
      for (std::string_view& text : texts)
        if (!units.text(text)) return;
      std::string_view job = "uso";
      while (!job.empty())
        if (!units.skip(job)) return;
      // One that is not there but that others want; and one that rests, which is no news.
      if (texts[2] == "not-found" || texts[3] == "inactive") continue;
      Service* const service = known(service_of(texts[6]));
      if (service == nullptr) continue;
      service->active = texts[3];
      service->sub = texts[4];
      ask_property(calls, texts[6], kServiceInterface, "NRestarts");
      ask_property(calls, texts[6], kUnitInterface, "StateChangeTimestamp");
    }
    send(calls);
  }

  void ask_property(std::string& calls, std::string_view path, std::string_view interface, std::string_view name) {
    if (waiting_.size() >= kMostWaitingCalls) return;
    DbusWriter body;
    body.text(interface);
    body.text(name);
    calls += call(kSystemd, path, "org.freedesktop.DBus.Properties", "Get", "ss", body.bytes());
    waiting_[serial_] = service_of(path) + '\n' + std::string(name);
  }

  void take_property_reply(const DbusMessage& message) {
    const auto found = waiting_.find(message.reply_serial);
    if (found == waiting_.end()) return;
    const std::string asked = std::move(found->second);
    waiting_.erase(found);
    const std::size_t line = asked.find('\n');
    const auto service = services_.find(asked.substr(0, line));
    if (service == services_.end() || message.signature != "v") return;
    DbusReader reader = message.reader();
    take_property(service->second, std::string_view(asked).substr(line + 1), reader);
  }

  // sa{sv}as
  void take_changes(const DbusMessage& message) {
    DbusReader reader = message.reader();
    DbusReader changes({}, message.swapped);
    std::string_view interface;
    if (!message.signature.starts_with("sa{sv}") || !reader.text(interface) || !reader.array(8, changes)) return;
    if (interface != kUnitInterface && interface != kServiceInterface) return;
    Service* const service = known(service_of(message.path));
    if (service == nullptr) return;
    while (!changes.at_end()) {
      std::string_view name;
      if (!changes.align(8) || !changes.text(name) || !take_property(*service, name, changes)) return;
    }
  }

  // Reads a variant; false when there is none.
  static bool take_property(Service& service, std::string_view name, DbusReader& reader) {
    std::string_view type;
    if (!reader.signature(type)) return false;
    if (type == "s" && (name == "ActiveState" || name == "SubState")) {
      std::string_view value;
      if (!reader.text(value)) return false;
      std::string& kept = name == "ActiveState" ? service.active : service.sub;
      if (procfs::is_name(value) && kept != value) kept = value, service.changed = true;
      return true;
    }
    if (type == "u" && name == "NRestarts") {
      std::uint32_t value = 0;
      if (!reader.number32(value)) return false;
      if (service.restarts != value) service.restarts = value, service.changed = true;
      return true;
    }
    if (type == "t" && name == "StateChangeTimestamp") {
      std::uint64_t value = 0;
      if (!reader.number64(value)) return false;
      if (value != 0 && service.since_us != value) service.since_us = value, service.changed = true;
      return true;
    }
    return reader.skip(type);
  }

  Service* known(const std::string& name) {
    if (name.empty() || !filter_.matches(name)) return nullptr;
    if (const auto found = services_.find(name); found != services_.end()) return &found->second;
    return services_.size() >= kMostServices ? nullptr : &services_[name];
  }

  Status write(const GatherContext& context, metric::Batch& out) {
    for (auto& [name, service] : services_) {
      const std::int64_t code = active_code(service.active);
      if (code < 0) continue;
      const auto age = context.steady - service.written;
      if (!service.changed && age < (service.active == "failed" ? kWriteFailedAgain : kWriteAgain)) continue;
      if (!service.schema)
        service.schema.emplace(schemas_, "systemd_units", std::vector<metric::Tag>{{"name", name}}, kServiceFields);
      RESMON_TRY(service.schema->ready());
      service.changed = false;
      service.written = context.steady;
      metric::RowWriter row = service.schema->add(out, context.time);
      row.set(kActive, std::string_view(service.active));
      if (!service.sub.empty()) row.set(kSub, std::string_view(service.sub));
      row.set(kActiveCode, code);
      set(row, kRestarts, service.restarts);
      if (service.since_us) row.set(kSince, clip(*service.since_us / 1'000'000));
    }
    return {};
  }

  const std::string path_;
  Filter filter_;
  metric::SchemaTable& schemas_;
  Fd socket_;
  bool tried_ = false;
  std::chrono::steady_clock::time_point tried_at_;
  std::string in_;
  std::string out_;
  bool greeted_ = false;
  std::uint32_t serial_ = 0;
  std::uint32_t list_serial_ = 0;
  std::map<std::uint32_t, std::string> waiting_;  // calls: whose property, a newline, and which
  std::map<std::string, Service> services_;
};

}  // namespace

std::unique_ptr<Collector> make_services(const Roots& roots, const CollectorOptions& options,
                                         metric::SchemaTable& schemas, Shared&) {
  return std::make_unique<Services>(roots, options, schemas);
}

}  // namespace resmon::collect
