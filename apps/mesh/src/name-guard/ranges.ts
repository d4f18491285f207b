import { BlockList, isIPv6 } from 'node:net'

/** Whether an address lies in one of the ranges. A list per family: `BlockList` takes IPv4 addresses for IPv6 ones that stand for them. */
export function inRanges(ranges: readonly string[]): (address: string) => boolean {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const range of ranges) {
    const [address = '', length] = range.split('/')
    const family = familyOf(address)
    lists[family].addSubnet(address, Number(length), family)
  }
  return (address) => lists[familyOf(address)].check(address, familyOf(address))
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4'
}
