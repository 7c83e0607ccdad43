import { sliceType, structType } from "#base/language/go-template/type.ts";
import { GoObject, type GoFunction, type GoValue } from "#base/language/go-template/value.ts";
import { lastOf, maskOf, networkOf, octetsOf, printAddress, printIp, widthOf, type Ip } from "./ip.ts";

/** A network interface's address, as the machine has it. */
export interface InterfaceInput {
  readonly name: string;
  /** `10.0.0.1/24`. */
  readonly cidr: string;
  /** `up`, `broadcast`, `loopback`, `point-to-point`, `multicast`. */
  readonly flags: readonly string[];
  /** The default route goes through this interface. */
  readonly isDefault: boolean;
}

const type = structType("sockaddr.IfAddr");
export const interfaceListType = sliceType(type, "sockaddr.IfAddrs");

/** `sockaddr.IfAddr`: an address and the interface it is on. */
export class InterfaceAddress extends GoObject {
  readonly type = type;
  readonly ip: Ip;
  readonly input: InterfaceInput;

  constructor(ip: Ip, input: InterfaceInput) {
    super();
    this.ip = ip;
    this.input = input;
  }

  field(name: string): GoValue | undefined {
    return name === "Name" ? this.input.name : undefined;
  }

  fields(): Iterable<readonly [string, GoValue]> {
    return [["Name", this.input.name]];
  }

  method(): GoFunction | undefined {
    return undefined;
  }

  override text(): string {
    return `${printIp(this.ip)} {${this.input.flags.join("|")}}`;
  }

  /** Empty: there is no such attribute (https://pkg.go.dev/github.com/hashicorp/go-sockaddr/template). */
  attribute(name: string): string {
    const { ip, input } = this;
    const width = widthOf(ip);
    const print = (address: bigint): string => printAddress({ version: ip.version, address });
    const small = width - ip.maskBits < 2;
    switch (name.toLowerCase()) {
      case "name":
        return input.name;
      case "flags":
        return input.flags.join("|");
      case "string":
        return printIp(ip);
      case "type":
        return `IPv${ip.version}`;
      case "address":
        return print(ip.address);
      case "host":
        return print(ip.address);
      case "network":
        return print(networkOf(ip));
      case "netmask":
        return print(maskOf(ip));
      case "mask_bits":
        return String(ip.maskBits);
      case "broadcast":
        return ip.version === 4 ? print(lastOf(ip)) : "";
      case "first_usable":
        return print(ip.version === 4 && !small ? networkOf(ip) + 1n : networkOf(ip));
      case "last_usable":
        return print(ip.version === 4 && !small ? lastOf(ip) - 1n : lastOf(ip));
      case "size":
        return String(1n << BigInt(width - ip.maskBits));
      default:
        return numeric(ip, name.toLowerCase());
    }
  }
}

function numeric({ version, address }: Ip, name: string): string {
  const width = version === 4 ? 32 : 128;
  switch (name) {
    case "binary":
      return address.toString(2).padStart(width, "0");
    case "hex":
      return address.toString(16).padStart(width / 4, "0");
    case "octets":
      return octetsOf(address, width / 8).join(" ");
    case "port":
      return "0";
    case "uint32":
      return version === 4 ? String(address) : "";
    case "uint128":
      return version === 6 ? String(address) : "";
    default:
      return "";
  }
}
