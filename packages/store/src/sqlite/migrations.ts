import type { DatabaseSync } from 'node:sqlite'
import { WeftError } from '@weft/core'

/** Steps from an empty database to the present one, in order. A step that was released is never changed. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE resources (
     key TEXT PRIMARY KEY,
     grp TEXT NOT NULL,
     kind TEXT NOT NULL,
     namespace TEXT,
     body TEXT NOT NULL,
     sealed BLOB
   ) WITHOUT ROWID;
   CREATE INDEX resources_by_kind ON resources (grp, kind, key);
   CREATE TABLE owners (
     owner TEXT NOT NULL,
     child TEXT NOT NULL REFERENCES resources (key) ON DELETE CASCADE,
     PRIMARY KEY (owner, child)
   ) WITHOUT ROWID;
   CREATE INDEX owners_by_child ON owners (child);
   CREATE TABLE changes (
     version INTEGER PRIMARY KEY,
     type TEXT NOT NULL,
     grp TEXT NOT NULL,
     kind TEXT NOT NULL,
     body TEXT NOT NULL,
     sealed BLOB,
     labels_before TEXT
   );
   CREATE INDEX changes_by_kind ON changes (grp, kind, version);
   CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;`,
]

/**
 * Brings the database to the present schema, each step in a transaction of its own.
 * @throws WeftError `STORE_TOO_NEW` when a newer Weft wrote it
 */
export function migrate(db: DatabaseSync, file: string, now: number): void {
  db.exec('CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL)')
  const at = Number(db.prepare('SELECT COALESCE(MAX(version), 0) AS version FROM schema_migrations').get()?.['version'] ?? 0)
  if (at > MIGRATIONS.length) throw new WeftError('STORE_TOO_NEW', { file, found: at, known: MIGRATIONS.length })
  for (const [index, step] of MIGRATIONS.entries()) {
    if (index < at) continue
    db.exec('BEGIN IMMEDIATE')
    try {
      db.exec(step)
      db.prepare('INSERT INTO schema_migrations (version, applied_at) VALUES (?, ?)').run(index + 1, new Date(now).toISOString())
      db.exec('COMMIT')
    } catch (error) {
      db.exec('ROLLBACK')
      throw error
    }
  }
}
