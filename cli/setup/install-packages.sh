#!/bin/sh
# install-packages.sh PACKAGE...: installs Debian packages, as root, without starting any of their daemons, neither now
# (policy-rc.d, which invoke-rc.d and deb-systemd-invoke ask) nor at the next boot (what came new is disabled).
set -eu

policy=${LARES_POLICY_RC_D:-/usr/sbin/policy-rc.d}
aside=$policy.before-lares
mark='# by lares install-packages.sh'

# One at a time: two runs would take away each other's policy.
if [ "${LARES_INSTALL_LOCKED:-}" != 1 ] && command -v flock >/dev/null; then
  export LARES_INSTALL_LOCKED=1
  exec flock /run/lares-install-packages.lock sh "$0" "$@"
fi

restore() {
  if grep -qsF "$mark" "$policy"; then rm -f "$policy"; fi
  if [ -e "$aside" ]; then mv "$aside" "$policy"; fi
}
# A run that was killed may have left its policy behind.
restore
if [ -e "$policy" ]; then mv "$policy" "$aside"; fi
trap restore EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
chmod 755 "$policy"

installed() { dpkg-query -W -f '${db:Status-Status} ${binary:Package}\n' 2>/dev/null | sed -n 's/^installed //p' | sort; }
before=$(mktemp)
after=$(mktemp)
installed >"$before"

export DEBIAN_FRONTEND=noninteractive
apt() {
  apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -qq "$@"
}
wanted() { apt install -y --no-install-recommends -o Dpkg::Options::=--force-confold -- "$@"; }
# Lists that are absent or out of date are the usual reason for a failure.
apt-get -qq --simulate install --no-install-recommends -- "$@" >/dev/null 2>&1 || apt update
wanted "$@" || { apt update && wanted "$@"; }

installed >"$after"
for package in $(comm -13 "$before" "$after"); do
  for file in $(dpkg -L "$package"); do
    case $file in
      /etc/init.d/*)
        if [ -x "$file" ]; then update-rc.d "${file##*/}" disable >/dev/null 2>&1 || true; fi
        ;;
      */systemd/system/*.service | */systemd/system/*.socket)
        if command -v systemctl >/dev/null && grep -qs '^\[Install\]' "$file"; then
          case $file in *@.*) ;; *) systemctl disable "${file##*/}" >/dev/null 2>&1 || true ;; esac
        fi
        ;;
    esac
  done
done
rm -f "$before" "$after"
