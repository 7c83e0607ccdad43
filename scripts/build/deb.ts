import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { posix } from "node:path";
import { promisify } from "node:util";
import { completionScript } from "#cli/command/completion.ts";
import { hashInputs, makeOnce } from "./output.ts";
import { type Architecture, laresVersion, root } from "./place.ts";

const run = promisify(execFile);

/** Debian's names of the processors. */
export const debianArchitecture = { x64: "amd64", arm64: "arm64" } as const satisfies Record<Architecture, string>;

/** Every time inside the package: 2026-01-01, so that the same files give the same package. */
const SOURCE_DATE_EPOCH = "1767225600";

type Content = { bytes: string | Uint8Array } | { copyOf: string };

/** Path in the package → its bytes, or the file to copy. Modes: 0755 for programs, 0644 for the rest. */
export type DebContents = ReadonlyMap<string, Content>;

export type DebOptions = {
  architecture: Architecture;
  contents: DebContents;
  /** xz level 0 to 9. */
  compression: number;
};

/** `lares_<version>_<arch>.deb`, made by dpkg-deb; needs no root. */
export async function buildDeb(
  path: string,
  { architecture, contents, compression }: DebOptions,
): Promise<"made" | "kept"> {
  const control = controlFile(architecture, contents);
  const scripts = ["postinst", "prerm", "postrm"].map((name) => [name, readDebianFile(name)] as const);
  const files = [...contents].flatMap(([name, content]) => [name, bytesOf(content)]);
  const inputs = hashInputs([control, String(compression), ...scripts.flat(), ...files]);
  return makeOnce(path, inputs, async (partial) => {
    mkdirSync(posix.dirname(path), { recursive: true });
    const tree = mkdtempSync(`${path}-`);
    try {
      for (const [name, content] of contents) place(`${tree}/${name}`, content);
      place(`${tree}/DEBIAN/control`, { bytes: control });
      place(`${tree}/DEBIAN/md5sums`, { bytes: md5sums(contents) });
      const conffiles = [...contents.keys()].filter((name) => name.startsWith("etc/"));
      place(`${tree}/DEBIAN/conffiles`, { bytes: conffiles.map((name) => `/${name}\n`).join("") });
      for (const [name, bytes] of scripts) place(`${tree}/DEBIAN/${name}`, { bytes });
      for (const name of globSync("**/*", { cwd: tree })) chmodSync(`${tree}/${name}`, modeOf(name, tree));
      chmodSync(tree, 0o755);
      await run("dpkg-deb", ["--root-owner-group", "-Zxz", `-z${compression}`, "--build", tree, partial], {
        env: { ...process.env, SOURCE_DATE_EPOCH },
      });
    } finally {
      rmSync(tree, { recursive: true, force: true });
    }
  });
}

/** Files of the package around the executable. */
export function debContents(executable: string, notices: string): DebContents {
  const doc = "usr/share/doc/lares";
  return new Map<string, Content>([
    ["usr/bin/lares", { copyOf: executable }],
    ["usr/lib/systemd/system/lares.service", { bytes: readDebianFile("lares.service") }],
    ["usr/lib/systemd/system/lares.service.d/network.conf", { bytes: readDebianFile("network.conf") }],
    ["usr/share/bash-completion/completions/lares", { bytes: completionScript("bash") }],
    ["usr/share/zsh/vendor-completions/_lares", { bytes: completionScript("zsh") }],
    ["usr/share/fish/vendor_completions.d/lares.fish", { bytes: completionScript("fish") }],
    ["etc/lares/lares.hcl", { bytes: readDebianFile("lares.hcl") }],
    [`${doc}/copyright`, { bytes: readFileSync(`${root}/LICENSE`, "utf8") }],
    [`${doc}/THIRD-PARTY-NOTICES`, { bytes: notices }],
    ...globSync("{README,CHANGELOG}.md", { cwd: root })
      .toSorted()
      .map((name) => [`${doc}/${name}`, { bytes: readFileSync(`${root}/${name}`) }] satisfies [string, Content]),
  ]);
}

function controlFile(architecture: Architecture, contents: DebContents): string {
  const bytes = [...contents.values()].reduce((sum, content) => sum + sizeOf(content), 0);
  return [
    "Package: lares",
    `Version: ${laresVersion}`,
    `Architecture: ${debianArchitecture[architecture]}`,
    "Maintainer: The Lares authors <lares@localhost>",
    `Installed-Size: ${Math.ceil(bytes / 1024)}`,
    "Section: admin",
    "Priority: optional",
    "Depends: libatomic1, libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 5), init-system-helpers (>= 1.52)",
    "Recommends: bubblewrap, ca-certificates, curl, docker.io, git, haproxy, libarchive-tools, runc",
    "Suggests: bash-completion, bind9-dnsutils",
    "Description: small cluster in one executable",
    " Job scheduler, service discovery, DNS and ingress for a handful of machines,",
    " speaking the HTTP and DNS protocols of Nomad and Consul.",
    "",
  ].join("\n");
}

function md5sums(contents: DebContents): string {
  return [...contents]
    .filter(([name]) => !name.startsWith("etc/"))
    .map(([name, content]) => `${createHash("md5").update(bytesOf(content)).digest("hex")}  ${name}\n`)
    .toSorted()
    .join("");
}

function bytesOf(content: Content): string | Uint8Array {
  return "bytes" in content ? content.bytes : readFileSync(content.copyOf);
}

function sizeOf(content: Content): number {
  return "bytes" in content ? Buffer.byteLength(content.bytes) : statSync(content.copyOf).size;
}

function place(path: string, content: Content): void {
  mkdirSync(posix.dirname(path), { recursive: true });
  if ("bytes" in content) writeFileSync(path, content.bytes);
  else copyFileSync(content.copyOf, path);
}

function modeOf(name: string, tree: string): number {
  const program = name.startsWith("usr/bin/") || /^DEBIAN\/p\w+$/.test(name);
  return program || statSync(`${tree}/${name}`).isDirectory() ? 0o755 : 0o644;
}

function readDebianFile(name: string): string {
  return readFileSync(new URL(`debian/${name}`, import.meta.url), "utf8");
}
