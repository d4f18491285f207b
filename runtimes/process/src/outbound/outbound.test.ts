import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { logged, startOutside, stopAll, type Outside, type Replica } from '@weft/runtime-nodejs/testing'
import { startReplica } from '../../test/harness.ts'
import { encodeAnswer, parseQuery } from './dns-message.ts'

const PYTHON = `
import http.client, json, socket, ssl, sys, urllib.request
task = json.load(sys.stdin)
way, url = task['way'], task.get('url')
ssl._create_default_https_context = lambda: ssl.create_default_context(cafile='cert.pem')
try:
    if way == 'urllib': print(urllib.request.urlopen(url, timeout=4).read().decode())
    if way == 'urllib without proxy': print(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=4).read().decode())
    if way == 'http.client':
        connection = http.client.HTTPConnection(task['host'], task['port'], timeout=4)
        connection.request('POST', '/p', 'the body'); answer = connection.getresponse(); print(answer.status, answer.read().decode())
    if way == 'raw':
        s = socket.create_connection((task['host'], task['port']), timeout=4); s.sendall(b'hello'); print(s.makefile().read())
except Exception as error: print('failed:', repr(error))
`
const CURL = 'set -f; exec curl -sS -m 4 --cacert cert.pem $(cat) 2>&1\n'

let outside: Outside
let sandboxed: Readonly<Record<'python' | 'curl', Replica>>
let plain: Replica

beforeAll(async () => {
  outside = await startOutside()
  const { proxy, certificate } = outside
  const files = { 'ask.py': PYTHON, 'curl.sh': CURL, 'cert.pem': readFileSync(certificate, 'utf8') }
  // the socket's directory must be in sight of the sandbox
  const start = (command: string, sandbox: boolean) => startReplica({ command, files, sandbox, config: { outboundSocket: proxy.socketPath }, ...see })
  const see = { visible: [dirname(proxy.socketPath)] }
  sandboxed = { python: await start('python3 ask.py', true), curl: await start('sh curl.sh', true) }
  plain = await start('sh curl.sh', false)
})

afterAll(async () => {
  await stopAll()
  await outside.close()
})

describe('a program in a sandbox', () => {
  it.each([
    ['urllib by the proxy variables', { way: 'urllib', url: 'http://temp.default:8080/a?b=1' }, '"host":"temp.default:8080"'],
    ['urllib without a proxy', { way: 'urllib without proxy', url: 'http://temp.default:8080/a?b=1' }, '"host":"temp.default:8080","path":"/a?b=1"'],
    ['http.client to a short name', { way: 'http.client', host: 'temp', port: 80 }, '"body":"the body"'],
    ['http.client to a long name', { way: 'http.client', host: 'temp.other.svc.cluster.local', port: 8080 }, '"host":"temp.other.svc.cluster.local:8080"'],
    ['urllib to an outside host without a proxy', { way: 'urllib without proxy', url: 'http://www.example.com/' }, 'plain www.example.com'],
    ['TLS to an outside host by the proxy', { way: 'urllib', url: 'https://api.example.com/' }, 'secure api.example.com'],
    ['TLS to an outside host without a proxy', { way: 'urllib without proxy', url: 'https://api.example.com/' }, 'secure api.example.com'],
    ['TLS to a mesh name', { way: 'urllib without proxy', url: 'https://temp.default/' }, 'secure temp.default'],
    ['a database of the outside', { way: 'raw', host: 'db.example.com', port: 5432 }, 'echo hello'],
    ['an outside host that policy refuses, with the reason', { way: 'urllib', url: 'https://evil.example.com/' }, '403'],
    [
      'a refused host without a proxy',
      { way: 'http.client', host: 'evil.example.com', port: 80 },
      '403 connection to evil.example.com:80 was refused by a policy (403: RBAC: access denied)',
    ],
  ])('in Python reaches %s', async (_name, task, expected) => {
    expect((await sandboxed.python.ask({ body: JSON.stringify(task) })).body).toContain(expected)
  })

  it.each([
    ['a mesh name by the proxy variables', 'http://temp.default:8080/x', '"host":"temp.default:8080"'],
    ['a mesh name without a proxy', '--noproxy * http://temp.default:8080/x', '"path":"/x"'],
    ['an outside host over TLS', 'https://api.example.com/', 'secure api.example.com'],
    ['an outside host over TLS without a proxy', '--noproxy * https://api.example.com/', 'secure api.example.com'],
    ['a host that policy refuses', 'https://evil.example.com/', 'CONNECT tunnel failed, response 403'],
    ['the loopback as it is', 'http://localhost:1/', 'Failed to connect to localhost port 1'],
    ['no port that nobody named', '--noproxy * http://temp.default:7/', 'Failed to connect to temp.default port 7'],
  ])('with curl reaches %s', async (_name, args, expected) => {
    expect((await sandboxed.curl.ask({ body: args })).body).toContain(expected)
  })

  it('whose connection was refused finds the reason in its log', async () => {
    await sandboxed.curl.ask({ body: '--noproxy * https://evil.example.com/' })
    await expect(logged(sandboxed.curl, 'weft: connection to evil.example.com:443 was refused by a policy (403: RBAC: access denied)')).resolves.toBeUndefined()
  })
})

describe('a program without a sandbox', () => {
  it('reaches names by the proxy variables', async () => {
    expect((await plain.ask({ body: 'http://temp.default:8080/x' })).body).toContain('"host":"temp.default:8080"')
    expect((await plain.ask({ body: 'https://api.example.com/' })).body).toContain('secure api.example.com')
  })
})

describe('a DNS message', () => {
  const query = Buffer.from('1234010000010000000000000454656d7007646566617571740000010001'.replace('717400', '6c7400'), 'hex')

  it('is read and answered', () => {
    const question = parseQuery(query)
    expect(question).toMatchObject({ id: 0x1234, name: 'temp.default', type: 1, recursionDesired: true })
    if (question === undefined) throw new Error('no question')
    expect(encodeAnswer(question, { address: '127.64.0.9' }).subarray(-4)).toEqual(Buffer.from([127, 64, 0, 9]))
    expect(encodeAnswer(question, 'unknown').readUInt16BE(2) & 15).toBe(3)
    expect(encodeAnswer(question, 'empty').readUInt16BE(6)).toBe(0)
  })

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['half a header', query.subarray(0, 7)],
    ['a name without an end', query.subarray(0, 20)],
    ['a question without its type', query.subarray(0, query.length - 3)],
    ['a pointer as a name', Buffer.concat([query.subarray(0, 12), Buffer.from('c00c00010001', 'hex')])],
    ['an answer', Buffer.concat([query.subarray(0, 2), Buffer.from([0x81]), query.subarray(3)])],
  ])('that is %s is passed over', (_name, message) => {
    expect(parseQuery(message)).toBeUndefined()
  })
})
