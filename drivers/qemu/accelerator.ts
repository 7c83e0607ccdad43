import type { Env } from "#base/env/env.ts";

/** The processor of this machine as QEMU names it: `x86_64`, `aarch64`. */
export type Architecture = string;

const PROBE_TIMEOUT_MS = 8000;
const DEVICE = "/dev/kvm";
const ROM_NAME = "lares-kvm-probe-";

/**
 * Programs of a few bytes that end the machine they run on. That `/dev/kvm` can be opened says little: in a nested
 * machine it may be there and run nothing, or far too slowly. `code` is how QEMU ends when the program ran.
 */
const PROBES: Readonly<
  Record<string, { readonly rom: () => Uint8Array; readonly args: readonly string[]; readonly code: number }>
> = {
  x86_64: {
    rom: x86Rom,
    args: ["-machine", "pc", "-cpu", "host", "-device", "isa-debug-exit"],
    // isa-debug-exit: twice the value, plus one.
    code: 0x10 * 2 + 1,
  },
  aarch64: { rom: armRom, args: ["-machine", "virt,gic-version=host", "-cpu", "host"], code: 0 },
};

/** Whether guests run on this machine's own processor. Asked once; the answer may take seconds where it is no. */
export function kvmProbe(env: Env, folder: string): (architecture: Architecture) => Promise<boolean> {
  const asked = new Map<string, Promise<boolean>>();
  return (architecture) => {
    const known = asked.get(architecture) ?? probe(env, folder, architecture).catch(() => false);
    asked.set(architecture, known);
    return known;
  };
}

async function probe(env: Env, folder: string, architecture: Architecture): Promise<boolean> {
  const row = PROBES[architecture];
  if (row === undefined || (await env.disk.stat(DEVICE)) === undefined) return false;
  if ((await hostArchitecture(env)) !== architecture) return false;
  await removeLeft(env, folder);
  const rom = `${folder}/${ROM_NAME}${env.random.uuid()}`;
  await env.disk.replace(rom, row.rom(), { durable: false });
  try {
    return (await runRom(env, [`qemu-system-${architecture}`, "-accel", "kvm", ...row.args], rom)) === row.code;
  } finally {
    await env.disk.remove(rom);
  }
}

/** What an agent wrote that was killed meanwhile; another one's may be in use. */
async function removeLeft({ disk, clock }: Env, folder: string): Promise<void> {
  for (const name of await disk.list(folder)) {
    if (!name.startsWith(ROM_NAME)) continue;
    const found = await disk.stat(`${folder}/${name}`);
    if (found !== undefined && clock.nowMs() - found.modifiedMs > 10 * PROBE_TIMEOUT_MS)
      await disk.remove(`${folder}/${name}`);
  }
}

/** How QEMU ended that ran this program and nothing else. */
export async function runRom(env: Env, argv: readonly string[], rom: string): Promise<number> {
  const bare = "-nodefaults -no-user-config -display none -m 16M".split(" ");
  // Where the processor runs nothing it never ends by itself, and whoever asks may be gone before its time is up.
  const keeper = await env.exec.find("setpriv");
  const bound = keeper === undefined ? [] : [keeper, "--pdeathsig", "KILL"];
  const ran = await env.exec.run([...bound, ...argv, ...bare, "-bios", rom], { timeoutMs: PROBE_TIMEOUT_MS });
  return ran.timedOut || ran.signal !== 0 ? -1 : ran.code;
}

export async function hostArchitecture(env: Env): Promise<Architecture> {
  return (await env.exec.run(["uname", "-m"])).stdout.trim();
}

/**
 * A PC begins 16 bytes below the end of its ROM, in 16 bits: this enters 32, counts to 2^27 and writes to port 0x501. A processor does that in a
 * tenth of a second, and QEMU by itself in half a second. Where KVM is itself emulated, instruction by instruction, it takes a minute, and no
 * system would ever come up. (Intel's manual, volume 3, 9.9.1: switching to protected mode.)
 */
export function x86Rom(): Uint8Array {
  const rom = new Uint8Array(65_536).fill(0xf4);
  const program: readonly (readonly [number, readonly number[]])[] = [
    // cli; lgdt cs:[0xff70]; mov eax, cr0; or al, 1; mov cr0, eax
    [0xff00, [0xfa, 0x66, 0x2e, 0x0f, 0x01, 0x16, 0x70, 0xff, 0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0]],
    // jmp 8:0xffffff30
    [0xff10, [0x66, 0xea, 0x30, 0xff, 0xff, 0xff, 0x08, 0x00]],
    // mov ecx, 1 << 27; dec ecx; jnz
    [0xff30, [0xb9, 0x00, 0x00, 0x00, 0x08, 0x49, 0x75, 0xfd]],
    // mov dx, 0x501; mov al, 0x10; out dx, al; hlt; jmp
    [0xff38, [0x66, 0xba, 0x01, 0x05, 0xb0, 0x10, 0xee, 0xf4, 0xeb, 0xfd]],
    // The table of segments: where it is, and in it the second, flat, for code.
    [0xff70, [0x0f, 0x00, 0x80, 0xff, 0xff, 0xff]],
    [0xff80, [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0x00, 0x00, 0x00, 0x9b, 0xcf, 0x00]],
    // jmp 0xff00
    [rom.length - 16, [0xe9, 0x0d, 0xff]],
  ];
  for (const [at, bytes] of program) rom.set(bytes, at);
  return rom;
}

/** An ARM begins at its start: asks the firmware (PSCI SYSTEM_OFF, 0x84000008) for the power to be cut. */
export function armRom(): Uint8Array {
  const words = new Uint32Array([0x5280_0100, 0x72b0_8000, 0xd400_0002, 0x1400_0000]);
  return new Uint8Array(words.buffer);
}
