import { posix } from "node:path";
import * as v from "valibot";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { decodeBody } from "#base/language/hcl/decode/decode.ts";
import type { BlockTable } from "#base/language/hcl/decode/table.ts";
import { locate, renderDiagnostics, type Diagnostic } from "#base/language/hcl/diagnostic.ts";
import { rootScope } from "#base/language/hcl/evaluate/root.ts";
import type { Value } from "#base/language/hcl/evaluate/value.ts";
import { functionLibrary } from "#base/language/hcl/functions/library.ts";
import { parseHcl } from "#base/language/hcl/parse.ts";
import { ImageSchema, imageFile, layerFile, LayerSchema } from "./recipe-tables.ts";
import type { Image, Layer } from "./recipe.ts";

/** Files by absolute path, or by their path in the program; undefined when there is none. */
export type ReadText = (path: string) => string | undefined;

export interface RecipeOptions {
  readonly read: ReadText;
  /** Folders that hold `NAME.layer.hcl`, tried in order; the image file's own folder and its `../layers` come first. */
  readonly layerFolders: readonly string[];
  /** `amd64` or `arm64`. */
  readonly architecture: string;
}

/** Reads an image file and the layers it names. The message of a failure holds every mistake with its line. */
export function readImage(path: string, options: RecipeOptions): Result<Image> {
  const found = readOne(path, {
    read: options.read,
    table: imageFile,
    field: "images",
    kind: "image",
    schema: ImageSchema,
  });
  if (!found.ok) return found;
  const folder = posix.dirname(path);
  const folders = [folder, posix.join(folder, "layers"), posix.join(folder, "../layers"), ...options.layerFolders];
  const layers: Layer[] = [];
  for (const name of found.value.layers) {
    const at = folders
      .map((one) => posix.join(one, `${name}.layer.hcl`))
      .find((one) => options.read(one) !== undefined);
    if (at === undefined) return missingLayer(name, path, folders);
    const layer = readLayer(at, options.read);
    if (!layer.ok) return layer;
    layers.push(layer.value);
  }
  return succeed({ ...found.value, architecture: options.architecture, layers });
}

/** Reads a layer's file; paths of its sources are absolute afterwards. */
export function readLayer(path: string, read: ReadText): Result<Layer> {
  const found = readOne(path, { read, table: layerFile, field: "layers", kind: "layer", schema: LayerSchema });
  if (!found.ok) return found;
  const layer = found.value;
  const expected = posix.basename(path, ".layer.hcl");
  if (layer.name !== expected)
    return fail(
      "image_layer_name",
      `${path}: the layer is called "${layer.name}", its file "${expected}.layer.hcl"`,
      "give both one name",
    );
  return succeed(placedAt(posix.dirname(path), layer));
}

/** A layer as it was read, with the paths of its sources made absolute. */
export function placedAt<T extends v.InferOutput<typeof LayerSchema>>(folder: string, layer: T): T & Layer {
  return {
    ...layer,
    files: layer.files.map((file) => ({
      ...file,
      content: file.content,
      source: file.source === undefined ? undefined : posix.resolve(folder, file.source),
    })),
    provisioners: layer.provisioners.map((each) => ({ ...each, file: posix.resolve(folder, each.file) })),
    users: layer.users.map((user) => ({ ...user, gid: user.gid ?? user.uid })),
  };
}

export interface FileKind<S extends v.GenericSchema> {
  readonly read: ReadText;
  readonly table: BlockTable;
  readonly field: string;
  readonly kind: string;
  readonly schema: S;
  /** What expressions in it may name. */
  readonly variables?: ReadonlyMap<string, Value>;
}

/** The one block of a kind that a recipe's file holds. */
export function readOne<S extends v.GenericSchema>(path: string, file: FileKind<S>): Result<v.InferOutput<S>> {
  const text = file.read(path);
  if (text === undefined)
    return fail("image_no_file", `there is no file ${path}`, `expected ${file.kind} "name" { … } in it`);
  const source = { name: path, text };
  const { node, diagnostics: syntax } = parseHcl(source);
  const found: Diagnostic[] = [...syntax];
  const complain = (complaint: Parameters<typeof locate>[0]): void => void found.push(locate(complaint, { source }));
  const { variables = new Map<string, Value>() } = file;
  const fields =
    syntax.length > 0
      ? {}
      : decodeBody(node, file.table, rootScope({ source, complain, functions: functionLibrary(), variables }));
  if (found.length > 0) return fail("image_recipe", renderDiagnostics(found));
  const blocks = fields[file.field];
  const count = Array.isArray(blocks) ? blocks.length : 0;
  if (!Array.isArray(blocks) || count !== 1)
    return fail("image_recipe", `${path} holds ${count} ${file.kind} blocks; expected one`);
  const parsed = v.safeParse(file.schema, blocks[0]);
  if (parsed.success) return succeed(parsed.output);
  const [issue] = parsed.issues;
  return fail("image_recipe", `${path}: ${v.getDotPath(issue) ?? file.kind}: ${issue.message}`);
}

function missingLayer(name: string, path: string, folders: readonly string[]): Result<Image> {
  const where = folders.join(", ");
  return fail(
    "image_no_layer",
    `${path} names the layer "${name}"; there is no ${name}.layer.hcl in ${where}`,
    "correct the name, or add its folder with -layers",
  );
}
