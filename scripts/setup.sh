# Sourced by start.sh and test.sh: brings a bare Debian or Ubuntu to the point where the locked
# dependencies are installed in .venv. Safe to run again; does nothing where all is there.

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf '\033[31merror:\033[0m %s\n' "$*" >&2; exit 3; }

# Installs Debian packages, as root or through sudo; says what is missing where neither is possible.
install_packages() {
    command -v apt-get >/dev/null || die "missing: $*. Install them with your system's package manager, then run this again."
    local sudo=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "missing: $*. Run this as root: apt-get install $*"
        sudo=(sudo)
    fi
    say "installing system packages: $*"
    "${sudo[@]}" apt-get update -qq || die "apt-get update failed; see above."
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null \
        || die "could not install $*; see above."
}

# Prints a Python 3.11 or newer, or nothing.
find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$candidate"
            return
        fi
    done
}

# wanted_of LOCK: what an environment made from this lock is known by.
wanted_of() { cat "$1" pyproject.toml | sha256sum | cut -d' ' -f1; }

# is_installed NAME LOCK: .venv was made from the lock as it is now.
is_installed() {
    [ -x .venv/bin/streetveil ] && [ "$(cat ".venv/installed-$1" 2>/dev/null)" = "$(wanted_of "$2")" ] \
        && .venv/bin/python -c 'import streetveil' 2>/dev/null
}

# install_environment runtime|dev: .venv with the locked dependencies and this package itself.
install_environment() {
    local lock=requirements.txt
    [ "$1" = dev ] && lock=requirements-dev.txt
    # The lock of `dev` holds all of `runtime` in the same versions: it will do for both.
    if is_installed dev requirements-dev.txt || { [ "$1" = runtime ] && is_installed runtime "$lock"; }; then
        return
    fi
    local python
    python=$(find_python)
    if [ -z "$python" ]; then
        install_packages python3 python3-venv
        python=$(find_python)
        [ -n "$python" ] || die "Python 3.11 or newer is needed; $(python3 --version 2>&1) is what this system offers."
    fi
    # Debian splits venv and pip from Python itself.
    "$python" -c 'import ensurepip, venv' 2>/dev/null \
        || install_packages "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    if ! .venv/bin/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        say "creating the virtual environment .venv"
        rm -rf .venv
        "$python" -m venv .venv || die "could not create .venv; see above."
    fi
    say "installing the locked dependencies ($lock)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" \
        || die "the dependencies could not be installed; see above."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . \
        || die "the package itself could not be installed; see above."
    wanted_of "$lock" > ".venv/installed-$1"
}

# libturbojpeg edits JPEG files without re-encoding them. The product works without it, less gently.
install_turbojpeg() {
    ldconfig -p 2>/dev/null | grep -q 'libturbojpeg\.so' && return
    # Debian names the package after the library's version, Ubuntu does not.
    (install_packages libturbojpeg0) || (install_packages libturbojpeg) \
        || say "libturbojpeg is missing: JPEG files will be re-encoded as a whole"
}
