import assert from "node:assert/strict";
import { closeSync, fstatSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { parseBootEnv, nextSlot, DEFAULT_ENV, type SlotName } from "#os-image/firmware/node/boot-env.ts";
import { partitionsOf } from "#os-image/firmware/build/disk.ts";
import { SECTOR } from "#os-image/firmware/build/gpt.ts";
import type { DiskEvent } from "./nbd.ts";
import type { Workbench } from "./workbench.ts";

const BLOCK = 4096;

/** The files a slot may hold, whole: anything else must never be started. */
export interface SlotImages {
  readonly root: string;
  readonly kernel: string;
}

interface Area {
  readonly first: number;
  readonly end: number;
}

/** How far an area of the disk is from being exactly one of the files. */
class Likeness {
  readonly #area: Area;
  readonly #wanted: Buffer;
  readonly #differing = new Set<number>();

  constructor(area: Area, path: string, disk: Buffer) {
    this.#area = area;
    this.#wanted = readFileSync(path);
    for (let at = 0; at < this.#wanted.length; at += BLOCK) this.#compare(at, disk.subarray(at, at + BLOCK));
  }

  /** Bytes of the area changed. */
  changed(offset: number, read: (offset: number, length: number) => Buffer, length: number): void {
    const from = Math.max(offset, this.#area.first) - this.#area.first;
    const to = Math.min(offset + length, this.#area.first + this.#wanted.length) - this.#area.first;
    for (let at = from - (from % BLOCK); at < to; at += BLOCK) this.#compare(at, read(this.#area.first + at, BLOCK));
  }

  get isWhole(): boolean {
    return this.#differing.size === 0;
  }

  #compare(at: number, found: Buffer): void {
    const wanted = this.#wanted.subarray(at, at + BLOCK);
    if (wanted.equals(found.subarray(0, wanted.length))) this.#differing.delete(at);
    else this.#differing.add(at);
  }
}

/** A disk as it is after so many of the recorded writes: would it start, and from what? */
export class DiskPoints {
  readonly path: string;
  readonly #file: number;
  readonly #bench: Workbench;
  readonly #areas: readonly Area[];
  readonly #slots: Readonly<Record<SlotName, readonly (readonly Likeness[])[]>>;
  #slot: SlotName | undefined;

  constructor(path: string, bench: Workbench, images: Readonly<Record<SlotName, readonly SlotImages[]>>) {
    this.path = path;
    this.#bench = bench;
    this.#file = openSync(path, "r+");
    const sizes = { boot: 64, kernel: 48, slot: 512 };
    this.#areas = partitionsOf(sizes).map(({ first, last }) => ({ first: first * SECTOR, end: (last + 1) * SECTOR }));
    const likeness = (number: number, file: string): Likeness => {
      const area = this.#areas[number - 1] ?? { first: 0, end: 0 };
      return new Likeness(area, file, this.#read(area.first, area.end - area.first));
    };
    const slot = (kernel: number, root: number, all: readonly SlotImages[]) =>
      all.map((each) => [likeness(kernel, each.kernel), likeness(root, each.root)]);
    this.#slots = { A: slot(3, 5, images.A), B: slot(4, 6, images.B) };
  }

  apply(event: DiskEvent): void {
    if (event.kind === "flush") return;
    const { offset, data } = event;
    writeSync(this.#file, data, 0, data.length, offset);
    const read = (at: number, length: number): Buffer => this.#read(at, length);
    for (const each of [...this.#slots.A, ...this.#slots.B].flat()) each.changed(offset, read, data.length);
    const [, boot] = this.#areas;
    if (boot !== undefined && offset < boot.end && offset + data.length > boot.first) this.#slot = undefined;
  }

  /** Whether a write touches what GRUB reads before it has chosen a slot, or the tables of partitions. */
  decides(event: DiskEvent): boolean {
    if (event.kind === "flush") return false;
    const [, boot] = this.#areas;
    const end = this.#areas.at(-1)?.end ?? 0;
    return event.offset < (boot?.end ?? 0) || (event.offset >= end && event.offset + event.data.length > this.#tail());
  }

  /** As if these writes alone had reached the disk, of those that may have; afterwards it is as it was. */
  async attempt(writes: readonly DiskEvent[], work: () => Promise<void>): Promise<void> {
    const undo: DiskEvent[] = [];
    for (const event of writes) {
      if (event.kind === "flush") continue;
      const { offset, data } = event;
      undo.unshift({ kind: "write", offset, data: this.#read(offset, data.length) });
      this.apply(event);
    }
    try {
      await work();
    } finally {
      for (const event of undo) this.apply(event);
    }
  }

  /** Throws where a start would not work. @returns the slot that is started */
  async check(): Promise<SlotName> {
    assert.ok(this.#hasTable(1) || this.#hasTable(this.#sectors() - 1), "no partition table is whole");
    const slot = await this.#nextSlot();
    const whole = this.#slots[slot].some((parts) => parts.every((part) => part.isWhole));
    assert.ok(whole, `slot ${slot} is started next, and holds no whole system`);
    return slot;
  }

  close(): void {
    closeSync(this.#file);
  }

  #read(offset: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    readSync(this.#file, bytes, 0, length, offset);
    return bytes;
  }

  /** Where the second table of partitions begins. */
  #tail(): number {
    return (this.#sectors() - 33) * SECTOR;
  }

  #sectors(): number {
    return fstatSync(this.#file).size / SECTOR;
  }

  /** UEFI 2.10, section 5.3.2: the header's sum is taken with zeros in its place. */
  #hasTable(sector: number): boolean {
    const header = this.#read(sector * SECTOR, 92);
    if (header.toString("latin1", 0, 8) !== "EFI PART") return false;
    const sum = header.readUInt32LE(16);
    header.writeUInt32LE(0, 16);
    const table = this.#read(
      Number(header.readBigUInt64LE(72)) * SECTOR,
      header.readUInt32LE(80) * header.readUInt32LE(84),
    );
    return crc32(header) === sum && crc32(table) === header.readUInt32LE(88);
  }

  /** As GRUB would choose, of the environment as it can be read from the file system as it is. */
  async #nextSlot(): Promise<SlotName> {
    if (this.#slot !== undefined) return this.#slot;
    const [, boot] = this.#areas;
    const name = this.path.split("/").at(-1) ?? "";
    const offset = boot?.first ?? 0;
    for (const file of ["grub/grub.cfg", "EFI/BOOT/BOOTX64.EFI"])
      await this.#bench.tool(`mcopy -n -i /making/${name}@@${offset} ::${file} - >/dev/null`);
    const hex = await this.#bench
      .tool(`mcopy -n -i /making/${name}@@${offset} ::grub/grubenv - | od -An -v -tx1`)
      .catch(() => "");
    const env = parseBootEnv(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));
    this.#slot = nextSlot(env ?? DEFAULT_ENV);
    return this.#slot;
  }
}
