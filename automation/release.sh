# Builds everything that can be handed out, into dist/
# shellcheck shell=bash
use process packages build house sysroot programs

usage() {
  cat <<'TEXT'
Usage: ./resmon release [OPTION]…

Builds what can be handed out, from clean build folders, into dist/:

  resmon-client-ARCHITECTURE   the client as one static file: runs on any Linux
  resmon-client.sh             its installer
  *.deb                        packages: client, server, command
  *.rpm                        packages of the client
  *-linux-ARCHITECTURE.tar.gz  client, installer, license
  *-container.tar.gz           a build context for an image of the client, for
                               both architectures
  *-source.tar.gz              the sources
  SHA256SUMS, *.spdx.json      checksums; the packages whose code is in the
                               programs

The server's packages contain the clients for all architectures of the release,
which the server hands out.

The version is git's: that of the tag vX.Y.Z on this commit, else X.Y.Z of
CMakeLists.txt, the number of commits and the commit. Times in all files are the
commit's, so two builds of one commit have equal checksums.

Options:
  --architecture A[,A]   x86_64, aarch64; default both
  --client-only          leave out the packages of server and command
  --output DIR           instead of dist
  -h, --help             this text

Exit codes: 0 done, 1 failed, 2 usage

Examples:
  ./resmon release
  ./resmon release --client-only --architecture aarch64
TEXT
}

main() {
  local architectures=x86_64,aarch64 client_only='' output=$RESMON_ROOT/dist architecture version commit
  local -a arguments=() list=()
  split_equals "$@"
  set -- "${arguments[@]}"
  while (($#)); do
    case $1 in
      --client-only) client_only=yes ;;
      --architecture | --output)
        need_value "$1" $#
        if [[ $1 == --output ]]; then output=$2; else architectures=$2; fi
        shift
        ;;
      *) unknown_argument "$1" ;;
    esac
    shift
  done
  # x86_64 first: its programs run here, so they are asked for all manual pages.
  mapfile -t list < <(tr , '\n' <<<"$architectures" | LC_ALL=C sort -ru)
  for architecture in "${list[@]}"; do
    [[ $architecture == x86_64 || $architecture == aarch64 ]] || die usage "--architecture: '$(printable "$architecture")' is neither x86_64 nor aarch64"
  done
  [[ $(uname -m) == x86_64 ]] || die failed "a release is built on x86_64, and this machine is $(uname -m)"
  make_home
  install_packages base build node release
  version=$(release_version)
  commit=$(git -C "$RESMON_ROOT" rev-parse HEAD)
  # Times within packages and archives; shell, tar and dpkg-deb sort and name as everywhere.
  SOURCE_DATE_EPOCH=$(git -C "$RESMON_ROOT" log -1 --format=%ct "$commit")
  export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8 TZ=UTC
  umask 022
  work=$(mktemp -d "${TMPDIR:-/tmp}/resmon-release.XXXXXX")
  trap 'end_jobs; rm -rf -- "$work"' EXIT
  mkdir -p -- "$work/dist"
  say "release $version"
  : >"$work/linked"
  : >"$work/programs"
  for architecture in "${list[@]}"; do build_architecture "$architecture"; done
  for architecture in "${list[@]}"; do
    cp -- "$work"/dist/resmon-client-* "$(dist_build "$architecture")/bin/clients/"
  done
  for architecture in "${list[@]}"; do pack "$architecture"; done
  cp -- "$RESMON_ROOT/packaging/installer/resmon-client.sh" "$work/dist/"
  archive_container
  git -C "$RESMON_ROOT" archive --format=tar --prefix="resmon-$version/" "$commit" | gzip -9n >"$work/dist/resmon-$version-source.tar.gz"
  bill_of_materials >"$work/dist/resmon-$version.spdx.json"
  (cd -- "$work/dist" && sha256sum -- * >"$work/SHA256SUMS" && mv -- "$work/SHA256SUMS" .)
  rm -rf -- "$output"
  mkdir -p -- "$(dirname -- "$output")"
  mv -- "$work/dist" "$output"
  (cd -- "$output" && stat -c '%12s  %n' -- *)
  say "in $output"
}

