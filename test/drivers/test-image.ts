import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";

const PROGRAMS = ["/bin/sh", "/bin/sleep", "/bin/cat"];

/** Makes an image from this machine's shell and the libraries it needs: a few megabytes, no registry. */
export function makeTestImage(name: string, env: Record<string, string>, more: readonly string[] = []): void {
  const root = mkdtempSync(`${tmpdir()}/lares-image-`);
  try {
    for (const program of [...PROGRAMS, ...more]) {
      copy(root, program);
      for (const [library] of execFileSync("ldd", [program], { encoding: "utf8" }).matchAll(/\/\S+/g))
        copy(root, library);
    }
    mkdirSync(`${root}/tmp`);
    const tar = execFileSync("tar", ["-C", root, "-c", "."], { maxBuffer: 256 * 1024 * 1024 });
    execFileSync("docker", ["import", "-", name], {
      input: tar,
      env: { ...process.env, ...env },
      stdio: ["pipe", "ignore", "inherit"],
    });
  } finally {
    rmSync(root, { recursive: true });
  }
}

function copy(root: string, path: string): void {
  mkdirSync(dirname(`${root}${path}`), { recursive: true });
  cpSync(realpathSync(path), `${root}${path}`);
}
