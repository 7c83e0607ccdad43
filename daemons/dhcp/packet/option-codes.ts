/** Codes the server itself deals with (RFC 2132 unless another is named). */
export const PAD = 0;
export const SUBNET_MASK = 1;
export const HOST_NAME = 12;
export const DOMAIN_NAME = 15;
export const BROADCAST_ADDRESS = 28;
export const VENDOR_SPECIFIC = 43;
export const REQUESTED_ADDRESS = 50;
export const LEASE_TIME = 51;
export const OVERLOAD = 52;
export const MESSAGE_TYPE = 53;
export const SERVER_ID = 54;
export const PARAMETER_LIST = 55;
export const MESSAGE = 56;
export const MAX_MESSAGE_SIZE = 57;
export const RENEWAL_TIME = 58;
export const REBINDING_TIME = 59;
export const VENDOR_CLASS = 60;
export const CLIENT_ID = 61;
export const TFTP_SERVER = 66;
export const BOOT_FILE = 67;
/** RFC 3004. */
export const USER_CLASS = 77;
/** RFC 4039. */
export const RAPID_COMMIT = 80;
/** RFC 4702. */
export const CLIENT_FQDN = 81;
/** RFC 3046. */
export const RELAY_INFO = 82;
/** RFC 4578. */
export const CLIENT_ARCH = 93;
/** RFC 4578; must be sent back. */
export const CLIENT_UUID = 97;
/** RFC 3011. */
export const SUBNET_SELECTION = 118;
/** Set by iPXE: https://ipxe.org/howto/dhcpd */
export const IPXE_ENCAPSULATED = 175;
export const END = 255;

export const DISCOVER = 1;
export const OFFER = 2;
export const REQUEST = 3;
export const DECLINE = 4;
export const ACK = 5;
export const NAK = 6;
export const RELEASE = 7;
export const INFORM = 8;

export const MESSAGE_NAMES: Readonly<Record<number, string>> = {
  [DISCOVER]: "discover",
  [OFFER]: "offer",
  [REQUEST]: "request",
  [DECLINE]: "decline",
  [ACK]: "ack",
  [NAK]: "nak",
  [RELEASE]: "release",
  [INFORM]: "inform",
};
