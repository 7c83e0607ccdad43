import type { Tree } from "./tree.ts";

const PCI = "/sys/devices/pci0000:00";
export const XHCI = `${PCI}/0000:00:14.0/usb1`;

/** A port of a USB device in the kernel's tree: `acm` boards hang below their interface, adapters have a port folder. */
export function usbPort(of: {
  readonly tty: string;
  readonly socket: string;
  readonly vendor: string;
  readonly product: string;
  readonly serial?: string;
  readonly maker?: string;
  readonly name?: string;
  readonly devnum?: string;
  readonly adapter?: boolean;
  readonly driver: string;
}): Tree {
  const usb = `${XHCI}/${of.socket}`;
  const face = `${usb}/${of.socket}:1.0`;
  const port = of.adapter === true ? `${face}/${of.tty}` : face;
  return {
    [`${usb}/idVendor`]: `${of.vendor}\n`,
    [`${usb}/idProduct`]: `${of.product}\n`,
    [`${usb}/busnum`]: "1\n",
    [`${usb}/devnum`]: `${of.devnum ?? "7"}\n`,
    ...(of.serial === undefined ? {} : { [`${usb}/serial`]: `${of.serial}\n` }),
    ...(of.maker === undefined ? {} : { [`${usb}/manufacturer`]: `${of.maker}\n` }),
    ...(of.name === undefined ? {} : { [`${usb}/product`]: `${of.name}\n` }),
    [`${face}/bInterfaceNumber`]: "00\n",
    [`${port}/uevent`]: `DRIVER=${of.driver}\n`,
    [`${port}/tty/${of.tty}/device`]: "-> ../..",
    [`/sys/class/tty/${of.tty}`]: `-> ${port}/tty/${of.tty}`,
    [`/dev/${of.tty}`]: "",
  };
}

/** What every machine has: screens, a console, sockets on the board where nothing is soldered on. */
export const CONSOLES: Tree = {
  "/sys/class/tty/tty0": "/",
  "/sys/class/tty/console/active": "tty0 ttyS0\n",
  "/sys/devices/pnp0/00:04/uevent": "DRIVER=serial\n",
  "/sys/devices/pnp0/00:04/tty/ttyS0/type": "4\n",
  "/sys/devices/pnp0/00:04/tty/ttyS0/device": "-> ../..",
  "/sys/class/tty/ttyS0": "-> /sys/devices/pnp0/00:04/tty/ttyS0",
  "/sys/devices/platform/serial8250/uevent": "DRIVER=serial8250\n",
  "/sys/devices/platform/serial8250/tty/ttyS1/type": "0\n",
  "/sys/devices/platform/serial8250/tty/ttyS1/device": "-> ../..",
  "/sys/class/tty/ttyS1": "-> /sys/devices/platform/serial8250/tty/ttyS1",
  "/dev/ttyS0": "",
  "/dev/ttyS1": "",
};