# release_version: X.Y.Z of a tag on this commit; otherwise X.Y.Z.COMMITS.gHASH, with .changed where files differ from the commit.
release_version() {
  local tag base version
  git -C "$RESMON_ROOT" rev-parse --git-dir >/dev/null 2>&1 || die failed "the version is git's, and this is no git checkout"
  if tag=$(git -C "$RESMON_ROOT" describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null); then
    version=${tag#v}
  else
    base=$(sed -n 's/^project(resmon VERSION \([0-9.]*\).*/\1/p' "$RESMON_ROOT/CMakeLists.txt")
    version=$base.$(git -C "$RESMON_ROOT" rev-list --count HEAD).g$(git -C "$RESMON_ROOT" rev-parse --short=9 HEAD)
  fi
  [[ -z $(git -C "$RESMON_ROOT" status --porcelain --untracked-files=no) ]] || version+=.changed
  printf '%s' "$version"
}

dist_build() { printf '%s' "$RESMON_ROOT/build-dist-$1"; }
dist_log() { printf '%s' "$RESMON_HOME/log/release-$1.log"; }

# build_architecture ARCHITECTURE: in a folder of its own, which begins empty. A compiler cache with a base directory makes paths
# relative, and these are in the programs: Boost's headers name their files.
build_architecture() {
  local architecture=$1 preset=dist directory log only=OFF program
  export CCACHE_BASEDIR=
  directory=$(dist_build "$1") log=$(dist_log "$1")
  local -a targets=(resmon-client) options=()
  if [[ $architecture != x86_64 ]]; then
    preset=dist-arm64
    RESMON_SYSROOT=$(sysroot_of arm64)
    export RESMON_SYSROOT
    make_sysroot arm64 "$RESMON_SYSROOT" "$log"
    tail -n +2 "$RESMON_SYSROOT/packages" >"$work/packages"
    # The compiler's own libraries are of its packages on this machine.
    installed_packages | awk '$1 ~ /-arm64-cross$/' >>"$work/packages"
    options=(-D "RESMON_SYSROOT=$RESMON_SYSROOT")
  else
    installed_packages >"$work/packages"
  fi
  if [[ -n $client_only ]]; then only=ON; else targets+=(resmon-server resmon-load); fi
  # Manual pages and settings are the same on every architecture.
  [[ $architecture == x86_64 ]] || options+=(-D "RESMON_RUNNABLE_PROGRAMS=$(runnable_programs)")
  rm -rf -- "$directory"
  run_watched "$log" "configuring $architecture" cmake -S "$RESMON_ROOT" --preset "$preset" -B "$directory" \
    -D "RESMON_VERSION=$version" -D "RESMON_CLIENT_ONLY=$only" "${options[@]}" || {
    tail_of "$log" 20
    die failed "the build for $architecture cannot be configured; the whole output: $log"
  }
  build "$preset" "$directory" "$log" "${targets[@]}" || die failed "the build for $architecture failed"
  cp -- "$directory/bin/clients/resmon-client-$architecture" "$work/dist/"
  for program in "${targets[@]}"; do note_linked "$directory" "$architecture" "$program"; done
}

# installed_packages: name, version, architecture and source of each, one a line.
installed_packages() {
  # shellcheck disable=SC2016 # dpkg expands it
  dpkg-query --show --showformat '${Package} ${Version} ${Architecture} ${source:Package}\n'
}

# runnable_programs: a folder with the programs of this release for this machine.
runnable_programs() {
  local folder program
  for folder in "$(dist_build x86_64)/bin" "$RESMON_BUILD_DIR/bin"; do
    for program in "${targets[@]}"; do
      [[ -x $folder/$program ]] || continue 2
    done
    printf '%s' "$folder"
    return
  done
  die failed "manual pages are made by asking programs for this machine" "release --architecture x86_64 first, or ./resmon up"
}

# pack ARCHITECTURE: packages and the tarball.
pack() {
  local generator directory log
  directory=$(dist_build "$1") log=$(dist_log "$1")
  for generator in DEB RPM; do
    # Of RPM only the client.
    (
      cd -- "$directory"
      if [[ $generator == RPM ]]; then
        cpack -G RPM -B "$directory/packages" -D 'CPACK_COMPONENTS_ALL=client;client_etc'
      else
        cpack -G DEB -B "$directory/packages"
      fi
    ) >>"$log" 2>&1 </dev/null || {
      tail_of "$log" 20
      die failed "cpack made no $generator package; the whole output: $log"
    }
  done
  cp -- "$directory"/packages/*.deb "$directory"/packages/*.rpm "$work/dist/"
  check_debian "$1"
  # An RPM that rpm cannot read, or with a file or script missing, is none.
  rpm --query --package --dump --scripts "$directory"/packages/*.rpm >"$work/rpm" 2>>"$log"
  if ! grep -q '^/usr/bin/resmon-client ' "$work/rpm" || ! grep -q '^/etc/resmon/client.toml .* 1 0 ' "$work/rpm"; then
    die failed "the RPM package lacks the client or its configuration"
  fi
  local name=resmon-client-$version
  mkdir -p -- "$work/$1/$name"
  cp -- "$work/dist/resmon-client-$1" "$work/$1/$name/resmon-client"
  cp -- "$RESMON_ROOT/packaging/installer/resmon-client.sh" "$RESMON_ROOT/LICENSE" "$work/$1/$name/"
  archive "$work/$1" "$name" >"$work/dist/$name-linux-$1.tar.gz"
}

# check_debian ARCHITECTURE: its Debian packages are for that architecture, name the C library that they need, and the server's has all
# clients.
check_debian() {
  local file debian=amd64 architecture unpacked=$work/unpacked-$1 packages
  [[ $1 == x86_64 ]] || debian=arm64
  packages=$(dist_build "$1")/packages
  for file in "$packages"/*.deb; do
    [[ $(dpkg-deb --field "$file" Architecture) == "$debian" ]] || die failed "${file##*/} is not for $debian"
    dpkg-deb --extract "$file" "$unpacked"
  done
  note_program "$1" resmon-client "$work/dist/resmon-client-$1"
  [[ -z $client_only ]] || return 0
  for file in "$packages"/resmon{,-server}_*.deb; do
    [[ $(dpkg-deb --field "$file" Depends) =~ (^|, )libc6\ \(\>=\ [0-9.]+\) ]] || die failed "${file##*/} names no C library"
  done
  note_program "$1" resmon-server "$unpacked/usr/bin/resmon-server"
  note_program "$1" resmon-load "$unpacked/usr/bin/resmon-load"
  for architecture in "${list[@]}"; do
    cmp -s -- "$work/dist/resmon-client-$architecture" "$unpacked/usr/lib/resmon/clients/resmon-client-$architecture" ||
      die failed "the server's package for $debian lacks the client for $architecture"
  done
}

