import { existsSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";

/** Of a VGA card in text mode: 80 characters in 25 lines, each with a byte for its colour. */
const TEXT_AT = 0xb8000;
const COLUMNS = 80;
const ROWS = 25;
const SCREEN_BYTES = COLUMNS * ROWS * 2;
const KEYS: Readonly<Record<string, string>> = { "\n": "ret", "=": "equal", "-": "minus", ".": "dot", " ": "spc" };

/** A person before a machine: reads its screen and types on its keyboard. The keyboard hangs on USB. */
export class Person {
  readonly #path: string;
  #monitor: Socket | undefined;

  /** @param path for the monitor's socket; short, as paths of sockets are */
  constructor(path: string) {
    this.#path = path;
  }

  /** Arguments of the machine. */
  get arguments(): readonly string[] {
    rmSync(this.#path, { force: true });
    const keyboard = "-device qemu-xhci,id=keys -device usb-kbd,bus=keys.0";
    return [
      "-chardev",
      `socket,id=person,path=${this.#path},server=on,wait=off`,
      "-mon",
      "chardev=person",
      ...keyboard.split(" "),
    ];
  }

  /** What is on the screen, where it shows text and no picture. */
  async sees(): Promise<string> {
    const copy = `${this.#path}.screen`;
    rmSync(copy, { force: true });
    await this.#say(`pmemsave ${TEXT_AT} ${SCREEN_BYTES} "${copy}"`);
    let bytes = Buffer.alloc(0);
    for (let tries = 0; tries < 100 && bytes.length < SCREEN_BYTES; tries++) {
      await wait(100);
      bytes = existsSync(copy) ? readFileSync(copy) : bytes;
    }
    const text = Array.from({ length: ROWS }, (_, row) =>
      Buffer.from(bytes.subarray(row * COLUMNS * 2, (row + 1) * COLUMNS * 2).filter((__, at) => at % 2 === 0))
        .toString("latin1")
        .trimEnd(),
    );
    return text.join("\n").trimEnd();
  }

  async types(text: string): Promise<void> {
    for (const letter of text) {
      await this.#say(`sendkey ${KEYS[letter] ?? letter}`);
      await wait(250);
    }
  }

  leaves(): void {
    this.#monitor?.destroy();
    this.#monitor = undefined;
  }

  async #say(line: string): Promise<void> {
    if (this.#monitor === undefined) {
      for (let tries = 0; tries < 100 && !existsSync(this.#path); tries++) await wait(100);
      this.#monitor = connect(this.#path);
      await once(this.#monitor, "connect");
      this.#monitor.resume();
    }
    this.#monitor.write(`${line}\n`);
  }
}

/** Types into the machine's serial line (`typing` of its options). */
export async function typeInto(socket: string, text: string): Promise<void> {
  const line = connect(socket);
  await once(line, "connect");
  line.end(text);
  await once(line.resume(), "close");
}
