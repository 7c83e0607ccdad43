import { errorOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { readTextFile } from "../spec/read-text.ts";

const METHODS = ["GET", "PUT", "POST", "DELETE"] as const;

/** `PATH`: asks the API as it is, with the address, token and certificates every command has. */
export const api = withNomad(async ({ nomad, operands, flags, output, namespace }) => {
  const [given] = operands;
  if (given === undefined || operands.length > 1) throw new UsageError("give a path, such as /v1/jobs");
  const path = given.startsWith("/") ? given : `/${given}`;
  const data = flags.value("d");
  const body = data === undefined ? undefined : data.startsWith("@") ? readTextFile(data.slice(1)) : data;
  const wanted = (flags.value("X") ?? (body === undefined ? "GET" : "PUT")).toUpperCase();
  const method = METHODS.find((one) => one === wanted);
  if (method === undefined) throw new UsageError(`-X takes ${METHODS.join(", ")}, not "${wanted}"`);
  const filter = flags.value("filter");
  const query = { namespace, filter };
  const answer = await nomad.stream({ method, path, query, ...(body === undefined ? {} : { body }) });
  if (!answer.ok) throw errorOf(answer.error);
  for await (const chunk of answer.value.body) output.write(chunk);
  return 0;
});
