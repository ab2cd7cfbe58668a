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

# apt_install PACKAGE...: output goes to stderr, so that callers can capture stdout.
apt_install() {
  command -v apt-get >/dev/null || die "no apt-get here; please install: $*"
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600)
  say "installing with apt: $*"
  as_root "${apt[@]}" install -y --no-install-recommends "$@" >&2 && return
  as_root "${apt[@]}" update >&2
  as_root "${apt[@]}" install -y --no-install-recommends "$@" >&2 || die "apt could not install: $*"
}

# need COMMAND=PACKAGE...: installs the packages whose command is missing.
need() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}
