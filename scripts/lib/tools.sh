# shellcheck shell=bash
# Sourced by the scripts beside it: finds or installs the tools that they use, at pinned versions and outside the
# repository. A tool on PATH is used when it was built from exactly the pinned version.

tools_dir="${XDG_CACHE_HOME:-$HOME/.cache}/atssync-tools"

# name, package, version
tools='
gofumpt             mvdan.cc/gofumpt                                       v0.12.0
goimports           golang.org/x/tools/cmd/goimports                       v0.52.0
golangci-lint       github.com/golangci/golangci-lint/v2/cmd/golangci-lint v2.15.0
buf                 github.com/bufbuild/buf/cmd/buf                        v1.75.0
protoc-gen-go       google.golang.org/protobuf/cmd/protoc-gen-go           v1.36.12
protoc-gen-go-grpc  google.golang.org/grpc/cmd/protoc-gen-go-grpc          v1.6.2
govulncheck         golang.org/x/vuln/cmd/govulncheck                      v1.9.0
nfpm                github.com/goreleaser/nfpm/v2/cmd/nfpm                 v2.45.2
cyclonedx-gomod     github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod v1.10.0
'

say() { printf '%s\n' "$*" >&2; }

# have_go stops with a sentence when there is no Go, as that is the one thing that the scripts cannot set up.
have_go() {
  command -v go >/dev/null 2>&1 && return
  say "Go is not installed, or not on PATH. Install Go 1.26 or newer from https://go.dev/dl/ and run this again."
  exit 1
}

# tool NAME prints the path of a tool, installing it first where needed.
tool() {
  local name=$1 package version found
  read -r package version < <(awk -v n="$name" '$1 == n {print $2, $3}' <<<"$tools")
  found=$(command -v "$name" 2>/dev/null)
  if [ -n "$found" ] && built_from "$found" "$package" "$version"; then
    printf '%s\n' "$found"
    return
  fi
  local dir="$tools_dir/$name-$version"
  if [ ! -x "$dir/$name" ]; then
    say "installing $name $version (once, into $dir)"
    GOBIN="$dir" GOFLAGS='' go install "$package@$version" >&2 || { say "$name $version cannot be installed"; return 1; }
  fi
  printf '%s\n' "$dir/$name"
}

# built_from PATH PACKAGE VERSION: is the program at PATH built from that version?
built_from() {
  go version -m "$1" 2>/dev/null | awk -v package="$2" -v version="$3" '
    $1 == "path" && $2 == package {path = 1}
    $1 == "mod" && $3 == version {mod = 1}
    END {exit !(path && mod)}'
}

# have_node sees to it that npm and a Node of 20.19 or newer are on PATH. Where the system has an older one, as Debian 12 does,
# npm's own package of Node is put before it.
node_version=22.23.5
have_node() {
  if ! need node nodejs || ! need npm npm; then
    say "npm and Node are needed: install nodejs and npm and run this again"
    return 1
  fi
  local arch dir="$tools_dir/node-$node_version"
  recent_node && return
  case $(uname -m) in x86_64) arch=x64 ;; aarch64) arch=arm64 ;; *) arch=none ;; esac
  if [ ! -x "$dir/bin/node" ]; then
    say "installing Node $node_version (once, into $dir)"
    mkdir -p "$dir" && (cd "$dir" && npm install --silent --no-save --ignore-scripts --no-audit --no-fund "node-linux-$arch@$node_version") >&2 &&
      ln -sfn "node_modules/node-linux-$arch/bin" "$dir/bin"
  fi
  PATH="$dir/bin:$PATH"
  recent_node && return
  say "Node 20.19 or newer is needed and cannot be installed: install it and run this again"
  return 1
}

recent_node() {
  node -e '
    const [major, minor] = process.versions.node.split(".").map(Number)
    process.exit(major > 20 || major === 20 && minor >= 19 ? 0 : 1)'
}

# npm_tool NAME prints the folder of a tool from npm, with its configuration. What is installed stands in the lock file of
# scripts/lib/NAME; no script of a package is run. have_node comes first.
npm_tool() {
  local from=scripts/lib/$1 dir
  dir="$tools_dir/$1-$(cat "$from"/* | cksum | cut -d ' ' -f 1)"
  if [ ! -e "$dir/ready" ]; then
    say "installing $1 (once, into $dir)"
    rm -rf "$dir"
    mkdir -p "$dir" && cp "$from"/* "$dir" && (cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund) >&2 && touch "$dir/ready" || return 1
  fi
  printf '%s\n' "$dir"
}

# tool_path NAME... prints a PATH on which the tools come first.
tool_path() {
  local name path=$PATH found
  for name in "$@"; do
    found=$(tool "$name") || return 1
    path="$(dirname "$found"):$path"
  done
  printf '%s\n' "$path"
}

# need COMMAND PACKAGE...: make a command available through Debian's package manager; fails when that cannot be done.
need() {
  local command=$1
  shift
  command -v "$command" >/dev/null 2>&1 && return
  command -v apt-get >/dev/null 2>&1 || return 1
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || return 1
    as_root=(sudo -n)
  fi
  say "installing $* with apt-get"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive timeout 300 apt-get -qq -y)
  "${apt[@]}" install --no-install-recommends "$@" >/dev/null 2>&1 ||
    { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "$@"; } >/dev/null 2>&1 ||
    return 1
  command -v "$command" >/dev/null 2>&1
}
