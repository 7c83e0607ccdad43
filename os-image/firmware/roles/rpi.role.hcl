# Drivers of Raspberry Pi 3, 4 and 5. Folders and files below the kernel's module folder.
role "rpi" {
  packages = ["firmware-brcm80211"]
  # What their boot partition has from other packages, made while the image is built.
  without = ["dosfstools", "dracut", "dracut-core", "initramfs-tools-core", "linux-initramfs-tool", "lsb-release"]

  modules = [
    "kernel/arch/arm64", "kernel/block", "kernel/crypto", "kernel/drivers/block/loop.ko", "kernel/drivers/block/nbd.ko", "kernel/drivers/char/hw_random",
    "kernel/drivers/clk/bcm", "kernel/drivers/clk/clk-raspberrypi.ko", "kernel/drivers/clk/clk-rp1.ko", "kernel/drivers/cpufreq", "kernel/drivers/dma",
    "kernel/drivers/firmware", "kernel/drivers/gpio", "kernel/drivers/hid/hid-generic.ko", "kernel/drivers/hid/hid.ko", "kernel/drivers/hid/usbhid",
    "kernel/drivers/hwmon/raspberrypi-hwmon.ko", "kernel/drivers/hwmon/pwm-fan.ko", "kernel/drivers/i2c/busses/i2c-bcm2835.ko", "kernel/drivers/i2c/busses/i2c-brcmstb.ko",
    "kernel/drivers/i2c/busses/i2c-designware-platform.ko", "kernel/drivers/irqchip", "kernel/drivers/mailbox", "kernel/drivers/md/dm-bufio.ko",
    "kernel/drivers/md/dm-mod.ko", "kernel/drivers/md/dm-verity.ko", "kernel/drivers/mfd", "kernel/drivers/misc/rp1", "kernel/drivers/mmc",
    "kernel/drivers/net/bonding", "kernel/drivers/net/dummy.ko", "kernel/drivers/net/ethernet/broadcom/genet", "kernel/drivers/net/ethernet/cadence",
    "kernel/drivers/net/macvlan.ko", "kernel/drivers/net/macvtap.ko", "kernel/drivers/net/mdio", "kernel/drivers/net/mii.ko", "kernel/drivers/net/pcs",
    "kernel/drivers/net/phy", "kernel/drivers/net/ppp", "kernel/drivers/net/tap.ko", "kernel/drivers/net/tun.ko", "kernel/drivers/net/usb",
    "kernel/drivers/net/veth.ko", "kernel/drivers/net/wireguard", "kernel/drivers/net/wireless/broadcom/brcm80211", "kernel/drivers/nvme",
    "kernel/drivers/nvmem", "kernel/drivers/pci/controller", "kernel/drivers/phy/broadcom", "kernel/drivers/pinctrl", "kernel/drivers/pmdomain/bcm",
    "kernel/drivers/pps", "kernel/drivers/ptp", "kernel/drivers/pwm", "kernel/drivers/regulator", "kernel/drivers/reset", "kernel/drivers/rtc",
    "kernel/drivers/scsi/scsi_common.ko", "kernel/drivers/scsi/scsi_mod.ko", "kernel/drivers/scsi/sd_mod.ko", "kernel/drivers/soc/bcm",
    "kernel/drivers/thermal", "kernel/drivers/tty/serial", "kernel/drivers/usb/class/cdc-acm.ko", "kernel/drivers/usb/common", "kernel/drivers/usb/core",
    "kernel/drivers/usb/dwc2", "kernel/drivers/usb/dwc3", "kernel/drivers/usb/host", "kernel/drivers/usb/phy", "kernel/drivers/usb/roles",
    "kernel/drivers/usb/serial", "kernel/drivers/usb/storage", "kernel/drivers/vhost", "kernel/drivers/watchdog", "kernel/fs/autofs", "kernel/fs/exfat",
    "kernel/fs/ext4", "kernel/fs/fat", "kernel/fs/jbd2", "kernel/fs/mbcache.ko", "kernel/fs/nls", "kernel/fs/overlayfs", "kernel/fs/squashfs", "kernel/lib",
    "kernel/mm", "kernel/net/802", "kernel/net/8021q", "kernel/net/bridge", "kernel/net/core", "kernel/net/ipv4", "kernel/net/ipv6", "kernel/net/llc",
    "kernel/net/netfilter", "kernel/net/packet", "kernel/net/rfkill", "kernel/net/sched", "kernel/net/unix", "kernel/net/wireless", "kernel/virt",
  ]
  # The card, the stick or the disk it is started from, and what those hang on.
  initrd = [
    "bcm2835", "sdhci-iproc", "sdhci-brcmstb", "mmc_block", "usb-storage", "uas", "sd_mod", "nvme", "dwc2", "dwc3", "xhci-pci", "xhci-plat-hcd",
    "pcie-brcmstb", "clk-raspberrypi", "clk-rp1", "gpio-raspberrypi-exp", "raspberrypi-power", "reset-raspberrypi", "reset-brcmstb",
    "reset-brcmstb-rescal", "bcm2835-mailbox", "raspberrypi", "fixed", "gpio-regulator", "pwrseq_simple", "pinctrl-bcm2835", "pinctrl-rp1",
    "rp1_pci", "gpio-brcmstb", "phy-generic", "bcm2835-dma", "bcm2835_wdt",
    "squashfs", "overlay", "crc32c_generic", "ext4", "vfat", "nls_cp437", "nls_ascii", "nls_utf8", "nls_iso8859-1", "loop",
  ]
  remove = ["/usr/lib/firmware/brcm/bcm4329-fullmac-4.bin"]
}
