import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { TestPlatform, until } from '@weft/test-harness'
import type { FunctionResource } from '@weft/api'

/** A small key-value store: it greets, and answers `SET key value` and `GET key` by lines. */
const STORE = `
import os, socketserver
values = {}
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b'HELLO %s\\n' % os.environ['NAME'].encode())
        for line in self.rfile:
            verb, *rest = line.decode().split()
            if verb == 'SET': values[rest[0]] = rest[1]; self.wfile.write(b'OK\\n')
            elif verb == 'GET': self.wfile.write((values.get(rest[0], 'NONE') + '\\n').encode())
            else: self.wfile.write(b'BYE\\n'); return
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
Server(('127.0.0.1', int(os.environ['PORT'])), Handler).serve_forever()
`
/** Sends lines to a host and gives back what came, up to the last answer. */
const NODE_CLIENT = `import net from 'node:net'
export default async (request) => {
  const query = new URL(request.url).searchParams
  const lines = query.getAll('say')
  const socket = net.connect({ host: query.get('host'), port: Number(query.get('port')) })
  const text = await new Promise((resolve) => {
    let seen = ''
    socket.setEncoding('utf8').on('data', (chunk) => {
      seen += chunk
      while (seen.split('\\n').length - 1 > sent && sent < lines.length) socket.write(lines[sent++] + '\\n')
      if (seen.split('\\n').length - 1 > lines.length) socket.end()
    })
    let sent = 0
    socket.on('close', () => resolve(seen)).on('error', (error) => resolve('failed: ' + error.message))
  })
  return new Response(text)
}
`
const PYTHON_CLIENT = `
import socket, sys
lines = sys.stdin.read().split('\\n')
try:
    with socket.create_connection((lines[0], int(lines[1])), timeout=20) as s:
        f = s.makefile('rw')
        out = f.readline()
        for line in lines[2:]:
            f.write(line + '\\n'); f.flush(); out += f.readline()
        print(out, end='')
except OSError as error:
    print('failed: ' + str(error))
`
const fn = (name: string, more: object = {}): string =>
  JSON.stringify({
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'Function',
    metadata: { name, namespace: 'default' },
    spec: {
      ...more,
      template: { image: 'store', contract: 'process', process: 'python3 store.py', protocol: 'tcp', port: 6379, env: { NAME: name, PORT: '6379' } },
    },
  })

let platform: TestPlatform

beforeAll(async () => {
  platform = await TestPlatform.start()
  await Promise.all([
    platform.send('store', '', { runtime: 'process', envProcess: 'cat', image: 'store', source: { files: { 'store.py': STORE } } }),
    platform.deploy('caller', NODE_CLIENT),
    platform.deploy('python', '', { runtime: 'process', envProcess: 'python3 client.py', source: { files: { 'client.py': PYTHON_CLIENT } } }),
  ])
  for (const text of [fn('cache'), fn('asleep', { scale: { zeroAfter: '1s' } })]) await platform.weftOk(['apply', '-f', '-'], text)
  await platform.ready('cache')
}, 120_000)
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]()
})

async function fromNode(host: string, say: readonly string[], port = 6379): Promise<string> {
  const query = new URLSearchParams([['host', host], ['port', String(port)], ...say.map((each) => ['say', each])])
  return (await platform.call(`caller?${query}`)).text
}

describe('a function that speaks raw TCP', () => {
  it('is called by a function in Node.js, and speaks first', async () => {
    expect(await fromNode('cache', ['SET a 1', 'GET a'])).toBe('HELLO cache\nOK\n1\n')
    expect(await fromNode('cache.default.svc.cluster.local', ['GET a'])).toBe('HELLO cache\n1\n')
  })

  it('is called by a program that knows nothing of the mesh', async () => {
    const body = ['cache', '6379', 'SET b 2', 'GET b'].join('\n')
    expect((await platform.call('python', { body })).text).toBe('HELLO cache\nOK\n2\n')
  })

  it('is woken by a connection, which waits for it', async () => {
    await until('asleep sleeps', async () => {
      const { status } = JSON.parse((await platform.api('GET', '/apis/weft.dev/v1alpha1/namespaces/default/functions/asleep')).text) as FunctionResource
      return status?.latestReady !== undefined && status.availableReplicas === 0
    })
    expect(await fromNode('asleep', ['GET a'])).toBe('HELLO asleep\nNONE\n')
  })

  it('is closed to whom no policy allows, and fields of HTTP allow nobody', async () => {
    const policy = (source: object, operation: object = {}) =>
      JSON.stringify({
        apiVersion: 'security.istio.io/v1',
        kind: 'AuthorizationPolicy',
        metadata: { name: 'cache', namespace: 'default' },
        spec: { selector: { matchLabels: { app: 'cache' } }, rules: [{ from: [{ source }], to: [{ operation }] }] },
      })
    await platform.weftOk(['apply', '-f', '-'], policy({ principals: ['cluster.local/ns/default/sa/python'] }, { ports: ['6379'] }))
    expect(await fromNode('cache', ['GET a'])).toContain('connection to cache:6379 was refused by a policy (403')
    expect((await platform.call('python', { body: 'cache\n6379\nGET a' })).text).toBe('HELLO cache\n1\n')
    expect(await platform.weftOk(['mesh', 'authz', 'check', '--from', 'python', '--to', 'cache'])).toContain(
      'ALLOWED  default/python may connect to default/cache-',
    )
    await platform.weftOk(['apply', '-f', '-'], policy({ principals: ['*'] }, { methods: ['GET'] }))
    expect(await fromNode('cache', ['GET a'])).toContain('403')
    expect((await platform.weft(['mesh', 'authz', 'check', '--from', 'caller', '--to', 'cache'])).stdout).toContain('REFUSED')
    await platform.weftOk(['delete', 'authorizationpolicy', 'cache'])
  })

  it('says so to who calls it by HTTP', async () => {
    expect((await platform.call('cache/')).status).toBe(503)
  })
})
