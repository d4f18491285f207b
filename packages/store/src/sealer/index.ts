import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { isWeftError, WeftError } from '@weft/core'
import type { Sealer } from '../port.ts'
import { readOrCreateKey } from './key-file.ts'

const FORMAT = 1
const ID_BYTES = 8
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEAD_BYTES = 1 + ID_BYTES + NONCE_BYTES

/**
 * A sealer with the key in `file`, which is made on first use (32 random bytes, mode 0600).
 * @throws WeftError `KEY_FILE_UNUSABLE` when the file is not such a key or others may read it
 */
export function openSealer(file: string): Sealer {
  return sealerOf(readOrCreateKey(file))
}

/**
 * AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce. Layout: format (1 byte), first 8 bytes of the key's SHA-256, nonce (12), ciphertext, tag
 * (16). Format and key id are authenticated too. The key id tells a wrong key from changed bytes.
 * @param key 32 bytes
 */
export function sealerOf(key: Uint8Array): Sealer {
  const id = createHash('sha256').update('weft key id').update(key).digest().subarray(0, ID_BYTES)
  const prefix = Buffer.concat([Buffer.of(FORMAT), id])
  return {
    seal(plain) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(prefix)
      return Buffer.concat([prefix, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    },
    open(sealed) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
      if (bytes.length < HEAD_BYTES + TAG_BYTES || bytes[0] !== FORMAT) throw unreadable('they are not in the sealed format')
      const sealedBy = bytes.subarray(1, 1 + ID_BYTES)
      if (!sealedBy.equals(id)) throw unreadable(`they were sealed with key ${sealedBy.toString('hex')}, and this is key ${id.toString('hex')}`)
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(1 + ID_BYTES, HEAD_BYTES), { authTagLength: TAG_BYTES }).setAAD(prefix)
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
      try {
        return Buffer.concat([decipher.update(bytes.subarray(HEAD_BYTES, -TAG_BYTES)), decipher.final()])
      } catch (error) {
        throw unreadable('they were changed after they were sealed', error)
      }
    },
  }
}

function unreadable(reason: string, cause?: unknown): WeftError {
  return new WeftError('SECRETS_UNREADABLE', { reason }, cause === undefined || isWeftError(cause) ? {} : { cause })
}