/** A Raspberry Pi 4: its own UART, its graphics, its headphone jack, a camera on USB. */
export const PI: Tree = {
  "/sys/class/tty/console/active": "tty1\n",
  "/sys/devices/platform/soc/fe201000.serial/uevent": "DRIVER=uart-pl011\nOF_COMPATIBLE_0=arm,pl011\n",
  "/sys/devices/platform/soc/fe201000.serial/tty/ttyAMA0/type": "32\n",
  "/sys/devices/platform/soc/fe201000.serial/tty/ttyAMA0/device": "-> ../..",
  "/sys/class/tty/ttyAMA0": "-> /sys/devices/platform/soc/fe201000.serial/tty/ttyAMA0",
  "/dev/ttyAMA0": "",
  "/sys/devices/platform/v3dbus/fec00000.v3d/uevent": "DRIVER=v3d\nOF_COMPATIBLE_0=brcm,2711-v3d\n",
  "/sys/devices/platform/v3dbus/fec00000.v3d/drm/card0/device": "-> ../..",
  "/sys/devices/platform/v3dbus/fec00000.v3d/drm/renderD128/device": "-> ../..",
  "/sys/class/drm/card0": "-> /sys/devices/platform/v3dbus/fec00000.v3d/drm/card0",
  "/sys/class/drm/renderD128": "-> /sys/devices/platform/v3dbus/fec00000.v3d/drm/renderD128",
  "/sys/class/drm/version": "drm 1.1.0 20060810\n",
  "/dev/dri/card0": "",
  "/dev/dri/renderD128": "",
  "/sys/devices/platform/soc/fe00b840.mailbox/bcm2835_audio/uevent": "DRIVER=bcm2835_audio\n",
  "/sys/devices/platform/soc/fe00b840.mailbox/bcm2835_audio/sound/card0/id": "Headphones\n",
  "/sys/devices/platform/soc/fe00b840.mailbox/bcm2835_audio/sound/card0/device": "-> ../..",
  "/sys/class/sound/card0": "-> /sys/devices/platform/soc/fe00b840.mailbox/bcm2835_audio/sound/card0",
  "/sys/class/sound/controlC0": "/",
  "/sys/class/sound/pcmC0D0p": "/",
  "/sys/class/sound/timer": "/",
  "/dev/snd/controlC0": "",
  "/dev/snd/pcmC0D0p": "",
  "/dev/snd/timer": "",
  ...camera(),
};

function camera(): Tree {
  const usb = `${XHCI}/1-3`;
  const face = `${usb}/1-3:1.0`;
  return {
    [`${usb}/idVendor`]: "046d\n",
    [`${usb}/idProduct`]: "0825\n",
    [`${usb}/product`]: "Webcam C270\n",
    [`${usb}/serial`]: "5A3B2C10\n",
    [`${usb}/busnum`]: "1\n",
    [`${usb}/devnum`]: "4\n",
    [`${face}/uevent`]: "DRIVER=uvcvideo\n",
    [`${face}/video4linux/video0/name`]: "UVC Camera (046d:0825)\n",
    [`${face}/video4linux/video0/device`]: "-> ../..",
    [`${face}/video4linux/video1/name`]: "UVC Camera (046d:0825)\n",
    [`${face}/video4linux/video1/device`]: "-> ../..",
    "/sys/class/video4linux/video0": `-> ${face}/video4linux/video0`,
    "/sys/class/video4linux/video1": `-> ${face}/video4linux/video1`,
    "/dev/video0": "",
    "/dev/video1": "",
  };
}

/** A desktop's graphics card. */
export const AMD_CARD: Tree = {
  [`${PCI}/0000:00:01.0/0000:01:00.0/uevent`]: "DRIVER=amdgpu\nPCI_CLASS=30000\nPCI_ID=1002:744C\n",
  [`${PCI}/0000:00:01.0/0000:01:00.0/mem_info_vram_total`]: "25753026560\n",
  [`${PCI}/0000:00:01.0/0000:01:00.0/drm/card1/device`]: "-> ../..",
  [`${PCI}/0000:00:01.0/0000:01:00.0/drm/renderD129/device`]: "-> ../..",
  "/sys/class/drm/card1": `-> ${PCI}/0000:00:01.0/0000:01:00.0/drm/card1`,
  "/sys/class/drm/renderD129": `-> ${PCI}/0000:00:01.0/0000:01:00.0/drm/renderD129`,
  "/dev/dri/card1": "",
  "/dev/dri/renderD129": "",
  "/dev/kfd": "",
};

