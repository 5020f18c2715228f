#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "net/address.h"
#include "net/backoff.h"
#include "net/enrol.h"
#include "net/token_set.h"

namespace resmon::net {
namespace {

TEST(AddressTest, ReadsEveryForm) {
  EXPECT_EQ(to_string(parse_address("127.0.0.1:7411").value()), "127.0.0.1:7411");
  EXPECT_EQ(to_string(parse_address("[::1]:7411").value()), "[::1]:7411");
  EXPECT_EQ(to_string(parse_address("db.example.org", 7411).value()), "db.example.org:7411");
  for (const char* bad : {"", ":1", "host", "host:", "host:x", "host:65536", "::1:7411", "[::1", "[::1]7411",
                          "[[::1]:1", "[2%a]:1", "[a b]:1", "a/b:1", "h\xc3\xb6st:1"})
    EXPECT_FALSE(parse_address(bad).has_value()) << bad;
}

TEST(AddressTest, Loopback) {
  EXPECT_TRUE(is_loopback("127.3.4.5"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_TRUE(is_loopback("::ffff:127.0.0.1"));
  EXPECT_TRUE(is_loopback("localhost"));
  EXPECT_FALSE(is_loopback("0.0.0.0"));
  EXPECT_FALSE(is_loopback("::"));
  EXPECT_FALSE(is_loopback("127.0.0.1.example.org"));
}

TEST(BackoffTest, GrowsWithJitterUpToItsMost) {
  Backoff backoff(std::chrono::milliseconds(100), std::chrono::milliseconds(1000), 7);
  for (const int whole : {100, 200, 400, 800, 1000, 1000}) {
    const auto pause = backoff.next().count();
    EXPECT_GE(pause, whole / 2);
    EXPECT_LE(pause, whole);
  }
  backoff.reset();
  EXPECT_LE(backoff.next().count(), 100);
}

class TokenSetTest : public ::testing::Test {
 protected:
  std::string write(const std::string& content, mode_t mode = 0600) {
    std::ofstream(path_) << content;
    ::chmod(path_.c_str(), mode);
    return path_;
  }
  void TearDown() override { ::unlink(path_.c_str()); }
  std::string path_ = ::testing::TempDir() + "/tokens." + std::to_string(::getpid());
};

TEST_F(TokenSetTest, KnowsItsTokensAndNoOthers) {
  write("# made at first start\n0123456789abcdef\n\n  fedcba9876543210  \r\n");
  const TokenSet set = TokenSet::load(path_).value();
  EXPECT_EQ(set.size(), 2U);
  EXPECT_TRUE(set.contains("0123456789abcdef"));
  EXPECT_TRUE(set.contains("fedcba9876543210"));
  EXPECT_FALSE(set.contains("0123456789abcde"));
  EXPECT_FALSE(set.contains(""));
  EXPECT_EQ(load_token(path_, "").value(), "0123456789abcdef");
}

TEST_F(TokenSetTest, ABoundTokenIsGoodForItsNameOnly) {
  const std::string any = "0123456789abcdef";
  const std::string web1 = "web1-token-012345";
  const std::string noted = "noted-token-01234";
  write(web1 + " \t web 1 \r\n" + any + "\n" + noted + " # web2\n");
  const TokenSet set = TokenSet::load(path_).value();
  const auto admission = [&set](std::string_view token, std::string_view name) {
    return set.admission(TokenSet::digest(token), name);
  };
  EXPECT_EQ(set.size(), 3U);
  EXPECT_TRUE(set.damaged().empty());
  EXPECT_EQ(admission(web1, "web 1"), Admission::kYes);
  for (const char* other : {"web2", "web", "web 11", "WEB 1", ""})
    EXPECT_EQ(admission(web1, other), Admission::kOtherName);
  EXPECT_EQ(admission(any, "web2"), Admission::kYes);
  EXPECT_EQ(admission(noted, "web3"), Admission::kYes);
  EXPECT_EQ(admission("web1-token-012346", "web 1"), Admission::kUnknownToken);
  EXPECT_EQ(admission(web1 + " web 1", "web 1"), Admission::kUnknownToken);
  // It is no token for anything but a client's connection.
  EXPECT_FALSE(set.contains(web1));
  EXPECT_TRUE(set.contains(any));
  EXPECT_TRUE(set.contains(noted));
  EXPECT_EQ(set.name_of(TokenSet::digest(web1)), "web 1");
  EXPECT_EQ(set.name_of(TokenSet::digest(any)), "");
  // A client sends the first that is good for it.
  EXPECT_EQ(load_token(path_, "web 1").value(), web1);
  EXPECT_EQ(load_token(path_, "web2").value(), any);
  EXPECT_EQ(load_token(path_, "").value(), any);
}

TEST_F(TokenSetTest, ATokenOnSeveralLinesIsGoodForEach) {
  const std::string token = "0123456789abcdef";
  const auto set = TokenSet::load(write(token + " web1\n" + token + " web2\n")).value();
  EXPECT_EQ(set.admission(TokenSet::digest(token), "web1"), Admission::kYes);
  EXPECT_EQ(set.admission(TokenSet::digest(token), "web2"), Admission::kYes);
  EXPECT_EQ(set.admission(TokenSet::digest(token), "web3"), Admission::kOtherName);
  EXPECT_FALSE(set.contains(token));
  const auto error = load_token(path_, "web3").error().message;
  EXPECT_NE(error.find("'web3'"), std::string::npos) << error;
  EXPECT_EQ(error.find("web1"), std::string::npos) << error;
  const auto any = TokenSet::load(write(token + " web1\n" + token + "\n")).value();
  EXPECT_EQ(any.admission(TokenSet::digest(token), "web3"), Admission::kYes);
  EXPECT_TRUE(any.contains(token));
}

TEST_F(TokenSetTest, ANameThatCannotBeCostsItsLine) {
  const std::string token = "0123456789abcdef";
  write(token + " a\x01" + "b\n" + token + " " + std::string(256, 'n') + "\n" + token + " " + std::string(255, 'n') +
        "\n");
  const TokenSet set = TokenSet::load(path_).value();
  EXPECT_EQ(set.size(), 1U);
  ASSERT_EQ(set.damaged().size(), 2U);
  EXPECT_EQ(set.damaged()[1].number, 2);
  EXPECT_EQ(set.admission(TokenSet::digest(token), std::string(255, 'n')), Admission::kYes);
}

TEST_F(TokenSetTest, ATokenIsAddedForOneClient) {
  const std::string first = "0123456789abcdef";
  const std::string token = "fedcba9876543210";
  write(first + "\n" + first + " # old", 0640);
  ASSERT_TRUE(add_bound_token(path_, token, "web 1"));
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0640U);
  const TokenSet set = TokenSet::load(path_).value();
  EXPECT_EQ(set.size(), 3U);
  EXPECT_EQ(set.admission(TokenSet::digest(token), "web 1"), Admission::kYes);
  EXPECT_EQ(set.admission(TokenSet::digest(token), "web"), Admission::kOtherName);
  EXPECT_FALSE(set.contains(token));
  EXPECT_EQ(load_token(path_, "").value(), first);
  for (const std::string& name :
       {std::string(), std::string("# x"), std::string(" x"), std::string("a\nb"), std::string(201, 'n')})
    EXPECT_EQ(add_bound_token(path_, token, name).error().kind, ErrorKind::kInvalid) << name;
  EXPECT_EQ(TokenSet::load(path_).value().size(), 3U);
  ::unlink((path_ + ".lock").c_str());
}

TEST_F(TokenSetTest, RefusesFilesThatProtectNothing) {
  EXPECT_EQ(TokenSet::load(write("0123456789abcdef\n", 0644)).error().kind, ErrorKind::kDenied);
  EXPECT_FALSE(TokenSet::load(write("short\n")).has_value());
  EXPECT_FALSE(TokenSet::load(write("# nothing\n")).has_value());
  EXPECT_EQ(TokenSet::load(path_ + ".missing").error().kind, ErrorKind::kNotFound);
}

TEST_F(TokenSetTest, ADamagedLineCostsItself) {
  const std::string zeros(40, '\0');
  write("short\n0123456789abcdef\n" + zeros + "\n0123456789abc\x80" + "ef\nfedcba9876543210\n");
  TokenFile file(path_);
  const TokenSet set = file.load().value();
  EXPECT_EQ(set.size(), 2U);
  EXPECT_TRUE(set.contains("0123456789abcdef"));
  EXPECT_TRUE(set.contains("fedcba9876543210"));
  EXPECT_FALSE(set.contains(zeros));
  ASSERT_EQ(set.damaged().size(), 3U);
  EXPECT_EQ(set.damaged()[1].number, 3);
  EXPECT_EQ(load_token(path_, "").value(), "0123456789abcdef");
  // They are kept, once each, for its owner only.
  ASSERT_TRUE(file.load());
  const std::string beside = path_ + ".damaged";
  std::ifstream kept(beside);
  const std::string text{std::istreambuf_iterator<char>(kept), {}};
  EXPECT_EQ(text, "short\n" + zeros + "\n0123456789abc\x80" + "ef\n");
  struct stat info {};
  ASSERT_EQ(::stat(beside.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  ::unlink(beside.c_str());
}

TEST_F(TokenSetTest, AChangedFileIsReadOnceAndAWrongOneToldOnce) {
  TokenFile file(write("0123456789abcdef\n"));
  EXPECT_TRUE(file.load().value().contains("0123456789abcdef"));
  EXPECT_FALSE(file.load_if_changed().value().has_value());
  const std::int64_t first = file.modified_microseconds();
  EXPECT_GT(first, 0);
  write("0123456789abcdef\nfedcba9876543210\n");
  const auto changed = file.load_if_changed();
  ASSERT_TRUE(changed.has_value());
  ASSERT_TRUE(changed->has_value());
  EXPECT_TRUE((*changed)->contains("fedcba9876543210"));
  EXPECT_GE(file.modified_microseconds(), first);
  EXPECT_FALSE(file.load_if_changed().value().has_value());
  write("short\n");
  EXPECT_FALSE(file.load_if_changed().has_value());
  EXPECT_FALSE(file.load_if_changed().value().has_value());
  write("0123456789abcdef\nfedcba9876543210\n", 0644);
  EXPECT_FALSE(file.load_if_changed().has_value());
  ::chmod(path_.c_str(), 0600);
  EXPECT_TRUE(file.load_if_changed().value().has_value());
  ::unlink(path_.c_str());
  EXPECT_FALSE(file.load_if_changed().has_value());
  EXPECT_FALSE(file.load_if_changed().value().has_value());
  write("0123456789abcdef\n");
  EXPECT_TRUE(file.load_if_changed().value().has_value());
}

}  // namespace
}  // namespace resmon::net
