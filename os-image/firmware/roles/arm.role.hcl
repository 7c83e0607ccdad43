# What boards and servers with arm64 have besides: clocks, pins and supplies that other drivers hang on.
role "arm" {
  without = ["grub-efi-arm64-unsigned"]

  modules = [
    "kernel/arch/arm64", "kernel/drivers/bus", "kernel/drivers/clk", "kernel/drivers/gpio", "kernel/drivers/i2c", "kernel/drivers/interconnect",
    "kernel/drivers/iommu", "kernel/drivers/irqchip", "kernel/drivers/mailbox", "kernel/drivers/mfd", "kernel/drivers/net/ethernet/amazon",
    "kernel/drivers/net/ethernet/cadence", "kernel/drivers/net/ethernet/freescale", "kernel/drivers/net/ethernet/google",
    "kernel/drivers/net/ethernet/hisilicon", "kernel/drivers/net/ethernet/marvell", "kernel/drivers/net/ethernet/stmicro", "kernel/drivers/nvmem",
    "kernel/drivers/pci", "kernel/drivers/phy", "kernel/drivers/pinctrl", "kernel/drivers/power/reset", "kernel/drivers/pmdomain",
    "kernel/drivers/regulator", "kernel/drivers/reset", "kernel/drivers/soc", "kernel/drivers/spi", "kernel/drivers/usb/chipidea",
    "kernel/drivers/usb/dwc2", "kernel/drivers/usb/dwc3", "kernel/drivers/usb/phy", "kernel/drivers/usb/typec",
  ]
  initrd = [
    "virtio_mmio", "pci-host-generic", "pcie-rockchip-host", "pcie-tegra194", "pci-tegra", "pcie-brcmstb", "phy-rockchip-pcie", "dw_mmc-rockchip",
    "sdhci-of-arasan", "sdhci-of-dwcmshc", "sdhci-esdhc-imx", "meson-gx-mmc", "sunxi-mmc", "sdhci-iproc", "sdhci-xenon-driver", "rockchip-dfi",
    "dwc3", "dwc2", "xhci-plat-hcd", "fixed", "gpio-regulator", "pwm-regulator", "crc32c_arm64",
  ]
}
