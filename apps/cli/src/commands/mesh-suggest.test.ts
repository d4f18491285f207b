import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { cli, testGateway, testWorld } from '../testing/world.ts'

const id = (name: string) => `spiffe://cluster.local/ns/default/sa/${name}`
const end = (name: string) => ({ workload: `${name}-00001`, namespace: 'default', principal: id(name), app: name, version: 'v1', service: name })
const counted = (from: string, to: string, code: string, reporter = 'destination') => ({ reporter, source: end(from), destination: end(to), code })
const entry = (more: object) =>
  JSON.stringify({ hop: 'inbound', workload: 'default/temp-00001', peer: id('control'), method: 'GET', path: '/now?token=x', code: 200, ...more })
const REVISIONS = { items: [{ metadata: { name: 'temp-00001', namespace: 'default' }, spec: { function: 'temp' } }] }

describe('weft mesh suggest', () => {
  it('allows who called since the start, without what was refused, and without functions that are gone', async () => {
    const traffic = [
      counted('control', 'temp', '200'),
      counted('control', 'temp', '500', 'source'),
      counted('evil', 'temp', '403'),
      counted('control', 'gone', '200'),
    ]
    await using gateway = await testGateway({
      'GET /apis/mesh.weft.dev/v1alpha1/traffic': [200, { at: 1, traffic }],
      'GET /apis/weft.dev/v1alpha1/revisions': [200, REVISIONS],
    })
    const { code, out } = await cli(['mesh', 'suggest'], { gateway })
    expect(code).toBe(0)
    expect(out.match(/name: .*/g)).toEqual(['name: temp-callers'])
    expect(out.match(/- cluster\.local.*/g)).toEqual(['- cluster.local/ns/default/sa/control'])
  })

  it('restricts methods and paths by the access log, without queries, refusals and lines that are cut', async () => {
    await using gateway = await testGateway({ 'GET /apis/weft.dev/v1alpha1/revisions': [200, REVISIONS] })
    await using world = await testWorld()
    const lines = [entry({}), entry({ hop: 'ingress' }), entry({ peer: id('evil'), code: 403 }), entry({ workload: 'default/gone-1' }), '{"hop":"inbou']
    await writeFile(join(world.cwd, 'access.log'), lines.join('\n'))
    const { out } = await cli(['mesh', 'suggest', '--log', 'access.log'], { gateway, world })
    expect(out.match(/ - .*/g)?.map((line) => line.trim())).toEqual([
      '- from:',
      '- source:',
      '- cluster.local/ns/default/sa/control',
      '- operation:',
      '- GET',
      '- /now',
    ])
  })

  it('says so when nothing was observed, and when there is no such log', async () => {
    await using gateway = await testGateway({
      'GET /apis/mesh.weft.dev/v1alpha1/traffic': [200, { at: 1, traffic: [] }],
      'GET /apis/weft.dev/v1alpha1/revisions': [200, REVISIONS],
    })
    expect(await cli(['mesh', 'suggest'], { gateway })).toEqual({ code: 0, out: '', err: 'no call between workloads was observed\n' })
    expect(await cli(['mesh', 'suggest', '--log', '/nonexistent'], { gateway })).toMatchObject({ code: 2, err: expect.stringContaining('--log') })
  })
})
