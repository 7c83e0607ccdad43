# The programs a build uses, of the same release as what it builds: the same recipe gives the same bytes on any machine.
layer "tools" {
  packages = [
    "bash", "coreutils", "dash", "dosfstools", "findutils", "grub-common", "grub-efi-amd64-bin", "grub-pc-bin", "kmod", "mtools", "openssl",
    "gzip", "qemu-utils", "rauc", "squashfs-tools", "tar", "xorriso", "xz-utils",
  ]
  without = [
    "adduser", "base-files", "base-passwd", "dbus", "debconf", "debianutils", "dpkg", "gettext-base", "grub-efi-amd64-unsigned",
    "init-system-helpers", "libpam-modules", "libpam-runtime", "mawk", "passwd", "perl-base", "sensible-utils",
    "systemd", "ucf", "udev", "perl",
  ]
  directory "/making" {}
  directory "/tmp" {
    mode = "1777"
  }
  directory "/proc" {}
  directory "/dev" {}
  file "/etc/passwd" {
    content = "root:x:0:0:root:/:/bin/sh\n"
  }
  file "/etc/group" {
    content = "root:x:0:\n"
  }
  remove = ["/usr/share/doc", "/usr/share/man", "/usr/share/locale"]
}
