import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A server of a benchmark that is not ours, in a process of its own. */
export interface Peer extends Disposable {
  readonly url: string
  readonly pid: number
}

const HELLO = `require('node:http').createServer((request, response) => response.end('hello'))`
const CALLER = `const http = require('node:http'); const agent = new http.Agent({ keepAlive: true })
http.createServer((request, response) => http.get(process.env.CALLEE, { agent }, (answer) => answer.pipe(response)))`

/** The floor of every comparison: a `node:http` server that answers `hello`. */
export function startBareServer(): Promise<Peer> {
  return start(HELLO, {})
}

/** A bare server that calls another for every request, with connections kept. */
export function startBareCaller(callee: string): Promise<Peer> {
  return start(CALLER, { CALLEE: callee })
}

async function start(source: string, env: Readonly<Record<string, string>>): Promise<Peer> {
  const code = `${source}.listen(0, '127.0.0.1', function () { console.log(this.address().port) })`
  const child = spawn(process.execPath, ['-e', code], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: child.stdout })) {
    return { url: `http://127.0.0.1:${line}/`, pid: child.pid ?? -1, [Symbol.dispose]: () => void child.kill() }
  }
  throw new Error('the bare server did not start')
}
