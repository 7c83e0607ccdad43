# An agent that started without an address starts again when there is one.
case "$reason" in
BOUND | BOUND6 | ROUTERADVERT | STATIC)
  if [ -e /run/lares-os/no-network ]; then
    rm -f /run/lares-os/no-network
    systemctl --no-block try-restart lares.service
  fi
  ;;
esac
