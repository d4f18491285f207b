// oxlint-disable-next-line no-restricted-imports -- isIP and BlockList compute, they open nothing
import { BlockList, isIP } from 'node:net'
import type { AddressBlock } from '../snapshot.ts'

/** Reads `203.0.113.7`, `203.0.113.0/24` and their like of IPv6; `undefined` for anything else. */
export function readAddressBlock(text: string): AddressBlock | undefined {
  const [address = '', length, ...rest] = text.split('/')
  const family = isIP(address)
  const most = family === 4 ? 32 : 128
  if (family === 0 || rest.length > 0 || address.includes('%') || (length !== undefined && !/^\d{1,3}$/.test(length))) return undefined
  const bits = length === undefined ? most : Number(length)
  return bits > most ? undefined : { address, bits }
}

/** Whether an address is in a block. An IPv4 address in IPv6 clothes is the IPv4 address. */
export function inBlock({ address, bits }: AddressBlock, candidate: string): boolean {
  const bare = candidate.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
  const family = isIP(address)
  if (isIP(bare) === 0 || isIP(bare) !== family) return false
  const list = new BlockList()
  const name = family === 4 ? 'ipv4' : 'ipv6'
  list.addSubnet(address, bits, name)
  return list.check(bare, name)
}
