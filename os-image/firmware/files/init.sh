#!/bin/busybox sh
# First program of the kernel: finds the disk it was started from, hands it to the slot's first stage, then to systemd.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs -o mode=0755,nosuid,nodev run /run
mkdir -p /run/lares-os

root=
slot=A
install=
install_data=
for word in $(cat /proc/cmdline); do
  case $word in
  lares.root=*) root=${word#lares.root=} ;;
  lares.slot=*) slot=${word#lares.slot=} ;;
  lares.install) install=ask ;;
  lares.install=*) install=${word#lares.install=} ;;
  lares.data=*) install_data=${word#lares.data=} ;;
  esac
done

# Of a level that screens and serial lines show.
say() { echo "<2>lares: $*" >/dev/kmsg; }

give_up() {
  say "$*; starting again in 10 seconds"
  sleep 10
  reboot -f
}

start_system() {
  mount --move /dev /root/dev
  mount --move /sys /root/sys
  mount --move /proc /root/proc
  mount --move /run /root/run
  chroot /root /usr/lib/lares/first-stage || give_up "the first stage of slot $slot failed"
  exec switch_root /root /usr/lib/systemd/systemd
  give_up "cannot start systemd of slot $slot"
}

# As the kernel names what it found, so are the modules that drive it.
load_drivers() {
  find /sys/devices -name modalias -exec cat {} + 2>/dev/null | sort -u >/run/aliases
  if ! cmp -s /run/aliases /run/aliases.before; then
    xargs -r modprobe -a -b -q </run/aliases 2>/dev/null
    mv /run/aliases /run/aliases.before
  fi
}

# GPT: entries of 128 bytes from block 2 on; the second 16 bytes of each are the partition's own id (UEFI 2.10, 5.3.3).
part_id() {
  dd if="$1" bs=16 skip=$((64 + ($2 - 1) * 8 + 1)) count=1 2>/dev/null | hexdump -ve '1/1 "%02x"'
}

# "33221100-5544-7766-8899-aabbccddeeff" as it lies on the disk.
on_disk() {
  echo "$1" | tr A-F a-f | sed 's/-//g; s/^\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)/\4\3\2\1\6\5\8\7/'
}

wanted=$(on_disk "$root")
number=5
[ "$slot" = B ] && number=6

find_disk() {
  found=
  for path in /sys/block/*; do
    name=${path##*/}
    case $name in loop* | ram* | sr* | zram* | dm-* | fd*) continue ;; esac
    [ -b "/dev/$name" ] || continue
    [ "$(part_id "/dev/$name" $number)" = "$wanted" ] || continue
    if [ -n "$found" ]; then
      say "disks $found and $name are copies of each other; using $found"
      echo "disks $found and $name are copies of each other" >>/run/lares-os/troubles
    else
      found=$name
    fi
  done
  [ -n "$found" ]
}

if [ -n "$install" ]; then
  . /install
  [ "$install" = ask ] && install=
  installer "$install" "$install_data"
fi

# From the network: the system came along, and a disk with data is used where there is one.
if [ -e /root.img ]; then
  modprobe -a -q squashfs overlay loop crc32c_generic crc32c_intel ext4 sd_mod mmc_block
  # Disks take their time; a machine that has none goes on after five seconds.
  tries=0
  until load_drivers && data=$(findfs LABEL=lares-data 2>/dev/null) || [ $tries -ge 25 ]; do
    tries=$((tries + 1))
    sleep 0.2
  done
  mkdir -p /root /run/lares-os/disk
  mount -t squashfs -o ro,loop /root.img /root || give_up "cannot read what came from the network"
  ln -s "${data:-/dev/none}" /run/lares-os/disk/data
  ln -s /dev/none /run/lares-os/disk/boot
  echo network >/run/lares-os/slot
  : >/run/lares-os/from-network
  start_system
fi

modprobe -a -q squashfs overlay crc32c_generic crc32c_intel ext4 vfat nls_cp437 nls_ascii nls_utf8 sd_mod mmc_block &
readers=$!
load_drivers
wait $readers
tries=0
until find_disk; do
  tries=$((tries + 1))
  [ $tries -gt 150 ] && give_up "no disk has the partition $root"
  sleep 0.2
  load_drivers
done
disk=$found
case $disk in *[0-9]) part=${disk}p ;; *) part=$disk ;; esac

tries=0
until [ -b "/dev/$part$number" ]; do
  tries=$((tries + 1))
  [ $tries -gt 50 ] && give_up "the kernel sees no partitions on $disk"
  sleep 0.1
done
mkdir -p /root
mount -t squashfs -o ro "/dev/$part$number" /root || give_up "cannot read slot $slot on $disk"

mkdir -p /run/lares-os/disk
for pair in boot:2 kernel-a:3 kernel-b:4 root-a:5 root-b:6 data:7; do
  ln -s "/dev/$part${pair#*:}" "/run/lares-os/disk/${pair%:*}"
done
echo "$disk" >/run/lares-os/disk-name
echo "$slot" >/run/lares-os/slot

start_system
