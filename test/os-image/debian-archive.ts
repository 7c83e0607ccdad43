import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";

const SUITE = "stable";
const KEEPER = "archive@lares.example";

/** A Debian archive on loopback, with a key of its own: https://wiki.debian.org/DebianRepository/Format */
export class DebianArchive {
  readonly folder: string;
  /** Who signs it, as `Signed-By` takes it. */
  readonly keyring: string;
  /** Of all it has now. */
  lock = "";
  readonly #gnupg: string;
  readonly #server: Server;

  private constructor(folder: string) {
    this.folder = folder;
    this.keyring = join(folder, "keyring.gpg");
    this.#gnupg = join(folder, "gnupg");
    this.#server = createServer((request, response) => {
      try {
        response.end(readFileSync(join(folder, "www", decodeURIComponent(request.url ?? "/"))));
      } catch {
        response.writeHead(404).end();
      }
    });
  }

  static async open(t: ExecutionContext): Promise<DebianArchive> {
    const archive = new DebianArchive(mkdtempSync(join(tmpdir(), "lares-archive-")));
    t.teardown(() => archive.#close());
    for (const each of ["www/pool", `www/dists/${SUITE}/main/binary-amd64`])
      mkdirSync(join(archive.folder, each), { recursive: true });
    mkdirSync(archive.#gnupg, { mode: 0o700 });
    archive.#gpg("--passphrase", "", "--quick-gen-key", KEEPER, "ed25519", "sign", "never");
    archive.#gpg("--output", archive.keyring, "--export");
    await new Promise<void>((resolve) => void archive.#server.listen(0, "127.0.0.1", resolve));
    return archive;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("it does not listen");
    return `http://127.0.0.1:${address.port}`;
  }

  /** What recipes say of it. */
  get source(): string {
    return `source "own" {\n  uri = "${this.url}"\n  suites = ["${SUITE}"]\n  components = ["main"]\n  keyring = "${this.keyring}"\n}\n`;
  }

  /** From now on it has these packages, in these versions, and no others. */
  publish(packages: Readonly<Record<string, string>>): void {
    const paragraphs = Object.entries(packages).map(([name, version]) => this.#makePackage(name, version));
    this.lock = paragraphs
      .map(({ line }) => line)
      .toSorted((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1))
      .join("");
    const index = paragraphs.map(({ text }) => text).join("\n");
    const listed = "main/binary-amd64/Packages";
    const folder = join(this.folder, "www/dists", SUITE);
    writeFileSync(join(folder, listed), index);
    const release = [
      `Suite: ${SUITE}`,
      `Codename: ${SUITE}`,
      "Components: main",
      "Architectures: amd64",
      `Date: ${new Date().toUTCString()}`,
      "SHA256:",
      ` ${sha256(index)} ${Buffer.byteLength(index)} ${listed}`,
      "",
    ].join("\n");
    writeFileSync(join(this.folder, "release"), release);
    const signed = join(folder, "InRelease");
    rmSync(signed, { force: true });
    this.#gpg("--output", signed, "--clearsign", join(this.folder, "release"));
  }

  #makePackage(name: string, version: string): { readonly line: string; readonly text: string } {
    const tree = join(this.folder, "tree");
    rmSync(tree, { recursive: true, force: true });
    mkdirSync(join(tree, "DEBIAN"), { recursive: true });
    mkdirSync(join(tree, "usr/share", name), { recursive: true });
    writeFileSync(join(tree, "usr/share", name, "version"), `${version}\n`);
    const control = `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\nMaintainer: ${KEEPER}\nDescription: of a test\n`;
    writeFileSync(join(tree, "DEBIAN/control"), control);
    // The epoch is not in the name, but for apt, which downloads it.
    const path = `pool/${name}_${version.replace(/^\d+:/, "")}_amd64.deb`;
    const file = join(this.folder, "www", path);
    execFileSync("dpkg-deb", ["--root-owner-group", "-Znone", "--build", tree, file], {
      stdio: "ignore",
      // The same bytes whenever it is published.
      env: { ...process.env, SOURCE_DATE_EPOCH: "1" },
    });
    const bytes = readFileSync(file);
    const text = `${control}Filename: ${path}\nSize: ${bytes.length}\nSHA256: ${sha256(bytes)}\n`;
    return { line: `${sha256(bytes)}  ${name}_${version.replace(":", "%3a")}_amd64.deb\n`, text };
  }

  #gpg(...words: readonly string[]): void {
    execFileSync("gpg", ["--homedir", this.#gnupg, "--batch", "--yes", "--quiet", ...words], { stdio: "pipe" });
  }

  #close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    execFileSync("gpgconf", ["--homedir", this.#gnupg, "--kill", "all"]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}
