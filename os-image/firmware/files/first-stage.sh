#!/usr/bin/busybox sh
# Runs before systemd, inside the read-only slot: makes, grows, checks and mounts the data partition, and gives the
# machine its id and name. Whatever fails, the node comes up: with its data in memory only, and the reason told.
# By busybox, whose commands are no programs to load: some eighty of them run here, before anything else does.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
at=/run/lares-os
disk=/dev/$(cat $at/disk-name 2>/dev/null)
data=$(readlink $at/disk/data)
trouble() {
  echo "<3>lares: $*" >/dev/kmsg
  echo "$*" >>$at/troubles
}

# It takes most of the start; the processor beside this one reads it while nothing else needs that.
cat /usr/bin/lares >/dev/null &
# Cards of PCI (class 2) and of virtual machines, which udev would come to after all else; what it names is there by then.
grep -e 'bc02sc' -e '^virtio:d00000001v' /run/aliases.before 2>/dev/null | xargs -r /usr/sbin/modprobe -a -b -q &

reset=
seen=$(cat /proc/cmdline)
case " $seen " in
*" lares.reset=all "*) reset=all ;;
*" lares.reset=data "*) reset=data ;;
esac

[ -e $at/from-network ] || mount -t vfat -o ro,noatime,umask=077 "$(readlink $at/disk/boot)" /boot || trouble "the boot partition cannot be read"

# Each disk gets ids of its own, so that another one flashed from the same image is never taken for it. The first sector stays
# as it is, with its loader and its mark for firmware that starts no other disk. So sfdisk writes to a stand-in of the same
# length, from which the tables are taken: the one at the end, which the kernel reads where the first is not whole, comes first.
write_table() {
  sectors=$(cat "/sys/block/${disk#/dev/}/size")
  rm -f $at/stand-in
  truncate -s $((sectors * 512)) $at/stand-in
  dd if="$disk" of=$at/stand-in bs=512 count=34 conv=notrunc 2>/dev/null
  if [ "$(dd if="$disk" bs=1 skip=450 count=1 2>/dev/null | od -An -tx1 | tr -d ' ')" = 0c ]; then
    # For the first loader of a Raspberry Pi 3 the first entry is of the old kind: the protective one goes to its usual place.
    dd if="$disk" of=$at/stand-in bs=1 skip=462 seek=446 count=16 conv=notrunc 2>/dev/null
    dd if=/dev/zero of=$at/stand-in bs=1 seek=462 count=16 conv=notrunc 2>/dev/null
  fi
  {
    printf 'label: gpt\nfirst-lba: 34\n'
    sfdisk --dump $at/stand-in 2>/dev/null | grep '^/[^ ]* :' | sed 's/, *uuid=[^,]*//'
    echo "name=lares-data, type=L"
  } >$at/table
  sfdisk --quiet --no-reread --force --wipe never --wipe-partitions never $at/stand-in <$at/table >$at/sfdisk.log 2>&1 || return 1
  for part in $((sectors - 33)):33 2:32 1:1; do
    dd if=$at/stand-in of="$disk" bs=512 skip="${part%:*}" seek="${part%:*}" count="${part#*:}" conv=notrunc,fsync 2>/dev/null || return 1
  done
  rm -f $at/stand-in
}

make_partition() {
  write_table || return 1
  partx --add --nr 7 "$disk" 2>/dev/null || partx --update "$disk"
  i=0
  until [ -b "$data" ]; do
    i=$((i + 1))
    [ $i -gt 50 ] && return 1
    sleep 0.1
  done
}

make_filesystem() {
  /usr/sbin/mke2fs -q -F -t ext4 -m 1 -E lazy_itable_init=1,lazy_journal_init=1,nodiscard -L lares-data "$data" || return 1
}

# By magic and state, 56 bytes into the superblock: what is no ext4 is not tried, the kernel would complain; nor is one with
# errors (2), which is repaired first. One that was not closed (no 1) is put right by its journal.
mount_data() {
  case $(dd if="$data" bs=1 skip=1080 count=4 2>/dev/null | od -An -tx1 | tr -d ' ') in
  53ef0[0145]00) mount -t ext4 -o noatime,nodev,nosuid,commit=30,errors=remount-ro "$data" /var 2>/dev/null ;;
  *) return 1 ;;
  esac
}

