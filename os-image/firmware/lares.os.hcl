# What the firmware is made of. `lares os build` reads this file; roles and checks have files of their own.
system "lares" {
  roles = ["base", "network", "agent", "ingress"]
  tools = "tools"

  source "debian" {
    uri        = "http://deb.debian.org/debian"
    suites     = ["trixie", "trixie-updates"]
    components = ["main"]
  }
  source "security" {
    uri        = "http://deb.debian.org/debian-security"
    suites     = ["trixie-security"]
    components = ["main"]
  }
  # The first kernel with drivers for what a Raspberry Pi 5 has behind its own chip: network and USB.
  source "backports" {
    uri        = "http://deb.debian.org/debian"
    suites     = ["trixie-backports"]
    components = ["main"]
    targets    = ["rpi"]
  }
  source "firmware" {
    uri        = "http://deb.debian.org/debian"
    suites     = ["trixie"]
    components = ["non-free-firmware"]
    targets    = ["rpi"]
  }

  flavour "minimal" {
    roles = ["lean"]
  }
  flavour "docker" {
    roles = ["docker", "lean"]
  }
  flavour "full" {
    roles = ["docker", "qemu"]
  }

  target "amd64" {
    architecture = "amd64"
    kernel       = "linux-image-amd64"
    bootloader   = "grub"
    executable   = "lares-linux-x64"
    consoles     = ["tty0", "ttyS0,115200n8"]
    roles        = ["pc"]
  }
  # What starts by UEFI: servers, virtual machines, boards with such firmware.
  target "arm64" {
    architecture  = "arm64"
    kernel        = "linux-image-arm64"
    bootloader    = "grub"
    boot_packages = ["grub-efi-arm64-bin"]
    executable    = "lares-linux-arm64"
    consoles      = ["tty0", "ttyAMA0,115200n8"]
    roles         = ["pc", "arm", "wifi"]
  }
  # Raspberry Pi 3, 4 and 5, and what is built like them: one U-Boot and one kernel know them all.
  target "rpi" {
    architecture  = "arm64"
    kernel        = "linux-image-arm64/trixie-backports"
    bootloader    = "u-boot"
    boot_packages = ["raspi-firmware", "u-boot-rpi"]
    executable    = "lares-linux-arm64"
    consoles      = ["tty0"]
    roles         = ["rpi", "wifi"]
    # The kernel is not packed there.
    disk {
      kernel = 96
    }
  }

  # Sizes in MiB. The data partition takes what is left of the disk, at first boot.
  disk {
    boot   = 64
    kernel = 48
    slot   = 512
  }
}
