import { createHmac, generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto'
import type { JwtRule } from '@weft/mesh-model'

type Fields = Readonly<Record<string, unknown>>

const base64url = (value: Fields) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Seconds since the epoch, some time from now. */
export const secondsFromNow = (seconds: number) => Math.floor(Date.now() / 1000) + seconds

/** Somebody who signs tokens. */
export class Issuer {
  readonly name: string
  readonly kid = randomUUID()
  readonly #key: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }

  constructor(name: string, kind: 'RS256' | 'ES256' = 'ES256') {
    this.name = name
    this.#key = kind === 'RS256' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  }

  get algorithm(): string {
    return this.#key.publicKey.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256'
  }

  /** The public key as a JSON Web Key. */
  get jwk(): Fields {
    return { ...this.#key.publicKey.export({ format: 'jwk' }), kid: this.kid, alg: this.algorithm, use: 'sig' }
  }

  get jwks(): string {
    return JSON.stringify({ keys: [this.jwk] })
  }

  /** The public key in PEM: what a confused verifier would take for an HMAC secret. */
  get pem(): string {
    return String(this.#key.publicKey.export({ type: 'spki', format: 'pem' }))
  }

  /** A token of subject `jason` for an hour, unless `claims` says otherwise (`undefined` leaves a claim out). */
  token(claims: Fields = {}, header: Fields = {}): string {
    const text = `${base64url({ alg: this.algorithm, kid: this.kid, typ: 'JWT', ...header })}.${base64url({ iss: this.name, sub: 'jason', exp: secondsFromNow(3600), ...claims })}`
    return `${text}.${sign('sha256', Buffer.from(text), { key: this.#key.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  }

  /** A rule that takes its tokens, with its keys written down. */
  rule(more: Partial<JwtRule> = {}): JwtRule {
    return {
      origin: { group: 'security.istio.io', kind: 'RequestAuthentication', namespace: 'default', name: 'jwt' },
      issuer: this.name,
      audiences: [],
      keys: { kind: 'inline', jwks: this.jwks },
      fromHeaders: [],
      fromParams: [],
      fromCookies: [],
      claimHeaders: [],
      forward: false,
      listClaims: ['permission', 'scope'],
      ...more,
    }
  }
}

/** A token without a signature, or with one by HMAC. */
export function forged(header: Fields, claims: Fields, secret?: string): string {
  const text = `${base64url({ typ: 'JWT', ...header })}.${base64url(claims)}`
  return `${text}.${secret === undefined ? '' : createHmac('sha256', secret).update(text).digest('base64url')}`
}

/** A header with a token, as clients send it. */
export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
