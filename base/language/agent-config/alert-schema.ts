import * as v from "valibot";
import { text, texts } from "#base/protocol/schema.ts";
import { on, whole } from "./setting-schemas.ts";

/** A rule of `discovery { alert "NAME" { … } }`. */
export const AlertSchema = v.object({
  name: text,
  services: texts,
  nodes: texts,
  checks: texts,
  on: v.nullish(v.array(v.picklist(["passing", "warning", "critical"])), () => ["critical" as const]),
  afterMs: whole(30_000),
  remindMs: whole(0),
  quiet: v.nullish(v.pipe(v.string(), v.regex(/^(\d{1,2}:\d{2}-\d{1,2}:\d{2})?$/, "expected HH:MM-HH:MM")), ""),
  webhook: text,
  slack: text,
  command: texts,
  email: v.optional(
    v.object({
      to: v.pipe(
        v.nullish(v.array(v.pipe(v.string(), v.regex(/^[^\r\n]+$/, "expected an address"))), () => []),
        v.minLength(1, "to: name somebody"),
      ),
      from: v.pipe(text, v.regex(/^[^\r\n]+$/, "from: expected an address")),
      server: v.pipe(text, v.regex(/^smtps?:\/\/[^\s/]+\/?$/, "server: expected smtp://HOST or smtps://HOST")),
      user: text,
      password: text,
      tls: on,
    }),
  ),
});
