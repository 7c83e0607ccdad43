# Started from the installer's medium (`lares.install`): writes the system onto another disk. Read by init.
# lares.install=auto takes the only disk there is; lares.install=NAME that one; else a person is asked. lares.data=NAME keeps the
# data on a second disk.
installer() {
  wish=$1
  data_wish=$2
  modprobe -a -q isofs sr_mod sd_mod mmc_block usb-storage uas vfat loop nls_cp437 nls_ascii
  # What is typed before a question is asked is kept for it.
  for tty in $(consoles); do sleep 1000000 <"/dev/$tty" & done
  find_medium
  need=$(cat /root/lares/size)
  [ -z "$wish" ] || await_disks
  choose_target
  choose_data_disk
  write_system
  [ -z "$data_disk" ] || mark_data_disk || give_up "cannot write to $data_disk"
  tell "Done. Take the installer's medium out; the machine starts again in 10 seconds."
  sleep 10
  reboot -f
}

find_medium() {
  medium=
  tries=0
  until [ -n "$medium" ]; do
    load_drivers
    for path in /sys/block/*; do
      name=${path##*/}
      case $name in loop* | ram* | zram* | dm-* | fd*) continue ;; esac
      mount -t iso9660 -o ro "/dev/$name" /root 2>/dev/null || continue
      [ -e /root/lares/disk.img.xz ] && medium=$name && break
      umount /root
    done
    tries=$((tries + 1))
    [ -n "$medium" ] || [ $tries -lt 150 ] || give_up "the installer's medium was not found"
    [ -n "$medium" ] || sleep 0.2
  done
}

# Whoever asks for nothing waits for no keyboard. Disks take their time, a card's driver is known only when its controller has found
# it: three seconds for all, and twenty for those that were named.
await_disks() {
  tries=0
  while [ $tries -lt 15 ] || { lacks_disk "$wish" "$data_wish" && [ $tries -lt 100 ]; }; do
    load_drivers
    tries=$((tries + 1))
    sleep 0.2
  done
}

lacks_disk() {
  for each in "$@"; do
    case $each in "" | auto) ;; *) [ -e "/sys/block/$each" ] || return 0 ;; esac
  done
  return 1
}

# Of this many MiB or more, without those named.
disks_of() {
  load_drivers
  least=$1
  shift
  for path in /sys/block/*; do
    name=${path##*/}
    case $name in loop* | ram* | zram* | dm-* | fd* | sr* | "$medium" | mmcblk*boot*) continue ;; esac
    case " $* " in *" $name "*) continue ;; esac
    [ $(($(cat "$path/size") / 2048)) -ge "$least" ] && echo "$name"
  done
}

describe() {
  for name in "$@"; do
    model=$(cat "/sys/block/$name/device/model" "/sys/block/$name/device/name" 2>/dev/null | head -n 1)
    tell "  $name  $(($(cat "/sys/block/$name/size") / 2048)) MiB  $model"
  done
}

choose_target() {
  while :; do
    disks=$(disks_of "$need" | tr '\n' ' ')
    case $wish in
    auto)
      set -- $disks
      [ $# -eq 1 ] && target=$1 && return
      tell "$# disks could take the system: ${disks:-none}"
      ;;
    "") ;;
    *)
      case " $disks" in *" $wish "*) target=$wish && return ;; esac
      tell "there is no disk $wish of $need MiB or more"
      ;;
    esac
    tell "" "Disks that can take Lares. ALL THAT IS ON THE CHOSEN ONE IS LOST."
    describe $disks
    ask "Name of the disk (Enter: look again):"
    wish=$answer
    asked=yes
  done
}

# Asked only where the first disk was asked for, too.
choose_data_disk() {
  data_disk=
  while :; do
    others=$(disks_of 1024 "$target" | tr '\n' ' ')
    if [ -n "$data_wish" ]; then
      case " $others" in *" $data_wish "*) data_disk=$data_wish && return ;; esac
      tell "there is no second disk $data_wish of 1024 MiB or more"
    fi
    [ -n "$data_wish$asked" ] || return
    [ -n "$data_wish$others" ] || return
    tell "" "Data can lie on a second disk. ALL THAT IS ON IT IS LOST."
    describe $others
    ask "Name of the disk for the data (Enter: data stay on $target):"
    [ -n "$answer" ] || return
    data_wish=$answer
  done
}

write_system() {
  tell "Writing to $target; this takes some minutes."
  set -o pipefail
  xz -dc /root/lares/disk.img.xz | dd of="/dev/$target" bs=4M conv=fsync 2>/dev/null || give_up "cannot write to $target"
}

# What was there is forgotten; the mark is found again by the first stage (data-disk.sh), which makes partition and file system.
mark_data_disk() {
  id=$(tr -d - </proc/sys/kernel/random/uuid)
  end=$(($(cat "/sys/block/$data_disk/size") / 2048))
  dd if=/dev/zero of="/dev/$data_disk" bs=1M count=2 2>/dev/null &&
    dd if=/dev/zero of="/dev/$data_disk" bs=1M seek=$((end - 1)) 2>/dev/null
  echo "lares data disk $id" | dd of="/dev/$data_disk" bs=512 seek=2047 conv=sync,fsync 2>/dev/null || return 1
  mkdir -p /boot
  losetup -o 1048576 /dev/loop0 "/dev/$target" && mount -t vfat /dev/loop0 /boot &&
    echo "$id" >/boot/data-disk && umount /boot && losetup -d /dev/loop0 && sync
}

# On the screen and on the serial line: who sits before it sees one of them.
consoles() { cat /sys/class/tty/console/active; }

tell() {
  for tty in $(consoles); do
    for line in "$@"; do echo "$line" >"/dev/$tty"; done
  done
}

# The first line that is typed anywhere.
ask() {
  tell "$1"
  rm -f /run/answer
  readers=
  for tty in $(consoles); do
    (read -r line <"/dev/$tty" && echo "$line" >"/run/answer.$tty" && mv "/run/answer.$tty" /run/answer) &
    readers="$readers $!"
  done
  # A keyboard may be plugged in only now.
  until [ -e /run/answer ]; do
    load_drivers
    sleep 1
  done
  kill $readers 2>/dev/null
  answer=$(cat /run/answer)
}
