/** What a machine can be started from, and what it can write to. */
export interface Drive {
  readonly file: string;
  readonly format: "raw" | "qcow2";
  readonly by: keyof typeof DEVICES;
}

/** QEMU's devices; `@` is the drive, the number of the bus and the place in the order of starting are added. */
const DEVICES = {
  virtio: ["virtio-blk-pci,drive=@"],
  sata: ["ide-hd,drive=@,bus=ide.#"],
  nvme: ["nvme,drive=@,serial=lares-@"],
  disc: ["ide-cd,drive=@,bus=ide.#"],
  /** An eMMC looks like a card to whoever starts from it; its place in the order cannot be said. */
  card: ["sdhci-pci,id=@-bus", "sd-card,drive=@,bus=sd-bus"],
  stick: ["qemu-xhci,id=@-bus", "usb-storage,drive=@,bus=@-bus.0"],
} as const;

/** In the order in which the firmware tries them; first is a kernel that QEMU starts itself. */
export function driveArguments(drives: readonly Drive[]): readonly string[] {
  return drives.flatMap(({ file, format, by }, at) => {
    const name = `drive${at}`;
    const readOnly = by === "disc" || by === "stick" ? ",readonly=on" : "";
    const devices = DEVICES[by].map((each) => each.replaceAll("@", name).replaceAll("#", String(at)));
    const last = by === "card" ? -1 : devices.length - 1;
    const ordered = devices.map((each, index) => (index === last ? `${each},bootindex=${at + 1}` : each));
    return [
      "-drive",
      `file=${file},format=${format},if=none,id=${name},cache=unsafe${readOnly}`,
      ...ordered.flatMap((each) => ["-device", each]),
    ];
  });
}

/** A network card that starts the machine from QEMU's TFTP server (the card's own program is iPXE). */
export function netbootArguments({ folder, file }: { readonly folder: string; readonly file: string }) {
  return { network: `,tftp=${folder},bootfile=${file}`, card: "virtio-net-pci,netdev=net,bootindex=9" };
}
