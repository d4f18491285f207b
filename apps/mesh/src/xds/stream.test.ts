import { describe, expect, it } from '@jest/globals'
import { TYPE_URLS } from '../encode/names.ts'
import type { EnvoyResource } from '../encode/types.ts'
import { decodeAny } from '../proto/codec.ts'
import { NodeState, type Connection } from './node.ts'
import { DeltaStream, type DeltaRequest, type DeltaResponse } from './stream.ts'

const ADS = { ads: {}, resource_api_version: 'V3' }
const cluster = (name: string, connectTimeout = 1): EnvoyResource => ({
  typeUrl: TYPE_URLS.cluster,
  name,
  json: { name, type: 'EDS', connect_timeout: { seconds: connectTimeout }, eds_cluster_config: { eds_config: ADS } },
})
const endpoints = (name: string, path = '/a'): EnvoyResource => ({
  typeUrl: TYPE_URLS.endpoints,
  name,
  json: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path } } } }] }] },
})
const listener = (name: string, routes?: string): EnvoyResource => ({
  typeUrl: TYPE_URLS.listener,
  name,
  json: {
    name,
    address: { pipe: { path: `/${name}` } },
    filter_chains:
      routes === undefined
        ? []
        : [
            {
              filters: [
                {
                  name: 'hcm',
                  typed_config: {
                    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                    stat_prefix: 'x',
                    rds: { route_config_name: routes, config_source: ADS },
                  },
                },
              ],
            },
          ],
  },
})
const route = (name: string): EnvoyResource => ({ typeUrl: TYPE_URLS.route, name, json: { name } })
const scope = (name: string, routes: string): EnvoyResource => ({
  typeUrl: TYPE_URLS.scopedRoute,
  name,
  json: { name, route_configuration_name: routes, key: { fragments: [{ string_key: name }] } },
})
const NOW = 1_000

/** A proxy without a network: what it is told is kept, and it answers when it is made to. */
class FakeProxy {
  readonly node: NodeState
  readonly told: DeltaResponse[] = []
  readonly connection: Connection

  constructor(node: NodeState) {
    this.node = node
    this.connection = { stream: new DeltaStream(node), connectedAt: NOW, send: (response) => void this.told.push(response) }
    node.connections.add(this.connection)
  }

  ask(typeUrl: string, request: Partial<DeltaRequest> = {}): void {
    this.node.request(this.connection, { typeUrl, subscribe: [], unsubscribe: [], initialVersions: {}, nonce: '', ...request }, NOW)
    this.node.flush()
  }

  /** Takes what it was told since the last time, as `TYPE +name -name`. */
  heard(): readonly string[] {
    return this.told.splice(0).map(summary)
  }

  ackAll(): void {
    for (const response of this.told.splice(0)) this.ask(response.typeUrl, { nonce: response.nonce })
  }
}

function summary({ typeUrl, resources, removed }: DeltaResponse): string {
  const kind = Object.entries(TYPE_URLS).find(([, url]) => url === typeUrl)?.[0] ?? typeUrl
  return [kind, ...resources.map(({ name }) => `+${name}`), ...removed.map((name) => `-${name}`)].join(' ')
}

const put = (node: NodeState, ...resources: readonly EnvoyResource[]) => {
  node.update({ set: resources, removed: [] }, NOW)
  node.flush()
}

const take = (node: NodeState, ...removed: readonly EnvoyResource[]) => {
  node.update({ set: [], removed }, NOW)
  node.flush()
}

function connected(): { node: NodeState; proxy: FakeProxy } {
  const node = new NodeState('n1')
  return { node, proxy: new FakeProxy(node) }
}

