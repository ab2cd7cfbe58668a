# shellcheck shell=bash
# Fetches Node.js packages for scripts and tests from npm into target/node, once, so that later runs work offline.
# Sourced after install.sh, in the root of the repository.

# npm_packages FOLDER PACKAGE@VERSION...: prints the absolute path of a node_modules folder with these packages.
npm_packages() {
  local folder=$PWD/target/node/$1 wanted="${*:2}" held
  mkdir -p "$folder"
  exec {held}>"$folder/lock"
  flock "$held"
  if [ "$(cat "$folder/complete" 2>/dev/null)" != "$wanted" ]; then
    need npm=npm
    say "fetching with npm: $wanted"
    rm -rf "$folder/complete" "$folder/node_modules" "$folder/package-lock.json"
    echo '{"private":true}' >"$folder/package.json"
    again npm install --prefix "$folder" --no-audit --no-fund --ignore-scripts --loglevel=error "${@:2}" >&2 ||
      die "npm could not install: $wanted"
    echo "$wanted" >"$folder/complete"
  fi
  exec {held}>&-
  echo "$folder/node_modules"
}

# node_of MAJOR: prints the path of a Node.js of that line. 10, 16, 20 and 24 are the newest that agents bring.
node_of() {
  local arch version modules
  case $(uname -s)-$(uname -m) in
    Linux-x86_64)  arch=linux-x64 ;;
    Linux-aarch64) arch=linux-arm64 ;;
    *) die "npm has no Node.js $1 for $(uname -s) on $(uname -m)" ;;
  esac
  case $1 in
    10) version=10.24.1 ;;
    16) version=16.20.2 ;;
    20) version=20.20.2 ;;
    24) version=24.18.1 ;;
    *) die "scripts/lib/node.sh names no version for Node.js $1" ;;
  esac
  modules=$(npm_packages "$1" "node-$arch@$version") || return
  echo "$modules/node-$arch/bin/node"
}
