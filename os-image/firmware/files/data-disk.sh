# The installer was told to keep the data on a disk of its own. Its mark, which is also in a file of the boot partition, lies in the last
# sector before that disk's first partition. Read by the first stage, for which it sets `data`; it fails when the disk is not there.
mark="lares data disk $(cat /boot/data-disk)"

find_marked() {
  for path in /sys/block/*; do
    name=${path##*/}
    case $name in loop* | ram* | sr* | zram* | dm-* | fd*) continue ;; esac
    [ "$(dd if="/dev/$name" bs=512 skip=2047 count=1 2>/dev/null | head -n 1)" = "$mark" ] && echo "$name" && return
  done
  return 1
}

# It may come later than the disk the machine was started from, and need drivers that this one did not; busybox cannot read those.
seconds() { cut -d . -f 1 /proc/uptime; }
end=$(($(seconds) + 20))
known=
until marked=$(find_marked) || [ "$(seconds)" -ge $end ]; do
  found=$(find /sys/devices -name modalias -exec cat {} + 2>/dev/null | sort -u)
  [ "$found" = "$known" ] || echo "$found" | xargs /usr/sbin/modprobe -a -b -q 2>/dev/null
  known=$found
  sleep 0.5
done

# The system's own disk gets its ids as any other does; the room that is left on it stays empty.
[ -b "$data" ] || make_partition || trouble "no room for a partition on $disk: $(cat $at/sfdisk.log)"
if [ -z "$marked" ]; then
  trouble "the second disk, with the data, is not there; data in memory until it is ($mark)"
  return 1
fi
case $marked in *[0-9]) data=/dev/${marked}p1 ;; *) data=/dev/${marked}1 ;; esac
if ! [ -b "$data" ]; then
  printf 'label: gpt\nstart=1MiB, name=lares-data, type=L\n' |
    sfdisk --quiet --wipe never --wipe-partitions never "/dev/$marked" >$at/sfdisk.log 2>&1
  i=0
  until [ -b "$data" ]; do
    i=$((i + 1))
    [ $i -gt 50 ] && trouble "no partition for data on $marked: $(cat $at/sfdisk.log)" && return 1
    sleep 0.1
  done
fi
