import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Metafile } from "esbuild";
import * as v from "valibot";
import { findNode } from "./node-binary.ts";
import { architectureOfThisMachine, nodeVersion, root } from "./place.ts";

type Notice = { name: string; version: string; license: string; text: string };

/** Licences of everything inside the bundle, as the bundler saw it, and of Node. */
export async function thirdPartyNotices(metafiles: readonly Metafile[]): Promise<string> {
  const folders = new Set(metafiles.flatMap(({ inputs }) => Object.keys(inputs).flatMap(packageFolder)));
  // The bindings are assets, so the bundler never saw them as inputs.
  folders.add("node_modules/@serialport/bindings-cpp");
  const notices = [...folders].toSorted().map(readNotice);
  const node = await findNode(architectureOfThisMachine());
  notices.push({
    name: "Node.js",
    version: nodeVersion,
    license: "MIT and others",
    text: readFileSync(node.replace(/bin\/node$/, "LICENSE"), "utf8").trim(),
  });
  const head = `Lares contains the following software. Each keeps its own licence.\n\n${notices
    .map(({ name, version, license }) => `  ${name} ${version} (${license})`)
    .join("\n")}\n`;
  const rule = "=".repeat(78);
  return [head, ...notices.map(({ name, version, text }) => `${rule}\n${name} ${version}\n${rule}\n\n${text}\n`)].join(
    "\n",
  );
}

function packageFolder(path: string): string[] {
  const found = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path);
  return found === null ? [] : [found[0]];
}

const PackageSchema = v.object({ name: v.string(), version: v.string(), license: v.string() });

function readNotice(folder: string): Notice {
  const { name, version, license } = v.parse(
    PackageSchema,
    JSON.parse(readFileSync(`${root}/${folder}/package.json`, "utf8")),
  );
  const files = readdirSync(`${root}/${folder}`)
    .filter((file) => /^(licen[cs]e|copying|notice)/i.test(file))
    .toSorted();
  const texts = files.map((file) => readFileSync(`${root}/${folder}/${file}`, "utf8").trim());
  if (texts.length === 0)
    texts.push(licenceInReadme(folder) ?? `Licence: ${license} (the package carries no licence text).`);
  return { name, version, license, text: texts.join("\n\n") };
}

function licenceInReadme(folder: string): string | undefined {
  const path = `${root}/${folder}/README.md`;
  if (!existsSync(path)) return undefined;
  return /^#+ *licen[cs]e\b[\s\S]*/im.exec(readFileSync(path, "utf8"))?.[0].trim();
}
