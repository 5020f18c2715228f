// Commands for users and tokens; the caller must be able to write the accounts file. A generated password or token is
// printed once, on a line of its own on standard output; messages go to standard error.

#include "commands.h"

#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <iostream>

#include "auth/accounts.h"
#include "auth/second_factors.h"
#include "base/clock.h"
#include "base/exit_code.h"
#include "base/json_text.h"
#include "program/program.h"

namespace resmon::server {

namespace {

// The terminal does not show what is typed while one of these lives; a signal that ends the program shows it again
// first.
class Quiet {
 public:
  Quiet() {
    if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
    terminal_ = true;
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      struct sigaction action {};
      action.sa_handler = end;
      sigaction(kSignals[i], &action, &handlers_[i]);
    }
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  ~Quiet() {
    if (!terminal_) return;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &handlers_[i], nullptr);
    std::cerr << '\n';
  }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  static constexpr std::array<int, 4> kSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
  // Only what a signal handler may call.
  static void end(int signal) {
    tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    std::signal(signal, SIG_DFL);
    raise(signal);
  }

  static inline termios before_{};
  bool terminal_ = false;
  std::array<struct sigaction, kSignals.size()> handlers_{};
};

// A line from the terminal without showing it.
std::string ask(const char* question) {
  std::cerr << question << std::flush;
  const Quiet quiet;
  std::string line;
  std::getline(std::cin, line);
  return line;
}

// From a terminal asked for twice; from elsewhere the first line. Empty: make one.
Result<std::string> read_password(const std::string& user) {
  if (isatty(STDIN_FILENO) == 0) {
    std::string line;
    std::getline(std::cin, line);
    return line;
  }
  const std::string first = ask(("New password for " + user + " (empty: generate one): ").c_str());
  if (first.empty()) return first;
  if (ask("Once more: ") != first) return fail(ErrorKind::kInvalid, "the two passwords differ");
  return first;
}

std::string created_text(std::int64_t milliseconds) {
  const std::time_t seconds = milliseconds / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

Status set_password(const std::string& file, const std::string& user, bool add, auth::Role role) {
  RESMON_ASSIGN(std::string password, read_password(user));
  const bool made = password.empty();
  if (made) password = auth::random_password();
  RESMON_TRY(auth::update_accounts(file, [&](auth::Accounts& accounts) {
    return add ? accounts.add_user(user, role, password) : accounts.set_password(user, password);
  }));
  // The password alone is on standard output, behind what is said of it, wherever the two go.
  std::cerr << (add ? "added " : "changed the password of ") << user
            << (made ? "; the password, which is not shown again:\n" : "\n");
  if (made) std::cout << password << std::endl;
  return {};
}

Status run(const std::vector<std::string>& words, const std::string& file, bool& understood) {
  const auto is = [&](std::size_t at, const char* word) { return words.size() > at && words[at] == word; };
  understood = true;
  if (is(0, "passwd") && words.size() <= 2)
    return set_password(file, words.size() == 2 ? words[1] : "admin", false, auth::Role::kViewer);
  if (is(0, "user") && is(1, "add") && (words.size() == 3 || words.size() == 4)) {
    RESMON_ASSIGN(const auth::Role role, auth::parse_role(words.size() == 4 ? words[3] : "viewer"));
    return set_password(file, words[2], true, role);
  }
  if (is(0, "user") && is(1, "remove") && words.size() == 3) {
    RESMON_TRY(auth::update_accounts(file, [&](auth::Accounts& accounts) { return accounts.remove_user(words[2]); }));
    (void)auth::SecondFactors(file + ".factors").remove(words[2]).has_value();  // there may be none
    return {};
  }
  if (is(0, "user") && is(1, "factor-off") && words.size() == 3)
    return auth::SecondFactors(file + ".factors").remove(words[2]);
  if (is(0, "user") && is(1, "list") && words.size() == 2) {
    RESMON_ASSIGN(const auth::Accounts accounts, auth::load_accounts(file));
    for (const auth::User& user : accounts.users) std::cout << user.name << '\t' << auth::role_name(user.role) << '\n';
    return {};
  }
  if (is(0, "user") && is(1, "init") && words.size() == 2) {
    RESMON_ASSIGN(const auto made, auth::ensure_administrator(file));
    if (made) std::cout << made->name << '\t' << made->password << '\n';
    return {};
  }
  if (is(0, "token") && is(1, "add") && (words.size() == 3 || words.size() == 4)) {
    RESMON_ASSIGN(const auth::TokenAccess access, auth::parse_access(words.size() == 4 ? words[3] : "read"));
    std::string secret;
    Status added = auth::update_accounts(file, [&](auth::Accounts& accounts) -> Status {
      RESMON_ASSIGN(secret, accounts.add_token(words[2], access, Clock::system().wall() / 1'000'000));
      return {};
    });
    RESMON_TRY(added);
    std::cout << secret << '\n';
    std::cerr << "a token that may " << auth::access_name(access) << "; it is not shown again\n";
    return {};
  }
  if (is(0, "token") && is(1, "revoke") && words.size() == 3)
    return auth::update_accounts(file, [&](auth::Accounts& accounts) { return accounts.revoke_token(words[2]); });
  if (is(0, "token") && is(1, "list") && words.size() == 2) {
    RESMON_ASSIGN(const auth::Accounts accounts, auth::load_accounts(file));
    for (const auth::Token& token : accounts.tokens)
      std::cout << token.id << '\t' << auth::access_name(token.access) << '\t'
                << created_text(token.created_milliseconds) << '\t' << token.name << '\n';
    return {};
  }
  understood = false;
  return {};
}

}  // namespace

int run_command(const char* program, const std::vector<std::string>& words, const std::string& accounts_file) {
  bool understood = false;
  Status done = run(words, accounts_file, understood);
  if (!understood) {
    std::string all;
    for (const std::string& word : words) all += (all.empty() ? "" : " ") + word;
    std::cerr << program << ": unknown command '" << printable(all) << "'\nTry '" << program << " --help'.\n";
    return kExitUsage;
  }
  // The file is named: without --config it is that of the defaults, and probably not the one that was meant.
  if (!done && done.error().kind == ErrorKind::kNotFound) done = fail(Error(done.error()).wrap(accounts_file));
  if (!done) return program::complain(program, done.error(), kExitFailed);
  return kExitDone;
}

}  // namespace resmon::server
