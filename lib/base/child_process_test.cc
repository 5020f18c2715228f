#include "base/child_process.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "base/file.h"

namespace resmon {
namespace {

std::string all_of(int pipe) {
  const Fd owned(pipe);
  std::string text;
  std::array<char, 256> part{};
  pollfd wanted{pipe, POLLIN, 0};
  while (::poll(&wanted, 1, 10'000) == 1) {
    const ssize_t got = ::read(pipe, part.data(), part.size());
    if (got <= 0) break;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  return text;
}

struct Ended {
  std::string output, complaints;
  int exit_code = -1;
};

Ended ended(const std::vector<std::string>& words, ChildFolder folder = ChildFolder::kRoot) {
  const ChildProcess child = start_child(words, {"PATH=/usr/bin:/bin", "NAME=value"}, folder).value();
  Ended out{all_of(child.output), all_of(child.complaints), -1};
  int status = 0;
  EXPECT_EQ(::waitpid(child.id, &status, 0), child.id);
  if (WIFEXITED(status)) out.exit_code = WEXITSTATUS(status);
  return out;
}

TEST(ChildProcessTest, BeginsInTheRootOrWhereThisProcessIs) {
  EXPECT_EQ(ended({"pwd"}, ChildFolder::kRoot).output, "/\n");
  const std::string ours = std::filesystem::current_path().string();
  ASSERT_NE(ours, "/");
  EXPECT_EQ(ended({"/bin/pwd"}, ChildFolder::kOurs).output, ours + "\n");
}

TEST(ChildProcessTest, HasItsEnvironmentAndNoInput) {
  const Ended cat = ended({"sh", "-c", "cat; echo $NAME$HOME; echo wrong >&2; exit 3"});
  EXPECT_EQ(cat.output, "value\n");
  EXPECT_EQ(cat.complaints, "wrong\n");
  EXPECT_EQ(cat.exit_code, 3);
}

TEST(ChildProcessTest, HasNothingOpenThatALibraryForgot) {
  const Fd forgotten(::dup(1));  // without O_CLOEXEC
  const std::string number = std::to_string(forgotten.get());
  EXPECT_EQ(ended({"sh", "-c", "test -e /proc/self/fd/" + number + " && echo open; test -e /proc/self/fd/1"}).output,
            "");
}

TEST(ChildProcessTest, SaysWhyItCannotBeRun) {
  const Ended missing = ended({"/nowhere/at all"});
  EXPECT_EQ(missing.complaints, "cannot run /nowhere/at all: No such file or directory\n");
  EXPECT_EQ(missing.exit_code, 127);
  const Ended folder = ended({"/usr"}, ChildFolder::kOurs);
  EXPECT_EQ(folder.complaints, "cannot run /usr: Permission denied\n");
  EXPECT_EQ(folder.exit_code, 126);
}

}  // namespace
}  // namespace resmon
