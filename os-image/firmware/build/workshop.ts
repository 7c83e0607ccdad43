import { mkdir } from "node:fs/promises";
import type { Exec } from "#base/env/exec.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";

/** Mounts live in a namespace of their own: nothing stays mounted, whatever happens. */
const SCRIPT = `
mount --bind "$2" "$1/making"
mount -t proc proc "$1/proc"
mount --bind /dev "$1/dev"
root=$1
shift 2
cd /
exec chroot "$root" "$@"
`;

const TIMEOUT_MS = 1_800_000;

/** Where a build's programs run: inside the tree of the tools' layer, with the work folder at `/making`. */
export interface Workshop {
  readonly work: string;
  /** What the program printed; a failure holds the end of what it complained of. */
  run(argv: readonly string[], input?: Uint8Array | string): Promise<Result<string>>;
}

export interface WorkshopOptions {
  readonly exec: Exec;
  /** The tools' tree. */
  readonly tools: string;
  readonly work: string;
  /** Seconds since 1970 that every time in the output is set to. */
  readonly epoch: number;
}

export async function openWorkshop({ exec, tools, work, epoch }: WorkshopOptions): Promise<Workshop> {
  await mkdir(work, { recursive: true });
  const enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-ec", SCRIPT, "sh", tools, work];
  return {
    work,
    async run(argv, input) {
      const result = await exec.run([...enter, ...argv], {
        timeoutMs: TIMEOUT_MS,
        maxOutputBytes: 16 * 1024 * 1024,
        ...(input === undefined ? {} : { input }),
        env: {
          PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
          LC_ALL: "C.UTF-8",
          TZ: "UTC",
          HOME: "/tmp",
          SOURCE_DATE_EPOCH: String(epoch),
          MTOOLS_SKIP_CHECK: "1",
        },
      });
      if (result.code === 0) return succeed(result.stdout);
      const said = (result.stderr || result.stdout).trim().slice(-800);
      const hint = "building needs root, for mounts and owners of files; and room on the disk";
      return fail("os_tool", `${argv.join(" ").slice(0, 200)} ended with ${result.code}: ${said}`, hint);
    },
  };
}
