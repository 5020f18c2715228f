#include "program/program.h"

#include <gtest/gtest.h>

namespace resmon::program {
namespace {

struct Outcome {
  std::optional<int> code;  // nothing: the program goes on
  std::string output, error;
  std::string a, b;
};

Outcome run(std::vector<std::string> arguments) {
  Outcome out;
  config::Settings settings("test");
  settings.text("one.a", &out.a, "The first.");
  settings.text("one.b", &out.b, "The second.");
  Program program({"resmon-test", "1", "Tests.", ""}, settings);
  arguments.insert(arguments.begin(), "resmon-test");
  std::vector<char*> words;
  for (std::string& word : arguments) words.push_back(word.data());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  out.code = program.start(static_cast<int>(words.size()), words.data(), [] { return Status(); });
  out.output = testing::internal::GetCapturedStdout();
  out.error = testing::internal::GetCapturedStderr();
  return out;
}

TEST(ProgramSet, TakesOnePairAndMayRepeat) {
  const Outcome out = run({"--set", "one.a=x", "--set", "one.b=y"});
  EXPECT_FALSE(out.code) << out.error;
  EXPECT_EQ(out.a, "x");
  EXPECT_EQ(out.b, "y");
}

TEST(ProgramSet, ASecondPairIsRefusedByName) {
  const Outcome out = run({"--set", "one.a=x", "one.b=y"});
  EXPECT_EQ(out.code, 2);
  EXPECT_NE(out.error.find("one.b=y"), std::string::npos) << out.error;
}

TEST(ProgramSet, TheHelpPromisesNoSecondPair) {
  const Outcome out = run({"--help"});
  EXPECT_EQ(out.code, 0);
  EXPECT_NE(out.output.find("--set KEY=VALUE "), std::string::npos) << out.output;
  EXPECT_EQ(out.output.find("..."), std::string::npos) << out.output;
}

}  // namespace
}  // namespace resmon::program
