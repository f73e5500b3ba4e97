# shellcheck shell=bash
# Sourced by the scripts that build programs: how they are built, and what they say of themselves. tools.sh comes first.

# describe_version prints the version of this tree: $VERSION, else the tag that was built, or the commit after one.
describe_version() { printf '%s\n' "${VERSION:-$(git describe --tags --always --abbrev=12 --dirty 2>/dev/null || echo unknown)}"; }

# commit_epoch prints the time of the commit, which is the only time that is built into anything: $SOURCE_DATE_EPOCH where it is set.
commit_epoch() { printf '%s\n' "${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}"; }

# build_programs FOLDER: the daemon as FOLDER/atssync and each adapter as FOLDER/adapters/NAME, for GOOS and GOARCH. They are
# static and hold nothing of the folder or the time that they were built in. What they tell of the commit is given by the linker,
# as Go itself finds none in a linked work tree.
build_programs() {
  local to=$1 main adapter commit='' when='' modified=''
  if commit=$(git rev-parse HEAD 2>/dev/null); then
    when=$(date -u -d "@$(commit_epoch)" +%Y-%m-%dT%H:%M:%SZ)
    [ -z "$(git status --porcelain)" ] || modified=true
  fi
  local in=github.com/atssync/atssync/daemon/internal/cli
  local flags=(-trimpath -buildvcs=false -ldflags
    "-s -w -X $in.version=$(describe_version) -X $in.commit=$commit -X $in.commitTime=$when -X $in.modified=$modified")
  mkdir -p "$to/adapters"
  CGO_ENABLED=0 go build "${flags[@]}" -o "$to/atssync" ./daemon/cmd/atssync || return
  for main in adapters/*/main.go; do
    adapter=$(dirname "$main")
    CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w" -o "$to/adapters/$(basename "$adapter")" "./$adapter" || return
  done
}
