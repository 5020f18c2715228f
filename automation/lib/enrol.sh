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
