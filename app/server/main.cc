#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "app.h"
#include "base/exit_code.h"
#include "base/log.h"
#include "commands.h"
#include "maintenance.h"
#include "options.h"
#include "program/program.h"
#include "rules.h"

// Not where a sanitizer looks for leaks when the program ends.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if !defined(__has_feature)
#define RESMON_QUICK_EXIT 1
#elif !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#define RESMON_QUICK_EXIT 1
#endif
#endif

namespace {

int exit_code_of(const resmon::Error& error) {
  switch (error.kind) {
    case resmon::ErrorKind::kDamaged:
      return resmon::kExitDamaged;
    case resmon::ErrorKind::kInvalid:
      return resmon::kExitConfiguration;
    default:
      return resmon::kExitFailed;
  }
}

int serve(const resmon::server::Options& options) {
  using namespace resmon;
  // Before any thread begins: they all inherit it, and App::wait is where signals arrive.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    server::App app(options, RESMON_VERSION);
    if (Status started = app.start(); !started) {
      log::error("server", "cannot start", {{"reason", started.error().message}});
      return exit_code_of(started.error());
    }
    app.wait();
    app.stop();
#ifdef RESMON_QUICK_EXIT
    // All is written. Giving back the memory of a million series one by one takes seconds; the kernel does it at once.
    ::_exit(kExitDone);
#endif
  } catch (const std::exception& e) {
    log::error("server", "ended by an unexpected exception", {{"reason", e.what()}});
    return kExitFailed;
  }
  return kExitDone;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace resmon;
  constexpr const char* kName = "resmon-server";
  ::umask(0077);  // whatever library makes a file: it has samples, names or secrets in it
  if (const auto code = server::run_subcommand(argc, argv)) return *code;
  server::Options options;
  config::Settings settings("server");
  options.declare(settings);
  program::Program program(
      {kName, RESMON_VERSION, "Receives samples and log lines, stores, shows and forwards them.",
       "Examples:\n"
       "  resmon-server --config /etc/resmon/server.toml\n"
       "  resmon-server --set store.directory=/tmp/resmon   other keys: defaults\n"
       "  resmon-server --config server.toml passwd admin   set a user's password\n"
       "  resmon-server --config server.toml user add mia   add a user who may read\n"
       "  resmon-server --config server.toml token add grafana read\n"
       "  INFLUX_URL=http://db:8086 INFLUX_TOKEN=… INFLUX_BUCKET=b resmon-server\n"
       "Subcommands, each with its own --help:\n"
       "  resmon-server backup FILE     copies everything, while the server runs\n"
       "  resmon-server restore FILE    restores everything from a backup\n"
       "  resmon-server check [FILE]    verifies the store or a backup\n"
       "  resmon-server export [FILE]   writes the store as Influx line protocol\n"
       "  resmon-server import [FILE]   reads Influx line protocol into the store\n"
       "  resmon-server backfill SINK   sends stored rows to a sink again\n"
       "  resmon-server alerts test RULE   lists when a rule would have fired\n"
       "  resmon-server rules explain [FILE]   shows what [[rule]] does to Influx lines\n"
       "Every key can also be set in the environment as RESMON_TABLE_KEY (--print-config lists the keys)."},
      settings);
  std::vector<std::string> words;
  program.words(&words,
                "passwd [USER] | user add NAME [viewer|admin] | user remove NAME | user factor-off NAME | user list | "
                "user init | "
                "token add NAME [read|write] | token revoke ID | token list. Without one: serve");
  program.warnings([&] { return server::check_rules(options); });
  if (const auto code = program.start(argc, argv, [&] { return options.check(); })) return *code;
  if (!words.empty()) return server::run_command(kName, words, options.accounts_file);
  if (Status applied = options.log.apply(); !applied)
    return program::complain(kName, applied.error(), kExitConfiguration);

  return serve(options);
}
