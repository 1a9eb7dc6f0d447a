# shellcheck shell=sh
# What the scripts of this folder share; sourced, not run.

# missing_packages LIST: prints the Debian packages that are not there. A line of the list is a package and a
# command that succeeds when its contents are on the machine.
missing_packages() {
    printf '%s\n' "$1" | while read -r package probe; do
        [ -z "$package" ] || sh -c "$probe" >/dev/null 2>&1 </dev/null || printf '%s ' "$package"
    done
}

# install_missing LIST: installs them, as root or with sudo.
install_missing() {
    packages=$(missing_packages "$1")
    [ -n "$packages" ] || return 0
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; }; then
        as_root=sudo
    else
        echo "Missing packages, and neither root nor sudo to install them: $packages" >&2
        return 1
    fi
    echo "== installing $packages"
    # shellcheck disable=SC2086 # words are wanted
    $as_root apt-get update -q && $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends $packages </dev/null || return 1
    packages=$(missing_packages "$1")
    [ -z "$packages" ] || { echo "Still missing after the installation: $packages" >&2 && return 1; }
}

# attribute NAME FILE: a number from the first line of a JUnit report that has it.
attribute() {
    sed -n "s/.*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p" "$2" | head -n 1
}
