/**
 * Warm calls through the whole mesh against a bare Node.js server and a two-hop mTLS nginx pair, all in one run that alternates between them, so that
 * what else the machine does falls on all of them alike. `npm run bench:warm -- --help` says what can be chosen.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startBareCaller, startBareServer, type Peer } from './src/bare.ts'
import { cpuOfTree } from './src/cpu.ts'
import { chooseLoader, type LoadFigures } from './src/load.ts'
import { machine } from './src/machine.ts'
import { startNginxPair } from './src/nginx.ts'
import { show, summarise, table, type Summary } from './src/statistics.ts'
import { startWeft } from './src/weft.ts'

const HELP = `npm run bench:warm -- [--rounds 5] [--seconds 3] [--connections 1,32,128] [--only PATTERN] [--variant NAME=weft.yaml]... [--json FILE]
  --only      subjects whose name matches this regular expression
  --variant   a further platform with this configuration file, to compare settings in the same run
  --json      where to write every round`

/** What OpenFaaS' gateway and watchdog chain reaches of a bare Node.js server, without a mesh, 32 connections, and how often that Weft is to be (design, "Numbers to design for"). */
const OPENFAAS_RATIO = 0.07
const OPENFAAS_CONNECTIONS = 32
const GOAL = 3

const HELLO = `module.exports = async (event, context) => context.status(200).succeed('hello')\n`
const CALLER = `const http = require('node:http')
const agent = new http.Agent({ keepAlive: true })
const call = () => new Promise((resolve, reject) => http.get('http://callee.default:8080/', { agent }, (answer) => {
  let text = ''
  answer.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text)).on('error', reject)
}).on('error', reject))
module.exports = async (event, context) => context.status(200).succeed(await call())
`
const FETCH_HELLO = `export default () => new Response('hello')\n`

/** Something that is called, and how its processes are sorted. */
interface Subject {
  readonly name: string
  readonly url: string
  /** CPU time so far of proxies and of functions, in microseconds. */
  cpu(): Readonly<Record<string, number>>
}

/** One stretch of load on one subject. */
interface Round extends LoadFigures {
  readonly subject: string
  readonly connections: number
  readonly proxyUs: number
  readonly functionUs: number
}

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '1,32,128' },
    only: { type: 'string', default: '' },
    variant: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) console.log(HELP)