# The mark is made last: a file system without it was never finished.
take_data() {
  if [ -e $at/from-network ] && ! [ -b "$data" ]; then
    trouble "started from the network, without a disk for data (a file system called lares-data)"
    return 1
  fi
  if [ -e /boot/data-disk ]; then
    . /usr/lib/lares/data-disk || return 1
  fi
  [ -b "$data" ] || make_partition || { trouble "no room for a data partition on $disk: $(cat $at/sfdisk.log)"; return 1; }
  if [ "$reset" != all ] && mount_data; then
    if [ -e /var/.lares ]; then
      # Of a disk that takes no writes mount makes one that can only be read, without a word.
      ! grep -q ' /var ext4 ro[, ]' /proc/mounts || trouble "the disk can only be read: it is worn out, or protected"
      return 0
    fi
    umount /var
  elif [ "$reset" != all ] && [ "$(/usr/sbin/blkid -o value -s LABEL "$data")" = lares-data ]; then
    /usr/sbin/e2fsck -p -f "$data" >$at/fsck.log 2>&1
    if [ $? -lt 4 ] && mount_data && [ -e /var/.lares ]; then
      trouble "the data partition was repaired: $(tail -n 1 $at/fsck.log)"
      return 0
    fi
    if mount -t ext4 -o ro,noload "$data" /var 2>/dev/null && [ -e /var/.lares ]; then
      trouble "the data partition is damaged and can only be read"
      return 0
    fi
    umount /var 2>/dev/null
    if /usr/sbin/e2fsck -n "$data" >/dev/null 2>&1; then :; elif [ -n "$(dd if="$data" bs=1 skip=1160 count=4 2>/dev/null | tr -d '\0')" ]; then
      trouble "the data partition cannot be repaired; reset it to use it again"
      return 1
    fi
  fi
  make_filesystem || { trouble "cannot make a file system on $data"; return 1; }
  mount_data || { trouble "cannot mount $data"; return 1; }
  mkdir -p /var/lib/lares-os
  : >/var/.lares
  sync
}

if ! take_data; then
  mount -t tmpfs -o mode=0755,size=50% data /var
  mkdir -p /var/lib/lares-os
  : >$at/data-in-memory
fi
mkdir -p /var/lib/lares-os/lares
# Whatever filled the disk, there is room for what a start has to write: 16 MiB are put by for that, and again when there is room.
ballast=/var/lib/lares-os/ballast
free_mib=$(stat -f -c '%a %S' /var | { read -r blocks bytes; echo $((blocks * bytes / 1048576)); })
if [ "$free_mib" -lt 8 ]; then
  rm -f $ballast
elif [ "$free_mib" -gt 256 ] && ! [ -e $ballast ] && ! [ -e $at/data-in-memory ]; then
  fallocate -l 16777216 $ballast
fi
# How far a new version came, should it never be confirmed.
grep -qs '"state": "inst' /var/lib/lares-os/update.json && cat $at/slot >>/var/lib/lares-os/starts
# Without its data a node belongs to no cluster: it founds one or asks to be let in, as at its first start.
[ -e /var/lib/lares-os/resetting ] && reset=data
if [ "$reset" = data ]; then
  : >/var/lib/lares-os/resetting
  sync
  (cd /var/lib/lares-os && rm -f ready claim wish.json lares/lares.hcl)
  find /var -mindepth 1 -maxdepth 1 ! -name lib ! -name .lares -exec rm -rf {} +
  find /var/lib -mindepth 1 -maxdepth 1 ! -name lares-os -exec rm -rf {} +
  sync
  rm /var/lib/lares-os/resetting
fi

# Without a clock, or with an empty battery, it is earlier than this system was made: time goes on from where it was last
# kept. What a clock says is believed otherwise, and put right by NTP.
built=$(cat /usr/lib/lares/built 2>/dev/null)
if [ "$(date +%s)" -lt "${built:-0}" ]; then
  seen=$(stat -c %Y /var/lib/lares-os/clock 2>/dev/null)
  [ "${seen:-0}" -gt "$built" ] || seen=$built
  date -s "@$seen" >/dev/null
fi

# The wish was granted; of the same length, so that it stays one sector.
if [ -n "$reset" ] && grep -q '^RESET=\(all\|dat\)' /boot/grub/grubenv; then
  sed 's/^RESET=\(all\|dat\)$/RESET=off/' /boot/grub/grubenv >$at/grubenv
  /usr/bin/mount -o remount,rw /boot && dd if=$at/grubenv of=/boot/grub/grubenv bs=1024 conv=notrunc,fsync 2>/dev/null
  /usr/bin/mount -o remount,ro /boot
