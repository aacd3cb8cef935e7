# Shared by examples/quickstart.sh and tests/run.sh: what Debian packages are needed, and the build. Sourced, not run.
# Installs only what is missing, says what it installs, and installs nothing when all is there.

# Where the build goes; set BUILD for another place. Relative to the tree's top, which who sources this names in $top.
BUILD=${BUILD:-build}
case $BUILD in
/*) ;;
*) BUILD=$top/$BUILD ;;
esac

setup_say() {
    printf '== %s\n' "$*"
}

setup_die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Make and libtool take a path apart at these; said before anything is installed.
case $top$BUILD in
*[[:space:]:\\\"\#\$\&\'\`]*)
    setup_die "cannot build in a path with a blank or one of : \\ \" # \$ & ' \`
the tree is in $top
the build goes to $BUILD (set BUILD for another place)" ;;
esac

# The package that is called for, by how its files are asked for: a program, a module of pkg-config, a header.
setup_build_needs="build-essential autoconf automake libtool pkg-config libopenblas-dev libffi-dev libjansson-dev
zlib1g-dev libpcre2-dev libutf8proc-dev libkissfft-dev libyaml-dev libsodium-dev libpng-dev libjpeg-dev"
setup_test_needs="check swig python3 python3-dev lua5.4 liblua5.4-dev"

# Which of the named packages are not installed.
setup_missing() {
    for package in "$@"; do
        case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null) in
        installed) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

setup_as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo "$@"
    else
        setup_die "this must install packages: run it as root, or install sudo. It wanted to run: $*"
    fi
}

setup_update() {
    [ -n "${setup_updated:-}" ] || setup_as_root apt-get update -qq || setup_die "apt-get update failed"
    setup_updated=yes
}

# Installs what is missing of the named packages.
setup_install() {
    command -v dpkg-query > /dev/null || setup_die "this set-up is for Debian 12; elsewhere install the likes of: $*"
    setup_wanted=$(setup_missing "$@")
    [ -n "$setup_wanted" ] || return 0
    setup_say "installing: $setup_wanted"
    setup_update
    setup_as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $setup_wanted \
        > /dev/null || setup_die "apt-get install failed; see what it says above"
}

# setup_download FOLDER PACKAGE...: the packages' files, not installed. The lists of packages are brought up to date
# only where they are too old for it, which root alone can do.
setup_download() {
    setup_folder=$1; shift
    mkdir -p "$setup_folder"
    (cd "$setup_folder" && setup_get "$@" 2> /dev/null) && return
    setup_update
    (cd "$setup_folder" && setup_get "$@") || setup_die "apt-get download failed for: $*"
}

# As root, apt would go over to another user who may not write here, and say so.
setup_get() {
    apt-get -o APT::Sandbox::User="$(id -un)" download -qq "$@"
}

setup_jobs() {
    nproc 2> /dev/null || echo 1
}

# setup_build TOP [CONFIGURE-OPTION...]: installs what the build needs, then configures and makes, out of tree.
# Configures once, and again when packages came or went, since configure alone finds what they bring: quickstart.sh
# builds without Check, SWIG and the rest of what tests/run.sh installs later.
setup_build() {
    setup_top=$1; shift
    setup_install $setup_build_needs
    mkdir -p "$BUILD"
    setup_log=$BUILD/setup.log
    : > "$setup_log"
    setup_say "building in $BUILD"
    if [ ! -x "$setup_top/configure" ] || [ "$setup_top/configure.ac" -nt "$setup_top/configure" ]; then
        "$setup_top/autogen.sh" >> "$setup_log" 2>&1 || setup_fail autogen.sh
    fi
    setup_lacks=$(setup_missing $setup_build_needs $setup_test_needs)
    if [ ! -e "$BUILD/config.status" ] || [ "$(cat "$BUILD/setup.lacks" 2> /dev/null)" != "$setup_lacks" ]; then
        (cd "$BUILD" && "$setup_top/configure" "$@") >> "$setup_log" 2>&1 || setup_fail configure
        printf '%s\n' "$setup_lacks" > "$BUILD/setup.lacks"
    fi
    make -C "$BUILD" -j"$(setup_jobs)" >> "$setup_log" 2>&1 || setup_fail make
}

setup_fail() {
    tail -n 40 "$setup_log" >&2
    setup_die "$1 failed; all that it said is in $setup_log"
}
