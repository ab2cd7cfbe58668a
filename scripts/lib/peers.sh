# shellcheck shell=bash
# Fetches SonarSource's scanners, for the benchmarks and for the tests that judge their analyses. Sourced after install.sh and
# node.sh, in the root of the repository.

# fetch_peers: exports SCANNER_CLI (bin/sonar-scanner of 8.1.0.6389), SONAR_SCAN (the script of @sonar/scan) and PYSONAR, and installs
# mvn. Fetches once, so that later runs work offline.
fetch_peers() {
  local peers held modules
  need mvn=maven unzip=unzip python3=python3
  # Debian has the module venv in its own package.
  python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
  peers=$(cache_dir)/peers
  mkdir -p "$peers"
  exec {held}>"$peers/lock"
  flock "$held"
  if [ ! -f "$peers/sonar-scanner-8.1.0.6389/complete" ]; then
    say "fetching SonarScanner CLI 8.1.0.6389"
    fetch_artifact org.sonarsource.scanner.cli:sonar-scanner-cli:8.1.0.6389:zip "$peers" || return
    unzip -q -o "$peers/sonar-scanner-cli-8.1.0.6389.zip" -d "$peers" || return
    touch "$peers/sonar-scanner-8.1.0.6389/complete"
  fi
  # A virtual environment works only with the Python that made it.
  if ! "$peers/python/bin/pysonar" --version >/dev/null 2>&1; then
    say "fetching pysonar"
    rm -rf "$peers/python"
    python3 -m venv "$peers/python" && again "$peers/python/bin/pip" install -q pysonar==1.9.0.5762 >&2 || return
  fi
  modules=$(npm_packages scan @sonar/scan@5.0.1) || return
  exec {held}>&-
  export SCANNER_CLI=$peers/sonar-scanner-8.1.0.6389/bin/sonar-scanner
  export SONAR_SCAN=$modules/@sonar/scan/bin/sonar-scanner.js PYSONAR=$peers/python/bin/pysonar
}
