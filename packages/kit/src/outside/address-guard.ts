import { BlockList, isIP } from 'node:net'
import { PRIVATE_RANGES } from '@weft/core'

/** Which addresses may be asked for something that a user named; ranges as `10.0.0.0/8`. */
export interface AddressRules {
  /** What the operator allows although it is private, or the machine's own. */
  readonly allowed: readonly string[]
  /** The machine's own addresses. */
  readonly own: readonly string[]
}

/** Says which addresses nobody may be sent to: those that are not the internet's, and this machine's own, unless its operator allows them. */
export class AddressGuard {
  readonly #refused: (address: string) => boolean
  readonly #allowed: (address: string) => boolean

  constructor({ allowed, own }: AddressRules) {
    this.#refused = inRanges([...PRIVATE_RANGES, ...own])
    this.#allowed = inRanges(allowed)
  }

  refuses(address: string): boolean {
    const bare = address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
    return isIP(bare) === 0 || (this.#refused(bare) && !this.#allowed(bare))
  }
}

/** Whether an address lies in one of the ranges. A list per family: `BlockList` takes IPv4 addresses for IPv6 ones that stand for them. */
export function inRanges(ranges: readonly string[]): (address: string) => boolean {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const range of ranges) {
    const [address = '', bits] = range.split('/')
    const family = familyOf(address)
    lists[family].addSubnet(address, bits === undefined ? MOST_BITS[family] : Number(bits), family)
  }
  return (address) => lists[familyOf(address)].check(address, familyOf(address))
}

/** Whether a text is an address, or a range of them such as `10.0.0.0/8`. */
export function isAddressRange(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  if (isIP(address) === 0 || address.includes('%') || rest.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= MOST_BITS[familyOf(address)])
}

const MOST_BITS = { ipv4: 32, ipv6: 128 } as const

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}
