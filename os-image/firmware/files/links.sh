#!/bin/sh
# Before addresses are asked for: the settings of this machine are made to name the cards it has, and VLANs are made.
# @WIRED@ stands for the first wired card; dhcpcd matches names of interfaces by the letter.
state=${LARES_STATE:-/var/lib/lares-os}
base=${LARES_DHCPCD:-/etc/dhcpcd.conf}
out=${LARES_DHCPCD_OUT:-/run/lares-os/dhcpcd.conf}
troubles=${LARES_TROUBLES:-/run/lares-os/troubles}

trouble() {
  echo "<3>lares: $*" >/dev/kmsg
  grep -qxF "$*" "$troubles" 2>/dev/null || echo "$*" >>"$troubles"
}

# udev gives a card its name a moment after the driver has; ID_RENAMING: it is about to.
named() {
  known=/run/udev/data/n$(cat "$1/ifindex" 2>/dev/null)
  [ -e "$known" ] && ! grep -q '^E:ID_RENAMING=' "$known"
}

wired() {
  for path in /sys/class/net/e*; do
    [ -e "$path/device" ] || [ -n "$LARES_ANY_CARD" ] || continue
    [ "$1" = any ] || named "$path" || continue
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
[ -n "$card" ] || card=$(wired any)
sed "s/@WIRED@/${card:-eth0}/" "$state/dhcpcd.conf" | while read -r line; do
  case $line in
  "interface "*.[0-9]*)
    link=${line#interface }
    parent=${link%.*}
    id=${link##*.}
    # The kernel takes names of 15 letters, and a card of USB has as many by itself.
    [ ${#link} -le 15 ] || link=e$(echo "$link" | tail -c 15)
    ip link set "$parent" up
    ip link show "$link" >/dev/null 2>&1 || ip link add link "$parent" name "$link" type vlan id "$id" || trouble "there is no VLAN $id on $parent"
    ip link set "$link" up
    line="interface $link"
    ;;
  esac
  echo "$line"
done >>"$out"
exit 0
