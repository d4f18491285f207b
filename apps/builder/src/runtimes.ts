import { WeftError } from '@weft/core'
import type { Contract } from '@weft/api'

/** What a runtime name that users know means here. */
export interface RuntimeChoice {
  /** The name as it was given (lower case). */
  readonly name: string
  readonly contract: Contract
  /** Whether a failing `npm test` fails the build, as in the templates of OpenFaaS. */
  readonly runsTests: boolean
  /** Command of a program when nobody names one. */
  readonly process?: string
}

/** One row of the catalogue. */
export interface RuntimeEntry {
  readonly names: readonly string[]
  readonly contract: Contract
  readonly runsTests: boolean
  readonly process?: string
  /** For docs/guide/runtimes.md: who knows these names. */
  readonly from: string
}

/**
 * Runtime names and their contracts. All Node.js handlers run on the Node.js that Weft brings (24): the number in a name chooses the contract, not the
 * version.
 */
export const RUNTIMES: readonly RuntimeEntry[] = [
  { names: ['node', 'node18', 'node20', 'node22', 'node24'], contract: 'openfaas', runsTests: true, from: 'OpenFaaS templates' },
  { names: ['node12', 'node14', 'node16', 'node17'], contract: 'openfaas', runsTests: true, from: 'OpenFaaS templates, removed there' },
  { names: ['node8-express', 'node10-express', 'node12-express'], contract: 'openfaas', runsTests: false, from: 'older OpenFaaS templates' },
  {
    names: ['nodejs', 'nodejs10', 'nodejs12', 'nodejs14', 'nodejs16', 'nodejs18', 'nodejs20', 'nodejs22', 'nodejs24'],
    contract: 'kubeless',
    runsTests: false,
    from: 'Kubeless',
  },
  { names: ['kubeless-nodejs14'], contract: 'kubeless', runsTests: false, from: 'template of Weft' },
  { names: ['nodejs6', 'nodejs8'], contract: 'node-http', runsTests: false, from: 'Kubeless up to 0.4' },
  { names: ['node-http', 'node-http-function'], contract: 'node-http', runsTests: false, from: 'Weft; functions-framework' },
  { names: ['fetch', 'fetch-js', 'fetch-ts'], contract: 'fetch', runsTests: false, from: 'Weft (recommended)' },
  { names: ['cloudevent', 'nodejs_ce'], contract: 'cloudevent', runsTests: false, from: 'Weft; Kubeless incubator' },
  { names: ['grpc'], contract: 'grpc', runsTests: false, from: 'Weft' },
  { names: ['process', 'dockerfile'], contract: 'process', runsTests: false, from: 'Weft; any program' },
  { names: ['bash'], contract: 'process', runsTests: false, process: 'bash ./handler.sh', from: 'template of Weft' },
  { names: ['python'], contract: 'process', runsTests: false, process: 'python3 handler.py', from: 'template of Weft' },
]

const REFUSED: readonly (readonly [RegExp, string, string])[] = [
  [
    /^node\d*-express-service$/,
    'its handler gets an Express application',
    'export the application itself (`module.exports = app`) and use the runtime node-http',
  ],
  [/^bun/, 'it needs Bun', 'use fetch, which has the same handler signature, or run Bun with the runtime process and --fprocess'],
  [
    /^(?:python|ruby|php|go|golang|java|rust|csharp|dotnet|perl|dart)/,
    'Weft builds no images of this language yet',
    'run the program with the runtime process and --fprocess, for example: --lang process --fprocess "python3 handler.py"',
  ],
]

/** What else to use, for help texts. */
export const RUNTIME_NAMES: readonly string[] = RUNTIMES.flatMap((entry) => entry.names)

/**
 * The contract behind a runtime name.
 * @param contract wins over the one that the name chooses (`--contract`)
 * @throws WeftError `UNKNOWN_RUNTIME` with what to use instead
 */
export function chooseRuntime(runtime: string, contract?: Contract): RuntimeChoice {
  const name = runtime.toLowerCase()
  const entry = RUNTIMES.find((candidate) => candidate.names.includes(name))
  if (entry !== undefined) return choose(name, entry, contract ?? entry.contract)
  const [, reason, help] = REFUSED.find(([pattern]) => pattern.test(name)) ?? [undefined, 'no runtime has this name', `use one of: ${RUNTIME_NAMES.join(', ')}`]
  throw new WeftError('UNKNOWN_RUNTIME', { runtime, reason, help })
}

function choose(name: string, entry: RuntimeEntry, contract: Contract): RuntimeChoice {
  return { name, contract, runsTests: entry.runsTests && contract === 'openfaas', ...(entry.process === undefined ? {} : { process: entry.process }) }
}
