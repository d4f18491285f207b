/**
 * Requests per second of the Node.js runtime's contracts against a bare `node:http` server, all on Unix sockets handed over as descriptor 3, in
 * alternating rounds. Run: `node test/bench/runtime.ts [rounds] [seconds]`. CPU time per request is the steadier figure on a busy machine.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { linkSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const CONNECTIONS = 16
const [rounds = 4, seconds = 2] = process.argv.slice(2).map(Number)
const directory = mkdtempSync(join(tmpdir(), 'weft-bench-'))

const BARE = `require('node:http').createServer((q, s) => { s.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Length': 5 }); s.end('hello') }).listen({ fd: 3 })`
/** A bare server that reads its body as every handler contract has to. */
const BARE_POST = `require('node:http').createServer((q, s) => { const c = []; q.on('data', (d) => c.push(d)); q.on('end', () => { const b = JSON.stringify(JSON.parse(Buffer.concat(c))); s.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Length': b.length }); s.end(b) }) }).listen({ fd: 3 })`
const BODY = JSON.stringify({ name: 'x'.repeat(100), list: [1, 2, 3] })
const GET = 'GET /a?b=1 HTTP/1.1\r\nHost: fn.default\r\nx-request-id: 7b9b3e22\r\naccept: */*\r\n\r\n'
const POST = `POST /a HTTP/1.1\r\nHost: fn.default\r\nx-request-id: 7b9b3e22\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`

interface Subject {
  readonly name: string
  readonly request: string
  readonly contract?: string
  readonly source: string
}

const SUBJECTS: readonly Subject[] = [
  { name: 'bare GET', request: GET, source: BARE },
  { name: 'openfaas GET', request: GET, contract: 'openfaas', source: "module.exports = async () => 'hello'" },
  { name: 'node-http GET', request: GET, contract: 'node-http', source: "module.exports = (req, res) => { res.end('hello') }" },
  { name: 'fetch GET', request: GET, contract: 'fetch', source: "module.exports = () => new Response('hello')" },
  { name: 'kubeless GET', request: GET, contract: 'kubeless', source: "module.exports = () => 'hello'" },
  { name: 'bare POST', request: POST, source: BARE_POST },
  { name: 'openfaas POST', request: POST, contract: 'openfaas', source: 'module.exports = async (event) => event.body' },
  { name: 'fetch POST', request: POST, contract: 'fetch', source: 'module.exports = async (request) => Response.json(await request.json())' },
]

async function listening(path: string): Promise<{ readonly fd: number; readonly close: () => void }> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(`${path}.tmp`, done))
  linkSync(`${path}.tmp`, path)
  // oxlint-disable-next-line no-underscore-dangle -- Node.js gives the descriptor nowhere else
  return { fd: (server as unknown as { _handle: { fd: number } })._handle.fd, close: () => void server.close() }
}

async function start(subject: Subject, bundle: string, index: number): Promise<{ readonly child: ChildProcess; readonly socket: string }> {
  const socket = join(directory, `${index}.sock`)
  const entry = join(directory, `${index}.js`)
  writeFileSync(entry, subject.source)
  const config = {
    contract: subject.contract,
    entry,
    functionName: 'fn',
    namespace: 'default',
    runtimeName: 'node22',
    timeoutMs: 60_000,
    meshNamespaces: [],
    outboundSocket: join(directory, 'none'),
  }
  const listener = await listening(socket)
  const file = subject.contract === undefined ? entry : bundle
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    env: { WEFT_RUNTIME_CONFIG: JSON.stringify(config) },
    stdio: ['ignore', 'inherit', 'inherit', listener.fd, 'pipe'],
  })
  listener.close()
  return { child, socket }
}

const isWhole = (text: string): boolean => {
  const end = text.indexOf('\r\n\r\n')
  const length = /content-length: (\d+)/i.exec(text)?.[1]
  return end >= 0 && (length === undefined ? text.endsWith('0\r\n\r\n') : text.length >= end + 4 + Number(length))
}

/** Requests answered in `ms` over {@link CONNECTIONS} connections, each with one request under way. */
function load(socketPath: string, request: string, ms: number): Promise<number> {
  let answered = 0
  let open = CONNECTIONS
  const end = performance.now() + ms
  return new Promise((done) => {
    for (let index = 0; index < CONNECTIONS; index += 1) {
      let text = ''
      const socket = connect(socketPath, () => socket.write(request))
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
        if (!isWhole(text)) return
        if (!text.startsWith('HTTP/1.1 200')) throw new Error(text)
        text = ''
        answered += 1
        if (performance.now() < end) socket.write(request)
        else socket.end()
      })
      socket.on('close', () => (--open === 0 ? done(answered) : undefined))
    }
  })
}

/** CPU time of a process in seconds. */
function cpu(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/** From spawn to the first answered request, in milliseconds. */
async function coldStart(subject: Subject, bundle: string): Promise<number> {
  const times: number[] = []
  for (let index = 0; index < 9; index += 1) {
    const began = performance.now()
    const { child, socket } = await start(subject, bundle, 1000 + index)
    await load(socket, subject.request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'), 0)
    times.push(performance.now() - began)
    child.kill('SIGKILL')
    await new Promise((done) => child.once('close', done))
    rmSync(socket)
  }
  return median(times)
}

const bundle = join(directory, 'runtime.mjs')
await build({
  entryPoints: [fileURLToPath(new URL('../../runtimes/nodejs/src/main.ts', import.meta.url))],
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  outfile: bundle,
  sourcemap: 'inline',
  sourcesContent: false,
})
const running = await Promise.all(SUBJECTS.map((subject, index) => start(subject, bundle, index)))
const results = SUBJECTS.map(() => ({ perSecond: [] as number[], microseconds: [] as number[] }))
try {
  for (let round = -1; round < rounds; round += 1) {
    for (const [index, subject] of SUBJECTS.entries()) {
      const one = running[index]
      if (one === undefined) continue
      const before = cpu(one.child.pid)
      const answered = await load(one.socket, subject.request, seconds * 1000)
      if (round < 0) continue // warms up
      results[index]?.perSecond.push(answered / seconds)
      results[index]?.microseconds.push(((cpu(one.child.pid) - before) / answered) * 1e6)
    }
  }
  for (const [index, subject] of SUBJECTS.entries()) {
    const base = subject.request === GET ? 0 : 5
    const [own, bare] = [results[index], results[base]]
    if (own === undefined || bare === undefined) continue
    const ratio = median(own.perSecond) / median(bare.perSecond)
    const cpuRatio = median(bare.microseconds) / median(own.microseconds)
    console.log(
      `${subject.name.padEnd(14)} ${median(own.perSecond).toFixed(0).padStart(7)}/s  ${ratio.toFixed(2)} of bare   ${median(own.microseconds).toFixed(1).padStart(6)} us CPU  ${cpuRatio.toFixed(2)}`,
    )
  }
  for (const subject of SUBJECTS.slice(0, 4))
    console.log(`${subject.name.padEnd(14)} spawn to first answer ${(await coldStart(subject, bundle)).toFixed(1)} ms`)
} finally {
  for (const one of running) one.child.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
}
