// A small issuer of tokens (JWT, ES256) to try docs/guide/security.md with. Not for anything else: its private key is a plain file.
//
//   node issuer.mjs keys DIRECTORY                 makes a key when there is none, and prints the public key set
//   node issuer.mjs token DIRECTORY [CLAIMS]       prints a token that is good for an hour; CLAIMS is JSON
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [command, directory = '.', text = '{}'] = process.argv.slice(2)
const file = join(directory, 'issuer-key.json')
if (!existsSync(file)) {
  mkdirSync(directory, { recursive: true })
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(file, JSON.stringify(privateKey.export({ format: 'jwk' })), { mode: 0o600 })
}
const key = createPrivateKey({ key: JSON.parse(readFileSync(file, 'utf8')), format: 'jwk' })
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

if (command === 'keys') {
  process.stdout.write(`${JSON.stringify({ keys: [{ ...createPublicKey(key).export({ format: 'jwk' }), kid: 'try', alg: 'ES256', use: 'sig' }] })}\n`)
} else {
  const exp = Math.floor(Date.now() / 1000) + 3600
  const signed = `${encode({ alg: 'ES256', kid: 'try', typ: 'JWT' })}.${encode({ iss: 'https://idp.example', sub: 'jason', exp, ...JSON.parse(text) })}`
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')
  process.stdout.write(`${signed}.${signature}\n`)
}
