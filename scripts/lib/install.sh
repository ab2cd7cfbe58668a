# shellcheck shell=bash
# What the scripts here install when a machine lacks it, on Debian and Ubuntu. Sourced, never run.

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }

# Where downloads, unpacked servers and Node packages live from one run to the next.
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

# Its output goes to stderr, so that callers can capture stdout.
apt_get() {
  command -v apt-get >/dev/null || die "no apt-get here to run: $*; please install the packages by other means"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 "$@" >&2
}

apt_install() {
  say "installing with apt: $*"
  apt_get install -y --no-install-recommends "$@" && return
  # The machine may be fresh, or its lists of packages old.
  apt_get update
  apt_get install -y --no-install-recommends "$@" || die "apt could not install: $*"
}

# need COMMAND=PACKAGE...: installs the packages whose command is missing.
need() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

# What cargo needs besides Rust: a linker, and the one for static binaries.
need_build_tools() {
  command -v rustup >/dev/null || die "no rustup here; please install Rust with it"
  need cc=build-essential musl-gcc=musl-tools
}

# need_node: sets node to a Node.js on which scripts/lib runs (16 or later), and brings the packages its lockfile names.
need_node() {
  local held
  need node=nodejs npm=npm
  # shellcheck disable=SC2034 # the caller's
  if (($(node -p 'process.versions.node.split(".")[0]') >= 16)); then node=node; else node=$(node_of 20); fi
  mkdir -p target
  exec {held}>target/node-packages.lock
  flock "$held"
  if ! cmp -s scripts/lib/package-lock.json scripts/lib/node_modules/.complete; then
    say "fetching the Markdown renderer with npm"
    npm ci --prefix scripts/lib --no-audit --no-fund --ignore-scripts --loglevel=error >&2 ||
      die "npm could not install what scripts/lib/package-lock.json names"
    cp scripts/lib/package-lock.json scripts/lib/node_modules/.complete
  fi
  exec {held}>&-
}
