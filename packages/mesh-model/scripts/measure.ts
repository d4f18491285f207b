/**
 * What a change costs by the number of functions: `npx node packages/mesh-model/scripts/measure.ts`. Each function has a policy, a VirtualService with two
 * subsets and three revisions; half of them stand behind a Service too.
 */
import type { Resource } from '@weft/core'
import { aDestinationRule, aFunction, aPolicy, aRevision, aService, aVirtualService, newCompiler, set } from '../test/resources.ts'

const ROUNDS = 400

function parts(i: number, weight: number): readonly Resource[] {
  const name = `f${i}`
  const route = (['v1', 'v2'] as const).map((subset) => ({ destination: { host: name, subset }, weight: subset === 'v1' ? 90 : 10 }))
  return [
    aFunction(name, { traffic: { v1: weight, v2: 100 - weight } }),
    aRevision(name, 'v0', { phase: 'Retired' }),
    aRevision(name, 'v1'),
    aRevision(name, 'v2', { number: 2 }),
    aPolicy(name, { selector: { matchLabels: { app: name } }, rules: [{ from: [{ source: { principals: [`cluster.local/ns/default/sa/f${i + 1}`] } }] }] }),
    ...(i % 2 === 0
      ? [
          aService(`s${i}`, { app: name }),
          aVirtualService(name, { hosts: [name], http: [{ route }] }),
          aDestinationRule(name, { v1: { version: 'v1' }, v2: { version: 'v2' } }),
        ]
      : []),
  ]
}

function percentile(times: number[], share: number): string {
  return (times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? 0).toFixed(3)
}

for (const count of [10, 100, 1000]) {
  const compiler = newCompiler()
  const all = Array.from({ length: count }, (_none, i) => parts(i, 90)).flat()
  const start = performance.now()
  compiler.apply(all.map(set))
  const first = performance.now() - start
  const times: Record<string, number[]> = { function: [], revision: [], policy: [], 'virtual service': [] }
  for (let round = 0; round < ROUNDS; round++) {
    const i = (round * 2) % count
    const [fn, , , v2, policy, , vs] = parts(i - (i % 2), 1 + (round % 99))
    const changed: Record<string, Resource | undefined> = {
      function: fn,
      revision: v2 && { ...v2, status: { phase: round % 2 === 0 ? 'Active' : 'Pending' } },
      policy: policy && { ...policy, spec: { ...Object(policy.spec), rules: [{ to: [{ operation: { paths: [`/${round}`] } }] }] } },
      'virtual service': vs && {
        ...vs,
        spec: { hosts: [`f${i - (i % 2)}`], http: [{ route: [{ destination: { host: `f${i - (i % 2)}`, subset: `v${1 + (round % 2)}` } }] }] },
      },
    }
    for (const [kind, resource] of Object.entries(changed)) {
      if (resource === undefined) continue
      const began = performance.now()
      compiler.apply([set(resource)])
      times[kind]?.push(performance.now() - began)
    }
  }
  const lines = Object.entries(times).map(([kind, list]) => `${kind} p50 ${percentile(list, 0.5)} p99 ${percentile(list, 0.99)}`)
  console.log(`${count} functions: all at once ${first.toFixed(1)} ms; one change in ms: ${lines.join(' · ')}`)
}
