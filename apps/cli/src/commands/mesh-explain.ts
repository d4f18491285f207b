import type { AuthorizationAnswer, DescribedRoute, DescribedWorkload, HostDescription } from '@weft/mesh-model'
import { WeftError } from '@weft/core'
import { GATEWAY_OPTION } from '../cli.ts'
import { functionRef } from '../client/functions.ts'
import type { Command, Invocation } from '../command.ts'
import { structured } from '../output/render.ts'
import { HEADER_OPTION, headersOption, NAMESPACE_OPTION, textOption } from './options.ts'

const MESH_PATH = '/apis/mesh.weft.dev/v1alpha1'
const FORMAT_OPTION = { flags: '-o, --output <format>', description: 'how to print', choices: ['json', 'yaml'] }
/** Exit code of a check whose call is refused. */
const REFUSED = 1

/** `weft mesh authz check` and `weft mesh describe`. */
export const meshExplainCommands: readonly Command[] = [
  {
    name: 'mesh authz check',
    summary: 'whether a call would be allowed, and the rule and resource that decide',
    description: 'Asks the policies in force. Exit code 0: allowed by every version that the call may reach; 1: refused by one of them.',
    options: [
      GATEWAY_OPTION,
      NAMESPACE_OPTION,
      { flags: '--from <caller>', description: 'function or Service that calls, or an identity such as cluster.local/ns/NS/sa/NAME (default: the ingress)' },
      { flags: '--to <name>', description: 'function or Service that is called, or NAME.NAMESPACE' },
      { flags: '--method <method>', description: 'HTTP method', default: 'GET' },
      { flags: '--path <path>', description: 'path, without the query', default: '/' },
      { flags: '--host <host>', description: "host as the caller writes it (default: the callee's full name)" },
      HEADER_OPTION,
      { flags: '--address <address>', description: 'address of the client outside' },
      { flags: '--request-principal <principal>', description: 'ISSUER/SUBJECT of the token that the call carries' },
      { flags: '--jwt-claims <claims>', description: 'payload of that token, JSON; its signature and time are taken for good' },
      FORMAT_OPTION,
    ],
    examples: [
      'weft mesh authz check --to thermostat --request-principal https://idp.example/jason --jwt-claims \'{"groups": ["staff"]}\'',
      'weft mesh authz check --from control --to thermostat --method POST --path /',
      'weft mesh authz check --from control --to thermostat -H "version: v1"',
      'weft mesh authz check --to thermostat --address 203.0.113.7',
    ],
    run: authorize,
  },
  {
    name: 'mesh describe',
    summary: 'who can call a function or Service, where its traffic goes, and why',
    args: [{ syntax: '<name>', description: 'function or Service, or NAME.NAMESPACE' }],
    options: [GATEWAY_OPTION, NAMESPACE_OPTION, FORMAT_OPTION],
    examples: ['weft mesh describe thermostat', 'weft mesh describe temp.staging -o json'],
    async run({ world, args, options, client }) {
      const ref = functionRef(args[0] ?? '', options)
      const description = await (await client()).json<HostDescription>({ method: 'GET', path: `${MESH_PATH}/description/${ref.name}.${ref.namespace}` })
      const format = textOption(options, 'output')
      world.stdout.write(format === undefined ? descriptionText(description) : structured(description, format))
    },
  },
]

async function authorize({ world, options, client }: Invocation): Promise<number> {
  const to = textOption(options, 'to')
  if (to === undefined) throw new WeftError('INVALID_VALUE', { field: '--to', reason: 'name the function or Service that is called' })
  const ref = functionRef(to, options)
  const query = new URLSearchParams()
  for (const name of ['from', 'method', 'path', 'host', 'namespace', 'address'] as const) {
    const value = textOption(options, name)
    if (value !== undefined) query.set(name, value)
  }
  const headers = headersOption(options)
  if (Object.keys(headers).length > 0) query.set('headers', JSON.stringify(headers))
  const claims = claimsOf(options)
  if (claims !== undefined) query.set('claims', JSON.stringify(claims))
  const answer = await (
    await client()
  ).json<AuthorizationAnswer>({ method: 'GET', path: `${MESH_PATH}/authorization/${ref.name}.${ref.namespace}?${query.toString()}` })
  const format = textOption(options, 'output')
  world.stdout.write(format === undefined ? authorizationText(answer, textOption(options, 'from')) : structured(answer, format))
  return answer.allowed ? 0 : REFUSED
}

