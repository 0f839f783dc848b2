#!/bin/sh
# Starts the directory: makes it from the definition beside this script if it is not there yet, then
# becomes slapd. See README.md for the variables.
set -eu
umask 077

definition=${LDAP_DEFINITION:-$(dirname "$0")}
state=${LDAP_STATE:-/var/lib/ldap}
suffix=${LDAP_SUFFIX:-dc=umontpellier,dc=fr}
urls=${LDAP_URLS:-ldap:///}
origins=${LDAP_FIRST_CONNECTION_FROM:-127.0.0.0/8 ::1}

fail() {
    echo "entrypoint: $1" >&2
    exit 1
}

# A suffix that sed, LDIF and the rules' quotes take for nothing but itself.
case $suffix in
    dc=*[!A-Za-z0-9,=.-]* | dc= | [!d]* | d[!c]* | dc[!=]*)
        fail "LDAP_SUFFIX is '$suffix'; write dc=umontpellier,dc=fr, without blanks" ;;
esac

# The secret NAME: from the file that NAME_FILE names, from NAME, or drawn once and kept in the state.
secret() {
    eval "file=\${$1_FILE:-} value=\${$1:-}"
    if [ -n "$file" ]; then
        value=$(cat "$file") || fail "$1_FILE: cannot read $file"
    elif [ -z "$value" ]; then
        kept=$state/$2
        [ -s "$kept" ] || head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n' > "$kept"
        value=$(cat "$kept")
    fi
    [ -n "$value" ] || fail "$1 is empty"
    # Read from standard input, so that it is in no process list. {SSHA} because these are long
    # random secrets and the service account binds often; a slow hash is for what can be guessed.
    printf '%s' "$value" | slappasswd -h '{SSHA}' -T /dev/stdin
}

# The mask of a network with $1 bits, as $2 groups of $3 bits, joined by $4 and printed as $5.
mask() {
    left=$1 groups=$2 made=
    while [ "$groups" -gt 0 ]; do
        bits=$((left < $3 ? left : $3))
        left=$((left - bits)) groups=$((groups - 1))
        # shellcheck disable=SC2059  # a format, on purpose
        made=$made${made:+$4}$(printf "$5" $(((1 << $3) - (1 << ($3 - bits)))))
    done
    echo "$made"
}

# slapd's words for one place that a provisional password may be used from (slapd.access(5)).
peername() {
    case $1 in
        *[!A-Za-z0-9_./:+-]*) fail "LDAP_FIRST_CONNECTION_FROM: '$1' is no address, network or path" ;;
        /*) echo "peername.path=\"$1\"" ;;
        *:*/*) echo "peername.ipv6=\"${1%/*}%$(mask "${1#*/}" 8 16 : %x)\"" ;;
        *:*) echo "peername.ipv6=\"$1\"" ;;
        */*) echo "peername.ip=\"${1%/*}%$(mask "${1#*/}" 4 8 . %d)\"" ;;
        *) echo "peername.ip=\"$1\"" ;;
    esac
}

# The definition's words between at signs, replaced by a sed script that is in no process list either.
fill() {
    sed -f /dev/stdin "$1" << END
s|@FIRST_CONNECTION_SELF@|$first_self|g
s|@FIRST_CONNECTION_BIND@|$first_bind|g
s|@SCHEMA@|$definition/schema|g
s|@SYSTEM_SCHEMA@|/etc/ldap/schema|g
s|@MODULES@|/usr/lib/ldap|g
s|@DATA@|$state/data|g
s|@ADMIN_HASH@|$admin_hash|g
s|@SERVICE_HASH@|$service_hash|g
s|@ADMIN_DN@|cn=admin,$suffix|g
s|@PEOPLE_DN@|ou=people,$suffix|g
s|@PEOPLE_URL@|ou=people,$suffix|g
s|@PEOPLE_OU@|people|g
s|@SERVICE_DN@|cn=scolpass,ou=services,$suffix|g
s|@SERVICE_CN@|scolpass|g
s|@SERVICES_DN@|ou=services,$suffix|g
s|@SERVICES_OU@|services|g
s|@PROVISIONAL_DN@|cn=provisional,ou=policies,$suffix|g
s|@PROVISIONAL_CN@|provisional|g
s|@POLICIES_DN@|ou=policies,$suffix|g
s|@POLICIES_OU@|policies|g
s|@SUFFIX_DC@|$suffix_dc|g
s|@SUFFIX@|$suffix|g
END
}

mkdir -p "$state"
if [ ! -d "$state/slapd.d" ]; then
    # slapd.d gets its name last: what was cut short is made anew.
    rm -rf "$state/slapd.d.new" "$state/data"
    mkdir "$state/slapd.d.new" "$state/data"
    suffix_dc=${suffix#dc=}
    suffix_dc=${suffix_dc%%,*}
    first_self='' first_bind=''
    for origin in $origins; do
        from=$(peername "$origin")
        first_self="${first_self}by self $from =xw "
        first_bind="${first_bind}by anonymous $from auth "
    done
    admin_hash=$(secret LDAP_ADMIN_PASSWORD admin.password)
    service_hash=$(secret LDAP_SERVICE_PASSWORD directory.password)
    fill "$definition/config.ldif" | slapadd -n 0 -F "$state/slapd.d.new"
    fill "$definition/tree.ldif" | slapadd -n 1 -F "$state/slapd.d.new"
    mv "$state/slapd.d.new" "$state/slapd.d"
fi

# A certificate is put in at every start, so that a renewed one needs a restart and nothing else. The
# key is copied, as slapd must be able to read it after it has given up root.
if [ -n "${LDAP_TLS_CERT_FILE:-}" ]; then
    cp "$LDAP_TLS_CERT_FILE" "$state/tls.crt"
    cp "${LDAP_TLS_KEY_FILE:?needed with LDAP_TLS_CERT_FILE}" "$state/tls.key"
    slapmodify -n 0 -F "$state/slapd.d" << END
dn: cn=config
changetype: modify
replace: olcTLSCertificateFile
olcTLSCertificateFile: $state/tls.crt
-
replace: olcTLSCertificateKeyFile
olcTLSCertificateKeyFile: $state/tls.key
-
replace: olcTLSCipherSuite
olcTLSCipherSuite: NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2
END
    urls="$urls ldaps:///"
fi

as=
if [ "$(id -u)" = 0 ]; then
    chown -R openldap:openldap "$state"
    as='-u openldap -g openldap'
fi
unset LDAP_ADMIN_PASSWORD LDAP_SERVICE_PASSWORD
# slapd keeps a slot for every file it might open: with an engine's limit of 2^30 that is all memory.
# shellcheck disable=SC3045  # dash has it
ulimit -n 4096 2> /dev/null || true
# shellcheck disable=SC2086  # several words on purpose
exec slapd -F "$state/slapd.d" -h "$urls" $as -d "${LDAP_LOG_LEVEL:-none}"
