# The layer check itself: it must find what it is there to find.

load helpers/common
setup() {
  ROOT=$(realpath -- "$BATS_TEST_DIRNAME/../..")
  tree=$BATS_TEST_TMPDIR/tree
  library base ''
  library metric 'DEPS base'
  library store 'DEPS metric LINK SQLite::SQLite3'
  library collect 'DEPS base TEST_DEPS store'
  mkdir -p "$tree/app/client"
  printf 'resmon_program(resmon-client DEPS collect)\n' >"$tree/app/client/CMakeLists.txt"
}

library() {
  mkdir -p "$tree/lib/$1"
  printf 'resmon_library(%s %s)\n' "$1" "$2" >"$tree/lib/$1/CMakeLists.txt"
}

include() { printf '#include <vector>\n#include "%s"\n' "$2" >"$tree/$1"; }

@test "declared, transitive, own and test-only includes pass" {
  include lib/store/a.cc base/result.h
  include lib/store/b.h store/a.h
  include lib/collect/a_test.cc metric/value.h
  include app/client/main.cc base/log.h
  run "$ROOT/tests/lint/layers.sh" "$tree"
  [ "$status" -eq 0 ]
}

@test "an include that nobody declared is named by file and line" {
  include lib/collect/a.cc store/store.h
  run "$ROOT/tests/lint/layers.sh" "$tree"
  [ "$status" -eq 1 ]
  [[ $output == *'lib/collect/a.cc:2: collect includes store/'* ]]
}

@test "an include upwards fails, in a program too" {
  include lib/base/a.h metric/value.h
  run "$ROOT/tests/lint/layers.sh" "$tree"
  [ "$status" -eq 1 ]
  rm "$tree/lib/base/a.h"
  include app/client/main.cc store/store.h
  run "$ROOT/tests/lint/layers.sh" "$tree"
  [ "$status" -eq 1 ]
}

@test "a circle of declared edges fails" {
  library base 'DEPS store'
  run "$ROOT/tests/lint/layers.sh" "$tree"
  [ "$status" -eq 1 ]
  [[ $output == *circle* ]]
}

@test "a tree without libraries fails rather than passing for nothing" {
  rm -r "${tree:?}/lib"
  run "$ROOT/tests/lint/layers.sh" "$tree"
  [ "$status" -eq 1 ]
}

@test "a folder within a library includes none that is named after it" {
  library store 'DEPS metric FOLDERS parse plan'
  mkdir "$tree/lib/store/parse" "$tree/lib/store/plan"
  include lib/store/plan/b.cc store/parse/a.h
  include lib/store/parse/a_test.cc store/plan/b.h
  run "$ROOT/tests/lint/layers.sh" "$tree"
  [ "$status" -eq 0 ]
  include lib/store/parse/a.cc store/plan/b.h
  run "$ROOT/tests/lint/layers.sh" "$tree"
  [ "$status" -eq 1 ]
  [[ $output == *'lib/store/parse/a.cc:2: parse/ includes plan/'* ]]
}
