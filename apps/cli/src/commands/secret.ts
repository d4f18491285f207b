import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { canonicalNamespace, WeftError } from '@weft/core'
import { GATEWAY_OPTION } from '../cli.ts'
import { readText, type GatewayClient } from '../client/gateway-client.ts'
import { untilInForce } from '../client/in-force.ts'
import type { Command, Invocation } from '../command.ts'
import { render } from '../output/render.ts'
import { listOption, NAMESPACE_OPTION, OUTPUT_OPTION, textOption } from './options.ts'

const VALUE_OPTIONS = [
  { flags: '--from-literal <text>', description: 'the value itself' },
  { flags: '--from-file <path>', description: 'a file with the value; KEY=PATH, as often as there are files, keeps each under its key', repeat: true },
  { flags: '--no-trim', description: 'keep white space at both ends' },
]
const NAME_ARGUMENT = [{ syntax: '<name>', description: 'name of the secret' }]

const KEYED = /^([-._a-zA-Z0-9]+)=(.+)$/

/** Files by key, base64; `undefined` when `--from-file` names no keys. */
async function filesOf({ world, options }: Invocation): Promise<Record<string, string> | undefined> {
  const given = listOption(options, 'fromFile')
  const keyed = given.map((text) => KEYED.exec(text))
  if (keyed.every((match) => match === null)) {
    if (given.length > 1) throw new WeftError('INVALID_VALUE', { field: '--from-file', reason: 'several files need a key each: KEY=PATH' })
    return undefined
  }
  if (options['fromLiteral'] !== undefined || keyed.includes(null))
    throw new WeftError('INVALID_VALUE', { field: '--from-file', reason: 'KEY=PATH and a value without a key cannot stand together' })
  const read = keyed.map(async (match) => [match?.[1] ?? '', (await readFile(resolve(world.cwd, match?.[2] ?? ''))).toString('base64')] as const)
  return Object.fromEntries(await Promise.all(read))
}

/** The value from `--from-literal`, `--from-file` or standard input. */
async function valueOf({ world, options }: Invocation): Promise<string> {
  const literal = textOption(options, 'fromLiteral')
  const file = listOption(options, 'fromFile')[0]
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
  const files = await filesOf(invocation)
  const client = await invocation.client()
  if (files !== undefined) await writeFiles(client, { method, name, namespace: namespaceOf(invocation), files })
  else await client.json({ method, path: '/system/secrets', body: { name, namespace: namespaceOf(invocation), value: await valueOf(invocation) } })
  await untilInForce(client, invocation.world)
  invocation.world.stdout.write(`${method === 'POST' ? 'Created' : 'Updated'} secret ${name}.\n`)
}

interface SecretFiles {
  readonly method: 'POST' | 'PUT'
  readonly name: string
  readonly namespace: string
  readonly files: Readonly<Record<string, string>>
}

/** A Secret with several files, such as a certificate and its key. */
async function writeFiles(client: GatewayClient, { method, name, namespace, files }: SecretFiles): Promise<void> {
  const type = 'tls.crt' in files && 'tls.key' in files ? 'kubernetes.io/tls' : 'Opaque'
  const path = `/api/v1/namespaces/${namespace}/secrets${method === 'PUT' ? `/${name}` : ''}`
  await client.json({ method, path, body: { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, type, data: files } })
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
      'weft secret create shop-tls --from-file tls.crt=shop.pem --from-file tls.key=shop.key',
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
      const client = await invocation.client()
      await client.json({ method: 'DELETE', path: `/system/secrets?namespace=${namespace}`, body: { name, namespace } })
      await untilInForce(client, invocation.world)
      invocation.world.stdout.write(`Removed secret ${name}.\n`)
    },
  },
]
