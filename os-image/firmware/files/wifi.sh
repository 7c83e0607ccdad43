#!/bin/sh
# Keeps a card in the network that the seed file named, and tells for as long as something is in the way of it.
card=$1
troubles=/run/lares-os/troubles

forget() {
  [ ! -e $troubles ] || sed -i "/^Wi-Fi on $card: /d" $troubles
}

tell() {
  forget
  echo "Wi-Fi on $card: $*" >>$troubles
}

misses=0
# Line by line, as it says them.
stdbuf -oL wpa_supplicant -i "$card" -D nl80211 -c /var/lib/lares-os/wpa_supplicant.conf | while read -r line; do
  case $line in
  *CTRL-EVENT-CONNECTED*)
    misses=0
    forget
    ;;
  *CTRL-EVENT-SSID-TEMP-DISABLED*reason=WRONG_KEY*) tell "the network does not take the password" ;;
  *CTRL-EVENT-NETWORK-NOT-FOUND*)
    misses=$((misses + 1))
    [ $misses -ne 5 ] || tell "no network of that name is heard"
    # Once is enough for the log.
    [ $misses -eq 1 ] || continue
    ;;
  esac
  echo "$line"
done