/** A Pi's header, a PC's own wires, a hub, a radio on USB, and an adapter of I2C on USB. */
export const WIRES: Tree = {
  "/sys/devices/platform/soc/fe804000.i2c/uevent": "DRIVER=i2c-bcm2835\nOF_COMPATIBLE_0=brcm,bcm2711-i2c\n",
  "/sys/devices/platform/soc/fe804000.i2c/i2c-1/uevent": "OF_NAME=i2c\n",
  "/sys/devices/platform/soc/fe804000.i2c/i2c-1/i2c-dev/i2c-1/name": "bcm2835 (i2c@7e804000)\n",
  "/sys/devices/platform/soc/fe804000.i2c/i2c-1/i2c-dev/i2c-1/device": "-> ../..",
  "/sys/class/i2c-dev/i2c-1": "-> /sys/devices/platform/soc/fe804000.i2c/i2c-1/i2c-dev/i2c-1",
  "/dev/i2c-1": "",
  [`${PCI}/0000:00:1f.4/uevent`]: "DRIVER=i801_smbus\nPCI_ID=8086:A323\n",
  [`${PCI}/0000:00:1f.4/i2c-7/uevent`]: "",
  [`${PCI}/0000:00:1f.4/i2c-7/i2c-dev/i2c-7/device`]: "-> ../..",
  "/sys/class/i2c-dev/i2c-7": `-> ${PCI}/0000:00:1f.4/i2c-7/i2c-dev/i2c-7`,
  "/dev/i2c-7": "",
  "/sys/devices/platform/soc/fe204000.spi/spi_master/spi0/spi0.0/uevent": "DRIVER=spidev\nOF_COMPATIBLE_0=spidev\n",
  "/sys/devices/platform/soc/fe204000.spi/spi_master/spi0/spi0.0/spidev/spidev0.0/device": "-> ../..",
  "/sys/class/spidev/spidev0.0": "-> /sys/devices/platform/soc/fe204000.spi/spi_master/spi0/spi0.0/spidev/spidev0.0",
  "/dev/spidev0.0": "",
  "/sys/devices/platform/soc/fe200000.gpio/uevent": "DRIVER=pinctrl-bcm2835\nOF_COMPATIBLE_0=brcm,bcm2711-gpio\n",
  "/sys/devices/platform/soc/fe200000.gpio/gpiochip0/uevent": "DEVNAME=gpiochip0\n",
  "/sys/bus/gpio/devices/gpiochip0": "-> /sys/devices/platform/soc/fe200000.gpio/gpiochip0",
  "/dev/gpiochip0": "",
  ...usbDevice({
    socket: "1-2",
    vendor: "0bda",
    product: "2838",
    devnum: "9",
    name: "RTL2838UHIDIR",
    serial: "00000001",
  }),
  ...usbDevice({ socket: "1-4", vendor: "05e3", product: "0608", devnum: "3", name: "USB2.0 Hub", hub: true }),
};

/** As `lsusb` sees it. */
function usbDevice(of: {
  readonly socket: string;
  readonly vendor: string;
  readonly product: string;
  readonly devnum: string;
  readonly name: string;
  readonly serial?: string;
  readonly hub?: boolean;
}): Tree {
  const usb = `${XHCI}/${of.socket}`;
  return {
    [`${usb}/idVendor`]: `${of.vendor}\n`,
    [`${usb}/idProduct`]: `${of.product}\n`,
    [`${usb}/product`]: `${of.name}\n`,
    [`${usb}/busnum`]: "1\n",
    [`${usb}/devnum`]: `${of.devnum}\n`,
    [`${usb}/bDeviceClass`]: of.hub === true ? "09\n" : "00\n",
    [`${usb}/urbnum`]: "4711\n",
    [`${usb}/speed`]: "480\n",
    [`${usb}/power/connected_duration`]: "90500\n",
    ...(of.serial === undefined ? {} : { [`${usb}/serial`]: `${of.serial}\n` }),
    [`${usb}/${of.socket}:1.0/bInterfaceNumber`]: "00\n",
    [`/sys/bus/usb/devices/${of.socket}`]: `-> ${usb}`,
    [`/sys/bus/usb/devices/${of.socket}:1.0`]: `-> ${usb}/${of.socket}:1.0`,
    [`/dev/bus/usb/001/${of.devnum.padStart(3, "0")}`]: "",
  };
}
