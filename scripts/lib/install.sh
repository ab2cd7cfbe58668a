# shellcheck shell=bash
# Installs what the scripts need, on Debian and Ubuntu. Sourced, never run.

# Other users read what is made here: SonarQube runs as its own user.
umask 022
HOME=${HOME:-~} # a service may have none
export HOME

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }

# The folder that keeps downloads, unpacked servers and Node packages from one run to the next.
cache_dir() {
  if [ -n "${SONAR_AZDO_CACHE:-}" ]; then echo "$SONAR_AZDO_CACHE"
  elif [ "$(id -u)" = 0 ]; then echo /var/cache/sonar-azdo
  else echo "${XDG_CACHE_HOME:-$HOME/.cache}/sonar-azdo"; fi
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "root or sudo is needed to run: $*"; fi
}

# again COMMAND...: runs it, and up to twice more if it fails, because networks fail now and then.
again() {
  local pause
  for pause in 5 20; do
    ! "$@" || return 0
    say "$1 failed; trying again in $pause seconds"
    sleep "$pause"
  done
  "$@"
}

# apt waits for dpkg's lock, but not for those of its own folders, which the daily update holds on a machine that has just
# started.
await_apt() {
  local began=$SECONDS lock
  for lock in /var/lib/apt/lists/lock /var/cache/apt/archives/lock; do
    [ -e "$lock" ] || continue
    while grep -q ":$(stat -c %i "$lock") " /proc/locks && [ $((SECONDS - began)) -lt 600 ]; do sleep 1; done
  done
}

# Runs one apt-get at a time. Its output goes to stderr, so that callers can capture stdout.
apt_get() {
  command -v apt-get >/dev/null || die "apt-get is not available to run: $*. Install the packages by other means."
  mkdir -p "$(cache_dir)"
  (
    flock 9
    await_apt
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 "$@" >&2 9>&-
  ) 9>"$(cache_dir)/apt.lock"
}

# The machine may be new, or its package lists old.
apt_update_and_install() { apt_get update && apt_get install -y --no-install-recommends "$@"; }

apt_install() {
  say "installing with apt: $*"
  apt_get install -y --no-install-recommends "$@" || again apt_update_and_install "$@" || die "apt could not install: $*"
}

# fetch_artifact GROUP:NAME:VERSION:TYPE FOLDER: fetches NAME-VERSION.TYPE with Maven, complete or not at all.
fetch_artifact() {
  local name version type aside
  IFS=: read -r _ name version type <<<"$1"
  need mvn=maven
  mkdir -p "$2"
  aside=$(mktemp -d "$2/fetch.XXXXXX")
  if again mvn -B -q -U -Dstyle.color=never org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
    -Dmdep.useBaseVersion=true "-Dartifact=$1" "-DoutputDirectory=$aside" >&2; then
    mv "$aside/$name-$version.$type" "$2"
    rmdir "$aside"
  else
    rm -rf "$aside"
    return 1
  fi
}

# need COMMAND=PACKAGE...: installs each package whose command is missing.
need() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

# Installs what cargo needs besides Rust: a linker, and the one for static binaries.
need_build_tools() {
  command -v rustup >/dev/null || die "rustup is not installed. Install Rust with rustup."
  need cc=build-essential musl-gcc=musl-tools
}

# need_node: sets `node` to a Node.js that runs scripts/lib (16 or later), and installs the packages of its lockfile.
need_node() {
  local held
  need node=nodejs npm=npm
  # shellcheck disable=SC2034 # the caller uses it
  if (($(node -p 'process.versions.node.split(".")[0]') >= 16)); then node=node; else node=$(node_of 20); fi
  mkdir -p target
  exec {held}>target/node-packages.lock
  flock "$held"
  if ! cmp -s scripts/lib/package-lock.json scripts/lib/node_modules/.complete; then
    say "fetching the Markdown renderer with npm"
    again npm ci --prefix scripts/lib --no-audit --no-fund --ignore-scripts --loglevel=error >&2 ||
      die "npm could not install what scripts/lib/package-lock.json names"
    cp scripts/lib/package-lock.json scripts/lib/node_modules/.complete
  fi
  exec {held}>&-
}
