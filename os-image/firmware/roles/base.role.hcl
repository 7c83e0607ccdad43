# What every node is made of: systemd with little around it, and the programs that keep disks and slots.
role "base" {
  packages = [
    "base-files", "busybox-static", "coreutils", "dash", "dbus", "e2fsprogs", "fdisk", "kmod", "libc6", "mount",
    "rauc", "grub-common", "systemd", "tzdata", "udev", "util-linux",
  ]
  # Their maintainer scripts are not run, and nobody logs in here.
  without = [
    "adduser", "base-passwd", "debconf", "debianutils", "dpkg", "gettext-base", "init-system-helpers", "initramfs-tools",
    "install-info", "libpam-modules", "libpam-runtime", "linux-base", "login.defs", "logsave", "mawk", "ncurses-base",
    "netbase", "openssl", "passwd", "perl-base", "perl", "sensible-utils", "tar", "ucf", "libfreetype6",
    # Linked to by programs that are taken out below, or by none.
    "libdb5.3t64", "libefiboot1t64", "libefivar1t64", "libncursesw6", "libsasl2-modules-db", "libsqlite3-0",
  ]

  file "/etc/passwd" {
    content = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
  }
  # udev and systemd name these; the numbers are Debian's.
  file "/etc/group" {
    content = join("", [for line in [
      "root:0", "daemon:1", "sys:3", "adm:4", "tty:5", "disk:6", "lp:7", "uucp:10", "kmem:15", "dialout:20", "cdrom:24",
      "tape:26", "audio:29", "operator:37", "utmp:43", "video:44", "users:100", "systemd-journal:101", "input:102",
      "kvm:103", "render:104", "sgx:105", "clock:106", "netdev:107", "nogroup:65534",
    ] : "${split(":", line)[0]}:x:${split(":", line)[1]}:\n"])
  }
  user "messagebus" {
    uid = 110
  }

  # Systemd looks no further when the folder of the machine is there.
  file "/etc/machine-id" {
    content = "uninitialized\n"
  }
  file "/etc/hosts" {
    content = "127.0.0.1 localhost\n::1 localhost\n"
  }
  file "/etc/nsswitch.conf" {
    content = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n"
  }
  file "/etc/shells" {
    content = "/bin/sh\n"
  }
  file "/etc/pam.d/other" {
    content = "auth required pam_deny.so\naccount required pam_deny.so\nsession required pam_deny.so\npassword required pam_deny.so\n"
  }
  file "/etc/adjtime" {
    content = "0.0 0 0.0\n0\nUTC\n"
  }
  # The clock never starts before the image was made.
  file "/usr/lib/clock-epoch" {
    content = ""
  }
  file "/etc/systemd/system.conf.d/lares.conf" {
    content = "[Manager]\nRuntimeWatchdogSec=30s\nRebootWatchdogSec=5min\nDefaultTimeoutStopSec=30s\nShowStatus=error\n"
  }
  # Memory first: flash wears out by logs.
  file "/etc/systemd/journald.conf.d/lares.conf" {
    content = "[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\nRuntimeMaxFileSize=4M\nForwardToConsole=no\nReadKMsg=yes\nAudit=no\n"
  }
  # A little of the log outlives the start.
  file "/usr/lib/lares/ring" {
    source = "../files/ring.sh"
    mode   = "0755"
  }
  file "/usr/lib/systemd/system/lares-ring.service" {
    source = "../files/lares-ring.service"
  }
  file "/usr/lib/systemd/system/lares-ring.timer" {
    source = "../files/lares-ring.timer"
  }
  file "/usr/lib/systemd/system/lares-ring-last.service" {
    source = "../files/lares-ring-last.service"
  }
  file "/usr/lib/sysctl.d/50-lares.conf" {
    content = "kernel.panic = 10\nkernel.panic_on_oops = 1\nvm.dirty_writeback_centisecs = 3000\nnet.ipv4.ip_forward = 1\n"
  }
  file "/usr/lib/tmpfiles.d/lares.conf" {
    source = "../files/tmpfiles.conf"
  }
  file "/usr/lib/lares/first-stage" {
    source = "../files/first-stage.sh"
    mode   = "0755"
  }
  file "/usr/lib/lares/data-disk" {
    source = "../files/data-disk.sh"
  }
  file "/etc/rauc/system.conf" {
    source = "../files/rauc.conf"
  }
  # Started by the first question over D-Bus, which is an update.
  file "/usr/lib/systemd/system/rauc.service" {
    source = "../files/rauc.service"
  }
  file "/usr/share/dbus-1/system.d/de.pengutronix.rauc.conf" {
    source = "../files/rauc-dbus.conf"
  }
  file "/usr/share/dbus-1/system-services/de.pengutronix.rauc.service" {
    content = "[D-BUS Service]\nName=de.pengutronix.rauc\nExec=/bin/false\nUser=root\nSystemdService=rauc.service\n"
  }
  file "/usr/lib/lares/coldplug" {
    source = "../files/coldplug.sh"
    mode   = "0755"
  }
  file "/usr/lib/systemd/system/systemd-udev-trigger.service.d/lares.conf" {
    content = "[Service]\nExecStart=\nExecStart=-/usr/lib/lares/coldplug first\n"
  }
  file "/usr/lib/systemd/system/lares-devices.service" {
    source = "../files/lares-devices.service"
  }
  # What the first answer does not need has to wait for it a little.
  file "/usr/lib/systemd/system/systemd-tmpfiles-setup.service.d/lares.conf" {
    content = "[Service]\nCPUWeight=10\n"
  }
  file "/etc/fstab" {
    content = ""
  }

  directory "/boot" {}
  directory "/data" {}
  directory "/dev" {}
  directory "/mnt" {}
  directory "/proc" {}
  directory "/root" {
    mode = "0700"
  }
  directory "/run" {}
  directory "/sys" {}
  directory "/tmp" {
    mode = "1777"
  }
  directory "/var" {}

  link "/sbin/init" {
    target = "/usr/lib/systemd/systemd"
  }
  link "/etc/mtab" {
    target = "../proc/self/mounts"
  }
  link "/etc/localtime" {
    target = "/usr/share/zoneinfo/Etc/UTC"
  }
  link "/etc/os-release" {
    target = "../usr/lib/os-release"
  }
  link "/usr/sbin/reboot" {
    target = "../bin/systemctl"
  }
  link "/usr/sbin/poweroff" {
    target = "../bin/systemctl"
  }
  link "/usr/sbin/shutdown" {
    target = "../bin/systemctl"
  }

  default = "multi-user.target"
  enable  = ["lares-devices.service", "lares-ring.timer", "lares-ring-last.service"]
  # Each of these costs a second or so on a slow processor, and none has anything to do here.
  mask = [
    "systemd-hwdb-update.service", "systemd-journal-catalog-update.service", "systemd-journal-flush.service",
    "ldconfig.service", "systemd-sysusers.service", "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service",
    "systemd-update-done.service", "systemd-logind.service", "systemd-firstboot.service", "systemd-machine-id-commit.service",
    "systemd-remount-fs.service", "systemd-pcrmachine.service", "systemd-pcrphase.service", "systemd-tpm2-setup.service",
    "systemd-boot-random-seed.service", "systemd-ask-password-console.path", "systemd-ask-password-wall.path",
    "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-kernel-config.mount", "sys-fs-fuse-connections.mount",
    "dev-hugepages.mount", "dev-mqueue.mount", "proc-sys-fs-binfmt_misc.automount", "systemd-binfmt.service",
    "modprobe@configfs.service", "modprobe@drm.service", "modprobe@efi_pstore.service", "modprobe@fuse.service",
    "getty.target", "getty@tty1.service", "serial-getty@ttyS0.service", "systemd-pstore.service", "e2scrub_reap.service",
    "e2scrub_all.timer", "fstrim.timer", "systemd-rfkill.socket", "systemd-tmpfiles-clean.timer", "systemd-udev-load-credentials.service", "systemd-hostnamed.socket",
    "systemd-sysext.socket", "systemd-creds.socket", "systemd-pcrextend.socket", "systemd-pcrlock.socket", "systemd-initctl.socket",
    "systemd-sysctl.service", "systemd-random-seed.service", "kmod-static-nodes.service", "tmp.mount",
    "systemd-tmpfiles-setup-dev.service", "systemd-tmpfiles-setup-dev-early.service",
    "systemd-hibernate-clear.service", "run-lock.mount", "systemd-modules-load.service", "systemd-user-sessions.service",
  ]

  # As links to busybox; coreutils brings the rest.
  busybox = [
    "awk", "cmp", "clear", "diff", "dmesg", "find", "free", "ftpget", "grep", "gunzip", "gzip", "hexdump", "hostname", "less",
    "nslookup", "ping", "ps", "sed", "tar", "top", "udhcpc", "uptime", "vi", "which", "xargs", "zcat", "pidof", "killall",
  ]

  remove = concat([
    "/usr/share/doc", "/usr/share/man", "/usr/share/info", "/usr/share/locale", "/usr/share/lintian", "/usr/share/bash-completion",
    "/usr/share/zsh", "/usr/share/i18n", "/usr/share/bug", "/usr/share/common-licenses", "/usr/share/polkit-1",
    "/usr/share/grub", "/usr/share/mime", "/usr/share/pixmaps", "/usr/share/initramfs-tools", "/usr/share/glib-2.0",
    "/usr/lib/systemd/catalog", "/usr/lib/udev/hwdb.d", "/usr/lib/udev/hwdb.bin", "/usr/share/gcc", "/usr/share/gdb",
    "/etc/init.d", "/etc/cron.d", "/etc/cron.daily", "/etc/cron.weekly", "/etc/logrotate.d", "/etc/grub.d", "/etc/kernel",
    "/usr/lib/grub", "/usr/sbin/grub-mkconfig", "/usr/share/zoneinfo/right", "/usr/share/zoneinfo/posix",
    "/etc/systemd/system/multi-user.target.wants", "/etc/systemd/system/getty.target.wants", "/usr/lib/systemd/system-generators",
    "/usr/lib/systemd/system/multi-user.target.wants/systemd-logind.service",
    "/usr/lib/systemd/system/multi-user.target.wants/dbus.service",
    "/usr/lib/systemd/system/multi-user.target.wants/getty.target",
    "/usr/lib/systemd/system/multi-user.target.wants/systemd-ask-password-wall.path",
    # Of GRUB's programs RAUC needs grub-editenv.
    "/usr/bin/grub-file", "/usr/bin/grub-fstest", "/usr/bin/grub-glue-efi", "/usr/bin/grub-kbdcomp",
    "/usr/bin/grub-menulst2cfg", "/usr/bin/grub-mkfont", "/usr/bin/grub-mkimage", "/usr/bin/grub-mklayout",
    "/usr/bin/grub-mknetdir", "/usr/bin/grub-mkpasswd-pbkdf2", "/usr/bin/grub-mkrelpath", "/usr/bin/grub-mkrescue",
    "/usr/bin/grub-mkstandalone", "/usr/bin/grub-mount", "/usr/bin/grub-render-label", "/usr/bin/grub-script-check",
    "/usr/bin/grub-syslinux2cfg", "/usr/sbin/grub-macbless", "/usr/sbin/grub-mkdevicemap", "/usr/sbin/grub-probe",
    # Rules for devices that no task is given.
    "/usr/lib/udev/rules.d/60-persistent-alsa.rules", "/usr/lib/udev/rules.d/60-persistent-input.rules", "/usr/lib/udev/rules.d/60-sensor.rules",
    "/usr/lib/udev/rules.d/60-drm.rules", "/usr/lib/udev/rules.d/60-evdev.rules", "/usr/lib/udev/rules.d/60-fido-id.rules",
    "/usr/lib/udev/rules.d/60-infiniband.rules", "/usr/lib/udev/rules.d/60-input-id.rules", "/usr/lib/udev/rules.d/60-persistent-storage-tape.rules",
    "/usr/lib/udev/rules.d/60-persistent-storage-mtd.rules", "/usr/lib/udev/rules.d/70-camera.rules", "/usr/lib/udev/rules.d/70-joystick.rules",
    "/usr/lib/udev/rules.d/70-memory.rules", "/usr/lib/udev/rules.d/70-mouse.rules", "/usr/lib/udev/rules.d/70-power-switch.rules",
    "/usr/lib/udev/rules.d/70-touchpad.rules", "/usr/lib/udev/rules.d/70-uaccess.rules", "/usr/lib/udev/rules.d/71-seat.rules",
    "/usr/lib/udev/rules.d/73-seat-late.rules", "/usr/lib/udev/rules.d/75-probe_mtd.rules", "/usr/lib/udev/rules.d/78-sound-card.rules",
    "/usr/lib/udev/rules.d/96-e2scrub.rules", "/usr/lib/udev/rules.d/90-iocost.rules",
    "/usr/lib/tmpfiles.d/x11.conf", "/usr/lib/tmpfiles.d/home.conf", "/usr/lib/tmpfiles.d/provision.conf", "/usr/lib/tmpfiles.d/credstore.conf",
    "/usr/lib/tmpfiles.d/20-systemd-shell-extra.conf", "/usr/lib/tmpfiles.d/20-systemd-ssh-generator.conf", "/usr/lib/tmpfiles.d/20-systemd-stub.conf",
    "/usr/lib/tmpfiles.d/systemd-nologin.conf", "/usr/lib/tmpfiles.d/systemd-pstore.conf", "/usr/lib/tmpfiles.d/systemd-network.conf",
    "/usr/lib/tmpfiles.d/libselinux1.conf", "/usr/lib/tmpfiles.d/journal-nocow.conf", "/usr/lib/tmpfiles.d/static-nodes-permissions.conf",
    "/usr/lib/systemd/user", "/etc/systemd/user", "/usr/lib/kernel", "/usr/lib/systemd/boot",
    # Addresses are dhcpcd's; the others are for networks that no machine here is in, or need a library that is left out.
    "/usr/lib/systemd/systemd-networkd", "/usr/lib/systemd/systemd-networkd-wait-online", "/usr/bin/networkctl",
    "/usr/lib/systemd/system/systemd-networkd.service", "/usr/lib/systemd/system/systemd-networkd.socket",
    "/usr/lib/systemd/system/systemd-networkd-wait-online.service", "/usr/lib/systemd/system/systemd-networkd-wait-online@.service",
    "/usr/lib/systemd/system/systemd-networkd-persistent-storage.service",
    "/usr/sbin/arpd", "/usr/sbin/cfdisk", "/usr/bin/lslogins", "/usr/sbin/dcb", "/usr/sbin/devlink", "/usr/sbin/tipc", "/usr/sbin/vdpa", "/usr/bin/rdma",
    # The name is busybox's.
    "/usr/bin/original-awk",
    ], [for each in [
      # No program here is linked to these.
      "libbrotlienc.so.1", "libbrotlienc.so.1.1.0", "libexpatw.so.1", "libexpatw.so.1.13.0",
      # util-linux wants it of its very version; lslogins alone used it.
      "liblastlog2.so.2", "liblastlog2.so.2.0.0",
    ] : "/usr/lib/${architecture == "arm64" ? "aarch64" : "x86_64"}-linux-gnu/${each}"], [for each in [
      # Tables of East Asian writing other than Unicode, which are by far the largest; names of files are UTF-8 here.
       "libCNS", "BIG5HKSCS", "IBM1390", "IBM1399", "GB18030", "IBM1388", "IBM1364", "IBM1371", "libJISX0213", "GBK", "IBM933", "IBM937", "libJIS",
       "CP932", "IBM930", "IBM939", "SJIS", "BIG5", "EUC-JP-MS", "IBM935", "IBM932", "IBM943", "UHC", "libGB", "libISOIR165", "GBBIG5", "ISO-2022-JP",
       "ISO-2022-CN-EXT", "libKSC", "ISO-2022-CN", "ISO-2022-JP-3", "EUC-CN", "EUC-JISX0213", "EUC-TW", "ISO-2022-KR", "JOHAB", "SHIFT_JISX0213",
       "EUC-JP", "EUC-KR", "GBGBK",
    ] : "/usr/lib/${architecture == "arm64" ? "aarch64" : "x86_64"}-linux-gnu/gconv/${each}.so"],
  )
}
