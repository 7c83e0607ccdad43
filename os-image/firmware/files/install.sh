# Started from the installer's medium (`lares.install`): writes the system onto another disk. Read by init.
# lares.install=auto takes the only disk there is; lares.install=NAME that one; else a person is asked.
installer() {
  wish=$1
  modprobe -a -q isofs sr_mod sd_mod usb-storage uas vfat
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
  need=$(cat /root/lares/size)
  while :; do
    disks=
    for path in /sys/block/*; do
      name=${path##*/}
      case $name in loop* | ram* | zram* | dm-* | fd* | sr* | "$medium" | mmcblk*boot*) continue ;; esac
      [ $(($(cat "$path/size") / 2048)) -ge "$need" ] && disks="$disks $name"
    done
    case $wish in
    auto)
      set -- $disks
      [ $# -eq 1 ] && target=$1 && break
      tell "$# disks could take the system:$disks; which one?"
      ;;
    "") ;;
    *)
      for name in $disks; do [ "$name" = "$wish" ] && target=$wish && break 2; done
      tell "there is no disk $wish of $need MiB or more"
      ;;
    esac
    wish=
    tell "" "Disks that can take Lares. ALL THAT IS ON THE CHOSEN ONE IS LOST."
    for name in $disks; do
      tell "  $name  $(($(cat "/sys/block/$name/size") / 2048)) MiB  $(cat "/sys/block/$name/device/model" 2>/dev/null)"
    done
    tell "Name of the disk (Enter: look again):"
    read -r wish </dev/console
  done
  tell "Writing to $target; this takes some minutes."
  xz -dc /root/lares/disk.img.xz | dd of="/dev/$target" bs=4M 2>/dev/null || give_up "cannot write to $target"
  sync
  tell "Done. Take the installer's medium out; the machine starts again."
  sleep 3
  reboot -f
}

tell() { for line in "$@"; do echo "$line" >/dev/console; done; }
