const MAX_ADDRESSES = 8

/** What the proxy may know of a name where nothing looks at addresses after it: all of them, or (one of them must not be reached) none. */
export function strictAddresses(addresses: readonly string[], refused: (address: string) => boolean): readonly string[] {
  return addresses.some(refused) ? [] : addresses.slice(0, MAX_ADDRESSES)
}

/**
 * What the proxy may know of a name: its addresses when all of them may be reached; else only one that may not, which the proxy then refuses with 403.
 * A list in which a refused address follows others would get past a check of its first address.
 */
export function guardAddresses(addresses: readonly string[], refused: (address: string) => boolean): readonly string[] {
  const bad = addresses.find(refused)
  return bad === undefined ? addresses.slice(0, MAX_ADDRESSES) : [bad]
}
