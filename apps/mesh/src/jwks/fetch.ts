import { askOutside, type AddressGuard } from '@weft/kit'
import { readKeySet, urlProblem } from '@weft/api'
import type { KeySource } from '@weft/mesh-model'
import { usableKeys } from './keys.ts'

/** What a fetch may reach, and how much it may cost. */
export interface FetchRules {
  readonly guard: AddressGuard
  readonly maxBytes: number
  /** Certificates (PEM) to trust in place of the system's. */
  readonly roots?: string
}

/** Longest time of a question, whatever a rule says. */
const MAX_MS = 60_000

/** Why keys could not be fetched; the message is for a person. */
export class KeyFetchError extends Error {}

/**
 * Fetches the keys of an issuer: at `url`, or where its OpenID configuration says (OpenID Connect Discovery §4). Redirects are not followed, and
 * addresses are checked as they are dialled.
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
async function fetchText(url: string, { guard, maxBytes, roots }: FetchRules, signal: AbortSignal): Promise<string> {
  const headers = { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'weft' }
  const answer = await askOutside({ url, headers, timeoutMs: MAX_MS, maxBytes, signal, ...(roots === undefined ? {} : { roots }) }, guard)
  if (!answer.ok) throw new KeyFetchError(signal.aborted ? 'it did not answer in time' : answer.reason)
  const { status, body } = answer
  if (status >= 300 && status < 400) throw new KeyFetchError(`the answer was a redirect (${status}), which is not followed; write the final URL`)
  if (status !== 200) throw new KeyFetchError(`the answer was ${status}`)
  return body
}
