#!/bin/sh
# Builds the control plane for tests and prints the folder it is in: `controlplane`, `kubectl` and
# the Gateway API's custom resource definitions under `gateway-api/`.
#
# Built once per content of this module and version of Go; later calls only print. Any number of
# calls at once is fine: one builds, the others wait. Ends with 3 if there is no fitting Go, and then
# what it prints is a line on what is missing and what would help.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${SLUICE_TEST_CACHE:-$here/../../target/controlplane}
kubernetes=1.36.3
minor_built=36
minor_needed=26

missing() {
    echo "$1"
    exit 3
}

cd "$here"
command -v go >/dev/null 2>&1 || missing "no Go; install Go 1.$minor_needed or later"
# The version that is installed counts: none is downloaded.
export GOTOOLCHAIN=local GOWORK=off GOFLAGS=-mod=readonly CGO_ENABLED=0
version=$(go env GOVERSION)
minor=$(echo "$version" | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
[ "${minor:-0}" -ge "$minor_needed" ] || missing "$version is too old; install Go 1.$minor_needed or later"

sources=$(find . -name '*.go' ! -name '*_test.go' -o -name '*.yaml' -o -name 'go.*' -o -name build.sh | LC_ALL=C sort)
# shellcheck disable=SC2086 # the names are ours and hold no spaces
key=$( (echo "$version $(uname -sm)"; cat $sources) | sha256sum | cut -c 1-16)
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
out=$cache/$key

if [ ! -d "$out" ]; then
    exec 9>"$cache/lock"
    flock 9
fi
if [ ! -d "$out" ]; then
    echo "building the control plane for tests: some minutes the first time" >&2
    work=$(mktemp -d "$cache/building.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    set -- -trimpath -ldflags "-s -w \
-X k8s.io/component-base/version.gitVersion=v$kubernetes \
-X k8s.io/component-base/version.gitMajor=1 \
-X k8s.io/component-base/version.gitMinor=$minor_built"
    go build "$@" -o "$work/controlplane" . >&2 9>&-
    go build "$@" -o "$work/kubectl" k8s.io/kubernetes/cmd/kubectl >&2 9>&-
    go mod download sigs.k8s.io/gateway-api >&2
    mkdir "$work/gateway-api"
    cp "$(go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)"/config/crd/standard/*.yaml "$work/gateway-api/"
    chmod -R u+w "$work"
    mv "$work" "$out"
    # What other contents left behind, once nobody can still be testing with it.
    find "$cache" -mindepth 1 -maxdepth 1 -type d -mtime +7 ! -name "$key" -exec rm -rf {} +
fi
echo "$out"
