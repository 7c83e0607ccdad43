import type { GoType } from "../type.ts";
import { GoComplex, GoFloat32, GoInteger, GoNil, mapOf, sliceOf, type GoValue } from "../value.ts";

/** What Go puts where nothing was set; structs, whose fields are not known here, are nil. */
export function zeroOf(type: GoType): GoValue {
  switch (type.kind) {
    case "bool":
      return false;
    case "string":
      return "";
    case "int":
      return 0n;
    case "float64":
      return 0;
    case "float32":
      return new GoFloat32(0);
    case "complex128":
      return new GoComplex(0, 0);
    case "slice":
      return sliceOf(type, []);
    case "map":
      return mapOf(type, []);
    case "pointer":
      return new GoNil(type);
    case "interface":
    case "struct":
    case "func":
      return null;
    default:
      return new GoInteger(type, 0n);
  }
}
