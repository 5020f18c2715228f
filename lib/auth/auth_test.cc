#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "auth/fair_queue.h"
#include "auth/guard.h"
#include "auth/invitations.h"
#include "auth/second_factors.h"
#include "base/clock.h"

namespace resmon::auth {
namespace {

using namespace std::chrono_literals;

TEST(SecretTest, PasswordsAreKeptAsHashesThatOnlyTheyMatch) {
  const std::string hash = hash_password("correct horse").value();
  EXPECT_THAT(hash, ::testing::StartsWith("scrypt:15:8:1:"));
  EXPECT_NE(hash, hash_password("correct horse").value()) << "the salt is random";
  EXPECT_TRUE(verify_password("correct horse", hash));
  EXPECT_FALSE(verify_password("correct horsf", hash));
  EXPECT_FALSE(verify_password("", hash));
  EXPECT_FALSE(verify_password("correct horse", nobodys_hash()));
}

// RFC 7914, 12: the third vector, as this format writes it.
TEST(SecretTest, IsScrypt) {
  EXPECT_TRUE(verify_password("pleaseletmein",
                              "scrypt:14:8:1:536f6469756d43686c6f72696465:"
                              "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"));
}

TEST(SecretTest, HashesThatCannotBeReadMatchNothing) {
  for (const char* hash :
       {"", "scrypt", "scrypt:::::", "scrypt:15:8:1:zz:zz", "md5:1:1:1:00:00", "scrypt:60:8:1:00:00",
        "scrypt:15:8:1:00:", "scrypt:15:99999:1:00:00", "scrypt:15:8:1:00:00:00", "scrypt:-1:8:1:00:00"})
    EXPECT_FALSE(verify_password("", hash)) << hash;
}

TEST(SecretTest, WhatIsMadeIsStrongAndNeverTheSame) {
  EXPECT_NE(random_password(), random_password());
  EXPECT_EQ(random_password().size(), 23U);
  EXPECT_EQ(password_problem(random_password(), "admin"), "");
  EXPECT_NE(random_token(), random_token());
  EXPECT_EQ(random_token().size(), 52U);
  EXPECT_NE(password_problem("short", "admin"), "");
  EXPECT_NE(password_problem("administrator", "administrator"), "");
  EXPECT_NE(password_problem("aaaaaaaaaaaa", "admin"), "");
}

TEST(AccountsTest, WhatIsWrittenIsReadAgain) {
  Accounts accounts;
  ASSERT_TRUE(accounts.add_user("mia", Role::kViewer, "a long password"));
  ASSERT_TRUE(accounts.add_user("root@home", Role::kAdmin, "another long one"));
  const std::string token = accounts.add_token("Grafana on the wall", TokenAccess::kRead, 1700000000000).value();
  const Accounts back = Accounts::parse(accounts.format());
  ASSERT_EQ(back.users.size(), 2U);
  EXPECT_EQ(back.users[0].name, "mia");
  EXPECT_EQ(back.users[1].role, Role::kAdmin);
  EXPECT_EQ(back.users[1].hash, accounts.users[1].hash);
  ASSERT_EQ(back.tokens.size(), 1U);
  EXPECT_EQ(back.tokens[0].name, "Grafana on the wall");
  EXPECT_EQ(back.tokens[0].digest, digest_of(token));
  EXPECT_EQ(back.tokens[0].created_milliseconds, 1700000000000);
  EXPECT_EQ(accounts.format().find(token), std::string::npos) << "the token itself is kept nowhere";
}

// "user NAME ROLE " and a hash that can be read.
std::string user_line(const std::string& name) {
  return "user " + name + " viewer " + nobodys_hash() + "\n";
}

TEST(AccountsTest, AMalformedLineIsNamedAndCostsItself) {
  struct Case {
    std::string text;
    const char* says;
  };
  const std::string good = user_line("good");
  for (const Case& one : {Case{"user\n", "a name is needed"},
                          {"user mia god " + nobodys_hash() + "\n", "role"},
                          {"user mia viewer plain\n", "hash"},
                          {"user mia viewer scrypt:x\n", "hash"},
                          {user_line("good"), "already"},
                          {user_line("a:b"), "none of"},
                          {std::string(30, '\0') + "\n", "neither"},
                          {"token id read then 00 name\n", "time"},
                          {"token id read 12 00 name\n", "SHA-256"},
                          {"token id own 12 00 name\n", "neither read nor write"},
                          {"what is this\n", "neither"}}) {
    const Accounts parsed = Accounts::parse("# fine\n" + good + one.text + user_line("last"));
    EXPECT_EQ(parsed.users.size(), 2U) << one.text;
    ASSERT_EQ(parsed.damaged.size(), 1U) << one.text;
    EXPECT_EQ(parsed.damaged[0].number, 3) << one.text;
    EXPECT_EQ(parsed.damaged[0].text + "\n", one.text);
    EXPECT_THAT(parsed.damaged[0].why, ::testing::HasSubstr(one.says)) << one.text;
  }
  EXPECT_TRUE(Accounts::parse("").damaged.empty());
}

TEST(AccountsTest, WhatIsWrongIsRefusedInWords) {
  Accounts accounts;
  EXPECT_FALSE(accounts.add_user("", Role::kViewer, "a long password"));
  EXPECT_FALSE(accounts.add_user("a b", Role::kViewer, "a long password"));
  EXPECT_FALSE(accounts.add_user("a\nuser b admin scrypt:x", Role::kViewer, "a long password"));
  EXPECT_FALSE(accounts.add_user(std::string(65, 'a'), Role::kViewer, "a long password"));
  EXPECT_FALSE(accounts.add_user("mia", Role::kViewer, "short"));
  EXPECT_FALSE(accounts.add_token("a\nb", TokenAccess::kRead, 0));
  EXPECT_FALSE(accounts.add_token("", TokenAccess::kRead, 0));
  EXPECT_FALSE(accounts.revoke_token("none"));
  ASSERT_TRUE(accounts.add_user("boss", Role::kAdmin, "a long password"));
  EXPECT_FALSE(accounts.add_user("boss", Role::kViewer, "a long password"));
  EXPECT_FALSE(accounts.remove_user("boss")) << "the only administrator";
  ASSERT_TRUE(accounts.add_user("other", Role::kAdmin, "a long password"));
  EXPECT_TRUE(accounts.remove_user("boss"));
  EXPECT_FALSE(accounts.remove_user("boss"));
  EXPECT_FALSE(accounts.set_password("boss", "a long password"));
}

TEST(AttemptsTest, SoManyInAWindowAndNoMore) {
  Attempts attempts(3, 60s);
  const Attempts::Time now = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(attempts.begin("a", 5, now + std::chrono::seconds(i)), 0s);
  EXPECT_EQ(attempts.begin("a", 5, now + 10s), 50s);
  EXPECT_EQ(attempts.begin("b", 5, now + 10s), 0s);
  EXPECT_EQ(attempts.begin("a", 5, now + 60s), 0s) << "the window is over";
  attempts.take_back("a");
  attempts.take_back("a");
  attempts.take_back("never");
  for (int i = 0; i < 100; ++i) attempts.begin("c" + std::to_string(i), 5, now + 61s);
  EXPECT_EQ(attempts.size(), 3U);
}

struct Tried {
  std::chrono::seconds wait{0};
  std::string session;
  Who who;
};

// As a request does it.
Tried try_log_in(Guard& guard, const std::string& user, const std::string& password, std::string_view address) {
  const Guard::Try begun = guard.begin_try(user, address);
  if (begun.wait.count() > 0) return {begun.wait, "", {}};
  Guard::LogIn done = guard.log_in(user, password, address, begun);
  return {0s, std::move(done.session), std::move(done.who)};
}

// What is left of a try with a wrong password.
std::chrono::seconds try_wrong(Guard& guard, const std::string& user, std::string_view address) {
  return guard.begin_try(user, address).wait;
}

class GuardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    options_.accounts_file = folder_ + "/accounts";
    admin_ = ensure_administrator(options_.accounts_file).value();
    guard_ = std::make_unique<Guard>(options_);
    ASSERT_TRUE(guard_->load());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_ = ::testing::TempDir() + "guard-XXXXXX";
  GuardOptions options_;
  std::optional<NewUser> admin_;
  std::unique_ptr<Guard> guard_;
};

TEST_F(GuardTest, TheFirstAdministratorIsMadeOnce) {
  ASSERT_TRUE(admin_);
  EXPECT_EQ(admin_->name, "admin");
  EXPECT_FALSE(ensure_administrator(options_.accounts_file).value());
  struct stat info {};
  ASSERT_EQ(::stat(options_.accounts_file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  std::ifstream file(options_.accounts_file);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(text.find(admin_->password), std::string::npos);
}

TEST_F(GuardTest, SigningInAndOut) {
  const auto done = try_log_in(*guard_, "admin", admin_->password, "10.0.0.1");
  ASSERT_FALSE(done.session.empty());
  EXPECT_EQ(done.who.role, Role::kAdmin);
  ASSERT_TRUE(guard_->session(done.session));
  EXPECT_EQ(guard_->session(done.session)->name, "admin");
  EXPECT_FALSE(guard_->session(done.session + "0"));
  EXPECT_FALSE(guard_->session(""));
  {
    Guard restarted(options_);
    ASSERT_TRUE(restarted.load());
    EXPECT_TRUE(restarted.session(done.session)) << "a restart signs nobody out";
  }
  guard_->log_out(done.session);
  EXPECT_FALSE(guard_->session(done.session));
  EXPECT_TRUE(try_log_in(*guard_, "admin", "not the password", "10.0.0.1").session.empty());
  EXPECT_TRUE(try_log_in(*guard_, "nobody", admin_->password, "10.0.0.1").session.empty());
}

TEST_F(GuardTest, SettingsAreKeptWithTheirUserAndGoWithIt) {
  ASSERT_TRUE(guard_->change([](Accounts& all) { return all.add_user("mia", Role::kViewer, "a long password"); }));
  EXPECT_EQ(guard_->settings().of("mia"), "{}");
  ASSERT_TRUE(guard_->settings().set("mia", R"({"theme":"dark"})"));
  ASSERT_TRUE(guard_->settings().set("admin", R"({"theme":"light"})"));
  EXPECT_FALSE(guard_->settings().set("mia", "{\"a\":\"" + std::string(kMostUserSettingsBytes, 'x') + "\"}"));
  {
    Guard restarted(options_);
    ASSERT_TRUE(restarted.load());
    EXPECT_EQ(restarted.settings().of("mia"), R"({"theme":"dark"})");
  }
  ASSERT_TRUE(guard_->change([](Accounts& all) { return all.remove_user("mia"); }));
  Guard restarted(options_);
  ASSERT_TRUE(restarted.load());
  EXPECT_EQ(restarted.settings().of("mia"), "{}");
  EXPECT_EQ(restarted.settings().of("admin"), R"({"theme":"light"})");
}

// RFC 6238, appendix B: the last six digits of its vectors for SHA-1. The secret is "12345678901234567890".
TEST(TotpTest, IsTotp) {
  const std::string secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
  ASSERT_TRUE(is_totp_secret(secret));
  const std::pair<std::int64_t, const char*> vectors[] = {{59, "287082"},
                                                          {1'111'111'109, "081804"},
                                                          {1'111'111'111, "050471"},
                                                          {1'234'567'890, "005924"},
                                                          {2'000'000'000, "279037"},
                                                          {20'000'000'000, "353130"}};
  for (const auto& [seconds, code] : vectors) {
    EXPECT_EQ(totp_code(secret, seconds / 30), code);
    EXPECT_EQ(totp_step(secret, code, seconds), seconds / 30);
    EXPECT_TRUE(totp_step(secret, code, seconds + 30)) << "a clock that is behind";
    EXPECT_FALSE(totp_step(secret, code, seconds + 90));
  }
  for (const char* code : {"", "28708", "2870820", "28708x"}) EXPECT_FALSE(totp_step(secret, code, 59));
  EXPECT_TRUE(is_totp_secret(random_totp_secret()));
  EXPECT_NE(random_totp_secret(), random_totp_secret());
  EXPECT_FALSE(is_totp_secret("gezdgnbvgy3tqojqgezdgnbvgy3tqojq"));
  EXPECT_EQ(totp_uri("ABC", "m&a"), "otpauth://totp/resmon:m%26a?secret=ABC&issuer=resmon");
}

TEST_F(GuardTest, ASecondFactorsCodesCountOnceEach) {
  const std::string file = folder_ + "/accounts.factors";
  SecondFactors factors(file);
  EXPECT_EQ(factors.left("mia").value(), std::nullopt);
  const std::string secret = factors.begin("mia");
  EXPECT_FALSE(factors.confirm("mia", "000000x"));
  EXPECT_EQ(factors.left("mia").value(), std::nullopt) << "it does not count before it is confirmed";
  const std::int64_t step = Clock::system().wall() / 1'000'000'000 / kTotpStepSeconds;
  const auto codes = factors.confirm("mia", totp_code(secret, step));
  ASSERT_TRUE(codes);
  EXPECT_EQ(factors.left("mia").value(), kRecoveryCodes);
  EXPECT_FALSE(factors.check("mia", totp_code(secret, step))) << "it was used to confirm";
  EXPECT_TRUE(factors.check("mia", totp_code(secret, step + 1)));
  EXPECT_FALSE(factors.check("mia", totp_code(secret, step + 1)));
  EXPECT_TRUE(factors.check("mia", codes->front()));
  EXPECT_FALSE(factors.check("mia", codes->front()));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(factors.check("mia", "1").error().kind, ErrorKind::kDenied);
  EXPECT_EQ(factors.check("mia", codes->back()).error().kind, ErrorKind::kLimit);
  SecondFactors restarted(file);
  EXPECT_EQ(restarted.left("mia").value(), kRecoveryCodes - 1);
  ASSERT_TRUE(restarted.remove("mia"));
  EXPECT_EQ(factors.left("mia").value(), std::nullopt) << "as by a command";
  std::ofstream(file) << "mia damaged\n";
  EXPECT_EQ(factors.left("mia").value(), 0U) << "a damaged line lets nobody in";
}

TEST_F(GuardTest, AnInvitationIsFoundInTimeAndOnce) {
  Invitations invitations(folder_ + "/accounts.invitations");
  EXPECT_TRUE(invitations.list(0).empty());
  const auto first = invitations.invite("mia", Role::kViewer, 1000, 2000);
  const auto second = invitations.invite("mia", Role::kAdmin, 1000, 2000);
  ASSERT_TRUE(second);
  EXPECT_FALSE(invitations.find(first->secret, 1000)) << "the newer one replaces it";
  ASSERT_TRUE(invitations.find(second->secret, 1999));
  EXPECT_EQ(invitations.find(second->secret, 1999)->role, Role::kAdmin);
  EXPECT_FALSE(invitations.find(second->secret, 2000));
  EXPECT_FALSE(invitations.find("", 1000));
  ASSERT_TRUE(invitations.remove(second->invitation.id));
  EXPECT_FALSE(invitations.find(second->secret, 1000));
  EXPECT_FALSE(invitations.remove(second->invitation.id));
  for (std::size_t i = 0; i < kMostInvitations; ++i)
    ASSERT_TRUE(invitations.invite("user" + std::to_string(i), Role::kViewer, 1000, 2000));
  EXPECT_FALSE(invitations.invite("one too many", Role::kViewer, 1000, 2000));
  EXPECT_TRUE(invitations.invite("those are over", Role::kViewer, 2000, 3000));
}

TEST_F(GuardTest, SessionsEnd) {
  options_.session_duration = 0s;
  Guard short_lived(options_);
  ASSERT_TRUE(short_lived.load());
  const auto done = try_log_in(short_lived, "admin", admin_->password, "a");
  ASSERT_FALSE(done.session.empty());
  EXPECT_FALSE(short_lived.session(done.session));
}

TEST_F(GuardTest, SomebodyOfAProviderHasASessionWithoutAnAccount) {
  options_.provider = "https://id.example.org resmon";
  std::string session;
  {
    Guard guard(options_);
    ASSERT_TRUE(guard.load());
    const auto in = guard.admit("mia@example.org", Role::kAdmin, "7");
    ASSERT_TRUE(in);
    session = in->session;
    const auto who = guard.session(session);
    ASSERT_TRUE(who);
    EXPECT_EQ(who->name, "mia@example.org");
    EXPECT_EQ(who->role, Role::kAdmin);
    EXPECT_EQ(who->settings_key(), "oidc:" + who->outsider);
    EXPECT_NE(guard.admit("eve", Role::kViewer, "8")->who.settings_key(), who->settings_key());
    EXPECT_EQ(guard.users().size(), 1U) << "the accounts file is as it was";
    ASSERT_TRUE(guard.settings().set(who->settings_key(), R"({"theme":"dark"})"));
    EXPECT_EQ(guard.log_in("mia@example.org", "", "10.0.0.1", guard.begin_try("mia@example.org", "10.0.0.1")).session,
              "");
  }
  Guard again(options_);
  ASSERT_TRUE(again.load());
  const auto who = again.session(session);
  ASSERT_TRUE(who) << "a restart signs nobody out";
  EXPECT_EQ(who->role, Role::kAdmin);
  EXPECT_EQ(again.settings().of(who->settings_key()), R"({"theme":"dark"})");
  ASSERT_EQ(again.outsiders().size(), 2U);
  EXPECT_EQ(again.end_sessions_of_outsider("mia@example.org"), 1U);
  EXPECT_FALSE(again.session(session));
  EXPECT_EQ(again.end_sessions_of_outsider("admin"), 0U);
}

TEST_F(GuardTest, NoTwoPeopleHaveOneName) {
  options_.provider = "https://id.example.org resmon";
  Guard guard(options_);
  ASSERT_TRUE(guard.load());
  EXPECT_EQ(guard.admit("admin", Role::kViewer, "7").error().kind, ErrorKind::kDenied);
  EXPECT_EQ(guard.admit("a b", Role::kViewer, "7").error().kind, ErrorKind::kInvalid);
  const auto in = guard.admit("mia", Role::kViewer, "7");
  ASSERT_TRUE(in);
  ASSERT_TRUE(guard.change([](Accounts& all) { return all.add_user("mia", Role::kViewer, "a long password"); }));
  EXPECT_FALSE(guard.session(in->session)) << "the local user has the name now";
  EXPECT_TRUE(guard.outsiders().empty());
}

TEST_F(GuardTest, AnotherProvidersPeopleAreSignedOut) {
  options_.provider = "https://id.example.org resmon";
  std::string session;
  {
    Guard guard(options_);
    ASSERT_TRUE(guard.load());
    session = guard.admit("mia", Role::kAdmin, "7")->session;
  }
  for (const char* const other : {"https://other.example.org resmon", ""}) {
    options_.provider = other;
    Guard guard(options_);
    ASSERT_TRUE(guard.load());
    EXPECT_FALSE(guard.session(session)) << other;
  }
  EXPECT_FALSE(Guard(options_).admit("mia", Role::kAdmin, "7")) << "there is no provider";
}

TEST_F(GuardTest, SessionsAreBounded) {
  options_.most_sessions = 2;
  Guard small(options_);
  ASSERT_TRUE(small.load());
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(try_log_in(small, "admin", admin_->password, "a").session.empty());
  EXPECT_EQ(small.sessions(), 2U);
}

TEST_F(GuardTest, GuessingIsSlowedByAddressAndByName) {
  options_.attempts_of_user_at_address = 2;
  options_.attempts_of_address = 3;
  Guard guard(options_);
  ASSERT_TRUE(guard.load());
  for (int i = 0; i < 2; ++i) EXPECT_EQ(try_log_in(guard, "admin", "wrong guess", "10.0.0.1").wait, 0s) << i;
  EXPECT_GT(try_log_in(guard, "admin", admin_->password, "10.0.0.1").wait, 0s);
  EXPECT_FALSE(try_log_in(guard, "admin", admin_->password, "10.0.0.2").session.empty())
      << "from elsewhere it still goes";
  for (int i = 0; i < 9; ++i) EXPECT_GT(try_log_in(guard, "admin", "wrong guess", "10.0.0.1").wait, 0s);
  EXPECT_EQ(try_log_in(guard, "someone", "wrong guess", "10.0.0.1").wait, 0s)
      << "what was refused is nobody else's burden";
  EXPECT_GT(try_log_in(guard, "another", "wrong guess", "10.0.0.1").wait, 0s) << "but all names together have a limit";
  for (int i = 0; i < 2; ++i) try_log_in(guard, "someone", "wrong guess", "2001:db8:1:2::" + std::to_string(i));
  try_log_in(guard, "admin", "wrong guess", "2001:db8:1:2::2");
  EXPECT_GT(try_log_in(guard, "admin", admin_->password, "2001:db8:1:2::ffff").wait, 0s) << "the whole network";
  EXPECT_FALSE(try_log_in(guard, "admin", admin_->password, "2001:db8:1:3::1").session.empty()) << "and no other";
}

// The answers and their number are the same for a name that nobody has; so is the work, by the same hash function.
TEST_F(GuardTest, NothingTellsWhetherANameIsThere) {
  for (const char* address : {"10.0.0.1", "10.0.0.2"}) {
    std::vector<std::chrono::seconds> waits[2];
    for (int i = 0; i < 8; ++i)
      for (const bool there : {true, false})
        waits[there ? 1 : 0].push_back(try_wrong(*guard_, there ? "admin" : "nobody", address));
    for (std::size_t i = 0; i < waits[0].size(); ++i) {
      EXPECT_EQ(waits[0][i] > 0s, waits[1][i] > 0s) << i;
      EXPECT_EQ(waits[0][i] > 0s, i >= 5) << i;
    }
  }
  // Many names that nobody has are not one: each has its own count.
  EXPECT_EQ(try_wrong(*guard_, "somebody else", "10.0.0.3"), 0s);
  EXPECT_TRUE(nobodys_hash().starts_with("scrypt:15:8:1:")) << "as hash_password's";
}

TEST_F(GuardTest, StrangersDoNotLockAUserOutWhereItSignedInBefore) {
  options_.attempts_of_address = 3;
  options_.attempts_of_user = 6;
  Guard guard(options_);
  ASSERT_TRUE(guard.load());
  ASSERT_FALSE(try_log_in(guard, "admin", admin_->password, "10.0.0.1").session.empty());
  // From anywhere, with this name.
  for (int i = 0; i < 6; ++i) EXPECT_EQ(try_wrong(guard, "admin", "10.0.1." + std::to_string(i)), 0s);
  EXPECT_GT(try_log_in(guard, "admin", admin_->password, "10.0.2.1").wait, 0s) << "the name has its bound";
  // From the user's own address, with other names.
  for (int i = 0; i < 3; ++i) try_wrong(guard, "other" + std::to_string(i), "10.0.0.1");
  EXPECT_GT(try_wrong(guard, "other3", "10.0.0.1"), 0s);
  EXPECT_FALSE(try_log_in(guard, "admin", admin_->password, "10.0.0.1").session.empty());
  {
    Guard restarted(options_);
    ASSERT_TRUE(restarted.load());
    EXPECT_TRUE(restarted.begin_try("admin", "10.0.0.1").known) << "a restart forgets nobody";
    EXPECT_FALSE(restarted.begin_try("admin", "10.0.0.2").known);
    EXPECT_FALSE(restarted.begin_try("other0", "10.0.0.1").known) << "a wrong password is no reason";
  }
  // It is no way to guess without a bound, either.
  for (unsigned i = 0; i < options_.attempts_of_user_at_address; ++i)
    EXPECT_EQ(try_wrong(guard, "admin", "10.0.0.1"), 0s);
  EXPECT_GT(try_wrong(guard, "admin", "10.0.0.1"), 0s);
}

TEST_F(GuardTest, ATryThatIsTakenBackDoesNotCount) {
  for (int i = 0; i < 50; ++i) {
    const Guard::Try begun = guard_->begin_try("admin", "10.0.0.1");
    ASSERT_EQ(begun.wait, 0s) << i;
    guard_->take_back(begun);
  }
}

TEST(KnownAddressesTest, AreBoundedAndTheLeastUsedGoes) {
  const std::string file = ::testing::TempDir() + "known." + std::to_string(::getpid());
  std::ofstream(file) << "damaged\n\n" << std::string(64, '0') << "\n";
  KnownAddresses known(file, 2);
  known.load();
  known.add("a", "1");
  known.add("b", "1");
  known.add("a", "1");
  known.add("c", "1");
  EXPECT_TRUE(known.has("a", "1"));
  EXPECT_FALSE(known.has("b", "1"));
  EXPECT_TRUE(known.has("c", "1"));
  EXPECT_FALSE(known.has("a", "2"));
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  std::filesystem::remove(file);
}

TEST(FairQueueTest, EachInTurnAndThoseKnownFirst) {
  using Lane = FairQueue::Lane;
  FairQueue queue(6, 3);
  std::string done;
  const auto add = [&](Lane lane, const std::string& whose) {
    return queue.add(lane, whose, [&done, whose] { done += whose; });
  };
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(add(Lane::kOthers, "a"));
  EXPECT_FALSE(add(Lane::kOthers, "a")) << "one has its bound";
  EXPECT_TRUE(add(Lane::kOthers, "b"));
  EXPECT_TRUE(add(Lane::kOthers, "c"));
  EXPECT_TRUE(add(Lane::kOthers, "b"));
  EXPECT_FALSE(add(Lane::kOthers, "d")) << "all have theirs";
  EXPECT_TRUE(add(Lane::kKnown, "k")) << "which is not theirs";
  queue.next()();
  queue.next()();
  EXPECT_TRUE(add(Lane::kKnown, "k"));
  while (FairQueue::Work work = queue.next()) work();
  EXPECT_EQ(done, "kakbcaba");
  EXPECT_TRUE(add(Lane::kOthers, "a"));
}

TEST_F(GuardTest, TokensMayWhatTheySay) {
  std::string reader;
  std::string writer;
  ASSERT_TRUE(guard_->change([&](Accounts& accounts) -> Status {
    reader = accounts.add_token("reader", TokenAccess::kRead, 1).value();
    writer = accounts.add_token("writer", TokenAccess::kWrite, 2).value();
    return {};
  }));
  EXPECT_EQ(guard_->token(reader), TokenAccess::kRead);
  EXPECT_EQ(guard_->token(writer), TokenAccess::kWrite);
  EXPECT_FALSE(guard_->token(writer + "x"));
  EXPECT_FALSE(guard_->token(""));
  const auto list = guard_->tokens();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_GT(list[0].last_used_milliseconds, 0);
  ASSERT_TRUE(guard_->change([&](Accounts& accounts) { return accounts.revoke_token(list[0].token.id); }));
  EXPECT_FALSE(guard_->token(reader));
  EXPECT_GT(guard_->tokens()[0].last_used_milliseconds, 0) << "what is known of the others stays";
}

TEST_F(GuardTest, AnotherPasswordEndsTheOtherSessions) {
  const auto first = try_log_in(*guard_, "admin", admin_->password, "a");
  const auto second = try_log_in(*guard_, "admin", admin_->password, "a");
  EXPECT_EQ(guard_->change_password("admin", "wrong guess", "a new password", "a", first.session).error().kind,
            ErrorKind::kDenied);
  EXPECT_EQ(guard_->change_password("admin", admin_->password, "short", "a", first.session).error().kind,
            ErrorKind::kInvalid);
  ASSERT_TRUE(guard_->change_password("admin", admin_->password, "a new password", "a", first.session));
  EXPECT_TRUE(guard_->session(first.session));
  EXPECT_FALSE(guard_->session(second.session));
  EXPECT_FALSE(try_log_in(*guard_, "admin", "a new password", "a").session.empty());
}

TEST_F(GuardTest, WhatACommandChangesCountsAfterAReload) {
  const auto done = try_log_in(*guard_, "admin", admin_->password, "a");
  ASSERT_TRUE(update_accounts(options_.accounts_file,
                              [](Accounts& accounts) { return accounts.set_password("admin", "set by command"); }));
  EXPECT_TRUE(guard_->session(done.session));
  ASSERT_TRUE(guard_->reload_if_changed());
  EXPECT_FALSE(guard_->session(done.session));
  EXPECT_FALSE(try_log_in(*guard_, "admin", "set by command", "a").session.empty());
  // A file that cannot be read is told once, and what was known stays.
  std::ofstream(options_.accounts_file) << "nonsense\n";
  EXPECT_FALSE(guard_->reload_if_changed());
  EXPECT_TRUE(guard_->reload_if_changed());
  EXPECT_FALSE(guard_->users().empty());
}

TEST_F(GuardTest, ADamagedLineCostsItselfAndIsKept) {
  const auto content = [&](const std::string& path) {
    std::ifstream file(path);
    return std::string{std::istreambuf_iterator<char>(file), {}};
  };
  const std::string file = options_.accounts_file;
  const std::string damaged = "user mia vi\x01wer " + nobodys_hash();
  std::ofstream(file, std::ios::app) << damaged << "\n";
  EXPECT_FALSE(ensure_administrator(file).value()) << "it is still there";
  Guard guard(options_);
  ASSERT_TRUE(guard.load());
  EXPECT_EQ(guard.users().size(), 1U);
  EXPECT_EQ(content(file + ".damaged"), damaged + "\n");
  // A command writes the file without it.
  ASSERT_TRUE(update_accounts(file, [](Accounts& all) {
    return all.add_token("t", TokenAccess::kRead, 1).has_value() ? Status() : fail(ErrorKind::kInternal, "");
  }));
  EXPECT_THAT(content(file), ::testing::Not(::testing::HasSubstr("mia")));
  EXPECT_EQ(content(file + ".damaged"), damaged + "\n");
  struct stat info {};
  ASSERT_EQ(::stat((file + ".damaged").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(GuardTest, AnOpenFileIsRefused) {
  ASSERT_EQ(::chmod(options_.accounts_file.c_str(), 0644), 0);
  EXPECT_EQ(Guard(options_).load().error().kind, ErrorKind::kDenied);
}

}  // namespace
}  // namespace resmon::auth
