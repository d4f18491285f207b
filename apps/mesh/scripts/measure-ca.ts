/** What a certificate costs: `npx node apps/mesh/scripts/measure-ca.ts`. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog } from '@weft/kit'
import { openAuthority } from '../src/ca/index.ts'

const COUNT = 1000
const directory = await mkdtemp(join(tmpdir(), 'weft-measure-'))
const authority = await openAuthority({ directory, trustDomain: 'cluster.local', log: silentLog() })
for (let i = 0; i < 50; i++) await authority.issue({ namespace: 'warm', serviceAccount: `f${i}` })

const single: number[] = []
for (let i = 0; i < 300; i++) {
  const began = performance.now()
  await authority.issue({ namespace: 'one', serviceAccount: `f${i}` })
  single.push(performance.now() - began)
}
single.sort((a, b) => a - b)

const cpu = process.cpuUsage()
const began = performance.now()
await Promise.all(Array.from({ length: COUNT }, (_none, i) => authority.issue({ namespace: 'many', serviceAccount: `f${i}` })))
const wall = (performance.now() - began) / COUNT
const used = process.cpuUsage(cpu)
console.log(`one after the other: p50 ${single[150]?.toFixed(2)} ms, p99 ${single[297]?.toFixed(2)} ms`)
console.log(`${COUNT} at once: ${wall.toFixed(2)} ms each, CPU ${((used.user + used.system) / 1000 / COUNT).toFixed(2)} ms each`)
await authority.close()
await rm(directory, { recursive: true })
