#!/usr/bin/busybox sh
# Asks the kernel to tell of the devices that are there already, so that udev gives them drivers and names: of a PC's thousand
# (terminals, processors, banks of memory) those that need it. Where a wired card is there, what the first addresses come by,
# and disks, are told of first; all else later, since a slow processor takes seconds for it. Elsewhere it may be the driver of
# a card that is still missing.
case $1 in
first)
  for card in /sys/class/net/e*/device; do
    [ -e "$card" ] || break
    : >/run/lares-os/coldplug-later
    exec udevadm trigger --type=devices --action=add --prioritized-subsystem=net --subsystem-match=block --subsystem-match=net
  done
  ;;
later)
  [ -e /run/lares-os/coldplug-later ] || exit 0
  ;;
esac
set --
first="block net"
[ -e /run/lares-os/coldplug-later ] && first=
for each in $first hid i2c mdio_bus misc mmc nvme pci platform rtc scsi sdio spi usb virtio vmbus watchdog; do
  set -- "$@" --subsystem-match=$each
done
exec udevadm trigger --type=devices --action=add --prioritized-subsystem=block,net "$@"
