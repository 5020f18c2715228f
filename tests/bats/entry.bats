# The entry script, help, and what every subcommand has in common.

load helpers/common
setup() { setup_house; }
teardown() { teardown_house; }

@test "help lists every subcommand of the contract" {
  run resmon help
  [ "$status" -eq 0 ]
  for name in up down status test bench configure deploy logs simulate doctor help; do
    [[ $output == *"  $name "* ]]
  done
}

@test "without arguments it is help" {
  run resmon
  [ "$status" -eq 0 ]
  [[ $output == *'./resmon up'* ]]
}

@test "help NAME and NAME --help are the same" {
  [ "$(resmon help status)" = "$(resmon status --help)" ]
}

@test "every subcommand has --help with examples and changes nothing" {
  for name in up down status test bench configure deploy logs simulate doctor help; do
    run resmon "$name" --help
    [ "$status" -eq 0 ]
    [[ $output == *Examples:* ]]
  done
  [ ! -e "$RESMON_HOME" ]
}

@test "an unknown subcommand is a usage error" {
  for name in nope ../resmon lib/common 'up;id' 'a b' .; do
    run resmon "$name"
    [ "$status" -eq 2 ]
  done
}

@test "an unknown argument is a usage error everywhere" {
  for name in up down status test configure logs doctor simulate; do
    run resmon "$name" --no-such-thing
    [ "$status" -eq 2 ]
    [[ $output == *--no-such-thing* ]]
  done
}

@test "control characters in an argument do not reach the terminal" {
  run resmon $'bad\033[31mname'
  [ "$status" -eq 2 ]
  [[ $output != *$'\033'* ]]
}

@test "what is not printable in an argument does not reach the terminal" {
  for hostile in $'\xc2\x9b2J' $'\xe2\x80\xaegpj.exe' $'\xe2\x80\xa8x' $'\xe2\x81\xa6x' $'\xe2\x80\x8bx' $'\x9b2J'; do
    run resmon logs --level "$hostile"
    [ "$status" -eq 2 ]
    [[ $output != *"${hostile%%[a-z0-9]*}"* ]]
    [[ $output == *'?'* ]]
  done
  run resmon logs --level 'größe'
  [[ $output == *größe* ]]
}

@test "it works from another directory and through a link with a space" {
  ln -s "$ROOT/resmon" "$BATS_TEST_TMPDIR/li nk"
  cd /
  run "$BATS_TEST_TMPDIR/li nk" --version
  [ "$status" -eq 0 ]
  [[ $output =~ ^resmon\ [0-9]+\.[0-9]+ ]]
}

@test "no colour where there is no terminal" {
  run resmon doctor
  [[ $output != *$'\033'* ]]
}

@test "deploy takes only hosts, and says what is wrong with others" {
  for wrong in '' 'client' 'server a a' 'client -oProxyCommand=id' 'client a;id' 'client a a' 'client a --parallel 0' 'nothing a'; do
    # shellcheck disable=SC2086 # split on purpose
    run resmon deploy $wrong
    [ "$status" -eq 2 ]
  done
  run resmon deploy client "host name"
  [ "$status" -eq 2 ]
  run resmon deploy client --file /nowhere
  [ "$status" -eq 2 ]
}

@test "no help is wider than a terminal of 80 columns" {
  local name
  for name in "$ROOT"/automation/*.sh; do
    name=$(basename "$name" .sh)
    run resmon "$name" --help
    [ "$status" -eq 0 ]
    wide=$(LC_ALL=C.UTF-8 awk -v name="$name" '{ sub(/\r$/, "") } length($0) > 80 { print name ": " $0 }' <<<"$output")
    [ -z "$wide" ] || { printf '%s\n' "$wide" && false; }
  done
  for name in packaging/installer/resmon-client.sh deploy/dashboards/apply bench/page.sh; do
    run "$ROOT/$name" --help
    [ "$status" -eq 0 ]
    wide=$(LC_ALL=C.UTF-8 awk -v name="$name" 'length($0) > 80 { print name ": " $0 }' <<<"$output")
    [ -z "$wide" ] || { printf '%s\n' "$wide" && false; }
  done
}

@test "a mistyped subcommand or option gets the nearest one" {
  run resmon stauts
  [ "$status" -eq 2 ]
  [[ $output == *"did you mean status?"* ]]
  run resmon status --jsn
  [ "$status" -eq 2 ]
  [[ $output == *"did you mean --json?"* ]]
  run resmon logs --levle warn
  [[ $output == *"did you mean --level?"* ]]
  run resmon quetzalcoatl
  [ "$status" -eq 2 ]
  [[ $output != *"did you mean"* ]]
}

@test "a state directory that cannot be made is one error, without the words of other programs" {
  printf 'file\n' >"$BATS_TEST_TMPDIR/file"
  RESMON_HOME=$BATS_TEST_TMPDIR/file/home run resmon up --no-build
  [ "$status" -eq 1 ]
  [[ $output == *"cannot create the state directory $BATS_TEST_TMPDIR/file/home: $BATS_TEST_TMPDIR/file is not a directory"* ]]
  [[ $output != *mkdir* ]]
}
