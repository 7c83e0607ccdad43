import * as v from "valibot";
import { integer, text, texts, textMap } from "#base/language/hcl/decode/readers.ts";
import { nestedBlock, to, type BlockTable, type Reader } from "#base/language/hcl/decode/table.ts";

/** `"0644"`: octal, as chmod takes it. */
const mode: Reader = (value) => {
  const digits = typeof value === "string" && /^[0-7]{3,4}$/.test(value) ? Number.parseInt(value, 8) : undefined;
  return digits === undefined ? { message: 'expected an octal mode such as "0644"' } : { value: digits };
};

/** Programs with arguments: a list of lists. */
const programs: Reader = (value) => {
  const lists = v.safeParse(v.array(v.array(v.string())), value);
  return lists.success ? { value: lists.output } : { message: 'expected a list of programs such as [["/bin/true"]]' };
};

const place = { mode: to("mode", mode), uid: to("uid", integer), gid: to("gid", integer) };

const directory: BlockTable = { name: "directory", attributes: place, blocks: {} };
const file: BlockTable = {
  name: "file",
  attributes: { ...place, content: to("content", text), source: to("source", text) },
  blocks: {},
};
const link: BlockTable = { name: "link", attributes: { target: to("target", text) }, blocks: {} };
const user: BlockTable = {
  name: "user",
  attributes: { uid: to("uid", integer), gid: to("gid", integer), home: to("home", text), shell: to("shell", text) },
  blocks: {},
};

const provisioner: BlockTable = {
  name: "provisioner",
  attributes: { file: to("file", text), arguments: to("arguments", texts), variables: to("variables", textMap) },
  blocks: {},
};

/** What a layer holds; roles of the firmware hold the same and more. */
export const layer: BlockTable = {
  name: "layer",
  attributes: {
    packages: to("packages", texts),
    without: to("without", texts),
    run: to("run", programs),
    remove: to("remove", texts),
  },
  blocks: {
    directory: nestedBlock("directories", directory, { many: "list", label: "path" }),
    file: nestedBlock("files", file, { many: "list", label: "path" }),
    link: nestedBlock("links", link, { many: "list", label: "path" }),
    user: nestedBlock("users", user, { many: "list", label: "name" }),
    provisioner: nestedBlock("provisioners", provisioner, { many: "list", label: "kind" }),
  },
};

const config: BlockTable = {
  name: "config",
  attributes: {
    entrypoint: to("entrypoint", texts),
    cmd: to("cmd", texts),
    env: to("env", textMap),
    user: to("user", text),
    workdir: to("workdir", text),
    ports: to("ports", texts),
    volumes: to("volumes", texts),
    labels: to("labels", textMap),
    stop_signal: to("stopSignal", text),
  },
  blocks: {},
};

const image: BlockTable = {
  name: "image",
  attributes: { tags: to("tags", texts), layers: to("layers", texts) },
  blocks: { config: nestedBlock("config", config) },
};

/** `NAME.image.hcl`: one image. */
export const imageFile: BlockTable = {
  name: "an image file",
  attributes: {},
  blocks: { image: nestedBlock("images", image, { many: "list", label: "name" }) },
};

/** `NAME.layer.hcl`: one layer. */
export const layerFile: BlockTable = {
  name: "a layer file",
  attributes: {},
  blocks: { layer: nestedBlock("layers", layer, { many: "list", label: "name" }) },
};

const names = v.optional(v.array(v.string()), []);
const strings = v.optional(v.record(v.string(), v.string()), {});
const owner = { uid: v.optional(v.number(), 0), gid: v.optional(v.number(), 0) };

export const LayerSchema = v.object({
  name: v.string(),
  packages: names,
  without: names,
  directories: v.optional(v.array(v.object({ path: v.string(), mode: v.optional(v.number(), 0o755), ...owner })), []),
  files: v.optional(
    v.array(
      v.object({
        path: v.string(),
        mode: v.optional(v.number(), 0o644),
        ...owner,
        content: v.optional(v.string()),
        source: v.optional(v.string()),
      }),
    ),
    [],
  ),
  links: v.optional(v.array(v.object({ path: v.string(), target: v.optional(v.string(), "") })), []),
  users: v.optional(
    v.array(
      v.object({
        name: v.string(),
        uid: v.number(),
        gid: v.optional(v.number()),
        home: v.optional(v.string(), "/"),
        shell: v.optional(v.string(), "/bin/false"),
      }),
    ),
    [],
  ),
  run: v.optional(v.array(v.array(v.string())), []),
  provisioners: v.optional(
    v.array(
      v.object({
        kind: v.picklist(
          ["shell", "ansible-local", "puppet-apply"],
          'a provisioner is "shell", "ansible-local" or "puppet-apply"',
        ),
        file: v.string(),
        arguments: names,
        variables: strings,
      }),
    ),
    [],
  ),
  remove: names,
});

export const ImageSchema = v.object({
  name: v.string(),
  tags: names,
  layers: names,
  config: v.optional(
    v.object({
      entrypoint: names,
      cmd: names,
      env: strings,
      user: v.optional(v.string(), ""),
      workdir: v.optional(v.string(), ""),
      ports: names,
      volumes: names,
      labels: strings,
      stopSignal: v.optional(v.string(), ""),
    }),
    {},
  ),
});
