#!/bin/sh
# Keeps a card in the network that the seed file named, and tells for as long as something is in the way of it.
card=$1
troubles=/run/lares-os/troubles
# Seconds, and how many of them without a network are told.
tick=20
patience=3

forget() {
  [ ! -e $troubles ] || sed -i "/^Wi-Fi on $card: /d" $troubles
}

tell() {
  forget
  echo "Wi-Fi on $card: $*" >>$troubles
}

# What was wrong with a network that was named before.
forget
ticks=0
heard=
{
  # It says nothing of a network that it does not hear. (The sleep must not keep the pipe open.)
  while sleep $tick >/dev/null; do echo tick; done &
  ticker=$!
  # Line by line, as it says them.
  stdbuf -oL wpa_supplicant -i "$card" -D nl80211 -c /var/lib/lares-os/wpa_supplicant.conf
  kill $ticker
} | while read -r line; do
  case $line in
  tick)
    ticks=$((ticks + 1))
    [ $ticks -eq $patience ] || continue
    if [ -n "$heard" ]; then
      tell "the network does not let this machine in"
    else
      tell "no network of that name is heard"
    fi
    continue
    ;;
  *CTRL-EVENT-CONNECTED*)
    # Ticks do not count meanwhile.
    ticks=$patience
    forget
    ;;
  *CTRL-EVENT-DISCONNECTED*)
    ticks=0
    heard=
    ;;
  *"Trying to "*) heard=yes ;;
  *CTRL-EVENT-SSID-TEMP-DISABLED*reason=WRONG_KEY*)
    tell "the network does not take the password"
    ticks=$patience
    ;;
  esac
  echo "$line"
done