/** The payload that options describe. @throws WeftError `INVALID_VALUE` */
function claimsOf(options: Invocation['options']): object | undefined {
  const principal = textOption(options, 'requestPrincipal')
  const text = textOption(options, 'jwtClaims')
  if (principal === undefined && text === undefined) return undefined
  const slash = principal?.lastIndexOf('/') ?? 0
  if (principal !== undefined && (slash < 1 || slash === principal.length - 1))
    throw new WeftError('INVALID_VALUE', { field: '--request-principal', reason: `"${principal}" is not ISSUER/SUBJECT` })
  const named = principal === undefined ? {} : { iss: principal.slice(0, slash), sub: principal.slice(slash + 1) }
  return { ...named, ...payloadOf(text ?? '{}') }
}

function payloadOf(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    // said below
  }
  throw new WeftError('INVALID_VALUE', { field: '--jwt-claims', reason: 'must be a JSON object such as {"iss": "https://idp.example", "sub": "jason"}' })
}

/** What a person reads of an answer. */
export function authorizationText({ host, checks, callerKnown }: AuthorizationAnswer, from: string | undefined): string {
  if (checks.length === 0) return `${host} has no version that calls could reach: they are answered 503\n`
  const assumed = callerKnown ? '' : `Nothing named ${from ?? ''} is deployed: this is for the identity that it would have.\n`
  return `${checks.map(({ allowed, sentence }) => `${allowed ? 'ALLOWED' : 'REFUSED'}  ${sentence}\n`).join('')}${assumed}`
}

/** What a person reads of a host. */
export function descriptionText(description: HostDescription): string {
  const { host, fqdn, ports, isPrivate, names, routes, workloads, findings } = description
  const remarks = findings.map(
    ({ severity, resource, reason, message }) => `  ${severity} ${reason} (${resource.kind} ${resource.namespace ?? ''}/${resource.name}): ${message}\n`,
  )
  const outside = names.map(({ name, port, gateway }) => `  ${name} (on port ${port}); because of ${gateway.kind} ${gateway.namespace ?? ''}/${gateway.name}\n`)
  return [
    `${host}: http://${fqdn} on port ${ports.join(' and ')}${isPrivate ? ', private to the mesh' : ''}\n`,
    ...(outside.length === 0 ? [] : [`Names outside:\n${outside.join('')}`]),
    `Where calls go, the first that fits:\n${routes.map(routeText).join('')}`,
    ...workloads.map(workloadText),
    ...(remarks.length === 0 ? [] : [`To look at:\n${remarks.join('')}`]),
  ].join('\n')
}

function routeText({ when, shares, also, origin }: DescribedRoute): string {
  const to = shares.map(
    ({ percent, workload, outside, missing }) =>
      `${percent} % ${outside !== undefined ? `to ${outside}, outside of the mesh` : workload === undefined ? `answered 503 (${missing ?? 'nothing is there'})` : `to ${workload}`}`,
  )
  const more = also.length === 0 ? '' : ` (${also.join(', ')})`
  return `  ${when}: ${to.join(', ')}${more}; because of ${origin.kind} ${origin.namespace ?? ''}/${origin.name}\n`
}

function workloadText({ workload, revision, identity, mtlsText, callers, tokens, fromOutside }: DescribedWorkload): string {
  const outside = fromOutside ? 'can call it (GET /)' : 'cannot call it (GET /)'
  const verified =
    tokens.length === 0
      ? ''
      : `  Tokens that are verified (others are refused; a call without one goes on to the rules):\n${tokens.map((line) => `    ${line}\n`).join('')}`
  return `Version ${revision} (${workload})\n  Identity: ${identity}\n  Takes: ${mtlsText}\n${verified}  Who can call it:\n${callers.map((line) => `    ${line}\n`).join('')}  From outside: the ingress ${outside}\n`
}
