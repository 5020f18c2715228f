#!/usr/bin/env bash
# generate.sh BUILD_DIRECTORY VERSION MAINTAINER [PROGRAMS]: what install and packages need beside the programs, into
# BUILD_DIRECTORY/package-files: configuration, manual pages and completion, all made of what the programs and commands say of
# themselves. Run by `cmake --install` and cpack.
set -euo pipefail
build=$1 version=$2 maintainer=$3 programs=${4:-$1/bin}
out=$build/package-files
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
export RESMON_ROOT=$root NO_COLOR=1
# shellcheck source=automation/lib/definitions.sh
source "$root/automation/lib/definitions.sh"
# shellcheck source=automation/lib/common.sh
source "$root/automation/lib/common.sh"
# shellcheck source=automation/lib/config.sh
source "$root/automation/lib/config.sh"
rm -rf -- "$out"
mkdir -p -- "$out"/{man,etc,debian}
umask 022
day=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%Y-%m-%d)

# page NAME SUMMARY: standard input is the help; its paragraphs go as they are, which is how they were laid out.
page() {
  {
    printf '.TH %s 1 %s "resmon %s" "User Commands"\n.SH NAME\n%s \\- %s\n.SH DESCRIPTION\n.nf\n' "${1^^}" "$day" "$version" "$1" "$2"
    sed -E 's/\\/\\e/g; s/-/\\-/g; s/^([.'\''])/\\\&\1/'
    printf '.fi\n.SH SEE ALSO\n.BR resmon (1),\n.BR resmon\\-client (1),\n.BR resmon\\-server (1),\n.BR resmon\\-load (1)\n'
  } | gzip -9n >"$out/man/$1.1.gz"
}

summary() { "$programs/$1" --help </dev/null | sed -n '1p'; }
for program in resmon-client resmon-server resmon-load; do
  [[ -x $programs/$program ]] || continue # a build of the client only
  "$programs/$program" --help </dev/null | page "$program" "$(summary "$program" | sed 's/[.]$//; s/-/\\-/g')"
done
{
  "$root/resmon" help
  while read -r name; do
    case $name in help | test | bench) continue ;; esac
    printf '\n%s\n\n' "----- resmon $name"
    "$root/resmon" "$name" --help
  done < <(subcommand_names)
} | sed 's#\./resmon#resmon#g' | page resmon 'deploys, configures, starts, stops and watches a fleet of resmon'
"$root/resmon" completion bash >"$out/completion"
printf 'resmon %s\n' "$version" >"$out/version"

for role in client server; do
  [[ -x $programs/resmon-$role ]] || continue
  "$programs/resmon-$role" --print-config </dev/null >"$out/etc/$role.toml"
  if [[ $role == client ]]; then
    toml_set "$out/etc/client.toml" client.token_file '"/etc/resmon/client.token"'
    toml_set "$out/etc/client.toml" spool.directory '"/var/lib/resmon/client"'
  else
    toml_set "$out/etc/server.toml" server.report_interval '"10s"'
    toml_set "$out/etc/server.toml" store.directory '"/var/lib/resmon/server"'
    # The page writes alerts.toml, and the unit lets the server write in its state directory only (ProtectSystem=strict): it is there,
    # because alerts.rules_file is not set.
  fi
  toml_set "$out/etc/$role.toml" log.file "\"/var/log/resmon/$role.log\""
  chmod 0644 "$out/etc/$role.toml"
done

for package in resmon resmon-client resmon-server; do
  printf '%s (%s) unstable; urgency=medium\n\n  * See /usr/share/doc/%s/NEWS.gz.\n\n -- %s  %s\n' \
    "$package" "$version" "$package" "$maintainer" "$(date -u -R -d "$day")" | gzip -9n >"$out/debian/$package.changelog.gz"
done
gzip -9n <"$root/CHANGELOG.md" >"$out/debian/NEWS.gz"
{
  printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: resmon\n\nFiles: *\n'
  printf 'Copyright: 2026 resmon maintainers\nLicense: Apache-2.0\n\nLicense: Apache-2.0\n'
  printf ' On Debian systems the text of this license is in /usr/share/common-licenses/Apache-2.0.\n'
} >"$out/debian/copyright"