fi

# An agent that was updated by itself stands in for the slot's own, and only for the slot it was taken for.
agent=/var/lib/lares-os/agent
if [ -n "$reset" ]; then
  rm -rf $agent
elif [ -x $agent/lares ] && [ "$(cat $agent/stands-for 2>/dev/null)" = "$(sed -n 's/^VERSION_ID=//p' /usr/lib/os-release)" ]; then
  mount --bind $agent/lares /usr/bin/lares || trouble "the updated agent cannot be put in place"
fi

# What is written to /etc lasts until the next start; what has to last is in /var/lib/lares-os.
mkdir -p $at/etc/upper $at/etc/work
mount -t overlay -o "lowerdir=/etc,upperdir=$at/etc/upper,workdir=$at/etc/work" overlay /etc

keep() {
  new=/var/lib/lares-os/$1.new
  printf '%s\n' "$2" >"$new" && sync "$new" && mv "$new" "/var/lib/lares-os/$1"
}

[ -s /var/lib/lares-os/machine-id ] || keep machine-id "$(tr -d - </proc/sys/kernel/random/uuid)"
cat /var/lib/lares-os/machine-id >/etc/machine-id

# The end of the serial number, which is printed on most machines; else of the first network card's address.
serial() {
  for file in /sys/class/dmi/id/product_serial /sys/class/dmi/id/board_serial /proc/device-tree/serial-number; do
    [ -r $file ] || continue
    text=$(tr -d '\0' <$file | tr A-Z a-z | tr -cd a-z0-9)
    case $text in
    "" | none | default* | tobefilled* | systemserial* | notspecified | notapplicable | *123456789*) continue ;;
    esac
    case $text in *[!0]*) ;; *) continue ;; esac
    [ ${#text} -ge 4 ] && echo "$text" | tail -c 5 && return
  done
  for file in /sys/class/net/e*/address /sys/class/net/*/address; do
    [ -r "$file" ] || continue
    text=$(tr -d : <"$file")
    [ "$text" = 000000000000 ] || { echo "$text" | tail -c 5; return; }
  done
  tail -c 5 /var/lib/lares-os/machine-id
}
# Network drivers come later; where only they have a number the name is given then.
[ -s /var/lib/lares-os/hostname ] || keep hostname "lares-$(serial)"
name=$(cat /var/lib/lares-os/hostname)
echo "$name" >/etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost\n' "$name" >/etc/hosts
[ -s /var/lib/lares-os/timezone ] && ln -sf "/usr/share/zoneinfo/$(cat /var/lib/lares-os/timezone)" /etc/localtime

# What systemd has a program each for, which take seconds where the processor is slow.
mount -t tmpfs -o mode=1777,nosuid,nodev,size=50% tmpfs /tmp
mkdir -p /dev/net
while read -r node major minor mode; do
  [ -e "/dev/$node" ] || mknod -m "$mode" "/dev/$node" c "$major" "$minor"
done <<NODES
net/tun 10 200 0666
fuse 10 229 0666
loop-control 10 237 0600
vhost-net 10 238 0600
ppp 108 0 0600
NODES
parameter() {
  path=/proc/sys
  old_ifs=$IFS
  IFS=.
  for part in $1; do path=$path/$part; done
  IFS=$old_ifs
  [ -e "$path" ] && echo "$2" >"$path"
}
for file in /usr/lib/sysctl.d/*.conf; do
  while IFS=' =' read -r key value; do
    key=${key#-}
    case $key in [a-z]*) parameter "$key" "$value" ;; esac
  done <"$file"
done
(
  umask 077
  kept=/var/lib/lares-os/random-seed
  [ -s $kept ] && cat $kept >/dev/urandom
  # Where nothing gives numbers yet this takes seconds.
  { head -c 512 /dev/urandom >$kept.new && mv $kept.new $kept; } &
) 2>/dev/null

# On the serial line, before anything that can go wrong later.
at_hand="data on disk"
[ -e $at/data-in-memory ] && at_hand="data in memory only"
echo "lares: slot $(cat $at/slot), $(sed -n 's/^VERSION_ID=//p' /usr/lib/os-release), $at_hand" >/dev/console

for seed in lares.hcl custom.toml firstrun.sh user-data network-config rpi-preseed.toml; do
  [ -s "/boot/$seed" ] && echo "$seed" >>$at/seed
done
exit 0
