import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import http from 'node:http'
import https from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { messageOf } from '@weft/core'
import { readKeySet, urlProblem } from '@weft/api'
import type { KeySource } from '@weft/mesh-model'
import { usableKeys } from './keys.ts'

/** What a fetch may reach, and how much it may cost. */
export interface FetchRules {
  /** Whether an address must not be asked, whatever name it hides behind. */
  readonly refused: (address: string) => boolean
  readonly maxBytes: number
  /** Certificates (PEM) to trust in place of the system's. */
  readonly roots?: string
  /** Looks a name up; the system's way unless set. */
  readonly lookup?: (name: string) => Promise<readonly LookupAddress[]>
}

/** Why keys could not be fetched; the message is for a person. */
export class KeyFetchError extends Error {}

/**
 * Fetches the keys of an issuer: at `url`, or where its OpenID configuration says (OpenID Connect Discovery §4). Redirects are not followed, addresses are
 * checked when they are resolved, and for every connection.
 * @returns a JSON Web Key Set with the keys that can be used
 * @throws KeyFetchError
 */
export async function fetchKeys({ url, discovery, timeoutMs }: KeySource, rules: FetchRules): Promise<string> {
  const signal = AbortSignal.timeout(timeoutMs)
  const address = discovery ? await discover(url, rules, signal) : url
  const { jwks, problems } = readKeySet(await fetchText(address, rules, signal))
  const usable = jwks === undefined ? undefined : usableKeys(jwks)
  if (usable === undefined) throw new KeyFetchError(problems.join('; ') || 'there is no key in it with which a signature can be checked')
  return usable
}

async function discover(issuer: string, rules: FetchRules, signal: AbortSignal): Promise<string> {
  const text = await fetchText(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, rules, signal)
  const address = jwksUriIn(text)
  if (address === undefined) throw new KeyFetchError('the OpenID configuration of the issuer has no jwks_uri')
  const problem = urlProblem(address) ?? (issuer.startsWith('https:') && !address.startsWith('https:') ? 'it leaves https' : undefined)
  if (problem !== undefined) throw new KeyFetchError(`the jwks_uri of the issuer's OpenID configuration cannot be used: ${problem}`)
  return address
}

function jwksUriIn(text: string): string | undefined {
  try {
    const configuration = JSON.parse(text) as { readonly jwks_uri?: unknown } | null
    return typeof configuration?.jwks_uri === 'string' ? configuration.jwks_uri : undefined
  } catch {
    return undefined
  }
}

/** One GET, whole. */
async function fetchText(url: string, rules: FetchRules, signal: AbortSignal): Promise<string> {
  try {
    return await get(new URL(url), rules, signal)
  } catch (error) {
    if (error instanceof KeyFetchError) throw error
    throw new KeyFetchError(signal.aborted ? TOO_LATE : messageOf(error))
  }
}

async function get(url: URL, rules: FetchRules, signal: AbortSignal): Promise<string> {
  const addresses = addressesOf(url.hostname.replace(/^\[|\]$/g, ''), rules)
  const late = new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(new KeyFetchError(TOO_LATE)), { once: true }))
  // Whichever of the two comes too late concerns nobody.
  for (const each of [addresses, late]) each.catch(() => undefined)
  const known = knownAddresses(await Promise.race([addresses, late]))
  const headers = { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'weft' }
  const options = { agent: false, signal, headers, lookup: known, ...(rules.roots === undefined ? {} : { ca: rules.roots }) }
  return await new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? https : http).get(url, options, (response) => {
      const give = (reason: string) => {
        reject(new KeyFetchError(reason))
        response.destroy()
      }
      response.on('error', reject).on('aborted', () => give('the answer ended early'))
      const problem = headProblem(response, rules)
      if (problem === undefined) collect(response, rules, { resolve, give })
      else give(problem)
    })
    request.on('error', reject)
  })
}

function headProblem({ statusCode = 0, headers }: http.IncomingMessage, rules: FetchRules): string | undefined {
  if (statusCode >= 300 && statusCode < 400) return `the answer was a redirect (${statusCode}), which is not followed; write the final URL`
  if (statusCode !== 200) return `the answer was ${statusCode}`
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') return 'the answer is compressed, which was not asked for'
  return Number(headers['content-length'] ?? 0) > rules.maxBytes ? tooLarge(rules) : undefined
}

function collect(response: http.IncomingMessage, rules: FetchRules, { resolve, give }: { resolve(text: string): void; give(reason: string): void }): void {
  const chunks: Buffer[] = []
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    chunks.push(chunk)
    if (bytes > rules.maxBytes) give(tooLarge(rules))
  })
  response.on('end', () => resolve(Buffer.concat(chunks).toString()))
}

const TOO_LATE = 'there was no whole answer in time'
const tooLarge = ({ maxBytes }: FetchRules) => `the answer has more than ${maxBytes} bytes`

/** The addresses of a host, all of which may be asked: what is checked here is what is dialled. */
async function addressesOf(host: string, rules: FetchRules): Promise<readonly LookupAddress[]> {
  const literal = isIP(host)
  const addresses = literal === 0 ? await (rules.lookup ?? lookupAll)(host) : [{ address: host, family: literal }]
  const bad = addresses.find(({ address }) => rules.refused(address))?.address
  if (bad === undefined) return addresses
  throw new KeyFetchError(`the address ${bad} is private or this machine's; mesh.jwks.allowedAddresses says which may be asked nevertheless`)
}

function lookupAll(name: string): Promise<readonly LookupAddress[]> {
  return lookup(name, { all: true })
}

function knownAddresses(addresses: readonly LookupAddress[]): LookupFunction {
  return (_name, { all }, done) => {
    const [first = { address: '', family: 4 }] = addresses
    if (all === true) done(null, [...addresses])
    else done(null, first.address, first.family)
  }
}
