import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import { groupOf, refOf, type Resource } from '@weft/core'
import { labelsMatch, type LoggedChange } from '../decide/select.ts'
import { ownerKey } from '../decide/write.ts'
import type { Sealer, Selection } from '../port.ts'
import { KEPT_CHANGES, type ChangeLog } from '../watch/hub.ts'
import type { Rows } from '../write-set.ts'
import { fromBody, toBody, type Body } from './body.ts'

type Row = Record<string, SQLOutputValue>

/** The tables, as {@link Rows} and {@link ChangeLog}. Its statements are prepared once. */
export class SqliteRows implements Rows, ChangeLog {
  readonly #sealer: Sealer
  readonly #get: StatementSync
  readonly #put: StatementSync
  readonly #delete: StatementSync
  readonly #ofKind: StatementSync
  readonly #ownedBy: StatementSync
  readonly #addOwner: StatementSync
  readonly #forgetOwners: StatementSync
  readonly #log: StatementSync
  readonly #read: StatementSync
  readonly #trim: StatementSync
  readonly #lastVersion: StatementSync
  #version = 0
  #oldest = 1
  /** Kinds (`group/kind`) that the present transaction has written. */
  readonly touched = new Set<string>()

  constructor(db: DatabaseSync, sealer: Sealer) {
    this.#sealer = sealer
    this.#get = db.prepare('SELECT body, sealed FROM resources WHERE key = ?')
    this.#put = db.prepare(
      `INSERT INTO resources (key, grp, kind, namespace, body, sealed) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET body = excluded.body, sealed = excluded.sealed`,
    )
    this.#delete = db.prepare('DELETE FROM resources WHERE key = ?')
    this.#ofKind = db.prepare('SELECT body, sealed FROM resources WHERE grp = ?1 AND kind = ?2 AND (?3 IS NULL OR namespace = ?3) ORDER BY key')
    this.#ownedBy = db.prepare('SELECT r.body, r.sealed FROM owners o JOIN resources r ON r.key = o.child WHERE o.owner = ? ORDER BY o.child')
    this.#addOwner = db.prepare('INSERT OR IGNORE INTO owners (owner, child) VALUES (?, ?)')
    this.#forgetOwners = db.prepare('DELETE FROM owners WHERE child = ?')
    this.#log = db.prepare('INSERT INTO changes (version, type, grp, kind, body, sealed, labels_before) VALUES (?, ?, ?, ?, ?, ?, ?)')
    this.#read = db.prepare(
      'SELECT version, type, body, sealed, labels_before FROM changes WHERE grp = ? AND kind = ? AND version > ? ORDER BY version LIMIT ?',
    )
    this.#trim = db.prepare('DELETE FROM changes WHERE version < ?')
    this.#lastVersion = db.prepare('SELECT COALESCE(MAX(version), 0) AS latest, COALESCE(MIN(version), 1) AS oldest FROM changes')
    this.reload()
  }

  /** Takes the versions from the table: at the start, and after a transaction that failed. */
  reload(): void {
    const row = this.#lastVersion.get()
    this.#version = Number(row?.['latest'] ?? 0)
    this.#oldest = Number(row?.['oldest'] ?? 1)
    this.touched.clear()
  }

  get(key: string): Resource | undefined {
    const row = this.#get.get(key)
    return row === undefined ? undefined : fromBody(bodyOf(row), this.#sealer)
  }

  list(selection: Selection): readonly Resource[] {
    const rows = this.#ofKind.all(selection.group, selection.kind, selection.namespace ?? null)
    return rows.map((row) => fromBody(bodyOf(row), this.#sealer)).filter((resource) => labelsMatch(resource.metadata.labels, selection.labels))
  }

  put(key: string, resource: Resource): void {
    const { body, sealed } = toBody(resource, this.#sealer)
    this.#put.run(key, groupOf(resource.apiVersion), resource.kind, resource.metadata.namespace ?? null, body, sealed)
    this.#forgetOwners.run(key)
    for (const owner of resource.metadata.ownerReferences ?? []) this.#addOwner.run(ownerKey(owner), key)
  }

  delete(key: string): void {
    this.#delete.run(key)
  }

  ownedBy(owner: string): readonly Resource[] {
    return this.#ownedBy.all(owner).map((row) => fromBody(bodyOf(row), this.#sealer))
  }

  nextVersion(): number {
    this.#version += 1
    return this.#version
  }

  log({ version, type, resource, labelsBefore }: LoggedChange): void {
    const { group, kind } = refOf(resource)
    const { body, sealed } = toBody(resource, this.#sealer)
    this.#log.run(version, type, group, kind, body, sealed, labelsBefore === undefined ? null : JSON.stringify(labelsBefore))
    this.touched.add(`${group}/${kind}`)
  }

  /** Forgets changes beyond those kept. */
  trim(): void {
    const oldest = Math.max(1, this.#version - KEPT_CHANGES + 1)
    if (oldest <= this.#oldest) return
    this.#trim.run(oldest)
    this.#oldest = oldest
  }

  latest(): number {
    return this.#version
  }

  oldest(): number {
    return this.#oldest
  }

  read(of: { readonly group: string; readonly kind: string }, after: number, limit: number): readonly LoggedChange[] {
    return this.#read.all(of.group, of.kind, after, limit).map((row) => {
      const labels = row['labels_before']
      return {
        version: Number(row['version']),
        type: row['type'] as LoggedChange['type'],
        resource: fromBody(bodyOf(row), this.#sealer),
        ...(typeof labels === 'string' ? { labelsBefore: JSON.parse(labels) as Record<string, string> } : {}),
      }
    })
  }
}

function bodyOf(row: Row): Body {
  const sealed = row['sealed']
  return { body: String(row['body']), sealed: sealed instanceof Uint8Array ? sealed : null }
}
