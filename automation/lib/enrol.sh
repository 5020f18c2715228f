# Enrolment: each client has a token of its own, so that one can be taken back without the others. A line of the server's token file is
# `TOKEN NAME`, good for the client of that name only; `TOKEN # NAME`, good for any, and of that client as far as it is taken back by its
# name; or `TOKEN`, the house's own.
# shellcheck shell=bash
use config http

# is_client_name NAME: whether a line of the token file can have it.
is_client_name() {
  [[ -n $1 && ${#1} -le 200 && $1 != *[[:cntrl:]]* && $1 != '#'* && $1 != [[:space:]]* && $1 != *[[:space:]] ]]
}

# For awk, on each line: token, and owner and any ("#" or nothing) where it has a name. All are empty on comments and blank lines.
# shellcheck disable=SC2016 # awk expands
readonly token_line='
  { token = owner = any = ""
    if ($0 !~ /^[ \t\r]*(#|$)/) {
      owner = $0
      sub(/^[ \t]+/, "", owner); sub(/[ \t\r]+$/, "", owner)
      token = owner
      sub(/[ \t].*$/, "", token)
      owner = substr(owner, length(token) + 1)
      sub(/^[ \t]+/, "", owner)
      if (owner ~ /^#/) { any = "#"; sub(/^#[ \t]*/, "", owner) }
    } }'

# tokens_of NAME [ANY]: that client's tokens, newest first: those that are good for its name only or, with ANY, for any.
tokens_of() {
  NAME=$1 ANY=${2:+#} awk "$token_line"' owner != "" && owner == ENVIRON["NAME"] && any == ENVIRON["ANY"] { print token }' "$(token_file)"
}

# enrol NAME [ANY]: a new token for it, before its older ones; with ANY it is good for every name. Prints nothing.
enrol() {
  local file
  file=$(token_file)
  is_client_name "$1" || die usage "'$(printable "$1")' is not a client's name"
  (
    umask 077
    # The tokens of the house itself come first, and stay first.
    NAME=${2:+# }$1 awk '
      NR == FNR { added = $0 " " ENVIRON["NAME"]; next }'"$token_line"'
      !done && owner != "" { print added; done = 1 }
      { print }
      END { if (!done) print added }' <(od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n' && echo) "$file" >"$file.new"
  )
  mv -f -- "$file.new" "$file"
}

# keep_tokens FILTER [FILE]: writes the token file anew with the lines that the awk program FILTER prints, which may read FILE before;
# true when that changed something.
keep_tokens() {
  local file
  file=$(token_file)
  (umask 077 && awk "$1" ${2:+"$2"} "$file" >"$file.new")
  if cmp -s -- "$file.new" "$file"; then
    rm -f -- "$file.new"
    return 1
  fi
  mv -f -- "$file.new" "$file"
}

# revoke NAME [KEEP]: takes its tokens away but the newest KEEP; true when there were any to take.
revoke() {
  NAME=$1 KEEP=${2:-0} keep_tokens "$token_line"' owner != "" && owner == ENVIRON["NAME"] && ++seen > ENVIRON["KEEP"] { next } { print }'
}

# drop_token TOKEN: removes this token from the token file.
drop_token() { TOKEN=$1 keep_tokens "$token_line"' token != ENVIRON["TOKEN"]' || true; }

# forget_tokens FILE: takes back every client's token that FILE names, each line one, as the token or as the client's name; true when
# there was any. The house's own tokens belong to no client and stay.
forget_tokens() {
  # shellcheck disable=SC2016 # awk expands
  keep_tokens 'NR == FNR { gone[$0] = 1; next }'"$token_line"' owner != "" && ((owner in gone) || (token in gone)) { next } { print }' "$1"
}

# written_at FILE: when its content was written, as the server says it of the one that it has in force.
written_at() {
  local time
  time=$(stat -c %.6Y -- "$1")
  printf '%s' "${time//[!0-9]/}"
}

# await_tokens URL MICROSECONDS: until the server there has the token file of that time in force. It looks once a second.
await_tokens() {
  local deadline=$((SECONDS + 30))
  until http_get "$1/api/v1/server" "$(token_file)" 2>/dev/null |
    jq -e --argjson written "$2" '.token_file.modified_microseconds == $written' >/dev/null 2>&1; do
    ((SECONDS < deadline)) || die connection "the server at $1 does not take the new tokens" "./resmon logs server"
    sleep 0.2
  done
}
