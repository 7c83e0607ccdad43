import { GoStruct, type StructOptions } from "../../struct.ts";
import type { GoValue } from "../../value.ts";

/** A struct that is written as another value where it becomes JSON: Go's `MarshalJSON`. */
export class MarshalledStruct extends GoStruct {
  readonly json: () => GoValue;
  constructor(options: StructOptions & { readonly json: () => GoValue }) {
    super(options);
    this.json = options.json;
  }
}
