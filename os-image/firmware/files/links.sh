#!/bin/sh
# Before addresses are asked for: the settings of this machine are made to name the cards it has, and VLANs are made.
# @WIRED@ stands for the first wired card; dhcpcd matches names of interfaces by the letter.
state=${LARES_STATE:-/var/lib/lares-os}
base=${LARES_DHCPCD:-/etc/dhcpcd.conf}
out=${LARES_DHCPCD_OUT:-/run/lares-os/dhcpcd.conf}

wired() {
  for path in /sys/class/net/e*; do
    [ -e "$path/device" ] || [ -n "$LARES_ANY_CARD" ] || continue
    case $path in *.*) ;; *) echo "${path##*/}"; return ;; esac
  done
}

cp "$base" "$out"
[ -s "$state/dhcpcd.conf" ] || exit 0
card=$(wired)
tries=0
until [ -n "$card" ] || [ $tries -ge 50 ]; do
  tries=$((tries + 1))
  sleep 0.2
  card=$(wired)
done
sed "s/@WIRED@/${card:-eth0}/" "$state/dhcpcd.conf" >>"$out"
sed -n 's/^interface \(.*\)\.\([0-9]*\)$/\1 \2/p' "$state/dhcpcd.conf" | while read -r parent id; do
  [ "$parent" = @WIRED@ ] && parent=${card:-eth0}
  ip link set "$parent" up
  ip link show "$parent.$id" >/dev/null 2>&1 || ip link add link "$parent" name "$parent.$id" type vlan id "$id"
  ip link set "$parent.$id" up
done
exit 0