else await main()

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const about = await machine()
  const { name: loader, load } = await chooseLoader()
  const subjects = (await startSubjects(stack)).filter((subject) => new RegExp(options.only).test(subject.name))
  for (const subject of subjects) await load(subject.url, 32, 1) // connections are opened and code is compiled before anything counts
  const rounds: Round[] = []
  for (let round = 0; round < Number(options.rounds); round += 1) {
    for (const connections of options.connections.split(',').map(Number)) {
      for (const subject of subjects) rounds.push(await measure(subject, connections, () => load(subject.url, connections, Number(options.seconds))))
    }
    console.error(`round ${round + 1} of ${options.rounds}`)
  }
  const result = { benchmark: 'warm', at: new Date().toISOString(), machine: about, loader, seconds: Number(options.seconds), rounds }
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`)
  console.log(`${JSON.stringify(about)}\nload: ${loader}; ${options.rounds} rounds of ${options.seconds} s; median (lowest-highest)\n`)
  console.log(report(rounds, subjects))
  console.log(`\n${verdict(rounds)}`)
}

async function measure(subject: Subject, connections: number, load: () => Promise<LoadFigures>): Promise<Round> {
  const before = subject.cpu()
  const figures = await load()
  const after = subject.cpu()
  const each = (group: string) => ((after[group] ?? 0) - (before[group] ?? 0)) / figures.requests
  return { subject: subject.name, connections, ...figures, proxyUs: each('proxy'), functionUs: each('function') }
}

async function startSubjects(stack: AsyncDisposableStack): Promise<readonly Subject[]> {
  const bare = stack.use(await startBareServer())
  const caller = stack.use(await startBareCaller(bare.url))
  const functions = (...peers: readonly Peer[]) => ({
    function: peers.reduce((sum, peer) => sum + (cpuOfTree(peer.pid, () => 'function')['function'] ?? 0), 0),
  })
  const subjects: Subject[] = [{ name: 'bare', url: bare.url, cpu: () => functions(bare) }]
  const nginx = await startNginxPair(bare.url)
  if (nginx === undefined) console.error('nginx or openssl is not installed: no comparison with the nginx pair')
  else {
    stack.use(nginx)
    subjects.push({ name: 'nginx mTLS pair', url: nginx.url, cpu: () => ({ ...cpuOfTree(nginx.pid, () => 'proxy'), ...functions(bare) }) })
  }
  for (const [name, configuration] of configurations()) subjects.push(...(await startPlatform(stack, name, configuration)))
  return [...subjects, { name: 'bare calls bare', url: caller.url, cpu: () => functions(bare, caller) }]
}

function configurations(): readonly (readonly [name: string, text: string])[] {
  const variants = options.variant.map((text) => [text.split('=')[0] ?? '', readFileSync(text.slice(text.indexOf('=') + 1), 'utf8')] as const)
  return [['encrypted', 'mesh: { path: encrypted }\n'], ['direct', 'mesh: { path: direct }\n'], ...variants]
}

async function startPlatform(stack: AsyncDisposableStack, name: string, configuration: string): Promise<readonly Subject[]> {
  const weft = stack.use(await startWeft(configuration))
  await weft.deploy('callee', HELLO, 'node22')
  await weft.deploy('caller', CALLER, 'node22')
  await weft.deploy('standard', FETCH_HELLO, 'fetch')
  const { platform } = weft
  const cpu = () => cpuOfTree(platform.pid, (facts) => (facts.pid === platform.pid ? 'control' : facts.name.startsWith('envoy') ? 'proxy' : 'function'))
  return [
    { name: `weft ${name}`, url: `${platform.gateway}/function/callee`, cpu },
    { name: `weft ${name}, fetch contract`, url: `${platform.gateway}/function/standard`, cpu },
    { name: `weft ${name}, function calls function`, url: `${platform.gateway}/function/caller`, cpu },
  ]
}

function report(rounds: readonly Round[], subjects: readonly Subject[]): string {
  const rows = [['subject', 'connections', 'requests/s', 'p50 ms', 'p99 ms', 'proxy us/request', 'function us/request', 'of bare', 'errors']]
  for (const connections of new Set(rounds.map((round) => round.connections))) {
    for (const { name } of subjects) {
      const mine = rounds.filter((round) => round.subject === name && round.connections === connections)
      const column = (pick: (round: Round) => number) => show(summarise(mine.map(pick)))
      const ratio = ratioToBare(rounds, name, connections)
      const errors = mine.reduce((sum, round) => sum + round.errors, 0)
      const cells = [
        column((round) => round.rps),
        column((round) => round.p50Ms),
        column((round) => round.p99Ms),
        column((round) => round.proxyUs),
        column((round) => round.functionUs),
      ]
      rows.push([name, String(connections), ...cells, show(ratio), String(errors)])
    }
  }
  return table(rows)
}

/** Requests per second as a part of the bare server's of the same round, so that slow rounds of the machine cancel out. */
function ratioToBare(rounds: readonly Round[], subject: string, connections: number): Summary {
  const at = (name: string) => rounds.filter((round) => round.subject === name && round.connections === connections)
  const bare = at('bare')
  return summarise(at(subject).flatMap((round, index) => (bare[index] === undefined ? [] : [round.rps / bare[index].rps])))
}

function verdict(rounds: readonly Round[]): string {
  const lines = ['encrypted', 'direct'].flatMap((path) => {
    const { median, min, max } = ratioToBare(rounds, `weft ${path}`, OPENFAAS_CONNECTIONS)
    if (Number.isNaN(median)) return []
    const times = median / OPENFAAS_RATIO
    const range = `${(min / OPENFAAS_RATIO).toFixed(1)}-${(max / OPENFAAS_RATIO).toFixed(1)}`
    return [
      `${path}: ${median.toFixed(3)} of a bare server = ${times.toFixed(1)} times (${range}) OpenFaaS' ${OPENFAAS_RATIO}: "at least ${GOAL} times" ${times >= GOAL ? 'holds' : 'does not hold'}`,
    ]
  })
  return [`Against OpenFaaS without a mesh (ratio to the bare server, quoted, ${OPENFAAS_CONNECTIONS} connections):`, ...lines].join('\n')
}
