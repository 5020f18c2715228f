# Enrolment: each client has a token of its own, so that one can be taken back without the others. In the server's token file a token
# of a client follows a comment line that names it; the server skips comments.
# shellcheck shell=bash

token_label() { printf '# client %s' "$1"; }

# tokens_of NAME: that client's tokens, newest first.
tokens_of() {
  LABEL=$(token_label "$1") awk '$0 == ENVIRON["LABEL"] { getline; print }' "$(token_file)"
}

# enrol NAME: a new token for it, before its older ones; prints nothing.
enrol() {
  local file
  file=$(token_file)
  [[ $1 != *[[:cntrl:]]* && -n $1 && ${#1} -le 200 ]] || die usage "'$(printable "$1")' is not a client's name"
  (
    umask 077
    # The first token of the file is the house's own and stays the first.
    LABEL=$(token_label "$1") awk '
      NR == FNR { token = $0; next }
      !done && $0 ~ /^# client / { print ENVIRON["LABEL"]; print token; done = 1 }
      { print }
      END { if (!done) { print ENVIRON["LABEL"]; print token } }' <(od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n' && echo) "$file" \
      >"$file.new"
  )
  mv -f -- "$file.new" "$file"
}

# revoke NAME [KEEP]: takes its tokens away but the newest KEEP; true when there were any to take.
revoke() {
  local file before
  file=$(token_file)
  before=$(sha256sum <"$file")
  (umask 077 && LABEL=$(token_label "$1") KEEP=${2:-0} awk '
    $0 == ENVIRON["LABEL"] { seen++; if (seen > ENVIRON["KEEP"]) { getline; next } }
    { print }' "$file" >"$file.new")
  mv -f -- "$file.new" "$file"
  [[ $before != "$(sha256sum <"$file")" ]]
}

# forget_tokens FILE: takes back every client's token that FILE names, each line one, as the token or as its label; true when there was
# any. The house's own token belongs to no client and stays.
forget_tokens() {
  local file before
  file=$(token_file)
  before=$(sha256sum <"$file")
  (umask 077 && awk '
    NR == FNR { gone[$0] = 1; next }
    /^# client / { label = $0; held = 1; next }
    held { held = 0; if (!(label in gone) && !($0 in gone)) { print label; print }; next }
    { print }' "$1" "$file" >"$file.new")
  mv -f -- "$file.new" "$file"
  [[ $before != "$(sha256sum <"$file")" ]]
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