describe('what a proxy is sent', () => {
  it('is everything of a wildcard type on the first request without names', () => {
    const { node, proxy } = connected()
    put(node, cluster('a'), cluster('b'))
    proxy.ask(TYPE_URLS.cluster)
    expect(proxy.heard()).toEqual(['cluster +a +b'])
  })

  it('is nothing when it acknowledges: an unchanged request is never answered', () => {
    const { node, proxy } = connected()
    put(node, cluster('a'))
    proxy.ask(TYPE_URLS.cluster)
    proxy.ackAll()
    proxy.ask(TYPE_URLS.cluster)
    expect(proxy.heard()).toEqual([])
  })

  it('is nothing when a resource comes again with the same content', () => {
    const { node, proxy } = connected()
    put(node, cluster('a'))
    proxy.ask(TYPE_URLS.cluster)
    proxy.ackAll()
    put(node, cluster('a'))
    expect(proxy.heard()).toEqual([])
  })

  it('is only what changed', () => {
    const { node, proxy } = connected()
    put(node, route('a'), route('b'))
    proxy.ask(TYPE_URLS.route, { subscribe: ['a', 'b'] })
    proxy.ackAll()
    put(node, route('a'), { ...route('b'), json: { name: 'b', virtual_hosts: [], vhds: { config_source: ADS } } })
    expect(proxy.heard()).toEqual(['route +b'])
  })

  it('comes when it appears, for a name that was asked for before', () => {
    const { node, proxy } = connected()
    proxy.ask(TYPE_URLS.route, { subscribe: ['later'] })
    expect(proxy.heard()).toEqual([])
    put(node, route('later'))
    expect(proxy.heard()).toEqual(['route +later'])
  })

  it('is a removal, at once, for a cluster that is asked for and does not exist', () => {
    const { proxy } = connected()
    proxy.ask(TYPE_URLS.cluster)
    proxy.ask(TYPE_URLS.cluster, { subscribe: ['nope'] })
    expect(proxy.heard()).toEqual(['cluster -nope'])
  })

  it('comes again when it is asked for again', () => {
    const { node, proxy } = connected()
    put(node, endpoints('a'))
    proxy.ask(TYPE_URLS.endpoints, { subscribe: ['a'] })
    proxy.ackAll()
    proxy.ask(TYPE_URLS.endpoints, { subscribe: ['a'] })
    expect(proxy.heard()).toEqual(['endpoints +a'])
  })

  it('follows a change of subscriptions whatever the nonce says', () => {
    const { node, proxy } = connected()
    put(node, route('a'), route('b'))
    proxy.ask(TYPE_URLS.route, { subscribe: ['a'] })
    proxy.told.length = 0
    proxy.ask(TYPE_URLS.route, { subscribe: ['b'], nonce: 'stale' })
    expect(proxy.heard()).toEqual(['route +b'])
    proxy.ask(TYPE_URLS.route, { unsubscribe: ['a'], nonce: 'staler' })
    put(node, { ...route('a'), json: { name: 'a', internal_only_headers: ['x'] } })
    expect(proxy.heard()).toEqual([])
  })

  it('is only the difference after a reconnect that says what is held', () => {
    const { node, proxy } = connected()
    put(node, cluster('same'), cluster('changed'), cluster('new'))
    const same = node.current(TYPE_URLS.cluster, 'same')?.version ?? ''
    proxy.ask(TYPE_URLS.cluster, { subscribe: ['*'], initialVersions: { same, changed: 'old', gone: 'old' } })
    expect(proxy.heard()).toEqual(['cluster +changed +new', 'cluster -gone'])
  })

  it('is said to be there or gone when a name is given up that the wildcard still covers', () => {
    const { node, proxy } = connected()
    put(node, cluster('a'))
    proxy.ask(TYPE_URLS.cluster)
    proxy.ask(TYPE_URLS.cluster, { subscribe: ['a'] })
    proxy.told.length = 0
    proxy.ask(TYPE_URLS.cluster, { unsubscribe: ['a'] })
    expect(proxy.heard()).toEqual(['cluster +a'])
  })
})

describe('the order of a push', () => {
  const subscribeAll = (proxy: FakeProxy) => {
    proxy.ask(TYPE_URLS.listener)
    proxy.ask(TYPE_URLS.cluster)
    proxy.ask(TYPE_URLS.route, { subscribe: ['r1', 'r2'] })
    proxy.ask(TYPE_URLS.endpoints, { subscribe: ['a', 'b'] })
    proxy.told.length = 0
  }

  it('is clusters, endpoints, listeners, routes; then removals the other way round', () => {
    const { node, proxy } = connected()
    put(node, cluster('a'), endpoints('a'), listener('l1', 'r1'), route('r1'))
    subscribeAll(proxy)
    node.update({ set: [route('r2'), listener('l2', 'r2'), endpoints('b'), cluster('b')], removed: [listener('l1'), cluster('a')] }, NOW)
    node.flush()
    expect(proxy.heard()).toEqual(['cluster +b', 'endpoints +b', 'listener +l2', 'route +r2', 'listener -l1', 'cluster -a'])
  })

  it('sends endpoints again for a changed cluster, which warms until they come', () => {
    const { node, proxy } = connected()
    put(node, cluster('a'), endpoints('a'))
    subscribeAll(proxy)
    put(node, cluster('a', 2))
    expect(proxy.heard()).toEqual(['cluster +a', 'endpoints +a'])
  })

  it('sends routes again for a changed listener', () => {
    const { node, proxy } = connected()
    put(node, listener('l1', 'r1'), route('r1'))
    subscribeAll(proxy)
    put(node, { ...listener('l1', 'r1'), json: { ...listener('l1', 'r1').json, stat_prefix: 'new' } })
    expect(proxy.heard()).toEqual(['listener +l1', 'route +r1'])
  })

  it('does not wait for any acknowledgement', () => {
    const { node, proxy } = connected()
    put(node, cluster('a'), endpoints('a'))
    subscribeAll(proxy)
    put(node, cluster('a', 2))
    put(node, cluster('a', 3))
    expect(proxy.heard()).toEqual(['cluster +a', 'endpoints +a', 'cluster +a', 'endpoints +a'])
  })
})

