import { existsSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import type { Failure } from "#base/env/errors.ts";
import type { Image, Layer } from "./recipe.ts";

export interface Finding extends Failure {
  readonly severity: "error" | "warning";
  /** `image redis`, `layer base` */
  readonly where: string;
}

/** What is wrong with an image's recipe, or will be regretted. Errors make a build pointless. */
export function lintImage(image: Image): readonly Finding[] {
  return [...lintConfig(image), ...image.layers.flatMap(lintLayer), ...lintTogether(image)];
}

class Findings {
  readonly list: Finding[] = [];
  readonly #where: string;

  constructor(where: string) {
    this.#where = where;
  }

  error(code: string, message: string, hint: string): void {
    this.list.push({ severity: "error", where: this.#where, code, message, hint });
  }

  warning(code: string, message: string, hint: string): void {
    this.list.push({ severity: "warning", where: this.#where, code, message, hint });
  }
}

const TAG = /^[a-z0-9]+(?:[._/-][a-z0-9]+|__[a-z0-9]+)*(?::\d+\/[a-z0-9._/-]+)?:\w[\w.-]{0,127}$/;
const SECRET_NAME = /password|passwd|secret|token|private_?key|api_?key/i;

function lintConfig(image: Image): readonly Finding[] {
  const found = new Findings(`image ${image.name}`);
  const { config } = image;
  if (image.layers.length === 0) found.error("image_no_layers", "has no layers", "name at least one in layers");
  if (image.tags.length === 0) found.error("image_no_tags", "has no tags", 'add tags = ["name:version"]');
  for (const tag of image.tags) {
    if (TAG.test(tag)) continue;
    found.error("image_bad_tag", `tag "${tag}" is not repository:tag`, 'use lower case, as in "redis:7"');
  }
  if (config.entrypoint.length + config.cmd.length === 0)
    found.warning("image_no_command", "has neither entrypoint nor cmd", "say what it runs");
  if (["", "root", "0"].includes(config.user))
    found.warning("image_root_user", "runs as root", "add a user to a layer and name it in config.user");
  for (const key of Object.keys(config.env)) {
    if (!SECRET_NAME.test(key)) continue;
    const message = `environment variable ${key} looks like a secret; everyone who has the image can read it`;
    found.warning("image_secret", message, "hand it to the task instead");
  }
  for (const port of config.ports) {
    if (/^\d{1,5}\/(?:tcp|udp|sctp)$/.test(port)) continue;
    found.error("image_bad_port", `port "${port}" is not NUMBER/tcp or /udp`, 'as in "6379/tcp"');
  }
  return found.list;
}

const PACKAGE = /^[a-z0-9][a-z0-9+.-]*(?::[a-z0-9]+)?(?:=\S+)?$/;

/** What is wrong with one layer by itself. */
export function lintLayer(layer: Layer): readonly Finding[] {
  const found = new Findings(`layer ${layer.name}`);
  const placed = [...layer.directories, ...layer.files, ...layer.links].map((entry) => entry.path);
  for (const path of [...placed, ...layer.remove]) {
    if (path.startsWith("/") && !path.split("/").includes("..")) continue;
    found.error("image_bad_path", `path "${path}" must be absolute and without ..`, 'as in "/etc/motd"');
  }
  for (const path of repeated(placed))
    found.error("image_path_twice", `path "${path}" is made twice`, "keep one of them");
  for (const file of layer.files) {
    if ((file.content === undefined) === (file.source === undefined))
      found.error("image_file_content", `file "${file.path}" needs exactly one of content and source`, "give one");
    if ((file.mode & 0o002) !== 0)
      found.warning("image_world_writable", `file "${file.path}" can be written by everyone`, 'use mode "0644"');
  }
  for (const name of [...layer.packages, ...layer.without])
    if (!PACKAGE.test(name)) found.error("image_bad_package", `"${name}" is no package name`, "as apt knows it");
  for (const { kind, file } of layer.provisioners) {
    const problem = existsSync(file) ? (kind === "ansible-local" ? playbookProblem(file) : undefined) : "is not there";
    if (problem !== undefined)
      found.error("image_provisioner", `provisioner "${kind}": ${file} ${problem}`, "correct its file");
  }
  for (const argv of layer.run) {
    if (argv[0]?.startsWith("/") === true) continue;
    const message = `run ${JSON.stringify(argv)} must start with the absolute path of a program`;
    found.error("image_bad_run", message, 'as in ["/usr/bin/env", "true"]');
  }
  return found.list;
}

function playbookProblem(path: string): string | undefined {
  try {
    const plays: unknown = parse(readFileSync(path, "utf8"));
    return Array.isArray(plays) ? undefined : "is no list of plays";
  } catch (thrown) {
    return `is no YAML: ${thrown instanceof Error ? (thrown.message.split("\n")[0] ?? "") : String(thrown)}`;
  }
}

function lintTogether(image: Image): readonly Finding[] {
  const found = new Findings(`image ${image.name}`);
  for (const name of repeated(image.layers.map((layer) => layer.name)))
    found.error("image_layer_twice", `layer ${name} is used twice`, "keep one");
  const [owner = ""] = image.config.user.split(":");
  const known = ["", "root", ...image.layers.flatMap((layer) => layer.users).map((user) => user.name)];
  if (!/^\d+$/.test(owner) && !known.includes(owner))
    found.error("image_unknown_user", `runs as ${owner}, whom no layer makes`, `add user "${owner}" to a layer`);
  for (const name of repeated(image.layers.flatMap((layer) => layer.packages)))
    found.warning("image_package_twice", `package ${name} is asked for by two layers`, "leave it to the lower one");
  return found.list;
}

function repeated(names: readonly string[]): readonly string[] {
  return names.filter((name, at) => names.indexOf(name) !== at);
}
