import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { messageOf, WeftError } from '@weft/core'
import type { Sealer } from '../port.ts'
import { migrate } from './migrations.ts'

const SQLITE_BUSY = 5
const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26
const CHECK = 'weft'

/**
 * Opens the database of one writer: write-ahead log, every commit flushed (`synchronous=FULL`), locked for this process alone, checked and migrated.
 * @throws WeftError `STORE_IN_USE`, `STORE_DAMAGED`, `STORE_TOO_NEW`, `SECRETS_UNREADABLE`, `DIRECTORY_UNUSABLE`
 */
export function openDatabase(file: string, sealer: Sealer, now: number): DatabaseSync {
  createPrivate(file)
  const db = new DatabaseSync(file, { timeout: 500 })
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE')
    db.exec('PRAGMA journal_mode = WAL')
    db.exec('PRAGMA synchronous = FULL')
    db.exec('PRAGMA foreign_keys = ON')
    db.exec('PRAGMA secure_delete = ON')
    const verdict = String(db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'])
    if (verdict !== 'ok') throw new WeftError('STORE_DAMAGED', { file, reason: verdict })
    migrate(db, file, now)
    checkKey(db, sealer)
    return db
  } catch (error) {
    db.close()
    throw asWeftError(file, error)
  }
}

/** Made by us first, so that nobody else can ever read it; SQLite gives its side files the same mode. */
function createPrivate(file: string): void {
  try {
    closeSync(openSync(file, 'a', 0o600))
  } catch (error) {
    throw new WeftError('DIRECTORY_UNUSABLE', { path: file, reason: messageOf(error) }, { cause: error })
  }
}

/** A wrong key shows at the start and not at the first Secret. */
function checkKey(db: DatabaseSync, sealer: Sealer): void {
  const row = db.prepare("SELECT value FROM facts WHERE name = 'sealed-check'").get()
  const value = row?.['value']
  if (value instanceof Uint8Array) {
    if (Buffer.from(sealer.open(value)).toString() !== CHECK) throw new WeftError('SECRETS_UNREADABLE', { reason: 'the check value is another one' })
    return
  }
  db.prepare("INSERT INTO facts (name, value) VALUES ('sealed-check', ?)").run(sealer.seal(Buffer.from(CHECK)))
}

function asWeftError(file: string, error: unknown): unknown {
  if (error instanceof WeftError || typeof error !== 'object' || error === null || !('errcode' in error)) return error
  const code = Number(error.errcode) & 0xff
  if (code === SQLITE_BUSY) return new WeftError('STORE_IN_USE', { file }, { cause: error })
  if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB) return new WeftError('STORE_DAMAGED', { file, reason: messageOf(error) }, { cause: error })
  return new WeftError('STORE_UNAVAILABLE', { reason: messageOf(error) }, { cause: error })
}
