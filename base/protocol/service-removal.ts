import * as v from "valibot";
import { nanoseconds, text } from "./schema.ts";

/** An instance somebody took out of the built-in services by hand; it stays out for as long as its allocation lives. */
export const ServiceRemovalSchema = v.object({ AllocID: text, Time: nanoseconds });
export type ServiceRemoval = v.InferOutput<typeof ServiceRemovalSchema>;
