/** What a program of QEMU said last, without its name in front: that is where it says why it ends. */
export function lastLine(text: string): string {
  return (
    text
      .trim()
      .split("\n")
      .at(-1)
      ?.replace(/^qemu-[a-z0-9_-]+: /, "") ?? ""
  );
}
