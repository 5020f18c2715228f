# A certificate authority of one's own, and the server's certificate: openssl does it, this only asks. Keys are made for the owner's
# eyes only and never pass a command line.
# shellcheck shell=bash

tls_directory() { printf '%s' "$RESMON_HOME/tls"; }

# ensure_authority: ca.key and ca.crt, once. Ten years: a fleet must not stop because nobody looked.
ensure_authority() {
  local directory
  directory=$(tls_directory)
  have openssl || die failed "openssl is missing" "apt-get install openssl"
  (umask 077 && mkdir -p -- "$directory" && : >>"$RESMON_HOME/log/openssl.log")
  [[ ! -s $directory/ca.crt || ! -s $directory/ca.key ]] || return 0
  (
    umask 077
    openssl ecparam -name prime256v1 -genkey -noout -out "$directory/ca.key.new"
    openssl req -x509 -new -key "$directory/ca.key.new" -sha256 -days 3650 -subj "/CN=resmon authority of $(uname -n)" \
      -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
      -out "$directory/ca.crt.new"
  ) 2>"$RESMON_HOME/log/openssl.log" || {
    tail_of "$RESMON_HOME/log/openssl.log"
    die failed "openssl could not make a certificate authority"
  }
  mv -f -- "$directory/ca.key.new" "$directory/ca.key"
  mv -f -- "$directory/ca.crt.new" "$directory/ca.crt"
  say "made a certificate authority: $directory/ca.crt"
}

# subject_names NAME…: as openssl wants them. localhost is always among them, so that this machine's own tools can verify.
subject_names() {
  local name list='DNS:localhost,IP:127.0.0.1,IP:::1'
  for name in "$@"; do
    if [[ $name =~ ^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$ || $name =~ ^[0-9A-Fa-f]*:[0-9A-Fa-f:.]*$ ]]; then
      list+=",IP:$name"
    elif [[ $name =~ ^[A-Za-z0-9*]([A-Za-z0-9.-]{0,252})$ ]]; then
      list+=",DNS:$name"
    else
      die usage "'$(printable "$name")' is neither a host's name nor an address"
    fi
  done
  printf '%s' "$list"
}

# make_certificate PREFIX NAME…: PREFIX.key and PREFIX.crt by the authority, replaced together and with copies of the old ones.
make_certificate() {
  local prefix=$1 directory names
  shift
  directory=$(tls_directory)
  names=$(subject_names "$@")
  ensure_authority
  (
    umask 077
    openssl ecparam -name prime256v1 -genkey -noout -out "$prefix.key.new"
    printf 'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\nsubjectAltName=%s\n' "$names" \
      >"$prefix.ext"
    openssl req -new -key "$prefix.key.new" -subj "/CN=${1:-localhost}" -out "$prefix.csr"
    openssl x509 -req -in "$prefix.csr" -CA "$directory/ca.crt" -CAkey "$directory/ca.key" -sha256 -days 825 \
      -set_serial "0x$(od -An -tx1 -N15 /dev/urandom | tr -d ' \n')" -extfile "$prefix.ext" -out "$prefix.crt.new"
  ) >"$RESMON_HOME/log/openssl.log" 2>&1 || {
    tail_of "$RESMON_HOME/log/openssl.log"
    die failed "openssl could not make the certificate"
  }
  rm -f -- "$prefix.csr" "$prefix.ext"
  backup "$prefix.key"
  backup "$prefix.crt"
  mv -f -- "$prefix.key.new" "$prefix.key"
  mv -f -- "$prefix.crt.new" "$prefix.crt"
  say "made a certificate for ${*:-localhost}: $prefix.crt"
}

# certificate_days FILE: how long it is still valid, in whole days; negative when it has run out.
certificate_days() {
  local end
  end=$(openssl x509 -in "$1" -noout -enddate 2>/dev/null) || return 1
  end=$(date -d "${end#notAfter=}" +%s) || return 1
  printf '%s' "$(((end - $(date +%s)) / 86400))"
}
