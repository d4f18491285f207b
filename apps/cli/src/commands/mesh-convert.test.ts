import { describe, expect, it } from '@jest/globals'
import { fileURLToPath } from 'node:url'
import { cli } from '../testing/world.ts'

const OLD = fileURLToPath(new URL('../../../../docs/guide/istio-2017', import.meta.url))

describe('weft mesh convert', () => {
  it('prints the resources of today, and on standard error what is to be known', async () => {
    const { code, out, err } = await cli(['mesh', 'convert', '-f', OLD])
    expect(code).toBe(0)
    expect(out.match(/^kind: .*$/gm)).toEqual(['kind: DestinationRule', 'kind: VirtualService', 'kind: AuthorizationPolicy'])
    expect(err).toMatch(/^note: rule default\/deny-thermostat: callers are known by their identity/)
  })

  it('fails when something could not be converted, and prints the rest', async () => {
    const input = 'apiVersion: v1\nkind: Service\nmetadata: { name: a }\n---\napiVersion: config.istio.io/v1alpha2\nkind: quota\nmetadata: { name: q }\n'
    const { code, out, err } = await cli(['mesh', 'convert', '-f', '-'], { input })
    expect([code, out]).toEqual([1, 'apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n'])
    expect(err).toBe('not converted: quota default/q: rate limits by quota were removed from Istio\n')
  })

  it('needs files', async () => {
    expect(await cli(['mesh', 'convert'])).toMatchObject({ code: 2, err: expect.stringContaining('name the files or directories to convert') })
  })
})