describe('a refusal', () => {
  const refused = () => {
    const { node, proxy } = connected()
    put(node, listener('good'), listener('bad'), listener('fine'))
    proxy.ask(TYPE_URLS.listener)
    const [all] = proxy.told.splice(0)
    proxy.ask(TYPE_URLS.listener, { nonce: all?.nonce ?? '', error: 'bad is bad' })
    return { node, proxy }
  }

  it('of several resources has each sent again alone', () => {
    const { proxy } = refused()
    expect(proxy.heard()).toEqual(['listener +good', 'listener +bad', 'listener +fine'])
  })

  it('of one resource sets it aside by name, and the others come into force', () => {
    const { node, proxy } = refused()
    for (const response of proxy.told.splice(0)) {
      const culprit = response.resources[0]?.name === 'bad'
      proxy.ask(TYPE_URLS.listener, { nonce: response.nonce, ...(culprit ? { error: 'no such address' } : {}) })
    }
    expect(node.rejections()).toMatchObject([{ typeUrl: TYPE_URLS.listener, name: 'bad', message: 'no such address' }])
    expect([...(proxy.connection.stream.status().get(TYPE_URLS.listener)?.resources.toString() ?? '')]).toEqual(['2'])
    expect(proxy.heard()).toEqual([])
    put(node, listener('other'))
    expect(proxy.heard()).toEqual(['listener +other'])
  })

  it('ends when the resource changes', () => {
    const { node, proxy } = refused()
    for (const response of proxy.told.splice(0))
      proxy.ask(TYPE_URLS.listener, { nonce: response.nonce, ...(response.resources[0]?.name === 'bad' ? { error: 'no' } : {}) })
    put(node, listener('bad', 'r'))
    expect(proxy.heard()).toEqual(['listener +bad'])
    expect(node.rejections()).toEqual([])
  })

  it.each([
    ['not before a second has passed', 999, []],
    ['after a second', 1_000, ['listener +bad']],
  ])('is tried once more, alone, %s', (_name, later, expected) => {
    const { node, proxy } = refused()
    for (const response of proxy.told.splice(0))
      proxy.ask(TYPE_URLS.listener, { nonce: response.nonce, ...(response.resources[0]?.name === 'bad' ? { error: 'no' } : {}) })
    node.retryRejected(NOW + later)
    expect(proxy.heard()).toEqual(expected)
  })

  it('of removals does not go on for ever', () => {
    const { node, proxy } = connected()
    put(node, cluster('a'), cluster('b'))
    proxy.ask(TYPE_URLS.cluster)
    proxy.ackAll()
    take(node, cluster('a'), cluster('b'))
    const sent: string[] = []
    for (let round = 0; round < 5; round += 1) {
      const responses = proxy.told.splice(0)
      sent.push(...responses.map(summary))
      for (const { nonce } of responses) proxy.ask(TYPE_URLS.cluster, { nonce, error: 'no' })
    }
    expect(sent).toEqual(['cluster -a -b', 'cluster -a', 'cluster -b'])
  })

  it('of what cannot be encoded is noted without asking the proxy, and the version before it stays', () => {
    const { node, proxy } = connected()
    put(node, cluster('a'))
    proxy.ask(TYPE_URLS.cluster)
    proxy.ackAll()
    put(node, { typeUrl: TYPE_URLS.cluster, name: 'a', json: { name: 'a', conect_timeout: {} } })
    expect(proxy.heard()).toEqual([])
    expect(node.rejections()).toMatchObject([{ name: 'a', message: expect.stringContaining('conect_timeout') }])
    expect(decodeAny(TYPE_URLS.cluster, node.current(TYPE_URLS.cluster, 'a')?.bytes ?? Buffer.alloc(0))).toMatchObject({ connect_timeout: { seconds: 1 } })
  })
})

