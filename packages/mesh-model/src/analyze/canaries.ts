import { ownsSplit, SPLIT_OWNER_KINDS } from '../split-owner.ts'
import { at, each, text, type Item, type Report } from './item.ts'
import { isPrivate } from './tokens.ts'
import type { AnalysedWorld } from './world.ts'

/** Canaries, and what keeps them from trying anything. */
export function checkCanaries(world: AnalysedWorld, report: Report): void {
  for (const canary of world.all('Canary')) {
    const name = text(at(canary.spec, 'function')) ?? ''
    const fn = world.find('Function', canary.namespace, name)
    if (fn === undefined) report('WEFT0401', canary, 'spec.function', `there is no function ${name} in ${canary.namespace}`)
    else checkOwners(world, report, canary, fn)
    checkRivals(world, report, canary, name)
    checkJudges(report, canary)
    checkAddresses(report, canary)
  }
}

function checkOwners(world: AnalysedWorld, report: Report, canary: Item, fn: Item): void {
  for (const { resource, namespace, name } of SPLIT_OWNER_KINDS.flatMap(({ kind }) => world.all(kind))) {
    if (ownsSplit({ ...resource, metadata: { ...resource.metadata, namespace } }, fn))
      report('WEFT0402', canary, 'spec.function', `the ${resource.kind} ${namespace}/${name} decides where calls of ${fn.name} go`)
  }
  const pinned = at(fn.spec, 'traffic')
  if (Array.isArray(pinned) && pinned.length > 0) report('WEFT0403', canary, 'spec.function', `the traffic of ${fn.name} is pinned`)
}

function checkRivals(world: AnalysedWorld, report: Report, canary: Item, fn: string): void {
  const rival = world
    .all('Canary')
    .find((other) => other.document < canary.document && other.namespace === canary.namespace && at(other.spec, 'function') === fn)
  if (rival !== undefined) report('WEFT0404', canary, 'spec.function', `the Canary ${rival.name} has ${fn} too`)
}

/** Without calls, copies, webhooks and numbers there is nothing to go by. */
function checkJudges(report: Report, { spec, ...canary }: Item): void {
  const preview = at(spec, 'iterations') !== undefined && at(spec, 'match') === undefined
  const judged = at(spec, 'mirror') ?? at(spec, 'analysis', 'metrics') ?? at(spec, 'webhooks')
  if (preview && judged === undefined)
    report('WEFT0405', { spec, ...canary }, 'spec.iterations', 'the candidate has no calls in its iterations, and nothing else judges it')
}

function checkAddresses(report: Report, canary: Item): void {
  const metrics = each(at(canary.spec, 'analysis', 'metrics'), 'spec.analysis.metrics').map(
    ([metric, path]) => [at(metric, 'prometheus', 'address'), `${path}.prometheus.address`] as const,
  )
  const hooks = each(at(canary.spec, 'webhooks'), 'spec.webhooks').map(([hook, path]) => [at(hook, 'url'), `${path}.url`] as const)
  for (const [address, path] of [...metrics, ...hooks]) {
    const written = text(address)
    if (written !== undefined && isPrivate(written)) report('WEFT0406', canary, path, `${written} is a private or local address`)
  }
}
