# shellcheck shell=bash
# What the scripts of deploy/dev share; sourced, never run.

say() { echo "${0##*/}: $*" >&2; }
die() { say "$@"; exit 1; }

# Put before a command that needs root: nothing for root, else sudo. A list and not a function, so
# that a command sent to the background is our own child, to be stopped by its id.
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
need_root() {
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || die "neither root nor sudo here; as root: $*"
}

# Prints the first Python, 3.11 or newer, that can make a virtual environment. The oldest supported
# version comes first: it is the one everything is tested with. (pyenv's shims exist for versions
# that are not there, hence the question by import.)
find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3 /usr/bin/python3}; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# Prints uv, which compiles lists of requirements; brought to .cache/ where it is not there.
lock_tools() {
    local tools=.cache/lock-tools python
    if [ ! -x $tools/bin/uv ]; then
        python=$(find_python) || die "no Python 3.11 or newer that has the venv module"
        "$python" -m venv $tools
        $tools/bin/python -m pip --disable-pip-version-check --quiet install uv >&2
    fi
    echo "$tools/bin/uv"
}

# Installs Debian packages without a question and without starting a service. Starting is kept off
# by the file that invoke-rc.d asks (policy-rc.d), put there for the time of the installation only;
# one that the machine has already is left in charge. Of `one|other` the first is installed that
# the machine's package lists know.
apt_install() {
    local policy=/usr/sbin/policy-rc.d ours=no status=0
    need_root "apt-get install $*"
    say "installing ${*//|/ or } (Debian packages)"
    if [ ! -e "$policy" ]; then
        ours=yes
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
        "${as_root[@]}" chmod 755 "$policy"
    fi
    # Each step's output is shown only when it fails. DPkg::Lock::Timeout waits for a machine's own
    # unattended upgrade.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive bash -c '
        log=$(mktemp)
        run() { "$@" >"$log" 2>&1 </dev/null || { cat "$log" >&2; rm -f "$log"; exit 1; }; }
        run apt-get -o DPkg::Lock::Timeout=300 update
        for choice; do
            shift
            for name in ${choice//|/ }; do
                if apt-cache show "$name" >/dev/null 2>&1; then break; fi
            done
            set -- "$@" "$name"
        done
        run apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold \
            install --no-install-recommends --yes "$@"
        rm -f "$log"
    ' apt_install "$@" || status=$?
    if [ "$ours" = yes ]; then "${as_root[@]}" rm -f "$policy"; fi
    return "$status"
}
