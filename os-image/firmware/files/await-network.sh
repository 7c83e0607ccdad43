# Waits for a way out, but not for ever: a node without a network has to come up, too. Only by what the shell has itself, since each
# program that is loaded costs time. `no-network` has the agent started again when an address comes.
run=${LARES_RUN:-/run/lares-os}
routes=${LARES_ROUTES:-/proc/net/route}
cards=${LARES_CARDS:-/sys/class/net}

# Which cards have a network, and the gateway to all else: in hexadecimal, its last byte first (proc(5), /proc/net/route).
look() {
  gateway=
  routed=" "
  while read -r card to via _; do
    routed="$routed$card "
    [ "$to" != 00000000 ] || gateway=$via
  done <"$routes"
}

# Behind an emulator's NAT (its gateway is 10.0.x.2) no machine reaches another: where there are more cards, theirs are the
# addresses that count, and come a moment later.
is_settled() {
  look
  case $gateway in
  "") return 1 ;;
  02??000A) ;;
  *) return 0 ;;
  esac
  for path in "$cards"/e*; do
    name=${path##*/}
    case $name in *.*) continue ;; esac
    [ -e "$path/device" ] || continue
    case $routed in *" $name "*) ;; *) return 1 ;; esac
  done
}

tries=0
until is_settled; do
  tries=$((tries + 1))
  [ $tries -le "${LARES_TRIES:-100}" ] || { : >"$run/no-network"; break; }
  sleep 0.2
done
: >"$run/network"
