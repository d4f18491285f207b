import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { refKey, WeftError, type Resource, type ResourceRef } from '@weft/core'
import { copyOf } from '../decide/write.ts'
import type { ListResult, Sealer, Selection, Store, UpdateOptions, WatchEvent, WatchOptions } from '../port.ts'
import { WatchHub } from '../watch/hub.ts'
import { WriteSet, type World } from '../write-set.ts'
import { GroupCommit, unavailable } from './group-commit.ts'
import { openDatabase } from './open.ts'
import { SqliteRows } from './rows.ts'

/** Where the database is and what seals the Secrets in it. */
export interface SqliteStoreOptions extends Partial<World> {
  /** Path of the database; its directory must exist. Made with mode 0600. */
  readonly file: string
  readonly sealer: Sealer
}

/**
 * Opens the store in a SQLite file. One process at a time may have it open.
 *
 * A write costs one flush to disk, shared with the writes that wait at the same time; reads cost a lookup. Both run on the calling thread.
 * @throws WeftError `STORE_IN_USE`, `STORE_DAMAGED`, `STORE_TOO_NEW`, `SECRETS_UNREADABLE`, `DIRECTORY_UNUSABLE`
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const world = { now: options.now ?? Date.now, uid: options.uid ?? randomUUID }
  const db = openDatabase(options.file, options.sealer, world.now())
  return new SqliteStore(db, new SqliteRows(db, options.sealer), world)
}

class SqliteStore implements Store {
  readonly #db: DatabaseSync
  readonly #rows: SqliteRows
  readonly #hub: WatchHub
  readonly #writes: WriteSet
  readonly #commits: GroupCommit<Resource>
  #closed = false

  constructor(db: DatabaseSync, rows: SqliteRows, world: World) {
    this.#db = db
    this.#rows = rows
    this.#hub = new WatchHub(rows)
    this.#writes = new WriteSet(rows, world)
    this.#commits = new GroupCommit({ begin: () => db.exec('BEGIN IMMEDIATE'), commit: () => this.#commit(), rollback: () => this.#rollback() })
  }

  async get(ref: ResourceRef): Promise<Resource | undefined> {
    return this.#reading(() => this.#rows.get(refKey(ref)))
  }

  async list(selection: Selection): Promise<ListResult> {
    return this.#reading(() => ({ items: this.#rows.list(selection), resourceVersion: String(this.#rows.latest()) }))
  }

  async create(resource: Resource): Promise<Resource> {
    const given = copyOf(resource)
    return this.#writing(() => this.#writes.create(given))
  }

  async update(resource: Resource, options: UpdateOptions = {}): Promise<Resource> {
    const given = copyOf(resource)
    return this.#writing(() => this.#writes.update(given, options))
  }

  async remove(ref: ResourceRef, resourceVersion?: string): Promise<Resource> {
    return this.#writing(() => this.#writes.remove(ref, resourceVersion))
  }

  watch(selection: Selection, options?: WatchOptions): AsyncIterable<WatchEvent> {
    this.#assertOpen()
    return this.#hub.watch(selection, options)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#commits.flush()
    this.#closed = true
    this.#hub.close()
    this.#db.close()
  }

  #writing(work: () => Resource): Promise<Resource> {
    this.#assertOpen()
    return this.#commits.run(() => copyOf(work()))
  }

  #reading<T>(work: () => T): T {
    this.#assertOpen()
    try {
      return work()
    } catch (error) {
      throw unavailable(error)
    }
  }

  #commit(): void {
    this.#rows.trim()
    this.#db.exec('COMMIT')
    this.#hub.changed(this.#rows.touched)
    this.#rows.touched.clear()
  }

  #rollback(): void {
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
    this.#rows.reload()
  }

  #assertOpen(): void {
    if (this.#closed) throw new WeftError('STORE_UNAVAILABLE', { reason: 'it was closed' })
  }
}
