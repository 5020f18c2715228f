#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "auth/guard.h"

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
  const Accounts back = Accounts::parse(accounts.format()).value();
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

TEST(AccountsTest, MalformedLinesAreNamed) {
  struct Case {
    const char* text;
    const char* says;
  };
  for (const Case& one : {Case{"user\n", "line 1"},
                          {"# fine\n\nuser mia viewer\n", "line 3"},
                          {"user mia god scrypt:1:1:1:00:00\n", "role"},
                          {"user mia viewer plain\n", "hash"},
                          {"user a viewer scrypt:x\nuser a viewer scrypt:x\n", "already"},
                          {"user a:b viewer scrypt:x\n", "line 1"},
                          {"token id read then 00 name\n", "time"},
                          {"token id read 12 00 name\n", "SHA-256"},
                          {"token id own 12 00 name\n", "read or write"},
                          {"what is this\n", "neither"}}) {
    const auto parsed = Accounts::parse(one.text);
    ASSERT_FALSE(parsed) << one.text;
    EXPECT_THAT(parsed.error().message, ::testing::HasSubstr(one.says)) << one.text;
  }
  EXPECT_TRUE(Accounts::parse(""));
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
  const auto done = guard_->log_in("admin", admin_->password, "10.0.0.1");
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
  EXPECT_TRUE(guard_->log_in("admin", "not the password", "10.0.0.1").session.empty());
  EXPECT_TRUE(guard_->log_in("nobody", admin_->password, "10.0.0.1").session.empty());
}

TEST_F(GuardTest, SessionsEnd) {
  options_.session_duration = 0s;
  Guard short_lived(options_);
  ASSERT_TRUE(short_lived.load());
  const auto done = short_lived.log_in("admin", admin_->password, "a");
  ASSERT_FALSE(done.session.empty());
  EXPECT_FALSE(short_lived.session(done.session));
}

TEST_F(GuardTest, SessionsAreBounded) {
  options_.most_sessions = 2;
  Guard small(options_);
  ASSERT_TRUE(small.load());
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(small.log_in("admin", admin_->password, "a").session.empty());
  EXPECT_EQ(small.sessions(), 2U);
}

TEST_F(GuardTest, GuessingIsSlowedByAddressAndByName) {
  options_.attempts_of_user_at_address = 2;
  options_.attempts_of_address = 3;
  Guard guard(options_);
  ASSERT_TRUE(guard.load());
  for (int i = 0; i < 2; ++i) EXPECT_EQ(guard.log_in("admin", "wrong guess", "10.0.0.1").wait, 0s) << i;
  EXPECT_GT(guard.log_in("admin", admin_->password, "10.0.0.1").wait, 0s);
  EXPECT_FALSE(guard.log_in("admin", admin_->password, "10.0.0.2").session.empty()) << "from elsewhere it still goes";
  for (int i = 0; i < 9; ++i) EXPECT_GT(guard.log_in("admin", "wrong guess", "10.0.0.1").wait, 0s);
  EXPECT_EQ(guard.log_in("someone", "wrong guess", "10.0.0.1").wait, 0s) << "what was refused is nobody else's burden";
  EXPECT_GT(guard.log_in("another", "wrong guess", "10.0.0.1").wait, 0s) << "but all names together have a limit";
  for (int i = 0; i < 2; ++i) guard.log_in("someone", "wrong guess", "2001:db8:1:2::" + std::to_string(i));
  guard.log_in("admin", "wrong guess", "2001:db8:1:2::2");
  EXPECT_GT(guard.log_in("admin", admin_->password, "2001:db8:1:2::ffff").wait, 0s) << "the whole network";
  EXPECT_FALSE(guard.log_in("admin", admin_->password, "2001:db8:1:3::1").session.empty()) << "and no other";
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
  const auto first = guard_->log_in("admin", admin_->password, "a");
  const auto second = guard_->log_in("admin", admin_->password, "a");
  EXPECT_EQ(guard_->change_password("admin", "wrong guess", "a new password", "a", first.session).error().kind,
            ErrorKind::kDenied);
  EXPECT_EQ(guard_->change_password("admin", admin_->password, "short", "a", first.session).error().kind,
            ErrorKind::kInvalid);
  ASSERT_TRUE(guard_->change_password("admin", admin_->password, "a new password", "a", first.session));
  EXPECT_TRUE(guard_->session(first.session));
  EXPECT_FALSE(guard_->session(second.session));
  EXPECT_FALSE(guard_->log_in("admin", "a new password", "a").session.empty());
}

TEST_F(GuardTest, WhatACommandChangesCountsAfterAReload) {
  const auto done = guard_->log_in("admin", admin_->password, "a");
  ASSERT_TRUE(update_accounts(options_.accounts_file,
                              [](Accounts& accounts) { return accounts.set_password("admin", "set by command"); }));
  EXPECT_TRUE(guard_->session(done.session));
  ASSERT_TRUE(guard_->reload_if_changed());
  EXPECT_FALSE(guard_->session(done.session));
  EXPECT_FALSE(guard_->log_in("admin", "set by command", "a").session.empty());
  // A file that cannot be read is told once, and what was known stays.
  std::ofstream(options_.accounts_file) << "nonsense\n";
  EXPECT_FALSE(guard_->reload_if_changed());
  EXPECT_TRUE(guard_->reload_if_changed());
  EXPECT_FALSE(guard_->users().empty());
}

TEST_F(GuardTest, AnOpenFileIsRefused) {
  ASSERT_EQ(::chmod(options_.accounts_file.c_str(), 0644), 0);
  EXPECT_EQ(Guard(options_).load().error().kind, ErrorKind::kDenied);
}

}  // namespace
}  // namespace resmon::auth