describe('many listeners', () => {
  const names = Array.from({ length: 120 }, (_, index) => `parked${index}`)
  /** A proxy that asks for 121 listeners, of which one is called. */
  const asking = (initialVersions: Readonly<Record<string, string>> = {}) => {
    const node = new NodeState('n1', ({ name }) => name === 'called')
    put(node, ...names.map((name) => listener(name)), listener('called'))
    const proxy = new FakeProxy(node)
    proxy.ask(TYPE_URLS.listener, { initialVersions })
    return { node, proxy }
  }
  const heardNames = (proxy: FakeProxy) => proxy.told.map(({ resources }) => resources.map(({ name }) => name))

  it('come in parts, each when the last one is acknowledged, those that are called first', () => {
    const { proxy } = asking()
    expect(heardNames(proxy)).toEqual([['called']])
    const parts = [0, 1, 2].map(() => {
      proxy.ackAll()
      return heardNames(proxy).map((part) => part.length)
    })
    expect(parts).toEqual([[50], [50], [20]])
    proxy.ackAll()
    expect(proxy.heard()).toEqual([])
  })

  it('wait no longer when a call comes for one, and changes of others do not wait', () => {
    const { node, proxy } = asking()
    proxy.told.splice(0)
    proxy.connection.stream.hasten(TYPE_URLS.listener, 'parked119')
    put(node, listener('parked118', 'changed'))
    expect(heardNames(proxy).flat().toSorted()).toEqual(['parked118', 'parked119'])
  })

  it('are not sent again to a proxy that has them', () => {
    const { node } = asking()
    const versions = Object.fromEntries([...names, 'called'].map((name) => [name, node.current(TYPE_URLS.listener, name)?.version ?? '']))
    const known = new FakeProxy(node)
    known.ask(TYPE_URLS.listener, { initialVersions: { ...versions, parked60: 'older' } })
    expect(heardNames(known)).toEqual([['parked60']])
  })
})

describe('progress of a change', () => {
  it.each([
    ['listener', listener('l', 'r')],
    ['scope', scope('s', 'r')],
  ])('of a %s is pending until it and what it needs are acknowledged', (_kind, resource) => {
    const { node, proxy } = connected()
    proxy.ask(resource.typeUrl)
    put(node, resource, route('r'))
    const target = { typeUrl: resource.typeUrl, name: resource.name }
    expect(node.progress(proxy.connection, target)).toBe('pending')
    proxy.ackAll()
    expect(node.progress(proxy.connection, target)).toBe('pending')
    proxy.ask(TYPE_URLS.route, { subscribe: ['r'] })
    proxy.ackAll()
    expect(node.progress(proxy.connection, target)).toBe('done')
  })

  it('is done for what the proxy never asked for', () => {
    const { node, proxy } = connected()
    put(node, route('r'))
    expect(node.progress(proxy.connection, { typeUrl: TYPE_URLS.route, name: 'r' })).toBe('done')
  })

  it('names the refusal', () => {
    const { node, proxy } = connected()
    put(node, listener('l'))
    proxy.ask(TYPE_URLS.listener)
    proxy.ask(TYPE_URLS.listener, { nonce: proxy.told[0]?.nonce ?? '', error: 'not like this' })
    expect(node.progress(proxy.connection, { typeUrl: TYPE_URLS.listener, name: 'l' })).toEqual({ refused: 'not like this' })
  })

  it('is open while something else is on its way there, even when what is to be was acknowledged once', () => {
    const { node, proxy } = connected()
    put(node, endpoints('c', '/a'))
    proxy.ask(TYPE_URLS.endpoints, { subscribe: ['c'] })
    proxy.ackAll()
    put(node, endpoints('c', '/b'))
    put(node, endpoints('c', '/a'))
    const target = { typeUrl: TYPE_URLS.endpoints, name: 'c' }
    const [there, back] = proxy.told.splice(0)
    expect(node.progress(proxy.connection, target)).toBe('pending')
    proxy.ask(TYPE_URLS.endpoints, { nonce: there?.nonce ?? '' })
    expect(node.progress(proxy.connection, target)).toBe('pending')
    proxy.ask(TYPE_URLS.endpoints, { nonce: back?.nonce ?? '' })
    expect(node.progress(proxy.connection, target)).toBe('done')
  })
})
