# An agent that started without an address starts again when there is one.
case "$reason" in
BOUND | BOUND6 | ROUTERADVERT | STATIC)
  if [ -e /run/lares-os/no-network ]; then
    rm -f /run/lares-os/no-network
    systemctl --no-block try-restart lares.service
  fi
  ;;
esac

# The network's own servers of time, beside those that everybody has.
sources=${LARES_SOURCES:-/run/chrony-dhcp}/$interface.sources
servers=
for each in $new_ntp_servers; do servers="${servers}server $each iburst
"; done
case "$reason" in EXPIRE | FAIL | RELEASE | STOP | DEPARTED) servers= ;; esac
if [ "$(printf %s "$servers")" != "$(cat "$sources" 2>/dev/null)" ]; then
  mkdir -p "${sources%/*}"
  if [ -n "$servers" ]; then printf %s "$servers" >"$sources"; else rm -f "$sources"; fi
  chronyc reload sources >/dev/null 2>&1 || :
fi
