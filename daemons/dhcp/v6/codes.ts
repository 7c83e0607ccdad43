/** RFC 8415 §7.3. */
export const MESSAGE = {
  solicit: 1,
  advertise: 2,
  request: 3,
  confirm: 4,
  renew: 5,
  rebind: 6,
  reply: 7,
  release: 8,
  decline: 9,
  reconfigure: 10,
  informationRequest: 11,
  relayForward: 12,
  relayReply: 13,
} as const;

/** RFC 8415 §21, and what its comments name. */
export const OPTION = {
  clientId: 1,
  serverId: 2,
  iaNa: 3,
  iaTa: 4,
  iaAddress: 5,
  request: 6,
  preference: 7,
  elapsedTime: 8,
  relayMessage: 9,
  authentication: 11,
  statusCode: 13,
  rapidCommit: 14,
  vendorClass: 16,
  interfaceId: 18,
  reconfigureMessage: 19,
  reconfigureAccept: 20,
  /** RFC 3646 §3. */
  dnsServers: 23,
  /** RFC 3646 §4. */
  domainList: 24,
  iaPd: 25,
  iaPrefix: 26,
  informationRefreshTime: 32,
  /** RFC 4704 §4. */
  clientFqdn: 39,
  /** RFC 5908 §4. */
  ntpServer: 56,
  /** RFC 5970 §3.1. */
  bootFileUrl: 59,
  /** RFC 6939 §4. */
  linkLayerAddress: 79,
} as const;

/** RFC 8415 §21.13. */
export const STATUS = {
  success: 0,
  unspecFail: 1,
  noAddrsAvail: 2,
  noBinding: 3,
  notOnLink: 4,
  useMulticast: 5,
  noPrefixAvail: 6,
} as const;

/** §7.2. */
export const CLIENT_PORT = 546;
export const SERVER_PORT = 547;

/** All_DHCP_Relay_Agents_and_Servers (§7.1). */
export const ALL_SERVERS = "ff02::1:2";
