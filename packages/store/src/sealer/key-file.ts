import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf, WeftError } from '@weft/core'

const KEY_BYTES = 32

/**
 * Reads the key in `file`, or makes one. It appears under its name only when it is whole and on disk, and never replaces one that is there.
 * @throws WeftError `KEY_FILE_UNUSABLE`
 */
export function readOrCreateKey(file: string): Uint8Array {
  try {
    return readKey(file)
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw asWeftError(file, error)
  }
  try {
    createKey(file)
    return readKey(file)
  } catch (error) {
    throw asWeftError(file, error)
  }
}

function readKey(file: string): Uint8Array {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const { mode } = fstatSync(fd)
    if ((mode & 0o077) !== 0) throw unusable(file, `others may read it (mode ${(mode & 0o777).toString(8)})`, `chmod 600 ${file}`)
    const key = readFileSync(fd)
    if (key.length !== KEY_BYTES) {
      throw unusable(
        file,
        `it has ${key.length} bytes, a key has ${KEY_BYTES}`,
        'put the key back from your backup: without it the stored secrets cannot be read',
      )
    }
    return key
  } finally {
    closeSync(fd)
  }
}

function createKey(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  const fd = openSync(draft, 'wx', 0o600)
  try {
    writeSync(fd, randomBytes(KEY_BYTES))
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  try {
    linkSync(draft, file)
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error // another process was first: its key counts
  } finally {
    rmSync(draft)
  }
  syncDirectory(dirname(file))
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function isCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code
}

function unusable(file: string, reason: string, help: string, cause?: unknown): WeftError {
  return new WeftError('KEY_FILE_UNUSABLE', { file, reason, help }, cause === undefined ? {} : { cause })
}

function asWeftError(file: string, error: unknown): WeftError {
  if (error instanceof WeftError) return error
  return unusable(file, isCode(error, 'ELOOP') ? 'it is a symbolic link' : messageOf(error), 'correct its directory and owner', error)
}
