/** Which addresses may be connected to on behalf of a URL in a prompt: one line per kind of address. */

import { expect, test } from '@jest/globals';

import { isPublicAddress } from '../src/remote-media.js';

test.each([
  ['8.8.8.8'],
  ['93.184.216.34'],
  ['100.63.255.255'],
  ['100.128.0.1'],
  ['172.15.255.255'],
  ['172.32.0.1'],
  ['223.255.255.255'],
  ['2606:4700::1111'],
  ['2a00:1450:4001:80b::200e'],
])('%s is public', (address) => {
  expect(isPublicAddress(address)).toBe(true);
});

test.each([
  ['unspecified', '0.0.0.0'],
  ['this network', '0.1.2.3'],
  ['private', '10.0.0.1'],
  ['private', '172.16.0.1'],
  ['private', '172.31.255.255'],
  ['private', '192.168.1.1'],
  ['CGNAT', '100.64.0.1'],
  ['CGNAT', '100.127.255.255'],
  ['metadata of Alibaba', '100.100.100.200'],
  ['loopback', '127.0.0.1'],
  ['loopback', '127.255.255.254'],
  ['link-local', '169.254.0.1'],
  ['metadata of AWS, Google and Azure', '169.254.169.254'],
  ['metadata of Oracle', '192.0.0.192'],
  ['Azure from within', '168.63.129.16'],
  ['6to4 relay', '192.88.99.1'],
  ['benchmark', '198.18.0.1'],
  ['documentation', '203.0.113.9'],
  ['multicast', '224.0.0.1'],
  ['multicast', '239.255.255.255'],
  ['reserved', '240.0.0.1'],
  ['broadcast', '255.255.255.255'],
  ['unspecified', '::'],
  ['loopback', '::1'],
  ['IPv4-mapped private', '::ffff:10.0.0.1'],
  ['IPv4-mapped loopback', '::ffff:7f00:1'],
  ['IPv4-mapped public', '::ffff:8.8.8.8'],
  ['IPv4-compatible', '::127.0.0.1'],
  ['NAT64', '64:ff9b::a00:1'],
  ['NAT64 of a network', '64:ff9b:1::a00:1'],
  ['unique local', 'fd12:3456::1'],
  ['metadata of AWS', 'fd00:ec2::254'],
  ['link-local', 'fe80::1'],
  ['link-local with a zone', 'fe80::1%eth0'],
  ['public with a zone', '2606:4700::1111%eth0'],
  ['site-local', 'fec0::1'],
  ['multicast', 'ff02::1'],
  ['Teredo', '2001:0:4136:e378::1'],
  ['6to4 of a private address', '2002:a00:1::1'],
  ['documentation', '2001:db8::1'],
  ['no address', 'localhost'],
  ['no address', ''],
])('the %s address %j is refused', (_, address) => {
  expect(isPublicAddress(address)).toBe(false);
});
