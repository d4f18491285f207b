import { describe, expect, it } from '@jest/globals'
import { parseResource } from '@weft/api'
import { createCompiler } from '../compiler.ts'
import { evaluatePolicy } from '../policy/evaluate.ts'
import { pathTemplates } from './paths.ts'
import { suggestPolicies, type ObservedCall } from './suggest.ts'

const id = (name: string) => `cluster.local/ns/default/sa/${name}`
const call = (caller: string, callee: string, method?: string, path = '/'): ObservedCall => ({
  caller: `spiffe://${id(caller)}`,
  namespace: 'default',
  function: callee,
  ...(method === undefined ? {} : { operation: { method, path } }),
})
const rulesOf = (calls: readonly ObservedCall[]) => suggestPolicies(calls).map(({ metadata, spec }) => [metadata.name, spec.rules])

describe('templates of paths', () => {
  it.each<[string, readonly string[], readonly string[] | undefined]>([
    ['few paths stay as they are', ['/a', '/b/c', '/'], ['/', '/a', '/b/c']],
    ['many values of one place are any value', ['/u/1', '/u/2', '/u/3', '/u/4', '/u/5', '/x'], ['/u/{*}', '/x']],
    ['what is below them stays', ['/u/1/a', '/u/2/a', '/u/3/b', '/u/4/a', '/u/5/a'], ['/u/{*}/a', '/u/{*}/b']],
    ['a slash at the end stays', ['/a/', '/a'], ['/a', '/a/']],
    ['what a policy would read as a pattern is any value', ['/a*', '/{b}'], ['/{*}']],
    ['too many templates are none', Array.from({ length: 64 }, (_, index) => `/${index % 4}/${(index >> 2) % 4}/${index >> 4}`), undefined],
  ])('%s', (_name, paths, templates) => {
    expect(pathTemplates(paths)).toEqual(templates)
  })
})

describe('suggested policies', () => {
  it('allow the callers of each function, and nobody else', () => {
    expect(rulesOf([call('control', 'temp'), call('control', 'thermostat'), call('other', 'temp'), call('control', 'temp')])).toEqual([
      ['temp-callers', [{ from: [{ source: { principals: [id('control'), id('other')] } }] }]],
      ['thermostat-callers', [{ from: [{ source: { principals: [id('control')] } }] }]],
    ])
  })

  it('allow the methods and paths that were asked for, together where callers need the same', () => {
    expect(
      rulesOf([
        call('a', 'x', 'GET', '/1'),
        call('b', 'x', 'GET', '/1'),
        call('c', 'x', 'GET', '/1'),
        call('c', 'x', 'HEAD', '/1'),
        call('c', 'x', 'POST', '/2'),
      ]),
    ).toEqual([
      [
        'x-callers',
        [
          { from: [{ source: { principals: [id('a'), id('b')] } }], to: [{ operation: { methods: ['GET'], paths: ['/1'] } }] },
          {
            from: [{ source: { principals: [id('c')] } }],
            to: [{ operation: { methods: ['GET', 'HEAD'], paths: ['/1'] } }, { operation: { methods: ['POST'], paths: ['/2'] } }],
          },
        ],
      ],
    ])
  })

  it('restrict nothing of a caller of which it is not known what all of its calls asked for', () => {
    expect(rulesOf([call('a', 'x', 'GET', '/1'), call('a', 'x')])).toEqual([['x-callers', [{ from: [{ source: { principals: [id('a')] } }] }]]])
  })

  it('are valid, and allow what was observed and no other', () => {
    const observed = [...Array.from({ length: 6 }, (_, index) => call('a', 'x', 'GET', `/u/${index}`)), call('b', 'x', 'POST', '/')]
    const policies = suggestPolicies(observed)
    const revision = { function: 'x', revision: 'v1', number: 1, template: { runtime: 'node22' } }
    const resources = [
      {
        apiVersion: 'weft.dev/v1alpha1',
        kind: 'Function',
        metadata: { name: 'x', namespace: 'default' },
        spec: { template: { runtime: 'node22' } },
        status: { traffic: [{ revision: 'v1', weight: 100 }] },
      },
      { apiVersion: 'weft.dev/v1alpha1', kind: 'Revision', metadata: { name: 'x-v1', namespace: 'default' }, spec: revision, status: { phase: 'Active' } },
      ...policies.map((policy) => parseResource(policy)),
    ]
    const { snapshot } = createCompiler({ proxies: ['node'] }).apply(resources.map((resource) => ({ type: 'set', resource })))
    const policy = snapshot.workloads.get('default/x-v1')?.policy ?? { deny: [], allow: undefined }
    const allowed = (caller: string, method: string, path: string) =>
      evaluatePolicy(policy, { principal: id(caller), method, path, host: 'x', port: 8080 }).allowed
    for (const { caller, operation } of observed)
      expect(allowed(caller.slice(`spiffe://${id('')}`.length), operation?.method ?? '', operation?.path ?? '')).toBe(true)
    expect([
      allowed('a', 'GET', '/u/99'),
      allowed('a', 'POST', '/u/1'),
      allowed('b', 'GET', '/'),
      allowed('c', 'GET', '/u/1'),
      allowed('a', 'GET', '/u/1/2'),
    ]).toEqual([true, false, false, false, false])
  })
})
