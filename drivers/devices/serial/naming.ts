import type { UsbFacts } from "../sysfs.ts";
import { slug } from "../sysfs.ts";

/** Makers of boards and adapters with a serial port, by their USB vendor id (http://www.linux-usb.org/usb-ids.html). */
const VENDORS: Readonly<Record<string, string>> = {
  "0403": "ftdi",
  "0483": "st",
  "04d8": "microchip",
  "067b": "prolific",
  "10c4": "silabs",
  "1366": "segger",
  "16c0": "teensy",
  "1a86": "wch",
  "1d50": "openmoko",
  "1cf1": "dresden-elektronik",
  "2341": "arduino",
  "239a": "adafruit",
  "2a03": "arduino",
  "2e8a": "raspberry-pi",
  "303a": "espressif",
};

/** Arduino's boards, most of which call themselves nothing but Arduino. */
const ARDUINO: Readonly<Record<string, string>> = {
  "0001": "uno",
  "0010": "mega-2560",
  "0036": "leonardo",
  "003d": "due",
  "0042": "mega-2560",
  "0043": "uno",
  "0058": "nano-every",
  "0069": "uno-r4-minima",
  "1002": "uno-r4-wifi",
  "8036": "leonardo",
  "8037": "micro",
  "8057": "nano-33-iot",
  "805a": "nano-33-ble",
};

export interface PortName {
  readonly vendor: string;
  readonly name: string;
}

/** What a port on USB is called; `told` is the maker's name as the system's own list has it. */
export function usbName(usb: UsbFacts, told: string): PortName {
  const vendor = VENDORS[usb.vendorId] ?? (slug(told) || slug(usb.manufacturer) || `usb-${usb.vendorId}`);
  const known = vendor === "arduino" ? ARDUINO[usb.productId] : undefined;
  return { vendor, name: known ?? (slug(usb.product) || usb.productId) };
}
