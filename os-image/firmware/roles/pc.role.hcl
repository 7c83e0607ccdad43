# Drivers of ordinary PCs, of servers and of virtual machines. Folders and files below the kernel's module folder.
role "pc" {
  modules = [
    "kernel/arch/x86", "kernel/block", "kernel/crypto", "kernel/drivers/acpi", "kernel/drivers/ata", "kernel/drivers/block/virtio_blk.ko",
    "kernel/drivers/block/loop.ko", "kernel/drivers/block/nbd.ko", "kernel/drivers/char/hw_random", "kernel/drivers/char/tpm", "kernel/drivers/cpufreq", "kernel/drivers/dma",
    "kernel/drivers/firmware", "kernel/drivers/hid/hid-generic.ko", "kernel/drivers/hid/hid.ko", "kernel/drivers/hid/usbhid",
    "kernel/drivers/hwmon", "kernel/drivers/cdrom", "kernel/drivers/scsi/sr_mod.ko", "kernel/fs/isofs", "kernel/drivers/i2c/busses/i2c-i801.ko", "kernel/drivers/i2c/i2c-smbus.ko", "kernel/drivers/md/dm-mod.ko",
    # The watchdog of Intel's chipsets is told of by this.
    "kernel/drivers/mfd/lpc_ich.ko", "kernel/drivers/mfd/mfd-core.ko",
    "kernel/drivers/md/dm-verity.ko", "kernel/drivers/md/dm-bufio.ko", "kernel/drivers/mmc", "kernel/drivers/net/ethernet/broadcom/b44.ko",
    "kernel/drivers/net/ethernet/broadcom/bnxt", "kernel/drivers/net/ethernet/broadcom/tg3.ko",
    "kernel/drivers/net/ethernet/intel", "kernel/drivers/net/ethernet/realtek", "kernel/drivers/net/ethernet/aquantia",
    "kernel/drivers/net/mdio", "kernel/drivers/net/phy", "kernel/drivers/net/pcs", "kernel/drivers/net/usb", "kernel/drivers/net/veth.ko", "kernel/drivers/net/macvlan.ko", "kernel/drivers/net/macvtap.ko",
    "kernel/drivers/net/tun.ko", "kernel/drivers/net/tap.ko", "kernel/drivers/net/bonding", "kernel/drivers/net/dummy.ko",
    "kernel/drivers/net/virtio_net.ko", "kernel/drivers/net/net_failover.ko", "kernel/drivers/net/vmxnet3", "kernel/drivers/net/wireguard",
    "kernel/drivers/net/ppp", "kernel/drivers/net/mii.ko", "kernel/drivers/nvme/host/nvme.ko", "kernel/drivers/nvme/host/nvme-tcp.ko", "kernel/drivers/pps", "kernel/drivers/ptp", "kernel/drivers/rtc",
    "kernel/drivers/scsi/sd_mod.ko", "kernel/drivers/scsi/scsi_mod.ko", "kernel/drivers/scsi/scsi_common.ko", "kernel/drivers/scsi/virtio_scsi.ko",
    "kernel/drivers/scsi/vmw_pvscsi.ko", "kernel/drivers/scsi/hv_storvsc.ko", "kernel/drivers/hv", "kernel/drivers/net/hyperv",
    "kernel/drivers/thermal", "kernel/drivers/usb/class/cdc-acm.ko", "kernel/drivers/usb/common", "kernel/drivers/usb/core", "kernel/drivers/usb/host",
    "kernel/drivers/usb/serial", "kernel/drivers/usb/storage", "kernel/drivers/vhost/vhost_net.ko", "kernel/drivers/vhost/vhost_vsock.ko", "kernel/drivers/virtio", "kernel/drivers/watchdog",
    "kernel/fs/autofs", "kernel/fs/efivarfs", "kernel/fs/ext4", "kernel/fs/fat", "kernel/fs/jbd2", "kernel/fs/mbcache.ko",
    "kernel/fs/nls/nls_ascii.ko", "kernel/fs/nls/nls_cp437.ko", "kernel/fs/nls/nls_cp850.ko", "kernel/fs/nls/nls_iso8859-1.ko", "kernel/fs/nls/nls_utf8.ko",
    "kernel/fs/overlayfs", "kernel/fs/squashfs", "kernel/fs/exfat", "kernel/lib", "kernel/net/802", "kernel/net/8021q", "kernel/net/bridge", "kernel/net/core",
    "kernel/net/ipv4", "kernel/net/ipv6", "kernel/net/llc", "kernel/net/netfilter", "kernel/net/packet", "kernel/net/sched", "kernel/net/unix",
    "kernel/net/vmw_vsock", "kernel/virt", "kernel/mm",
  ]
  # Loaded before the system: what disks hang on, and how they are read.
  initrd = [
    "virtio_blk", "virtio_pci", "virtio_scsi", "ahci", "ata_piix", "sd_mod", "nvme", "usb-storage", "uas", "xhci_pci", "ehci_pci", "uhci_hcd",
    "ohci_pci", "mmc_block", "sdhci_pci", "sdhci_acpi", "vmw_pvscsi", "hv_storvsc", "hv_vmbus", "virtio_rng",
    "squashfs", "overlay", "crc32c_generic", "crc32c_intel", "ext4", "vfat", "nls_cp437", "nls_ascii", "nls_utf8", "nls_iso8859-1", "loop", "isofs", "sr_mod",
    # The installer's keyboard.
    "usbhid", "hid-generic",
  ]
}
