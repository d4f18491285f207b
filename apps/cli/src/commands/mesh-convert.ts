import { resolve } from 'node:path'
import type { ConversionProblem } from '@weft/api/convert'
import { WeftError } from '@weft/core'
import type { Command, Invocation } from '../command.ts'
import { readText } from '../client/gateway-client.ts'
import { listOption } from './options.ts'

/** Exit code when something could not be converted. */
const NOT_ALL_CONVERTED = 1

/** `weft mesh convert`. */
export const meshConvertCommand: Command = {
  name: 'mesh convert',
  summary: 'print what Istio has removed as the resources of today',
  description:
    'Reads RouteRule, DestinationPolicy, EgressRule, rule with denier and checknothing (config.istio.io), Policy and MeshPolicy (authentication.istio.io), ServiceRole and ServiceRoleBinding (rbac.istio.io), and prints VirtualService, DestinationRule, ServiceEntry, AuthorizationPolicy, PeerAuthentication and RequestAuthentication. Other resources are printed as they are. What has no equivalent is told on standard error, and the exit code is 1.',
  options: [{ flags: '-f, --filename <path>', description: 'file or directory; - reads standard input', repeat: true }],
  examples: ['weft mesh convert -f old-rules.yaml', 'weft mesh convert -f old-rules.yaml | weft apply -f -'],
  run,
}

async function run({ world, options }: Invocation): Promise<number> {
  const paths = listOption(options, 'filename')
  if (paths.length === 0) throw new WeftError('INVALID_VALUE', { field: '-f', reason: 'name the files or directories to convert' })
  const { readDocuments, parseDocuments } = await import('../analyze/documents.ts')
  const { convertRemoved } = await import('@weft/api/convert')
  const { stringify } = await import('yaml')
  const read = async (path: string) =>
    path === '-' ? parseDocuments(await readText(world.stdin as AsyncIterable<Uint8Array>), 'standard input') : readDocuments(resolve(world.cwd, path))
  const documents = (await Promise.all(paths.map(read))).flat().map(({ value }) => value)
  const { documents: converted, problems } = convertRemoved(documents)
  world.stdout.write(converted.map((document) => stringify(document, { lineWidth: 0 })).join('---\n'))
  for (const problem of problems) world.stderr.write(`${problemText(problem)}\n`)
  return problems.some(({ severity }) => severity === 'error') ? NOT_ALL_CONVERTED : 0
}

function problemText({ resource, severity, message }: ConversionProblem): string {
  return `${severity === 'error' ? 'not converted' : 'note'}: ${resource}: ${message}`
}
