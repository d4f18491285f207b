import { writeSync } from 'node:fs'
import type { Resource } from '@weft/core'
import { openSealer } from '../sealer/index.ts'
import { openSqliteStore } from './index.ts'

/** Program for the crash test: writes without end and prints a line `NAME N` after each acknowledgement. `argv`: database, key file, round. */
const [, , file = '', keyFile = '', round = ''] = process.argv
const store = await openSqliteStore({ file, sealer: openSealer(keyFile) })

function secret(name: string, data: Readonly<Record<string, string>>): Resource & { readonly data: unknown } {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'default' }, data }
}

async function write(writer: number): Promise<void> {
  const name = `r${round}w${writer}`
  await store.create(secret(name, { n: '0' }))
  for (let n = 1; ; n++) {
    await store.update(secret(name, { n: String(n), filler: 'x'.repeat((n * 997) % 20_000) }))
    writeSync(1, `${name} ${n}\n`)
  }
}

await Promise.all([0, 1, 2].map(write))
