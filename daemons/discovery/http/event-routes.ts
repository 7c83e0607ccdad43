import * as v from "valibot";
import { bytesBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { eventIndex, type ConsulEvent } from "../events/event-log.ts";
import { eventInPath, eventList } from "./consul-access.ts";
import type { ConsulDeps } from "./consul-deps.ts";

/** https://developer.hashicorp.com/consul/api-docs/event */
export function eventRoutes({ events }: ConsulDeps): Route[] {
  return [
    route({
      method: "PUT",
      path: "/v1/event/fire/:name",
      summary: "Sends an event to the agents",
      access: eventInPath,
      query: v.object({ node: queryText, service: queryText, tag: queryText }),
      body: bytesBody(),
      handle({ params, query, body }) {
        const fired = events.fire({
          Name: params.name,
          Payload: new Uint8Array(body),
          NodeFilter: query.node,
          ServiceFilter: query.service,
          TagFilter: query.tag,
        });
        if (fired.ok) return { kind: "json", value: answer({ ...fired.value, LTime: 0 }) };
        throw new HttpError(fired.error.code === "EVENT_FILTER" ? 400 : 500, fired.error.message);
      },
    }),
    route({
      method: "GET",
      path: "/v1/event/list",
      summary: "The newest events this agent got",
      access: eventList,
      query: v.object({ name: queryText }),
      handle: ({ query }) => ({
        kind: "local",
        read: () => {
          const found = events.list(query.name);
          const last = found.at(-1);
          return { value: found.map(answer), index: last === undefined ? "1" : eventIndex(last.ID) };
        },
        onChange: (listener) => events.onChange(listener),
      }),
    }),
  ];
}

function answer({ Payload, ...event }: ConsulEvent) {
  return { ...event, Payload: Payload.length === 0 ? null : Buffer.from(Payload).toString("base64") };
}
