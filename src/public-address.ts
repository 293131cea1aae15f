/** Which addresses belong to the public internet: nothing else may be connected to on behalf of a URL in a prompt. */

import { BlockList, isIP } from 'node:net';

/** Every IPv4 address is public but for the special ones; of IPv6 only what is handed out for public use. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !SPECIAL.check(address, 'ipv4');
    case 6:
      return !address.includes('%') && UNICAST.check(address, 'ipv6') && !SPECIAL.check(address, 'ipv6');
    default:
      return false;
  }
}

function listOf(type: 'ipv4' | 'ipv6', networks: readonly string[], list = new BlockList()): BlockList {
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    list.addSubnet(address, Number(bits), type);
  }
  return list;
}

/** Loopback, link-local, unique local, multicast, IPv4-mapped and NAT64 addresses all lie outside. */
const UNICAST = listOf('ipv6', ['2000::/3']);

const SPECIAL_IPV4 = [
  '0.0.0.0/8', // this network
  '10.0.0.0/8', // private
  '100.64.0.0/10', // carrier-grade NAT, and Alibaba's metadata
  '127.0.0.0/8', // loopback
  '168.63.129.16/32', // Azure's own services inside a virtual machine
  '169.254.0.0/16', // link-local, and the metadata of most clouds
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments, and Oracle's metadata
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and broadcast
];

const SPECIAL_IPV6 = [
  '2001::/23', // Teredo and other protocol assignments
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4
  '3fff::/20', // documentation
];

const SPECIAL = listOf('ipv6', SPECIAL_IPV6, listOf('ipv4', SPECIAL_IPV4));
