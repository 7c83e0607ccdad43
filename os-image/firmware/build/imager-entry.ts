interface FileSize {
  readonly bytes: number;
  readonly sha256: string;
}

interface ImagerOptions {
  readonly version: string;
  readonly target: string;
  readonly url: string;
  /** As it lies on the disk, and as it is downloaded. */
  readonly disk: FileSize;
  readonly packed: FileSize;
  /** Year, month, day. */
  readonly released: string;
}

/** An image for `rpi-imager --repo`: https://github.com/raspberrypi/rpi-imager/blob/main/doc/json-schema/os-list-schema.json */
export function imagerEntry({ version, target, url, disk, packed, released }: ImagerOptions) {
  return {
    name: `Lares ${version}`,
    description: `A cluster of its own: flash several machines, and they find each other (${target})`,
    icon: ICON,
    url,
    extract_size: disk.bytes,
    extract_sha256: disk.sha256,
    image_download_size: packed.bytes,
    image_download_sha256: packed.sha256,
    release_date: released,
    devices: DEVICES[target] ?? [],
    // What a person sets in it comes as firstrun.sh, which the seed reads.
    init_format: "systemd",
  };
}

/** Its names for boards; a PC has none. */
const DEVICES: Readonly<Record<string, readonly string[]>> = { rpi: ["pi3-64bit", "pi4-64bit", "pi5-64bit"] };

/** A house, drawn here: nothing has to be fetched for it. */
const ICON = `data:image/svg+xml;base64,${Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><path fill="#7a2e1d" d="M20 4 4 18h5v18h8V25h6v11h8V18h5z"/></svg>',
).toString("base64")}`;