# note_program ARCHITECTURE NAME FILE: for the bill of materials.
note_program() {
  [[ $(architecture_of "$3") == "$1" ]] || die failed "$2 for $1 is a program for $(architecture_of "$3")"
  printf '%s %s %s\n' "$2" "$1" "$(sha256sum <"$3" | cut -d ' ' -f 1)" >>"$work/programs"
}

# archive FOLDER NAME: FOLDER/NAME as a tar.gz that depends on contents only.
archive() {
  tar -C "$1" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=gnu -cf - "$2" | gzip -9n
}

# archive_container: for `docker buildx build --platform linux/amd64,linux/arm64 .`; nothing is in the image but the client and the
# certificate authorities of the base.
archive_container() {
  local name=resmon-client-$version-container file
  mkdir -p -- "$work/container/$name"
  for file in "$work"/dist/resmon-client-{x86_64,aarch64}; do
    [[ ! -x $file ]] || cp -- "$file" "$work/container/$name/"
  done
  [[ ! -e $work/container/$name/resmon-client-x86_64 ]] || mv -- "$work/container/$name/resmon-client-"{x86_64,amd64}
  [[ ! -e $work/container/$name/resmon-client-aarch64 ]] || mv -- "$work/container/$name/resmon-client-"{aarch64,arm64}
  cp -- "$RESMON_ROOT/packaging/container/Dockerfile" "$work/container/$name/"
  archive "$work/container" "$name" >"$work/dist/$name.tar.gz"
}

