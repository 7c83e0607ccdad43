import * as v from "valibot";
import { createConsulClient } from "#base/client/consul-client.ts";
import { valueOf } from "../api/answer.ts";
import { consulTarget, withNomad } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { printJson } from "../print/json.ts";

/** `[scheduler|discovery]`: the OpenAPI document of an API, as the agent prints it from its table of routes. */
export const openapi = withNomad(async (session) => {
  const [api = "scheduler"] = session.operands;
  if (api !== "scheduler" && api !== "discovery")
    throw new UsageError(`there is no API "${api}": name scheduler or discovery`);
  const call = { path: "/v1/openapi.json", schema: v.looseObject({ openapi: v.string() }) };
  const consul = createConsulClient(consulTarget(session, session.env));
  printJson(session.output, valueOf(await (api === "scheduler" ? session.nomad.call(call) : consul.call(call))));
  return 0;
});
