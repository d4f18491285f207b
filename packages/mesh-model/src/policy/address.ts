// oxlint-disable-next-line no-restricted-imports -- isIP and BlockList compute, they open nothing
import { BlockList, isIP } from 'node:net'
import type { AddressBlock } from '../snapshot.ts'

/** Whether a text is an address (of either family), and nothing more. */
export function isAddress(text: string): boolean {
  return isIP(text) !== 0
}

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

/** The name of a block, the same however it is written: the bits behind its length are 0. `undefined` where the address is none. */
export function blockKey(address: string, bits: number): string | undefined {
  const bytes = addressBytes(address)
  if (bytes === undefined) return undefined
  const masked = bytes.map((byte, index) => byte & (0xff00 >> Math.max(0, Math.min(8, bits - index * 8))) & 0xff)
  const text =
    masked.length === 4
      ? masked.join('.')
      : masked.map((byte, index) => byte.toString(16).padStart(2, '0') + (index % 2 === 1 && index < 15 ? ':' : '')).join('')
  return `${text}/${bits}`
}

/** Names of all blocks that hold an address, the smallest first; none for what is no address. */
export function blockKeysOf(address: string): readonly string[] {
  const bytes = addressBytes(address)
  if (bytes === undefined) return []
  const most = bytes.length * 8
  return Array.from({ length: most + 1 }, (_, index) => blockKey(address, most - index) ?? '')
}

function addressBytes(address: string): readonly number[] | undefined {
  const family = isIP(address)
  if (family === 4) return address.split('.').map(Number)
  if (family === 0 || address.includes('%') || address.includes('.')) return undefined
  const [head = '', tail] = address.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)))
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  const middle = Array.from({ length: tail === undefined ? 0 : 8 - left.length - right.length }, () => 0)
  return [...left, ...middle, ...right].flatMap((group) => [group >> 8, group & 0xff])
}