# note_linked DIRECTORY ARCHITECTURE PROGRAM: which packages the program's static libraries are from, by the linker's own list of them.
note_linked() {
  local library base package cross=''
  [[ $2 == x86_64 ]] || cross=-arm64-cross
  (cd -- "$1" && ninja -t commands "$3") | tail -n 1 | grep -oE '[^ ]*/lib[a-zA-Z0-9_+.-]+\.a\b' | sort -u >"$work/archives"
  {
    sed -n 's#.*/##p' "$work/archives"
    printf '%s\n' libstdc++.a libgcc.a libgcc_eh.a
    [[ $3 != resmon-client ]] || printf '%s\n' libc.a libm.a
  } | while read -r library; do
    case $library in
      libresmon_*) continue ;;
      libc.a | libm.a) base=libc6-dev ;;
      libstdc++.a) base=libstdc++-12-dev$cross ;;
      libgcc*.a) base=libgcc-12-dev$cross ;;
      libssl.a | libcrypto.a) base=libssl-dev ;;
      libz.a) base=zlib1g-dev ;;
      libboost_*) base="lib$(sed -E 's/^lib(boost_[a-z]+).*/\1/; s/_/-/g' <<<"$library")1.81-dev" ;;
      *) base=${library%.a}-dev ;;
    esac
    printf '%s\n' "$base"
  done | { cat && printf '%s\n' libboost1.81-dev libfmt-dev libspdlog-dev libtomlplusplus-dev libcli11-dev; } | sort -u |
    while read -r package; do
      awk -v want="$package" -v program="$3" -v machine="$2" '
        $1 == want { print program, machine, $0; found = 1; exit }
        END { exit !found }' "$work/packages" || die failed "the package of a library in $3 for $2 is not known: $package"
    done >>"$work/linked"
}

# bill_of_materials: SPDX 2.3 as JSON: the programs of each architecture, the Debian packages whose code is in them, and what npm
# brings to the server's page.
bill_of_materials() {
  jq -n --arg version "$version" --arg created "$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)" \
    --rawfile programs "$work/programs" --rawfile linked "$work/linked" --slurpfile npm "$RESMON_ROOT/web/package-lock.json" '
    def id: gsub("[^A-Za-z0-9.-]"; "-");
    def rows: split("\n") | map(select(. != "") | split(" "));
    def common: {downloadLocation: "NOASSERTION", filesAnalyzed: false, copyrightText: "NOASSERTION"};
    def reference(locator): {externalRefs: [{referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: locator}]};
    [$programs | rows[] | {id: "SPDXRef-\(.[0])-\(.[1] | id)", name: .[0], architecture: .[1], sha256: .[2]}] as $programs
    | [$linked | rows[] | {of: "SPDXRef-\(.[0])-\(.[1] | id)", id: "SPDXRef-\(.[1] | id)-\(.[2] | id)",
        name: .[2], version: .[3], debian: .[4], source: .[5]}] as $linked
    | [$npm[0].packages as $all | $all[""].dependencies | keys[] | . as $name | $all["node_modules/\(.)"]
       | {id: "SPDXRef-npm-\($name | id)", name: $name, version, license}] as $npm
    | [$programs[] | select(.name == "resmon-server")] as $servers
    | { spdxVersion: "SPDX-2.3", dataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT", name: "resmon-\($version)",
        documentNamespace: "https://resmon.invalid/spdx/\($version)",
        creationInfo: {created: $created, creators: ["Tool: resmon-release"]},
        packages: (
          [$programs[] | common + {SPDXID: .id, name: "\(.name)-\(.architecture)", versionInfo: $version,
            licenseConcluded: "Apache-2.0", licenseDeclared: "Apache-2.0", checksums: [{algorithm: "SHA256", checksumValue: .sha256}]}]
          + ([$linked[] | common + {SPDXID: .id, name, versionInfo: .version, supplier: "Organization: Debian",
            licenseConcluded: "NOASSERTION", licenseDeclared: "NOASSERTION", sourceInfo: "Debian source package \(.source)"}
            + reference("pkg:deb/debian/\(.name)@\(.version | @uri)?arch=\(.debian)")] | unique_by(.SPDXID))
          + [$servers[:1][] | $npm[] | common + {SPDXID: .id, name, versionInfo: .version, licenseConcluded: .license,
            licenseDeclared: .license} + reference("pkg:npm/\(.name)@\(.version)")]),
        relationships: (
          [$programs[] | {spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: .id}]
          + [$linked[] | {spdxElementId: .of, relationshipType: "STATIC_LINK", relatedSpdxElement: .id}]
          + [$servers[] | {spdxElementId: .id, relationshipType: "CONTAINS", relatedSpdxElement: $npm[].id}]) }'
}
