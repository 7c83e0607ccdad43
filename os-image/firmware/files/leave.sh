#!/bin/sh
# Leaves a new slot whose agent cannot even say that it is broken: the other slot is started from now on.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
[ -e /run/lares-os/judged ] && exit 0
slot=$(cat /run/lares-os/slot)
other=A
[ "$slot" = A ] && other=B
record=/var/lib/lares-os/update.json
grep -qs '"state": "inst' $record && grep -qs "\"slot\": \"$slot\"" $record || exit 0
reason="the agent's program does not run"
[ "$1" = late ] && reason="the start was not over after 15 minutes"
echo "$reason" >/var/lib/lares-os/left.new && mv /var/lib/lares-os/left.new /var/lib/lares-os/left
sync
mount -o remount,rw /boot
# Where that cannot be written the same slot would start again, for ever.
grub-editenv /boot/grub/grubenv set "ORDER=$other $slot" "${slot}_OK=0" "${other}_OK=1" "${other}_TRY=0" || exit 1
sync
mount -o remount,ro /boot
echo "lares: $reason; going back to slot $other" >/dev/console
systemctl --no-block reboot
