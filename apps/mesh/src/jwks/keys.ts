import { createPublicKey, generateKeyPairSync } from 'node:crypto'

/** A checked key set without the keys that are none after all (a point that is on no curve); `undefined` when none is left. */
export function usableKeys(jwks: string): string | undefined {
  const { keys } = JSON.parse(jwks) as { readonly keys: readonly Readonly<Record<string, string>>[] }
  const usable = keys.filter(isKey)
  return usable.length === 0 ? undefined : JSON.stringify({ keys: usable })
}

function isKey(key: Readonly<Record<string, string>>): boolean {
  try {
    createPublicKey({ key, format: 'jwk' })
    return true
  } catch {
    return false
  }
}

let nobodys: string | undefined

/** A key set with one key, of which the private half was thrown away: no token fits it. */
export function nobodysKeys(): string {
  nobodys ??= JSON.stringify({ keys: [{ ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }), alg: 'ES256' }] })
  return nobodys
}
