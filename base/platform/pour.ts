import type { Readable } from "node:stream";

/** Hands over what is read. While a promise the taker returned is pending, nothing more is. */
export function pour(from: Readable, take: (data: Uint8Array) => void | Promise<void>): void {
  from.on("data", (data: Buffer) => {
    const taken = take(data);
    if (taken === undefined) return;
    from.pause();
    void taken.catch(() => {}).then(() => from.resume());
  });
}
