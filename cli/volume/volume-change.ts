import { existsSync, writeFileSync } from "node:fs";
import * as v from "valibot";
import { segment } from "#base/client/api-caller.ts";
import { CodedError } from "#base/env/errors.ts";
import { text, texts } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { printed } from "../print/show.ts";
import { shortId } from "../print/time.ts";
import { readSpec } from "../spec/read-spec.ts";
import { EXAMPLE_VOLUME, volumeFile } from "./volume-table.ts";
import { findVolume, VolumeSchema } from "./volume.ts";

const ToldSchema = v.object({ Volume: VolumeSchema, Warnings: text });
const FileSchema = v.looseObject({ Type: text, Namespace: text, ID: text });
const FILE = "volume.hcl";
/** The server waits for the node's plugin, which has a minute. */
const PATIENCE_MS = 90_000;

/** Makes a volume of a file, or changes it where the file names its id. */
export const create = withNomad((session) => submit(session, "create"));
/** Makes known a volume that is there. */
export const register = withNomad((session) => submit(session, "register"));

async function submit(session: NomadSession, verb: "create" | "register"): Promise<number> {
  const { operands, nomad, flags, output, namespace } = session;
  const [file] = operands;
  if (file === undefined || operands.length > 1)
    throw new UsageError(`name the file of the volume: volume ${verb} ${FILE}`);
  const read = v.parse(FileSchema, readSpec(file, volumeFile));
  if (read.Type !== "host")
    throw new CodedError(
      "volume_type",
      TYPES[read.Type] ?? `type ${JSON.stringify(read.Type)}: expected type = "host"`,
    );
  const { Type: _type, ...spec } = read;
  const ID = flags.value("id") ?? spec.ID;
  const Namespace = spec.Namespace === "" ? (namespace ?? "default") : spec.Namespace;
  const told = valueOf(
    await nomad.call({
      method: "PUT",
      path: `/v1/volume/host/${verb}`,
      query: { namespace: Namespace },
      body: { Volume: { ...spec, ID, Namespace } },
      schema: ToldSchema,
      timeoutMs: PATIENCE_MS,
    }),
  );
  if (await printed(session, told.Volume)) return 0;
  const { Volume } = told;
  const done = verb === "create" ? (ID === "" ? "Created" : "Changed") : "Registered";
  output.line(
    `${done} host volume ${Volume.Name} with ID ${Volume.ID} on node ${shortId(Volume.NodeID)}: ${Volume.State}`,
  );
  if (Volume.HostPath !== "") output.line(`Its files are in ${Volume.HostPath} there`);
  return 0;
}

const TYPES: Readonly<Record<string, string>> = {
  "": 'the file says no type: write type = "host"',
  csi: 'CSI volumes are not served: make a host volume (type = "host"), with plugin_id nfs or smb where it is on the network',
};

/** Deletes a volume and what is in it. */
export const remove = withNomad(async (session) => {
  const { nomad, flags, output } = session;
  if ((flags.value("type") ?? "host") !== "host") throw new UsageError("only volumes of type host can be deleted");
  const one = await findVolume(session);
  const force = flags.on("force") ? "true" : undefined;
  valueOf(
    await nomad.call({
      method: "DELETE",
      path: `/v1/volume/host/${segment(one.ID)}`,
      query: { namespace: one.Namespace, force },
      schema: v.object({ VolumeIDs: texts }),
      timeoutMs: PATIENCE_MS,
    }),
  );
  output.line(`Successfully deleted volume ${one.Name} (${one.ID})!`);
  return 0;
});

export const removeClaim = withNomad(async ({ nomad, operands, output, namespace }) => {
  const [id] = operands;
  if (id === undefined) throw new UsageError("name a claim: volume claim list shows them");
  const path = `/v1/volumes/claim/${segment(id)}`;
  valueOf(await nomad.call({ method: "DELETE", path, query: { namespace }, schema: v.unknown() }));
  output.line(`Task group host volume claim ${id} successfully deleted`);
  return 0;
});

/** Writes an example to start from. */
export const init = async ({
  operands,
  output,
}: {
  operands: readonly string[];
  output: NomadSession["output"];
}): Promise<number> => {
  const file = operands[0] ?? FILE;
  if (existsSync(file)) throw new UsageError(`there is a ${file} already`);
  writeFileSync(file, EXAMPLE_VOLUME);
  output.line(`Example volume written to ${file}`);
  return 0;
};
