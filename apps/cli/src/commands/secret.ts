import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { canonicalNamespace, WeftError } from '@weft/core'
import { GATEWAY_OPTION } from '../cli.ts'
import { readText } from '../client/gateway-client.ts'
import type { Command, Invocation } from '../command.ts'
import { render } from '../output/render.ts'
import { NAMESPACE_OPTION, OUTPUT_OPTION, textOption } from './options.ts'

const VALUE_OPTIONS = [
  { flags: '--from-literal <text>', description: 'the value itself' },
  { flags: '--from-file <path>', description: 'a file with the value' },
  { flags: '--no-trim', description: 'keep white space at both ends' },
]
const NAME_ARGUMENT = [{ syntax: '<name>', description: 'name of the secret' }]

/** The value from `--from-literal`, `--from-file` or standard input. */
async function valueOf({ world, options }: Invocation): Promise<string> {
  const literal = textOption(options, 'fromLiteral')
  const file = textOption(options, 'fromFile')
  if (literal !== undefined && file !== undefined)
    throw new WeftError('INVALID_VALUE', { field: 'secret', reason: 'give --from-literal or --from-file, not both' })
  if (literal === undefined && file === undefined && world.stdin.isTTY === true) {
    throw new WeftError('INVALID_VALUE', { field: 'secret', reason: 'there is no value: give --from-literal or --from-file, or pipe it in' })
  }
  const text = literal ?? (file === undefined ? await readText(world.stdin as AsyncIterable<Uint8Array>) : await readFile(resolve(world.cwd, file), 'utf8'))
  return options['trim'] === false ? text : text.trim()
}

function namespaceOf(invocation: Invocation): string {
  return canonicalNamespace(textOption(invocation.options, 'namespace'))
}

async function write(invocation: Invocation, method: 'POST' | 'PUT'): Promise<void> {
  const name = invocation.args[0] ?? ''
  const body = { name, namespace: namespaceOf(invocation), value: await valueOf(invocation) }
  await (await invocation.client()).json({ method, path: '/system/secrets', body })
  invocation.world.stdout.write(`${method === 'POST' ? 'Created' : 'Updated'} secret ${name}.\n`)
}

/** `weft secret create|update|list|remove`. */
export const secretCommands: readonly Command[] = [
  {
    name: 'secret create',
    summary: 'create a secret; functions that name it read it at /var/openfaas/secrets/NAME',
    args: NAME_ARGUMENT,
    options: [GATEWAY_OPTION, NAMESPACE_OPTION, ...VALUE_OPTIONS],
    examples: [
      'weft secret create api-key --from-literal s3cret',
      'weft secret create api-key --from-file ./key.txt',
      'pass show key | weft secret create api-key',
    ],
    run: (invocation) => write(invocation, 'POST'),
  },
  {
    name: 'secret update',
    summary: 'change the value of a secret',
    args: NAME_ARGUMENT,
    options: [GATEWAY_OPTION, NAMESPACE_OPTION, ...VALUE_OPTIONS],
    examples: ['weft secret update api-key --from-literal n3w'],
    run: (invocation) => write(invocation, 'PUT'),
  },
  {
    name: 'secret list',
    aliases: ['ls'],
    summary: 'list secrets (names only)',
    options: [GATEWAY_OPTION, NAMESPACE_OPTION, OUTPUT_OPTION],
    examples: ['weft secret list -n staging'],
    async run(invocation) {
      const namespace = namespaceOf(invocation)
      const secrets = await (
        await invocation.client()
      ).json<{ name: string; namespace: string }[]>({ method: 'GET', path: `/system/secrets?namespace=${namespace}` })
      const view = {
        heading: ['NAMESPACE', 'NAME'],
        row: (secret: { name: string; namespace?: string }) => [secret.namespace ?? namespace, secret.name],
        name: (secret: { name: string }) => secret.name,
      }
      invocation.world.stdout.write(render(secrets, view, textOption(invocation.options, 'output')))
    },
  },
  {
    name: 'secret remove',
    aliases: ['rm'],
    summary: 'remove a secret',
    args: NAME_ARGUMENT,
    options: [GATEWAY_OPTION, NAMESPACE_OPTION],
    examples: ['weft secret remove api-key'],
    async run(invocation) {
      const name = invocation.args[0] ?? ''
      const namespace = namespaceOf(invocation)
      await (await invocation.client()).send({ method: 'DELETE', path: `/system/secrets?namespace=${namespace}`, body: { name, namespace } }).then(expectDone)
      invocation.world.stdout.write(`Removed secret ${name}.\n`)
    },
  },
]

async function expectDone(answer: { status: number; body: AsyncIterable<Uint8Array> }): Promise<void> {
  const text = await readText(answer.body)
  if (answer.status >= 400) throw new WeftError('GATEWAY_REFUSED', { status: answer.status, message: text.trim(), advice: 'see: weft secret list' })
}
