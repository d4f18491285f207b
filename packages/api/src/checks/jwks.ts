import { shown } from '../violation.ts'

/** A JSON Web Key Set as the proxy gets it: only public keys, only what a signature is checked with. */
export interface KeySet {
  /** JSON, `{"keys": […]}`; the same keys give the same text. `undefined` when there is no key that can be used. */
  readonly jwks: string | undefined
  /** Why keys were left out, one sentence each. */
  readonly problems: readonly string[]
}

type Fields = Readonly<Record<string, unknown>>

/** Algorithms by the type of their keys (RFC 7518 §3.1, RFC 8037). HMAC is not among them: a public set with its key would let everybody sign. */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  RSA: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  EC: ['ES256', 'ES384', 'ES512'],
  OKP: ['EdDSA'],
}
/** What a key of the type consists of, with the bytes that a part must have. */
const PARTS: Readonly<Record<string, (key: Fields) => string | undefined>> = {
  RSA: (key) => bytes(key, 'n', (length) => length >= 256 && length <= 1024, 'RSA keys have 2048 to 8192 bits') ?? bytes(key, 'e', (length) => length <= 8),
  EC: (key) => {
    const size = CURVES[String(key['crv'])]
    if (size === undefined) return `the curve ${shown(key['crv'])} is none of ${Object.keys(CURVES).join(', ')}`
    return bytes(key, 'x', (length) => length === size) ?? bytes(key, 'y', (length) => length === size)
  },
  OKP: (key) => (key['crv'] === 'Ed25519' ? bytes(key, 'x', (length) => length === 32) : `the curve ${shown(key['crv'])} is not Ed25519`),
}
const CURVES: Readonly<Record<string, number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66 }
const PUBLIC_FIELDS = ['kty', 'kid', 'alg', 'n', 'e', 'crv', 'x', 'y'] as const
const PRIVATE_FIELDS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const
const MAX_KEYS = 100

/** Reads a JSON Web Key Set (RFC 7517). Never throws; keys for encryption are left out without a word. */
export function readKeySet(text: string): KeySet {
  const set = parsed(text)
  const keys = isFields(set) ? set['keys'] : undefined
  if (!Array.isArray(keys)) return { jwks: undefined, problems: ['it is not a JSON Web Key Set, {"keys": […]}'] }
  if (keys.length > MAX_KEYS) return { jwks: undefined, problems: [`it has ${keys.length} keys; at most ${MAX_KEYS} are allowed`] }
  const signing = keys.filter((key: unknown) => !isFields(key) || key['use'] !== 'enc')
  const read = signing.map((key: unknown, index) => ({ index, key, problem: isFields(key) ? keyProblem(key) : 'it is no object' }))
  const usable = read.filter(({ problem }) => problem === undefined).map(({ key }) => publicPart(key as Fields))
  const problems = read.flatMap(({ index, problem }) => (problem === undefined ? [] : [`key ${index}: ${problem}`]))
  if (usable.length > 0) return { jwks: JSON.stringify({ keys: usable }), problems }
  return { jwks: undefined, problems: problems.length > 0 ? problems : ['there is no key in it with which a signature can be checked'] }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function keyProblem(key: Fields): string | undefined {
  const type = key['kty']
  if (type === 'oct') return 'symmetric keys (kty oct) are not taken: whoever can read the set could sign tokens'
  if (typeof type !== 'string' || !Object.hasOwn(ALGORITHMS, type)) return `kty ${shown(type)} is none of RSA, EC, OKP`
  const secret = PRIVATE_FIELDS.find((name) => Object.hasOwn(key, name))
  if (secret !== undefined) return `it has "${secret}", a part of the private key, which must not be here`
  const algorithm = key['alg']
  if (algorithm !== undefined && ALGORITHMS[type]?.includes(String(algorithm)) !== true) return `alg ${shown(algorithm)} is not one for ${type}`
  if (key['kid'] !== undefined && (typeof key['kid'] !== 'string' || key['kid'].length > 1024)) return 'kid must be a text of at most 1024 characters'
  return PARTS[type]?.(key)
}

function bytes(key: Fields, name: string, fits: (length: number) => boolean, rule?: string): string | undefined {
  const value = key[name]
  if (typeof value !== 'string' || !/^[A-Za-z0-9_-]+$/.test(value)) return `"${name}" must be base64url`
  return fits(Math.floor((value.length * 3) / 4)) ? undefined : (rule ?? `"${name}" does not have the length that it must have`)
}

function publicPart(key: Fields): Fields {
  return Object.fromEntries(PUBLIC_FIELDS.flatMap((name) => (typeof key[name] === 'string' ? [[name, key[name]] as const] : [])))
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
